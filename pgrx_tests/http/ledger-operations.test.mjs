// Limits, keys, reversals and sweeps with several clients at once, and through the gateway.

import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { DATABASE_URL, SERVICE_KEY, client } from './support.mjs';

const CLIENTS = 8;
const system = `operations-${randomUUID().slice(0, 8)}`;
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: CLIENTS });
const query = async (text, params = []) => (await pool.query(text, params)).rows;
const accounts = {};

async function open(code, { overdraft = null, most = null, stripes = 0, type = 'liability' } = {}) {
  const [{ id }] = await query(
    `select ledger.open_account($1, $2, 'INR', $6, p_max_overdraft => $3, p_max_balance => $4, p_stripes => $5) as id`,
    [system, code, overdraft, most, stripes, type],
  );
  accounts[code] = id;
}

const transfer = (debit, credit, amount, id = null) =>
  query(`select * from ledger.transfer($1, $2, $3, $4, 'load', p_id => $5)`, [system, debit, credit, amount, id]);
const journal = (legs, { id = null, key = null } = {}) =>
  query(`select * from ledger.post_journal($1, 'load', $2, p_id => $3, p_key => $4)`, [
    system, JSON.stringify(legs), id, key,
  ]);
const posted = async (code) => Number((await query('select * from ledger.balance($1)', [accounts[code]]))[0].posted);

/** `ok`, or the refusal's message; anything but PT409 fails the test. */
async function outcome(work) {
  try {
    await work;
    return 'ok';
  } catch (error) {
    assert.equal(error.code, 'PT409', `${error.code}: ${error.message}`);
    return error.message;
  }
}
const race = (work, clients = CLIENTS) =>
  Promise.all(Array.from({ length: clients }, (_, n) => outcome(work(n))));
const oks = (results) => results.filter((result) => result === 'ok').length;
const assertInOrder = async () => assert.deepEqual(await query('select * from ledger.check()'), []);

before(async () => {
  for (const code of ['p0', 'p1', 'p2', 'p3']) await open(code);
});
after(() => pool.end());

describe('a striped account with limits', () => {
  test('gives to the last paisa and no further', async () => {
    await open('pool', { overdraft: 37, stripes: 8 });
    await transfer('p0', 'pool', 963);
    const spend = async () => {
      let spent = 0;
      for (let n = 0; n < 60; n += 1) {
        const amount = randomInt(1, 12);
        if ((await outcome(transfer('pool', `p${randomInt(4)}`, amount))) === 'ok') spent += amount;
      }
      return spent;
    };
    const spent = (await Promise.all(Array.from({ length: CLIENTS }, spend))).reduce((a, b) => a + b);
    assert.ok(spent <= 1000);
    assert.equal(await posted('pool'), 963 - spent);
    if (spent < 1000) await transfer('pool', 'p0', 1000 - spent);
    assert.match((await race(() => transfer('pool', 'p1', 1))).join(), /^(not enough available,?)+$/);
    await assertInOrder();
  });

  test('posts in the share of one stripe without the others', async () => {
    await open('calm', { overdraft: 800, stripes: 8 });
    const shares = () =>
      query('select stripe, overdraft_share, xmin from ledger.account_stripes where account_id = $1 order by 1', [
        accounts.calm,
      ]);
    const before = await shares();
    assert.deepEqual(before.map((row) => row.overdraft_share), Array(8).fill('100'));
    await transfer('calm', 'p0', 100);
    const after = await shares();
    assert.deepEqual(after.map((row) => row.overdraft_share), Array(8).fill('100'));
    assert.equal(after.filter((row, n) => row.xmin !== before[n].xmin).length, 1);
    // More than a stripe has: all stripes are asked, and what is left is dealt out anew.
    await transfer('calm', 'p0', 300);
    const rooms = await query(
      `select credits_posted - debits_posted + overdraft_share as room from ledger.account_stripes where account_id = $1`,
      [accounts.calm],
    );
    assert.deepEqual(rooms.map((row) => row.room), Array(8).fill('50'));
    await assertInOrder();
  });

  test('is spent once, however many try', async () => {
    await open('purse', { overdraft: 0, stripes: 16 });
    await transfer('p0', 'purse', 100);
    assert.equal(oks(await race(() => transfer('purse', 'p1', 10), 40)), 10);
    assert.equal(await posted('purse'), 0);
    await assertInOrder();
  });

  test('stays between its limits while money goes both ways', async () => {
    await open('between', { overdraft: 20, most: 60, stripes: 4 });
    const one = async () => {
      for (let n = 0; n < 50; n += 1) {
        const [debit, credit] = randomInt(2) ? ['between', `p${randomInt(4)}`] : [`p${randomInt(4)}`, 'between'];
        await outcome(transfer(debit, credit, randomInt(1, 25)));
        const now = await posted('between');
        assert.ok(now >= -20 && now <= 60, String(now));
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, one));
    await assertInOrder();
  });

  test('keeps to limits that are set, and stops when it is frozen, under load', async () => {
    await open('moody', { stripes: 8 });
    await transfer('p0', 'moody', 500);
    let going = true;
    const change = async () => {
      for (let n = 0; n < 25; n += 1) {
        await outcome(query('select ledger.set_limit($1, $2, $3)', [accounts.moody, n % 2 ? null : 0, n % 3 ? null : 5000]));
        if (n % 5 === 4) {
          await query(`select ledger.freeze_account($1, 'test')`, [accounts.moody]);
          const frozen = await posted('moody');
          await new Promise((resolve) => setTimeout(resolve, 10));
          assert.equal(await posted('moody'), frozen);
          await query(`select ledger.unfreeze_account($1, 'test')`, [accounts.moody]);
        }
      }
      going = false;
    };
    const load = async () => {
      while (going) await outcome(randomInt(2) ? transfer('moody', 'p1', randomInt(1, 9)) : transfer('p2', 'moody', randomInt(1, 9)));
    };
    const ends = await Promise.allSettled([change(), ...Array.from({ length: 5 }, load)]);
    going = false;
    for (const { reason } of ends) assert.ifError(reason);
    await assertInOrder();
  });
});

