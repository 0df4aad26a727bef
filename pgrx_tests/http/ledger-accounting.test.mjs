// Closed periods with many clients at once, and the accounting functions as servers and admins call them.

import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { DATABASE_URL, SERVICE_KEY, client, sql } from './support.mjs';

const CLIENTS = 8;
const CLOSINGS = 25;

async function openBooks(system, query) {
  const accounts = [['bank', 'asset'], ['wallet', 'liability'], ['sales', 'income'], ['rent', 'expense'], ['earnings', 'equity']];
  for (const [code, accountClass] of accounts) await query(`select ledger.open_account($1, $2, 'INR', $3)`, [system, code, accountClass]);
  await query(`select ledger.open_account($1, 'dollars', 'USD', 'liability')`, [system]);
}

describe('closing while 8 clients post', () => {
  const system = `period-${randomUUID().slice(0, 8)}`;
  const pool = new pg.Pool({ connectionString: DATABASE_URL, max: CLIENTS + 2 });
  const query = async (text, params = []) => (await pool.query(text, params)).rows;
  const tally = { ok: 0, PT409: 0 };
  let closing = true;

  // Besides accounts that all clients use, each has two that nobody waits for.
  before(async () => {
    await openBooks(system, query);
    for (let n = 0; n < CLIENTS; n += 1) {
      for (const code of [`mine${n}`, `yours${n}`]) await query(`select ledger.open_account($1, $2, 'INR', 'liability')`, [system, code]);
    }
  });
  after(() => pool.end());

  const pairs = [['bank', 'sales'], ['rent', 'bank'], ['bank', 'wallet'], ['wallet', 'sales']];
  const pair = () => pairs[randomInt(pairs.length)];
  /** A moment of the last second, seldom to come, as the server's clock has it. */
  const moment = `clock_timestamp() - make_interval(secs => $6)`;
  const ago = () => randomInt(-5, 1000) / 1000;

  const actions = {
    now: (run, n) => run('select ledger.transfer($1, $2, $3, $4)', [system, `mine${n}`, `yours${n}`, randomInt(1, 100)]),
    nowAll: (run) => run('select ledger.transfer($1, $2, $3, $4)', [system, ...pair(), randomInt(1, 100)]),
    thenMine: (run, n) => run(`select ledger.transfer($1, $2, $3, $4, $5, p_effective_at => ${moment})`, [system, `mine${n}`, `yours${n}`, 1, 'then', ago()]),
    then: (run) => run(`select ledger.transfer($1, $2, $3, $4, $5, p_effective_at => ${moment})`, [system, ...pair(), randomInt(1, 100), 'then', ago()]),
    journal: (run) => {
      const legs = pairs.map(([debit, credit]) => ({ debit, credit, amount: randomInt(1, 100) }));
      return run(`select ledger.post_journal($1, 'legs', $2, p_effective_at => clock_timestamp() - make_interval(secs => $3))`, [system, JSON.stringify(legs), ago()]);
    },
    late: (run) => {
      const [debit, credit] = pair();
      const legs = JSON.stringify([{ debit, credit, amount: randomInt(1, 100) }]);
      return run(`select ledger.post_late($1, 'late', $2, clock_timestamp() - make_interval(secs => $3))`, [system, legs, ago()]);
    },
    exchange: (run) => run(`select ledger.exchange($1, 'wallet', 'dollars', 8300, 100, p_effective_at => clock_timestamp() - make_interval(secs => $2))`, [system, ago()]),
    hold: async (run) => {
      const { rows: [{ id }] } = await run(`select hold_id as id from ledger.hold($1, 'wallet', 'sales', 5)`, [system]);
      return run('select ledger.settle($1)', [id]);
    },
  };
  const names = Object.keys(actions);

  /** Posts alone, or in a transaction that is left open for a while, and at times undone. */
  async function post(n) {
    const action = actions[names[randomInt(names.length)]];
    const connection = await pool.connect();
    const held = randomInt(2) === 1;
    try {
      if (held) await connection.query('begin');
      await action((text, params) => connection.query(text, params), n);
      if (held) {
        await sleep(randomInt(120));
        await connection.query(randomInt(8) === 0 ? 'rollback' : 'commit');
      }
      tally.ok += 1;
    } catch (error) {
      if (held) await connection.query('rollback');
      assert.equal(error.code, 'PT409', `${error.code}: ${error.message}`);
      tally.PT409 += 1;
    } finally {
      connection.release();
    }
  }

  /** Everything that counts before a moment: how many transfers, and what they add up to. */
  const before_ = async (until) =>
    (await query(
      `select count(*) || ' ' || coalesce(sum(t.amount), 0) as all from ledger.transfers t
         join ledger.accounts a on a.id = t.debit_account_id and a.system = $1
        where coalesce(t.effective_at, t.recorded_at) < $2`,
      [system, until],
    ))[0].all;

  test('nothing lands in a period once it is closed', { timeout: 120_000 }, async () => {
    const seen = [];
    const worker = async (n) => {
      while (closing) await post(n);
    };
    const closer = async () => {
      try {
        for (let n = 0; n < CLOSINGS; n += 1) {
          await sleep(randomInt(150));
          const [{ until }] = await query(
            `select closed_until::text as until from ledger.close_period($1, clock_timestamp(), $2)`,
            [system, n % 2 ? 'earnings' : null],
          );
          seen.push([until, await before_(until)]);
        }
      } finally {
        closing = false;
      }
    };
    const ends = await Promise.allSettled([closer(), ...Array.from({ length: CLIENTS }, (_, n) => worker(n))]);
    for (const { reason } of ends) assert.ifError(reason);
    assert.equal(seen.length, CLOSINGS);
    for (const [until, found] of seen) assert.equal(await before_(until), found, until);
    assert.ok(tally.ok > 50 && tally.PT409 > 5, JSON.stringify(tally));
    const [{ late }] = await query('select count(*) as late from ledger.late_postings');
    assert.ok(Number(late) > 0);
    assert.deepEqual(await query('select * from ledger.check()'), []);
    const differences = await query(
      `select currency, amount from ledger.balance_sheet($1) where section = 'difference' order by 1`, [system]);
    assert.deepEqual(differences, [{ currency: 'INR', amount: '0' }, { currency: 'USD', amount: '0' }]);
  });

  test('a transaction that does not end keeps a period open, and the answer says which', async () => {
    const connection = await pool.connect();
    try {
      await connection.query('begin');
      await connection.query('select ledger.transfer($1, $2, $3, 1)', [system, 'bank', 'sales']);
      const { rows: [{ pid }] } = await connection.query('select pg_backend_pid() as pid');
      const refused = await query('select ledger.close_period($1, clock_timestamp())', [system]).catch((error) => error);
      assert.equal(refused.code, 'PT409');
      assert.match(refused.detail, new RegExp(`\\b${pid}\\b`));
      // Up to a time before it began nothing of it can come.
      const quiet = `${system}-quiet`;
      await query(`select ledger.open_account($1, 'bank', 'INR', 'asset')`, [quiet]);
      await query(
        `select ledger.close_period($1, (select xact_start - interval '1 microsecond' from pg_stat_activity where pid = $2))`,
        [quiet, pid],
      );
    } finally {
      await connection.query('rollback');
      connection.release();
    }
  });

  test('one period is closed once, whoever asks', async () => {
    const [{ until }] = await query('select clock_timestamp()::text as until');
    const numbers = await Promise.all(Array.from({ length: CLIENTS }, () => query('select number from ledger.close_period($1, $2)', [system, until])));
    assert.equal(new Set(numbers.map(([{ number }]) => number)).size, 1);
  });

  test('the same exchange at the same time is one, also at the rate of the table', async () => {
    await query(`select ledger.set_rate('INR', 'USD', 1, 83)`);
    for (let n = 0; n < 5; n += 1) {
      const id = randomUUID();
      const answers = await Promise.all(Array.from({ length: CLIENTS }, (_, i) =>
        i === 3
          ? query(`select null as journal_id, null as replayed from ledger.set_rate('INR', 'USD', 1, $1)`, [80 + randomInt(10)])
          : query(`select journal_id, replayed from ledger.exchange($1, 'wallet', 'dollars', 8300, p_id => $2)`, [system, id])));
      assert.equal(answers.filter(([{ replayed }]) => replayed === false).length, 1);
    }
    assert.deepEqual(await query('select * from ledger.check()'), []);
  });

  test('two moves at the same time make no circle', async () => {
    for (let n = 0; n < 10; n += 1) {
      const ids = [];
      for (const code of ['x', 'y']) {
        const [{ id }] = await query(`select ledger.open_account($1, $2, 'INR', 'asset') as id`, [system, `${code}${n}`]);
        ids.push(id);
      }
      const moves = await Promise.allSettled([ids, [...ids].reverse()].map((pair) => query('select ledger.move_account($1, $2)', pair)));
      assert.equal(moves.filter(({ status }) => status === 'fulfilled').length, 1);
    }
  });
});

