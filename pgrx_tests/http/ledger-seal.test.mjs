// Seals and the archive with several clients at once, on servers of its own: nothing is missed while others post,
// two never seal the same, a repeat finds what moves away at that moment, and a dump keeps it all.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { NO_LIMITS, ownServers } from './own-servers.mjs';

const servers = ownServers('seal', NO_LIMITS);
const { DATABASE_URL, SERVICE_KEY, client, request, sql } = await import('./support.mjs');
const { default: pg } = await import('pg');

const CLIENTS = 8;
const OLD = 3000;
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: CLIENTS + 4 });
const query = async (text, params = []) => (await pool.query(text, params)).rows;
const oldIds = Array.from({ length: OLD }, () => randomUUID());
let running = true;

/** Repeats something until the posting is over, then once more. */
async function meanwhile(work) {
  while (running) await work();
  await work();
}

/** Transfers of 2020 as if they had been posted then. Comes first: nothing may be sealed after them yet. */
async function oldTransfers() {
  await query(`select ledger.open_account('old', 'cash', 'INR', 'asset'), ledger.open_account('old', 'sales', 'INR', 'income')`);
  await query(`select ledger.transfer('old', 'cash', 'sales', 1, 'sale')`);
  await query(
    `insert into ledger.transfers (id, debit_account_id, credit_account_id, amount, recorded_at, kind_id)
     select i.id, d.id, c.id, 1, timestamptz '2020-01-01' + i.n * interval '1 minute', k.id
       from unnest($1::uuid[]) with ordinality as i (id, n), ledger.accounts d, ledger.accounts c, ledger.transfer_kinds k
      where d.system = 'old' and d.code = 'cash' and c.system = 'old' and c.code = 'sales'
        and k.system = 'old' and k.kind = 'sale'`,
    [oldIds],
  );
  await query(`update ledger.accounts set debits_posted = debits_posted + $1 where system = 'old' and code = 'cash'`, [OLD]);
  await query(`update ledger.accounts set credits_posted = credits_posted + $1 where system = 'old' and code = 'sales'`, [OLD]);
}

before(async () => {
  await oldTransfers();
  await query(`select backoffice.set_setting('ledger', 'seal_delay_seconds', '0')`);
  for (const code of ['a', 'b', 'c', 'd']) await query(`select ledger.open_account('load', $1, 'INR', 'asset')`, [code]);
  await query(`select ledger.open_account('load', 'hot', 'INR', 'asset', p_stripes => 8)`);
});

after(async () => {
  await pool.end();
  servers.stop();
});

const unverified = () => query('select * from ledger.verify()');
const transfers = async () => Number((await query('select count(*) from ledger.all_transfers'))[0].count);
const sealed = async () => Number((await query('select coalesce(sum(transfers), 0) as n from ledger.seal_blocks'))[0].n);