describe('the same key at the same time', () => {
  const legs = (amount) => [
    { debit: 'p0', credit: 'p1', amount },
    { debit: 'p2', credit: 'p3', amount: 1 },
  ];

  test('posts a journal once, and everybody gets the answer', async () => {
    for (let n = 0; n < 5; n += 1) {
      const key = randomUUID();
      const answers = await Promise.all(Array.from({ length: CLIENTS }, () => journal(legs(5), { key })));
      assert.equal(new Set(answers.map(([row]) => row.journal_id)).size, 1);
      assert.equal(answers.filter(([row]) => !row.replayed).length, 1);
    }
    await assertInOrder();
  });

  test('with other content is refused, naming the field', async () => {
    for (let n = 0; n < 5; n += 1) {
      const key = randomUUID();
      // On other accounts, too, so that only the key can make them wait.
      const other = [{ debit: 'p3', credit: 'p2', amount: 5 }, { debit: 'p1', credit: 'p0', amount: 1 }];
      const results = await race((i) => journal([legs(5), legs(6), other][i % 3], { key }));
      const refused = results.filter((result) => result !== 'ok');
      assert.ok(oks(results) >= 2 && oks(results) <= 3, results.join());
      for (const message of refused) assert.match(message, /^legs\[0\]\.(amount|debit): differs/);
      const [{ count }] = await query('select count(*) from ledger.journal_keys where key = $1', [key]);
      assert.equal(count, '1');
    }
    await assertInOrder();
  });
});

test('a journal and a transfer that race for an id: one of them is stored', async () => {
  for (let n = 0; n < 20; n += 1) {
    const id = randomUUID();
    const results = await race((i) =>
      i % 2
        ? transfer('p0', 'p1', 3, id)
        : journal([{ debit: 'p2', credit: 'p3', amount: 1 }, { debit: 'p2', credit: 'p3', amount: 2 }], { id }),
    );
    assert.equal(oks(results), CLIENTS / 2, results.join());
    const [{ kinds }] = await query(
      `select (select count(*) from ledger.journals where id = $1)
            + (select count(*) from ledger.transfers where id = $1 and journal_id is null) as kinds`,
      [id],
    );
    assert.equal(kinds, '1');
  }
  await assertInOrder();
});

