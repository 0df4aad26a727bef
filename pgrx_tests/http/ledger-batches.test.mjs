// Batches and rows that are written without statements, with several clients at once: each thing once, books that
// balance, and every index and page as it must be.

import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { API_URL, DATABASE_URL, SERVICE_KEY } from './support.mjs';

const CLIENTS = 8;
const system = `batch-${randomUUID().slice(0, 8)}`;
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: CLIENTS });
const query = async (text, params = []) => (await pool.query(text, params)).rows;
const accounts = [];

const post = (transfers, mode = 'all') =>
  query('select * from ledger.post_batch($1, $2, $3, $4) order by position', [system, 'load', JSON.stringify(transfers), mode]);
const results = (rows) => rows.map((row) => row.sqlstate ?? row.result);

/** A transfer between two of the accounts, with an id of its own. */
function transfer() {
  const debit = randomInt(accounts.length);
  const credit = (debit + 1 + randomInt(accounts.length - 1)) % accounts.length;
  return { id: randomUUID(), debit_account_id: accounts[debit], credit_account_id: accounts[credit], amount: randomInt(1, 50) };
}

const stored = async (ids) => Number((await query('select count(*) from ledger.transfers where id = any($1)', [ids]))[0].count);
const problems = () => query('select * from ledger.check()');

before(async () => {
  for (let n = 0; n < 20; n++) {
    const [{ id }] = await query(`select ledger.open_account($1, $2, 'INR', 'asset', p_stripes => $3) as id`, [system, `a${n}`, n < 2 ? 8 : 0]);
    accounts.push(Number(id));
  }
});
after(() => pool.end());

