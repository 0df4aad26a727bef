// The ledger with several clients at once: no deadlock, no lost update, each thing once, and books that balance.

import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { DATABASE_URL } from './support.mjs';

const CLIENTS = 8;
const system = `load-${randomUUID().slice(0, 8)}`;
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: CLIENTS });
const query = async (text, params = []) => (await pool.query(text, params)).rows;

/** Accounts by code: w0 to w5 may not go below zero, p0 to p2 may, hot is striped. */
const accounts = {};
const codes = ['w0', 'w1', 'w2', 'w3', 'w4', 'w5', 'p0', 'p1', 'p2', 'hot'];

async function open(code, { limit = null, stripes = 0 } = {}) {
  const [{ id }] = await query(
    `select ledger.open_account($1, $2, 'INR', 'liability', p_max_overdraft => $3, p_stripes => $4) as id`,
    [system, code, limit, stripes],
  );
  accounts[code] = id;
}

const transfer = (debit, credit, amount, id = null) =>
  query(`select * from ledger.transfer($1, $2, $3, $4, 'load', p_id => $5)`, [system, debit, credit, amount, id]);

/** The SQLSTATE of a refusal; anything but a refusal fails the test. */
async function outcome(work, refusals = ['PT409']) {
  try {
    await work;
    return 'ok';
  } catch (error) {
    assert.ok(refusals.includes(error.code), `${error.code}: ${error.message}`);
    return error.code;
  }
}

async function assertInOrder() {
  assert.deepEqual(await query('select * from ledger.check()'), []);
}

const balance = async (code) => (await query('select * from ledger.balance($1)', [accounts[code]]))[0];

before(async () => {
  for (const code of codes) {
    await open(code, { limit: code.startsWith('w') ? 0 : null, stripes: code === 'hot' ? 8 : 0 });
  }
  for (const code of codes.filter((name) => name.startsWith('w'))) await transfer('p0', code, 1000);
});

after(() => pool.end());

describe('8 clients', () => {
  const pick = () => codes[randomInt(codes.length)];
  const two = () => {
    const debit = pick();
    const rest = codes.filter((code) => code !== debit);
    return [debit, rest[randomInt(rest.length)]];
  };

  const actions = {
    transfer: () => transfer(...two(), randomInt(1, 200)),
    hot: () => (randomInt(2) ? transfer('hot', pick().replace('hot', 'p1'), 5) : transfer(pick().replace('hot', 'p2'), 'hot', 5)),
    journal: () => {
      const legs = Array.from({ length: randomInt(2, 7) }, () => {
        const [debit, credit] = two();
        return { debit, credit, amount: randomInt(1, 100) };
      });
      return query(`select ledger.post_journal($1, 'load', $2)`, [system, JSON.stringify(legs)]);
    },
    hold: async () => {
      const [debit, credit] = two();
      const expires = randomInt(3) === 0 ? new Date(Date.now() + 20) : null;
      const [{ hold_id: id }] = await query(
        `select * from ledger.hold($1, $2, $3, 50, 'load', p_expires_at => $4)`,
        [system, debit, credit, expires],
      );
      const end = randomInt(3);
      if (end === 0) return query('select ledger.release($1)', [id]);
      await query('select ledger.settle($1, 20)', [id]);
      return end === 1 ? query('select ledger.settle($1)', [id]) : null;
    },
    sweep: () => query('select ledger.expire_holds()'),
    reverse: async () => {
      const [row] = await query(
        `select t.id from ledger.transfers t
           join ledger.transfer_kinds k on k.id = t.kind_id and k.system = $1
          where t.reverses_id is null order by t.recorded_at desc limit 1`,
        [system],
      );
      return query(`select ledger.reverse_transfer($1, 'load')`, [row.id]);
    },
  };

  test('doing everything at random leave books that balance', { timeout: 60_000 }, async () => {
    // Who waits long for a lock finds that a hold's time has come before it was made: 22023.
    const tally = { ok: 0, PT409: 0, 22023: 0 };
    const refusals = ['PT409', '22023'];
    const names = Object.keys(actions);
    const client = async () => {
      for (let n = 0; n < 100; n += 1) tally[await outcome(actions[names[randomInt(names.length)]](), refusals)] += 1;
    };
    // All have come to an end before the first failure is shown: the next tests shall be alone.
    const ends = await Promise.allSettled(Array.from({ length: CLIENTS }, client));
    for (const { reason } of ends) assert.ifError(reason);
    assert.ok(tally.ok > 100, JSON.stringify(tally));
    await assertInOrder();
    for (const code of codes.filter((name) => name.startsWith('w'))) {
      assert.ok(BigInt((await balance(code)).available) >= 0n, code);
    }
  });

  test('none spends what another has spent', async () => {
    await open('purse', { limit: 0 });
    await transfer('p0', 'purse', 100);
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, n) => outcome(transfer('purse', n % 2 ? 'hot' : 'p1', 10))),
    );
    assert.equal(results.filter((result) => result === 'ok').length, 10);
    assert.equal((await balance('purse')).posted, '0');
  });
});