describe('undoing at the same time', () => {
  test('never undoes more than there was, also on striped accounts', async () => {
    await open('s1', { stripes: 8 });
    await open('s2', { stripes: 8 });
    const [{ transfer_id: id }] = await transfer('s1', 's2', 90);
    const undo = (amount) => query(`select ledger.reverse_transfer($1, 'x', p_amount => $2)`, [id, amount]);
    assert.equal(oks(await race(() => undo(20))), 4);
    assert.equal(oks(await race(() => undo(null))), 1);
    assert.equal(await posted('s2'), 0);
    await assertInOrder();
  });

  test('a journal and a part of it: one of the two', async () => {
    for (let n = 0; n < 5; n += 1) {
      const rows = await journal([{ debit: 's1', credit: 's2', amount: 4 }, { debit: 's1', credit: 's2', amount: 5 }]);
      const results = await race((i) =>
        i % 2
          ? query(`select ledger.reverse_journal($1, 'x')`, [rows[0].journal_id])
          : query(`select ledger.reverse_transfer($1, 'x')`, [rows[1].transfer_id]),
      );
      assert.equal(oks(results), 1, results.join());
    }
    await assertInOrder();
  });

  test('the same part with the same id is undone once', async () => {
    const [{ transfer_id: id }] = await transfer('s1', 's2', 90);
    const key = randomUUID();
    const results = await race(() => query(`select ledger.reverse_transfer($1, 'x', $2, 40)`, [id, key]));
    assert.equal(oks(results), CLIENTS);
    const [{ sum }] = await query('select sum(amount) from ledger.transfers where reverses_id = $1', [id]);
    assert.equal(sum, '40');
    await assertInOrder();
  });
});

test('sweeps at the same time move everything once', async () => {
  const codes = Array.from({ length: 6 }, (_, n) => `w${n}`);
  for (const code of [...codes, 'pot']) await open(code, { stripes: code === 'w5' || code === 'pot' ? 4 : 0 });
  for (let n = 0; n < 5; n += 1) {
    for (const code of codes) await transfer('p0', code, 10);
    const id = randomUUID();
    const before = await posted('pot');
    const sweep = (key) => query('select * from ledger.sweep($1, $2, $3, p_id => $4)', [system, 'pot', codes, key]);
    const results = await race((i) => (i < 6 ? sweep(i < 3 ? id : null) : transfer('p0', codes[i - 6], 1)));
    assert.equal(oks(results), CLIENTS, results.join());
    const left = (await Promise.all(codes.map(posted))).reduce((a, b) => a + b);
    assert.equal((await posted('pot')) - before + left, 62);
    await sweep(null);
  }
  await assertInOrder();
});

test('everything is there through the gateway', async () => {
  const ledger = client('ledger', SERVICE_KEY);
  const call = async (name, args) => {
    const { data, error } = await ledger.rpc(name, args);
    assert.equal(error, null, JSON.stringify(error));
    return data;
  };
  await open('card', { type: 'asset' });
  const base = { p_system: system, p_debit: 'card', p_credit: 'p0' };
  await call('transfer', { ...base, p_amount: 50 });
  const [moved] = await call('transfer', { p_system: system, p_debit: 'p0', p_credit: 'card', p_balancing: 'credit' });
  assert.deepEqual([moved.amount, moved.credit_posted], [50, 0]);
  const legs = [{ debit: 'card', credit: 'p0', amount: 7 }];
  const keyed = { p_system: system, p_kind: 'order', p_legs: legs, p_key: 'order 7' };
  assert.equal((await call('post_journal', keyed))[0].replayed, false);
  assert.equal((await call('post_journal', keyed))[0].replayed, true);
  const refused = await ledger.rpc('post_journal', { ...keyed, p_legs: [{ ...legs[0], amount: 8 }] });
  assert.equal(refused.status, 409);
  assert.match(refused.error.message, /^amount: differs/);
  const [limit] = await call('set_limit', { p_account: accounts.card, p_max_overdraft: 0, p_max_balance: 7 });
  assert.deepEqual([limit.max_overdraft, limit.max_balance, limit.posted], [0, 7, 7]);
  assert.equal((await ledger.rpc('transfer', { ...base, p_amount: 1 })).status, 409);
  const [frozen] = await call('freeze_account', { p_account: accounts.card, p_reason: 'lost' });
  assert.notEqual(frozen.frozen_at, null);
  await call('unfreeze_account', { p_account: accounts.card, p_reason: 'found' });
  const [hold] = await call('hold', { p_system: system, p_debit: 'p0', p_credit: 'card', p_amount: 5 });
  assert.deepEqual([hold.remaining, hold.credit_available], [5, 2]);
  const [settled] = await call('settle', { p_hold_id: hold.hold_id, p_amount: 3, p_final: true });
  assert.deepEqual([settled.amount, settled.status, settled.credit_available], [3, 'released', 4]);
  const [undone] = await call('reverse_transfer', { p_transfer_id: settled.transfer_id, p_reason: 'part', p_amount: 1 });
  assert.deepEqual([undone.amount, undone.debit_posted], [1, 5]);
  const swept = await call('sweep', { p_system: system, p_to: 'p1', p_from: ['card', 'p2'] });
  assert.ok(swept.some((row) => row.amount === 5));
  assert.equal(await posted('card'), 0);
});
