// A streaming replica answers what reads, for the same tokens and under the same policies, and refuses what writes.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createClient } from '@supabase/supabase-js';
import pg from 'pg';
import { BANK, newAdmin, newPromoter, ok, quietCustomer, signIn, PASSWORD } from './network-support.mjs';
import { ANON_KEY, API_URL, LOCAL, SERVICE_KEY, sql } from './support.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = fileURLToPath(new URL('replica', LOCAL));
const scratch = mkdtempSync(join(tmpdir(), 'backoffice-replica-'));

/** Runs bin/replica. Its servers keep what they were given as output, so that is a file and no pipe. */
function replica(...options) {
  const path = join(scratch, 'output');
  const output = openSync(path, 'w');
  const { status } = spawnSync(join(root, 'bin/replica'), ['--quiet', ...options], {
    env: { ...process.env, BACKOFFICE_LOCAL: fileURLToPath(LOCAL).replace(/\/$/, '') },
    stdio: ['ignore', output, output],
    timeout: 90_000,
  });
  closeSync(output);
  assert.equal(status, 0, readFileSync(path, 'utf8'));
}

let url, admin, promoter, other;
let database;

/** Waits until the replica has what the primary has now. */
async function caughtUp() {
  const [{ at }] = await sql('select pg_current_wal_insert_lsn()::text as at');
  for (let tries = 0; tries < 300; tries += 1) {
    const { rows } = await database.query('select pg_last_wal_replay_lsn() >= $1::pg_lsn as there', [at]);
    if (rows[0].there) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the replica is 15 s behind');
}

function readEnv() {
  const env = Object.fromEntries(readFileSync(join(folder, 'env'), 'utf8').trim().split('\n').map((line) => line.split(/=(.*)/s)));
  url = env.API_URL;
  return env;
}

function connect() {
  database = new pg.Pool({ connectionString: readEnv().DATABASE_URL, max: 1, allowExitOnIdle: true });
  database.on('error', () => {}); // it is stopped under us
}

/** A person's client of the replica, with the token they got from the primary. */
function at(base, person, schema = 'network') {
  return createClient(`${base}/${schema}`, ANON_KEY, {
    db: { schema },
    global: { headers: { authorization: `Bearer ${person.token}` } },
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
  });
}

/** A raw request; status and body. */
async function ask(base, method, path, body, token = SERVICE_KEY) {
  const response = await fetch(`${base}${path}`, {
    method,
    headers: { apikey: ANON_KEY, authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : null };
}

before(async () => {
  replica();
  connect();
  admin = await newAdmin();
  promoter = await newPromoter(admin);
  other = await newPromoter(promoter, { p_parent_promoter_id: promoter.id });
  await quietCustomer(admin, promoter.id);
  await ok(admin.rpc('create_withdrawal_request', { p_promoter_id: promoter.id, p_amount: 100, p_bank_details: BANK }));
  await caughtUp();
});

after(async () => {
  await database?.end().catch(() => {});
  replica('--purge');
  rmSync(scratch, { recursive: true });
});

describe('what reads', () => {
  test('a person reads their rows of every table, and the totals over them', async () => {
    for (const call of [
      (db) => db.from('profiles').select('*').order('id'),
      (db) => db.from('promoter_wallet').select('*'),
      (db) => db.from('withdrawal_requests').select('*'),
      (db) => db.rpc('get_promoter_hierarchy', { p_promoter_id: promoter.id }),
      (db) => db.rpc('get_promoter_commission_summary', { p_promoter_id: promoter.id }),
      (db) => db.rpc('get_pin_balance', { p_user_id: promoter.id }, { get: true }),
    ]) {
      const here = await ok(call(at(url, promoter)));
      assert.deepEqual(here, await ok(call(at(API_URL, promoter))));
      assert.ok(!Array.isArray(here) || here.length > 0);
    }
  });

  test('the reports of the ledger', async () => {
    const service = { token: SERVICE_KEY };
    const rows = await ok(at(url, service, 'ledger').rpc('trial_balance', { p_system: 'network' }));
    assert.ok(rows.length > 0);
    assert.deepEqual(await ok(at(url, service, 'ledger').rpc('check')), []);
    assert.deepEqual(await ok(at(url, service).rpc('check')), []);
    const [{ wallet_account_id: account }] = await sql('select wallet_account_id from network.promoters where id = $1', [promoter.id]);
    const statement = await ok(at(url, promoter, 'ledger').rpc('statement', { p_account: Number(account) }));
    assert.equal(statement[0].amount, 50000);
  });

  test('the policies are the same', async () => {
    const profiles = await ok(at(url, other).from('profiles').select('id'));
    assert.deepEqual(profiles, [{ id: other.id }]);
    const { error, status } = await at(url, other).rpc('get_promoter_commission_summary', { p_promoter_id: promoter.id });
    assert.deepEqual([status, error.code], [403, '42501']);
    assert.equal((await ask(url, 'GET', '/network/rest/v1/profiles', undefined, ANON_KEY)).status, 401);
  });

  test('who is signed in', async () => {
    const { status, body } = await ask(url, 'GET', '/network/auth/v1/user', undefined, promoter.token);
    assert.deepEqual([status, body.id], [200, promoter.id]);
  });

  test('a session that ended at the primary has ended here', async () => {
    const session = await signIn(other.profile.promoter_id);
    await caughtUp();
    await ok(at(url, session).from('profiles').select('id'));
    await session.supabase.auth.signOut();
    await caughtUp();
    const { error, status } = await at(url, session).from('profiles').select('id');
    assert.deepEqual([status, error.code], [401, 'PT401']);
  });

  test('every table answers as at the primary', async () => {
    const tables = await sql(`select n.nspname as schema, c.relname as name
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
        join pg_extension e on e.oid = d.refobjid and e.extname = 'backoffice'
       where c.relkind in ('r', 'v', 'p') and n.nspname not in ('backoffice', 'identity', 'auth_api')`);
    assert.ok(tables.length > 10);
    for (const { schema, name } of tables) {
      const path = `/${schema}/rest/v1/${name}?limit=1`;
      const [here, there] = [await ask(url, 'GET', path), await ask(API_URL, 'GET', path)];
      assert.equal(here.status, there.status, `${path}: ${JSON.stringify(here.body)}`);
    }
  });

  test('every function that only reads is refused for its arguments at most', async () => {
    for (const { schema, name, names } of await functions('s')) {
      const path = `/${schema}/rest/v1/rpc/${name}`;
      const nothing = Object.fromEntries(names.map((parameter) => [parameter, null]));
      const [here, there] = [await ask(url, 'POST', path, nothing), await ask(API_URL, 'POST', path, nothing)];
      assert.deepEqual([here.status, here.body?.code], [there.status, there.body?.code], `${path}: ${JSON.stringify(here.body)}`);
    }
  });
});

/** Functions of ours that the API has, of one volatility. */
async function functions(volatility) {
  const found = await sql(
    `select n.nspname as schema, p.proname as name, coalesce(p.proargnames[1:p.pronargs], '{}') as names
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
       join pg_extension e on e.oid = d.refobjid and e.extname = 'backoffice'
      where p.provolatile = $1 and p.prokind = 'f' and p.prorettype <> 'trigger'::regtype
        and n.nspname not in ('backoffice', 'identity', 'auth_api') and p.proname not like 'fn\\_%'
        and has_function_privilege('service_role', p.oid, 'execute')
        and not exists (select from pg_proc q where q.pronamespace = p.pronamespace and q.proname = p.proname and q.oid <> p.oid)`,
    [volatility],
  );
  assert.ok(found.length > 5);
  return found;
}

describe('what writes is refused', () => {
  const isRefused = ({ status, body }) => assert.deepEqual([status, body.code], [405, '25006'], body.message);

  test('tables', async () => {
    isRefused(await ask(url, 'POST', '/network/rest/v1/profiles', { name: 'x' }));
    isRefused(await ask(url, 'PATCH', `/network/rest/v1/profiles?id=eq.${promoter.id}`, { address: 'x' }, promoter.token));
    isRefused(await ask(url, 'DELETE', `/profiles?id=eq.${promoter.id}`));
  });

  test('sign-in and what follows from it', async () => {
    const login = { email: promoter.profile.promoter_id, password: PASSWORD };
    isRefused(await ask(url, 'POST', '/network/auth/v1/token?grant_type=password', login));
    isRefused(await ask(url, 'POST', '/auth/signin', login));
    isRefused(await ask(url, 'PUT', '/network/auth/v1/user', { data: {} }, promoter.token));
    isRefused(await ask(url, 'POST', '/network/auth/v1/logout', {}, promoter.token));
    isRefused(await ask(url, 'GET', '/network/auth/v1/reauthenticate', undefined, promoter.token));
  });

  test('webhooks, which the provider sends again', async () => {
    isRefused(await ask(url, 'POST', '/api/stripe/webhook', {}));
    isRefused(await ask(url, 'POST', '/functions/v1/razorpay-webhook', {}));
  });

  test('a function that writes, called with GET', async () => {
    const path = `/network/rest/v1/rpc/admin_allocate_pins?p_user_id=${promoter.id}&p_pins=1`;
    isRefused(await ask(url, 'GET', path, undefined, admin.token));
    isRefused(await ask(API_URL, 'GET', path, undefined, admin.token));
  });

  test('every function that writes, called with POST', async () => {
    for (const { schema, name, names } of await functions('v')) {
      const nothing = Object.fromEntries(names.map((parameter) => [parameter, null]));
      const { status, body } = await ask(url, 'POST', `/${schema}/rest/v1/rpc/${name}`, nothing);
      assert.deepEqual([status, body.code], [400, '0A000'], `${schema}.${name}: ${body.message}`);
    }
  });
});

test('after a pause it has what was written meanwhile', async () => {
  await database.end();
  replica('--stop');
  const { id } = await ok(admin.rpc('create_unified_promoter', { p_name: 'Later', p_email: `later-${Date.now()}@example.test` }));
  replica();
  connect();
  await caughtUp();
  assert.deepEqual(await ok(at(url, admin).from('profiles').select('name').eq('id', id)), [{ name: 'Later' }]);
});