describe('the same request at the same time', () => {
  const race = (work) => Promise.all(Array.from({ length: CLIENTS }, (_, n) => outcome(work(n))));
  const count = (results, result) => results.filter((one) => one === result).length;

  for (const [name, debit, credit] of [['plain', 'p1', 'p2'], ['striped', 'hot', 'p1'], ['limited', 'w9', 'p1']]) {
    test(`posts a transfer once (${name})`, async () => {
      if (debit === 'w9') {
        await open('w9', { limit: 0 });
        await transfer('p0', 'w9', 7);
      }
      const before = BigInt((await balance(debit)).posted);
      for (let n = 0; n < 10; n += 1) {
        const id = randomUUID();
        const amount = debit === 'w9' && n > 0 ? 0 : 7;
        if (amount === 0) break;
        assert.equal(count(await race(() => transfer(debit, credit, amount, id)), 'ok'), CLIENTS);
        const [{ posted }] = await query('select count(*) as posted from ledger.transfers where id = $1', [id]);
        assert.equal(posted, '1');
      }
      const after = BigInt((await balance(debit)).posted);
      assert.equal(before - after, debit === 'w9' ? 7n : 70n);
      await assertInOrder();
    });
  }

  test('with other content is refused, whoever comes first', async () => {
    for (let n = 0; n < 10; n += 1) {
      const id = randomUUID();
      // Accounts of which no two requests have one in common, so that only the id can make them wait.
      const pairs = [['p1', 'p2'], ['w0', 'hot'], ['p0', 'w1'], ['w3', 'w2']];
      const results = await race((i) => transfer(...pairs[i % 4], 1, id));
      assert.equal(count(results, 'ok'), 2, results.join());
    }
    await assertInOrder();
  });

  test('posts a journal once', async () => {
    const legs = JSON.stringify([
      { debit: 'p1', credit: 'p2', amount: 3, id: randomUUID() },
      { debit: 'hot', credit: 'p2', amount: 4, id: randomUUID() },
    ]);
    for (const id of [null, randomUUID()]) {
      const keyed = id === null ? legs : legs.replaceAll(/,"id":"[^"]*"/g, '');
      const results = await race(() =>
        query(`select ledger.post_journal($1, 'once', $2, p_id => $3)`, [system, keyed, id]),
      );
      assert.equal(count(results, 'ok'), CLIENTS);
    }
    const [{ journals }] = await query(
      `select count(distinct journal_id) as journals from ledger.entries
        where system = $1 and kind = 'once'`,
      [system],
    );
    assert.equal(journals, '2');
    await assertInOrder();
  });

  test('settles a hold no further than it goes', async () => {
    const [{ hold_id: id }] = await query(`select * from ledger.hold($1, 'p1', 'hot', 50)`, [system]);
    const results = await race(() => query('select ledger.settle($1, 20)', [id]));
    assert.equal(count(results, 'ok'), 2);
    assert.equal(count(await race(() => query('select ledger.settle($1)', [id])), 'ok'), 1);
    await assertInOrder();
  });

  test('reverses a transfer once', async () => {
    const [{ transfer_id: id }] = await transfer('hot', 'p1', 9);
    assert.equal(count(await race(() => query(`select ledger.reverse_transfer($1, 'x')`, [id])), 'ok'), 1);
    await assertInOrder();
  });

  test('opens an account once', async () => {
    const ids = await Promise.all(
      Array.from({ length: CLIENTS }, () =>
        query(`select ledger.open_account($1, 'late', 'INR', 'asset', p_stripes => 4) as id`, [system]),
      ),
    );
    assert.equal(new Set(ids.map(([row]) => row.id)).size, 1);
    await assertInOrder();
  });

  test('closes an account between transfers, never before one', async () => {
    for (let n = 0; n < 5; n += 1) {
      await open(`shut${n}`, { stripes: 4 });
      await transfer('p1', `shut${n}`, 1);
      await transfer(`shut${n}`, 'p1', 1);
      const results = await race((i) =>
        i === 3 ? query('select ledger.close_account($1)', [accounts[`shut${n}`]]) : transfer('p1', `shut${n}`, 1),
      );
      const { posted } = await balance(`shut${n}`);
      const closed = results[3] === 'ok';
      assert.equal(Number(posted), closed ? 0 : count(results, 'ok'), results.join());
    }
    await assertInOrder();
  });
});

// A kind is a row that appears when it is first used. Whoever made one and has not committed keeps others that want it
// waiting; they must not hold accounts meanwhile, which the first may want next.
describe('a kind that is used for the first time', () => {
  const legs = JSON.stringify([{ debit: 'w5', credit: 'p1', amount: 1 }]);
  const ways = {
    'a transfer': (kind) => [`select ledger.transfer($1, 'w5', 'p1', 1, $2)`, [system, kind]],
    'a transfer of as much as there is': (kind) => [`select ledger.transfer($1, 'w5', 'p1', 1, $2, p_balancing => 'debit')`, [system, kind]],
    'a journal with a key': (kind) => [`select ledger.post_journal($1, $2, $3, p_key => $2)`, [system, kind, legs]],
    'a batch': (kind) => [`select ledger.post_batch($1, $2, $3)`, [system, kind, legs]],
    'a hold': (kind) => [`select ledger.hold($1, 'w5', 'p1', 1, $2)`, [system, kind]],
    'a sweep': (kind) => [`select ledger.sweep($1, 'p1', array['w5'], $2)`, [system, kind]],
  };
  for (const [name, way] of Object.entries(ways)) {
    test(`lets ${name} wait without its accounts`, async () => {
      const kind = `kind-${randomUUID().slice(0, 8)}`;
      const [maker, other] = [await pool.connect(), await pool.connect()];
      try {
        const [{ pid }] = (await other.query('select pg_backend_pid() as pid')).rows;
        await transfer('p2', 'w5', 100);
        await maker.query('begin');
        await maker.query(`select ledger.transfer($1, 'w0', 'p2', 1, $2)`, [system, kind]);
        const waiting = other.query(...way(kind));
        waiting.catch(() => {});
        while ((await query('select cardinality(pg_blocking_pids($1)) as n', [pid]))[0].n === 0);
        await maker.query(`select ledger.transfer($1, 'w5', 'p1', 1, $2)`, [system, kind]);
        await maker.query('commit');
        await waiting;
      } finally {
        await maker.query('rollback');
        maker.release();
        other.release();
      }
      await assertInOrder();
    });
  }
});