describe('batches', () => {
  test('of many clients at once all land, and the books balance', async () => {
    const clients = Array.from({ length: CLIENTS }, async () => {
      for (let round = 0; round < 5; round++) {
        const rows = await post(Array.from({ length: 100 }, transfer));
        assert.ok(results(rows).every((result) => result === 'ok'), results(rows).join(' '));
      }
    });
    await Promise.all(clients);
    assert.deepEqual(await problems(), []);
  });

  test('beside single transfers lose no update', async () => {
    const single = async () => {
      for (let round = 0; round < 50; round++) {
        const { debit_account_id: debit, credit_account_id: credit, amount } = transfer();
        await query('select * from ledger.transfer($1, p_amount => $2, p_debit_account_id => $3, p_credit_account_id => $4)', [system, amount, debit, credit]);
      }
    };
    const batch = async () => {
      for (let round = 0; round < 5; round++) await post(Array.from({ length: 50 }, transfer));
    };
    await Promise.all([...Array.from({ length: 4 }, single), ...Array.from({ length: 4 }, batch)]);
    assert.deepEqual(await problems(), []);
  });

  test('with the same ids at once move each once', async () => {
    const transfers = Array.from({ length: 60 }, transfer);
    const answers = await Promise.all(Array.from({ length: CLIENTS }, () => post(transfers)));
    const moved = answers.flatMap(results).filter((result) => result === 'ok').length;
    assert.equal(moved, transfers.length);
    assert.equal(await stored(transfers.map(({ id }) => id)), transfers.length);
    assert.deepEqual(await problems(), []);
  });

  test('with the same ids and other content at once: one wins, the others are told what differs', async () => {
    const one = transfer();
    const calls = Array.from({ length: CLIENTS }, (_, n) => post([{ ...one, amount: n + 1 }], 'each'));
    const answers = (await Promise.all(calls)).flat();
    assert.deepEqual(results(answers).toSorted(), [...Array(CLIENTS - 1).fill('PT409'), 'ok']);
    assert.ok(answers.filter((row) => row.sqlstate).every((row) => row.reason.includes('amount')));
    assert.deepEqual(await problems(), []);
  });

  test('are answered again when the money has gone since', async () => {
    const [purse] = await query(`select ledger.open_account($1, 'purse', 'INR', 'liability', p_max_overdraft => 0) as id`, [system]);
    const leg = (debit, credit) => ({ id: randomUUID(), debit_account_id: Number(debit), credit_account_id: Number(credit), amount: 40 });
    for (const mode of ['all', 'each']) {
      const spent = [leg(accounts[2], purse.id), leg(purse.id, accounts[3])];
      assert.deepEqual(results(await post(spent, mode)), ['ok', 'ok']);
      assert.deepEqual(results(await post(spent.slice(1), mode)), ['exists']);
      const more = [...spent.slice(1), leg(purse.id, accounts[3])];
      if (mode === 'each') assert.deepEqual(results(await post(more, mode)), ['exists', 'PT409']);
      else await assert.rejects(post(more), { code: 'PT409' });
    }
  });

  test('and single transfers on striped accounts with limits wait for each other in one order', async () => {
    const limited = [];
    for (const stripes of [4, 4, 0, 0]) {
      const [{ id }] = await query(
        `select ledger.open_account($1, $2, 'INR', 'liability', p_max_overdraft => 60, p_max_balance => 60, p_stripes => $3) as id`,
        [system, randomUUID(), stripes],
      );
      limited.push(Number(id));
    }
    const leg = () => {
      const debit = randomInt(limited.length);
      const credit = (debit + 1 + randomInt(limited.length - 1)) % limited.length;
      return { id: randomUUID(), debit_account_id: limited[debit], credit_account_id: limited[credit], amount: randomInt(1, 30) };
    };
    const calls = [
      () => post(Array.from({ length: 4 }, leg), 'each'),
      () => post(Array.from({ length: 3 }, leg)),
      () => query('select * from ledger.post_journal($1, $2, $3)', [system, 'load', JSON.stringify([leg(), leg()])]),
      () => {
        const { id, debit_account_id: debit, credit_account_id: credit, amount } = leg();
        const call = 'select * from ledger.transfer($1, p_amount => $2, p_debit_account_id => $3, p_credit_account_id => $4, p_id => $5)';
        return query(call, [system, amount, debit, credit, id]);
      },
    ];
    const tally = {};
    const client = async () => {
      for (let n = 0; n < 60; n++) {
        const code = await calls[n % calls.length]().then(() => 'ok', (error) => error.code);
        tally[code] = (tally[code] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    assert.deepEqual(Object.keys(tally).toSorted(), ['PT409', 'ok'], JSON.stringify(tally));
    assert.deepEqual(await problems(), []);
  });

  test('through the gateway are for the service key', async () => {
    const call = (key) =>
      fetch(`${API_URL}/ledger/rest/v1/rpc/post_batch`, {
        method: 'POST',
        headers: { apikey: key, Authorization: `Bearer ${key}`, 'Content-Type': 'application/json', 'Content-Profile': 'ledger' },
        body: JSON.stringify({ p_system: system, p_kind: 'load', p_transfers: [transfer()], p_mode: 'each' }),
      });
    const answer = await call(SERVICE_KEY);
    assert.equal(answer.status, 200);
    assert.deepEqual(results(await answer.json()), ['ok']);
  });
});

describe('what is written without statements', () => {
  test('is refused where the transaction has an older snapshot', async () => {
    const client = await pool.connect();
    try {
      await client.query('begin isolation level repeatable read');
      await client.query('select count(*) from ledger.accounts');
      const { debit_account_id: debit, credit_account_id: credit } = transfer();
      const args = [system, debit, credit];
      const call = 'select * from ledger.transfer($1, p_amount => 1, p_debit_account_id => $2, p_credit_account_id => $3)';
      await query(call, args);
      await assert.rejects(client.query(call, args), { code: '40001' });
    } finally {
      await client.query('rollback');
      client.release();
    }
    assert.deepEqual(await problems(), []);
  });

  test('that a transaction takes back leaves nothing', async () => {
    const one = transfer();
    const client = await pool.connect();
    try {
      await client.query('begin');
      await client.query('select * from ledger.post_batch($1, $2, $3)', [system, 'load', JSON.stringify([one])]);
      await client.query('rollback');
    } finally {
      client.release();
    }
    assert.equal(await stored([one.id]), 0);
    assert.deepEqual(results(await post([one])), ['ok']);
    assert.deepEqual(await problems(), []);
  });

  // PostgreSQL's own proof of its pages: every row in every index, in order.
  test('is in every index, and every page is sound', { timeout: 300_000 }, async (t) => {
    const [{ there }] = await query(`select exists (select from pg_available_extensions where name = 'amcheck') as there`);
    if (!there) return t.skip('this PostgreSQL comes without amcheck');
    await query('create extension if not exists amcheck');
    const tables = await query(`select c.oid::regclass::text as name, i.indexrelid::regclass::text as index, a.amname
        from pg_class c join pg_index i on i.indrelid = c.oid join pg_class x on x.oid = i.indexrelid join pg_am a on a.oid = x.relam
       where c.relnamespace in ('ledger'::regnamespace, 'network'::regnamespace, 'identity'::regnamespace, 'ops'::regnamespace)
         and c.relkind = 'r'`);
    for (const { index, amname } of tables) {
      if (amname === 'btree') await query('select bt_index_check($1::regclass, true)', [index]);
    }
    for (const name of new Set(tables.map((table) => table.name))) {
      assert.deepEqual(await query('select * from verify_heapam($1::regclass)', [name]), [], name);
    }
    await query('drop extension amcheck');
  });
});