describe('sealing while others post', () => {
  /** Posts in various ways; some of it is rolled back, some takes a while to commit. */
  async function post(n) {
    const connection = await pool.connect();
    try {
      for (let i = 0; i < 60; i += 1) {
        const codes = ['a', 'b', 'c', 'd', 'hot'];
        const [debit, credit] = [codes[(n + i) % 5], codes[(n + i + 1 + (i % 3)) % 5]];
        await connection.query('begin');
        // One posting in each transaction: between postings there is no order of locks.
        if (i % 5 === 0) {
          const legs = [{ debit: 'a', credit: 'hot', amount: 1 }, { debit: 'hot', credit: 'a', amount: 2 }];
          await connection.query(`select ledger.post_journal('load', 'k', $1)`, [JSON.stringify(legs)]);
        } else {
          await connection.query(`select ledger.transfer('load', $1, $2, 1)`, [debit, credit]);
        }
        if (i % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
        await connection.query(i % 11 === 0 ? 'rollback' : 'commit');
      }
    } finally {
      connection.release();
    }
  }

  test('misses nothing and seals nothing twice', { timeout: 120_000 }, async () => {
    const sealing = [meanwhile(() => query('select ledger.seal()')), meanwhile(() => query('select ledger.seal()'))];
    const verifying = meanwhile(async () => assert.deepEqual(await unverified(), []));
    const ends = await Promise.allSettled(Array.from({ length: CLIENTS }, (_, n) => post(n)));
    running = false;
    await Promise.all([...sealing, verifying]);
    for (const { reason } of ends) assert.ifError(reason);
    await query('select ledger.seal()');
    assert.ok((await transfers()) > OLD + 300);
    assert.equal(await sealed(), await transfers());
    assert.deepEqual(await unverified(), []);
    const [{ blocks }] = await query('select count(*)::int as blocks from ledger.seal_blocks');
    assert.ok(blocks > 5, `${blocks} blocks`);
  });

  test('a transaction that has posted holds back what was posted after it began', async () => {
    const slow = await pool.connect();
    await slow.query('begin');
    await slow.query(`select ledger.transfer('load', 'a', 'b', 1)`);
    await query(`select ledger.transfer('load', 'c', 'd', 1)`);
    await query('select ledger.seal()');
    assert.equal((await transfers()) - (await sealed()), 1);
    await slow.query('commit');
    slow.release();
    await query('select ledger.seal()');
    assert.equal(await sealed(), await transfers());
    assert.deepEqual(await unverified(), []);
  });

  test('a transaction that only reads holds nothing back', async () => {
    const reader = await pool.connect();
    await reader.query('begin isolation level repeatable read');
    await reader.query('select count(*) from ledger.entries');
    await query(`select ledger.transfer('load', 'c', 'd', 1)`);
    await query('select ledger.seal()');
    assert.equal(await sealed(), await transfers());
    await reader.query('rollback');
    reader.release();
  });
});

describe('archiving while others repeat', () => {
  test('no request is posted again, whichever moment its transfer moves at', { timeout: 120_000 }, async () => {
    const posted = async () =>
      (await query(`select posted from ledger.balances where system = 'old' and code = 'cash'`))[0].posted;
    const before = await posted();
    const repeat = async (n) => {
      for (let i = 0; i < 150; i += 1) {
        const id = oldIds[(n * 7919 + i * 31) % OLD];
        const [{ replayed }] = await query(`select replayed from ledger.transfer('old', 'cash', 'sales', 1, 'sale', p_id => $1)`, [id]);
        assert.ok(replayed, id);
      }
    };
    const move = async () => {
      // Dates as whoever calls it would choose them; each call moves a part.
      for (let hour = 1; hour < 50; hour += 1) {
        await query(`select * from ledger.archive(timestamptz '2020-01-01' + $1 * interval '1 hour')`, [hour]);
      }
    };
    const ends = await Promise.allSettled([move(), move(), ...Array.from({ length: CLIENTS }, (_, n) => repeat(n))]);
    for (const { reason } of ends) assert.ifError(reason);
    const [{ count }] = await query('select count(*)::int from ledger.transfers_archive');
    assert.ok(count > OLD * 0.9, `${count} archived`);
    assert.equal(await posted(), before);
    const [{ twice }] = await query('select count(*) - count(distinct id) as twice from ledger.all_transfers');
    assert.equal(twice, '0');
    assert.deepEqual(await unverified(), []);
    assert.deepEqual(await query('select * from ledger.check()'), []);
  });
});

describe('through the gateway', () => {
  test('a server seals, publishes the head and verifies against it', async () => {
    const server = client('ledger', SERVICE_KEY);
    await query(`select ledger.transfer('load', 'a', 'b', 1)`);
    const { data: done, error } = await server.rpc('seal').single();
    assert.ifError(error);
    assert.equal(done.transfers, 1);
    const { data: head } = await server.rpc('seal_head').single();
    assert.equal(head.head, done.head);
    const found = await request(`/ledger/rest/v1/rpc/verify?p_head=${head.head}`, { key: SERVICE_KEY });
    assert.deepEqual([found.status, found.body], [200, []]);
    const forged = `${head.height}:${'0'.repeat(64)}`;
    const { data } = await server.rpc('verify', { p_head: forged });
    assert.equal(data[0].problem, 'head_differs');
    const { status } = await server.rpc('verify', { p_head: 'x' });
    assert.equal(status, 400);
    const refused = await client('ledger').rpc('seal');
    assert.equal(refused.status, 401);
  });
});

test('a dump keeps seals and archive', () => {
  const run = (program, args, input) => {
    const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8', maxBuffer: 2 ** 30 });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const other = DATABASE_URL.replace(/\/[^/]+$/, '/sealed_copy');
  const ask = (database, statement) => run('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', database, '-c', statement]).trim();
  const head = ask(DATABASE_URL, 'select head from ledger.seal_head()');
  ask(DATABASE_URL, 'drop database if exists sealed_copy');
  ask(DATABASE_URL, 'create database sealed_copy');
  run('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-d', other], run('pg_dump', ['-e', 'backoffice', '-d', DATABASE_URL]));
  assert.equal(ask(other, 'select count(*) > 2000 from ledger.transfers_archive'), 't');
  assert.equal(ask(other, `select count(*) from ledger.verify(p_head => '${head}')`), '0');
  assert.equal(ask(other, 'select count(*) from ledger.check()'), '0');
  assert.equal(ask(other, 'select transfers from ledger.seal()'), ask(DATABASE_URL, 'select transfers from ledger.seal()'));
});
