// Looking back while clients post and the job makes checkpoints: exact in every snapshot, and nothing is called complete
// that a running transaction may still come before.

import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { DATABASE_URL, SERVICE_KEY, request, sql } from './support.mjs';

const CLIENTS = 6;
const SECONDS = 14;
const system = `history-${randomUUID().slice(0, 8)}`;
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: CLIENTS + 4 });
const query = async (text, params = []) => (await pool.query(text, params)).rows;
const accounts = {};

async function open(code, accountClass = 'liability', stripes = 0) {
  const [{ id }] = await query(`select ledger.open_account($1, $2, 'INR', $3, p_stripes => $4) as id`, [system, code, accountClass, stripes]);
  accounts[code] = id;
}

const transfer = (debit, credit, amount, effectiveAt = null, run = query) =>
  run(`select transfer_id, recorded_at::text from ledger.transfer($1, $2, $3, $4, 'load', p_effective_at => $5)`, [system, debit, credit, amount, effectiveAt]);

const checkpoints = async (code) =>
  (await query('select at::text from ledger.checkpoints where account_id = $1 order by at', [accounts[code]])).map(({ at }) => at);

/** Makes checkpoints until `done`: what else runs on this server may hold them up for a while. */
async function checkpointUntil(done) {
  for (let tries = 0; tries < 60; tries += 1) {
    await query('select ledger.make_checkpoints()');
    if (await done()) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  assert.fail('no checkpoints were made within half a minute');
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

before(async () => {
  for (const code of ['a', 'b', 'c']) await open(code);
  await open('hot', 'asset', 4);
  await open('equity', 'equity');
});

after(() => pool.end());

test('a balance as of a time and a page are exact in every snapshot', { timeout: 90_000 }, async () => {
  const codes = ['a', 'b', 'c', 'hot'];
  const end = Date.now() + SECONDS * 1000;
  const client = async () => {
    while (Date.now() < end) {
      const debit = codes[randomInt(4)];
      const credit = codes.filter((code) => code !== debit)[randomInt(3)];
      const ago = randomInt(3) === 0 ? new Date(Date.now() - randomInt(SECONDS * 1000)) : null;
      await transfer(debit, credit, randomInt(1, 100), ago);
    }
  };
  const job = async () => {
    while (Date.now() < end) {
      await query('select ledger.make_checkpoints()');
      await sleep(100);
    }
  };
  let compared = 0;
  const reader = async () => {
    while (Date.now() < end) {
      const at = new Date(Date.now() - randomInt(SECONDS * 1000));
      for (const [basis, time] of [['recorded', 'recorded_at'], ['effective', 'coalesce(effective_at, recorded_at)']]) {
        const account = accounts[codes[randomInt(4)]];
        // Both sides of the comparison see the same snapshot.
        const [row] = await query(
          `select b.posted, (select coalesce(sum(case when (a.class = 'asset') = (t.debit_account_id = a.id) then amount else -amount end), 0)
                               from ledger.transfers t where a.id in (t.debit_account_id, t.credit_account_id) and ${time} <= $2) as added,
                  p.balance, (select coalesce(sum(case when (a.class = 'asset') = (t.debit_account_id = a.id) then amount else -amount end), 0)
                               from ledger.transfers t where a.id in (t.debit_account_id, t.credit_account_id)
                                and (${time}, t.id) <= (case when '${basis}' = 'recorded' then p.recorded_at else p.effective_at end, p.transfer_id)) as upto
             from ledger.accounts a
            cross join ledger.balance(a.id, $2, '${basis}') b
             left join ledger.statement(a.id, $2, null, 1, null, '${basis}') p on true
            where a.id = $1`,
          [account, at],
        );
        assert.equal(row.posted, row.added, `${basis} balance of ${account} as of ${at.toISOString()}`);
        if (row.balance !== null) assert.equal(row.balance, row.upto, `${basis} page of ${account} from ${at.toISOString()}`);
        compared += 1;
      }
    }
  };
  const ends = await Promise.allSettled([...Array.from({ length: CLIENTS }, client), job(), reader()]);
  for (const { reason } of ends) assert.ifError(reason);
  assert.ok(compared > 20, `${compared}`);
  await checkpointUntil(async () => (await checkpoints('hot')).length > 2);
  const [{ dated }] = await query('select count(*) as dated from ledger.dated_checkpoints where account_id = $1', [accounts.hot]);
  assert.ok(Number(dated) > 1);
  assert.deepEqual(await query(`select * from ledger.check() where problem = 'checkpoint'`), []);
});

test('nothing is complete that a running transaction may come before', { timeout: 90_000 }, async () => {
  await open('quiet', 'asset', 8);
  await open('slow');
  const connection = await pool.connect();
  try {
    await connection.query('begin');
    const [{ recorded_at: early }] = await transfer('quiet', 'slow', 1, null, async (text, params) => (await connection.query(text, params)).rows);
    // Through other stripes than that transaction's, so that nobody waits for it.
    const legs = JSON.stringify(Array.from({ length: 300 }, () => ({ debit: 'quiet', credit: 'a', amount: 1 })));
    const stripe = async () => (await query(`select stripe from ledger.account_stripes where account_id = $1 and debits_posted > 0`, [accounts.quiet])).length;
    for (let tries = 0; tries < 20 && (await stripe()) === 0; tries += 1) {
      const other = new pg.Client({ connectionString: DATABASE_URL });
      await other.connect();
      await other.query(`set lock_timeout = '200ms'`);
      await other.query(`select ledger.post_journal($1, 'load', $2)`, [system, legs]).catch((error) => assert.equal(error.code, '55P03'));
      await other.end();
    }
    assert.equal(await stripe(), 1);
    await sleep(5500);
    for (let tries = 0; tries < 3; tries += 1) await query('select ledger.make_checkpoints(true)');
    assert.deepEqual(await checkpoints('quiet'), []);
    await connection.query('commit');
    await checkpointUntil(async () => (await checkpoints('quiet')).length > 0);
    const [{ debits, at }] = await query('select debits, at::text from ledger.checkpoints where account_id = $1 order by at limit 1', [accounts.quiet]);
    assert.equal(debits, at === early ? '1' : '301');
    const [{ posted }] = await query(`select posted from ledger.balance($1, $2, 'recorded')`, [accounts.quiet, early]);
    assert.equal(posted, '1');
  } finally {
    await connection.query('rollback');
    connection.release();
  }
});

test('through the gateway: an opening balance, a balance as of a time, checkpoints', async () => {
  await open('bank', 'asset');
  const rpc = (name, body) => request(`/ledger/rest/v1/rpc/${name}`, { method: 'POST', body, token: SERVICE_KEY, key: SERVICE_KEY });
  const opening = { p_system: system, p_account: 'bank', p_amount: 500, p_effective_at: '2024-04-01T00:00:00Z', p_equity: 'equity' };
  for (const replayed of [false, true]) {
    const { status, body } = await rpc('open_balance', opening);
    assert.equal(status, 200);
    assert.deepEqual([body[0].amount, body[0].posted, body[0].replayed], [500, 500, replayed]);
  }
  assert.equal((await rpc('open_balance', { ...opening, p_amount: 501 })).status, 409);
  for (const [at, posted] of [['2024-03-31T23:59:59Z', 0], ['2024-04-01T00:00:00Z', 500]]) {
    const { body } = await rpc('balance', { p_account: Number(accounts.bank), p_at: at });
    assert.equal(body[0].posted, posted);
  }
  const { status, body } = await rpc('make_checkpoints', {});
  assert.deepEqual([status, Object.keys(body).sort()], [200, ['accounts', 'checkpoints']]);
  assert.deepEqual(await sql('select * from ledger.check()'), []);
});
