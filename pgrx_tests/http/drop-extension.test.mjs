// DROP EXTENSION deletes the books only when told so. Each test has a database of its own.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import pg from 'pg';
import { sql } from './support.mjs';

const CONSENT = `set backoffice.allow_drop = 'yes, delete all data'`;
const REFUSED = '2BP01';

let name, url, client;
const role = `drop_owner_${randomUUID().slice(0, 8)}`;

async function connect() {
  const connection = new pg.Client({ connectionString: url });
  await connection.connect();
  return connection;
}

beforeEach(async () => {
  name = `dropped_${randomUUID().slice(0, 8)}`;
  url = process.env.DATABASE_URL.replace(/\/[^/]+$/, `/${name}`);
  await sql(`create database ${name}`);
  client = await connect();
});

afterEach(async () => {
  await client.end();
  await sql(`drop database ${name} with (force)`);
  await sql(`drop role if exists ${role}`);
});

const run = (text, connection = client) => connection.query(text);
const installed = async () => (await run(`select from pg_extension where extname = 'backoffice'`)).rowCount === 1;

async function money() {
  await run(`select backoffice.bootstrap_admin('admin@example.test', 'a quiet river at dawn')`);
  const { rows } = await run(`select id from network.create_unified_promoter('A', 'a@example.test')`);
  await run(`select network.update_promoter_wallet('${rows[0].id}', 1, 'credit')`);
}

/** The SQLSTATE in a session that has not seen the extension before; 00000 for success. */
async function fresh(...statements) {
  const connection = await connect();
  try {
    for (const statement of statements) await run(statement, connection);
    return '00000';
  } catch (error) {
    return error.code;
  } finally {
    await connection.end();
  }
}

test('without money it is dropped, and made again', async () => {
  await run('create extension backoffice');
  await run('drop extension backoffice cascade');
  await run('create extension backoffice');
  assert.equal((await run('select count(*)::int as n from pg_event_trigger')).rows[0].n, 1);
});

test('with money it is refused by whatever path', async () => {
  await run('create schema shop');
  await run(`create role ${role} superuser`);
  await run(`set role ${role}; create extension backoffice schema shop; reset role`);
  await money();
  for (const statement of [
    'drop extension backoffice',
    'drop extension if exists backoffice cascade',
    'drop schema shop cascade',
    `drop owned by ${role} cascade`,
    'drop extension plpgsql, backoffice cascade',
    'set session_replication_role = replica; drop extension backoffice cascade',
    `do $$ begin execute 'drop extension backoffice'; end $$`,
  ]) {
    assert.equal(await fresh(statement), REFUSED, statement);
  }
  assert.ok(await installed());
  assert.equal((await run('select count(*)::int as n from ledger.check()')).rows[0].n, 0);
  assert.equal((await run('select count(*)::int as n from ledger.transfers')).rows[0].n, 1);
  await run(`set role postgres; ${CONSENT}; drop extension backoffice; reset role`);
});

test('a hold is money too', async () => {
  await run('create extension backoffice');
  await run(`select ledger.open_account('shop', 'cash', 'INR', 'asset'), ledger.open_account('shop', 'sales', 'INR', 'income')`);
  await run(`select ledger.hold('shop', 'cash', 'sales', 100)`);
  assert.equal(await fresh('drop extension backoffice'), REFUSED);
});

test('a part of the extension is not dropped on its own', async () => {
  await run('create extension backoffice');
  for (const statement of [
    'drop table ledger.transfers cascade',
    'drop schema ledger cascade',
    'drop event trigger backoffice_guard_drop',
    'drop owned by backoffice_owner cascade',
  ]) {
    assert.equal(await fresh(statement), REFUSED, statement);
  }
});

test('with the consent of a superuser it is dropped, in a session that has not loaded the library too', async () => {
  await run('create extension backoffice');
  await money();
  assert.equal(await fresh(`set backoffice.allow_drop = 'yes'`, 'drop extension backoffice'), REFUSED);
  assert.equal(await fresh(CONSENT, 'drop extension backoffice'), '00000');
  assert.equal(await installed(), false);
});

test('consent counts for the session that gives it, and ends with the transaction where it is local', async () => {
  await run('create extension backoffice');
  await money();
  assert.equal(await fresh('begin', CONSENT.replace('set', 'set local'), 'commit', 'drop extension backoffice'), REFUSED);
});

test('the owner of another schema, who may nothing here, drops it as ever', async () => {
  await run('create extension backoffice');
  await money();
  await run(`create role ${role}; create schema theirs authorization ${role}`);
  assert.equal(await fresh(`set role ${role}`, 'create table theirs.t (id int)', 'drop schema theirs cascade'), '00000');
  await run(`create schema theirs authorization ${role}`);
  assert.equal(await fresh(`drop owned by ${role} cascade`), '00000');
});

test('an update of the extension is not held up', async () => {
  await run('create extension backoffice');
  await money();
  assert.equal(await fresh('alter extension backoffice update'), '00000');
});

test('another drop costs next to nothing', async () => {
  await run('create extension backoffice');
  await money();
  const started = process.hrtime.bigint();
  for (let i = 0; i < 50; i += 1) await run('create schema s; drop schema s');
  const each = Number(process.hrtime.bigint() - started) / 50e6;
  assert.ok(each < 50, `${each} ms for a schema made and dropped`);
});