describe('through the gateway', () => {
  const system = `books-${randomUUID().slice(0, 8)}`;
  const ledger = client('ledger', SERVICE_KEY);
  const ok = async (call) => {
    const { data, error } = await call;
    assert.ifError(error);
    return data;
  };
  const refused = async (call, code, status) => {
    const { error, status: answered } = await call;
    assert.deepEqual([error?.code, answered], [code, status]);
    return error;
  };

  before(() => openBooks(system, sql));

  test('a server posts, closes, and posts late', async () => {
    const sale = (at) => ledger.rpc('transfer', { p_system: system, p_debit: 'bank', p_credit: 'sales', p_amount: 500, p_effective_at: at });
    await ok(sale('2024-03-15T12:00:00Z'));
    const close = { p_system: system, p_until: '2024-04-01T00:00:00Z', p_retained_earnings: 'earnings' };
    for (let n = 0; n < 2; n += 1) assert.equal((await ok(ledger.rpc('close_period', close))).number, 1);
    const error = await refused(sale('2024-03-16T12:00:00Z'), 'PT409', 409);
    assert.match(error.hint, /post_late/);
    const legs = [{ debit: 'bank', credit: 'sales', amount: 70 }];
    const late = { p_system: system, p_kind: 'sale', p_legs: legs, p_effective_at: '2024-03-16T12:00:00Z', p_id: randomUUID() };
    for (const replayed of [false, true]) {
      const [row] = await ok(ledger.rpc('post_late', late));
      assert.deepEqual([new Date(row.effective_at).toISOString(), row.replayed], ['2024-04-01T00:00:00.000Z', replayed]);
    }
    const statement = await ok(ledger.rpc('income_statement', { p_system: system, p_from: '2024-03-01', p_to: '2024-05-01' }).is('account_id', null));
    assert.deepEqual(statement.map(({ section, amount }) => [section, Number(amount)]), [['income', 570], ['expenses', 0], ['result', 570]]);
    const sheet = await ok(ledger.rpc('balance_sheet', { p_system: system }).is('account_id', null));
    assert.deepEqual(sheet.filter(({ section }) => section === 'difference').map(({ amount }) => Number(amount)), [0]);
    const books = await ok(ledger.from('books').select().eq('system', system));
    assert.equal(books.length, 1);
    await ok(ledger.rpc('reopen_period', { p_system: system, p_until: null, p_reason: 'a bill was missing' }));
    await ok(sale('2024-03-16T12:00:00Z'));
  });

  test('a server exchanges and revalues', async () => {
    await ok(ledger.rpc('set_rate', { p_base: 'EUR', p_quote: 'INR', p_numerator: 181, p_denominator: 2, p_at: '2024-01-01' }));
    await sql(`select ledger.open_account($1, 'euros', 'EUR', 'liability')`, [system]);
    await sql(`select ledger.open_account($1, 'rates', 'INR', 'income')`, [system]);
    const call = { p_system: system, p_debit: 'wallet', p_credit: 'euros', p_credit_amount: 1000, p_id: randomUUID() };
    for (const replayed of [false, true]) {
      const [row] = await ok(ledger.rpc('exchange', call));
      assert.deepEqual([row.debit_amount, row.credit_amount, row.replayed], [90500, 1000, replayed]);
    }
    await refused(ledger.rpc('exchange', { ...call, p_credit_amount: 1001 }), 'PT409', 409);
    const [{ now }] = await sql('select clock_timestamp()::text as now');
    await ok(ledger.rpc('set_rate', { p_base: 'EUR', p_quote: 'INR', p_numerator: 90, p_at: now }));
    const positions = await ok(ledger.rpc('revaluation', { p_system: system, p_currency: 'INR' }));
    assert.deepEqual(positions.map(({ currency, value }) => [currency, Number(value)]), [['EUR', -90000], ['INR', 90500], [null, 500]]);
    const row = await ok(ledger.rpc('revalue', { p_system: system, p_at: now, p_currency: 'INR', p_gains: 'rates' }));
    assert.equal(row.gain, 500);
  });

  test('whoever has no role reads and does nothing', async () => {
    const visitor = client('ledger');
    await refused(visitor.rpc('balance_sheet', { p_system: system }), '42501', 401);
    await refused(visitor.rpc('close_period', { p_system: system, p_until: '2024-01-01' }), '42501', 401);
    await refused(visitor.from('rates').select(), '42501', 401);
  });
});
