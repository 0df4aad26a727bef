// The checker of histories finds what is wrong with one, and nothing wrong with one that is not.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { problemsOf, tally } from './ledger-history-checker.mjs';
import { keyed, transferOp } from './ledger-history-operations.mjs';

const ACCOUNTS = {
  bank: { class: 'asset', overdraft: null, most: null },
  purse: { class: 'liability', overdraft: 0n, most: 100n },
  shop: { class: 'income', overdraft: null, most: null },
  pool: { class: 'liability', overdraft: 50n, most: null, striped: true },
};

const move = (id, debit, credit, amount) => transferOp({ debit, credit, amount }, id);
const journal = (id, ...legs) => keyed(`t ${id}`, { type: 'journal', id, legs });
const both = (id, type, ...legs) => keyed(`b ${id}`, { type, id, legs });
const hold = (id, debit, credit, amount) => keyed(`h ${id}`, { type: 'hold', id, debit, credit, amount });
const settle = (id, of, amount, last = false) => keyed(`t ${id}`, { type: 'settle', id, hold: of, amount, last });
const release = (of) => ({ type: 'release', key: null, hold: of });
const reverse = (id, target, amount = null) => keyed(`t ${id}`, { type: 'reverse', id, target, amount });

const ok = (...answers) => ({ kind: 'ok', replayed: false, answers });
const repeated = { kind: 'ok', replayed: true, answers: [] };
const refused = (code = 'PT409') => ({ kind: 'refused', code });
const unknown = { kind: 'unknown' };
/** A call that lasted from one time to another. */
const call = (op, start, end, outcome) => ({ op, start, end, outcome });

const row = (id, debit, credit, amount, at, more = {}) => ({
  id, debit, credit, amount, at: BigInt(at), kind: 'load', journal: null, hold: null, reverses: null, ...more,
});
const answer = ({ id, debit, credit, amount }, more = {}) => ({ id, debit, credit, amount, debitBalance: null, creditBalance: null, ...more });

const history = (calls, stored) => ({
  accounts: ACCOUNTS, calls, stored: { transfers: [], journals: [], keys: [], holds: [], balances: [], ...stored },
});
const found = (calls, stored) => [...new Set(problemsOf(history(calls, stored)).map(({ what }) => what))];

// 60 into the purse, then 40 of them to the shop.
const PAID = row('a', 'bank', 'purse', 60n, 15);
const SPENT = row('b', 'purse', 'shop', 40n, 35);
const pay = call(move('a', 'bank', 'purse', 60n), 10, 20, ok(answer(PAID)));
const spend = call(move('b', 'purse', 'shop', 40n), 30, 40, ok(answer(SPENT)));

describe('the checker', () => {
  test('has nothing to say of a sound history', () => {
    const calls = [
      pay, spend,
      call(move('c', 'purse', 'shop', 21n), 50, 60, refused()),
      call(spend.op, 50, 60, repeated),
      call(move('d', 'bank', 'purse', 1n), 50, 60, unknown),
    ];
    const balances = [{ code: 'purse', posted: 20n, available: 20n }, { code: 'shop', posted: 40n, available: 40n }];
    const stored = { transfers: [PAID, SPENT], balances };
    assert.deepEqual(found(calls, stored), []);
    assert.deepEqual(tally(history(calls, stored)), {
      acknowledged: 2, repeated: 1, refused: 1, 'unknown and there': 0, 'unknown and not there': 1,
    });
  });

  test('finds what was acknowledged and is lost', () => {
    assert.deepEqual(found([pay, spend], { transfers: [PAID] }), ['lost']);
    assert.deepEqual(found([pay, call(spend.op, 30, 40, repeated)], { transfers: [PAID] }), ['unexplained']);
    assert.deepEqual(found([call(hold('h', 'bank', 'shop', 1n), 0, 1, ok(answer({})))]), ['lost']);
  });

  test('finds what was refused and is there, and what nobody asked for', () => {
    assert.deepEqual(found([pay, call(spend.op, 30, 40, refused())], { transfers: [PAID, SPENT] }), ['refused and there', 'unexplained']);
    assert.deepEqual(found([pay], { transfers: [PAID, SPENT] }), ['stranger']);
    assert.deepEqual(found([pay], { transfers: [PAID], keys: [{ key: 'k', journal: 'x' }] }), ['stranger']);
  });

  test('finds other content than was asked', () => {
    for (const change of [{ amount: 61n }, { debit: 'shop' }]) {
      assert.deepEqual(found([pay], { transfers: [{ ...PAID, ...change }] }), ['content']);
    }
    assert.deepEqual(found([pay], { transfers: [{ ...PAID, kind: 'other' }] }), ['content']);
    assert.deepEqual(found([pay], { transfers: [{ ...PAID, reverses: 'z' }] }), ['content']);
    assert.deepEqual(found([call(pay.op, 10, 20, ok(answer({ ...PAID, amount: 6n })))], { transfers: [PAID] }), ['answer']);
  });

  test('finds a half journal and a half batch, also where nobody had an answer', () => {
    const legs = [{ id: 'j', debit: 'bank', credit: 'purse', amount: 5n }, { id: 'k', debit: 'bank', credit: 'shop', amount: 6n }];
    const inJournal = legs.map((leg) => row(leg.id, leg.debit, leg.credit, leg.amount, 15, { journal: 'j' }));
    const head = { id: 'j', at: 15n, kind: 'load', reverses: null };
    for (const outcome of [ok(...inJournal.map((leg) => answer(leg))), unknown]) {
      const calls = [call(journal('j', ...legs), 10, 20, outcome)];
      assert.deepEqual(found(calls, { transfers: inJournal, journals: [head] }), []);
      assert.deepEqual(found(calls, { transfers: inJournal.slice(1), journals: [head] }), ['half']);
      assert.deepEqual(found(calls, { transfers: inJournal }), ['half']);
      assert.deepEqual(found(calls, { journals: [head] }), ['half']);
      const batch = [call(both('j', 'all', ...legs), 10, 20, outcome)];
      const alone = inJournal.map((leg) => ({ ...leg, journal: null }));
      assert.deepEqual(found(batch, { transfers: alone }), []);
      assert.deepEqual(found(batch, { transfers: alone.slice(1) }), ['half']);
    }
  });

  test('finds a limit that was not kept', () => {
    const more = row('c', 'purse', 'shop', 21n, 55);
    assert.deepEqual(found([pay, spend, call(move('c', 'purse', 'shop', 21n), 50, 60, ok(answer(more)))], { transfers: [PAID, SPENT, more] }), ['not accepted']);
    const much = row('c', 'bank', 'purse', 81n, 55);
    assert.deepEqual(found([pay, spend, call(move('c', 'bank', 'purse', 81n), 50, 60, ok(answer(much)))], { transfers: [PAID, SPENT, much] }), ['not accepted']);
    // What a hold may take counts, too.
    const held = { id: 'h', debit: 'purse', credit: 'shop', amount: 21n, settled: 0n, status: 'open', created: 55n, closed: null };
    const calls = [pay, spend, call(hold('h', 'purse', 'shop', 21n), 50, 60, ok(answer({})))];
    assert.deepEqual(found(calls, { transfers: [PAID, SPENT], holds: [held] }), ['not accepted']);
  });

  test('finds that what was answered first came last', () => {
    const late = { ...PAID, at: 55n };
    const early = row('c', 'bank', 'shop', 1n, 35);
    const next = call(move('c', 'bank', 'shop', 1n), 30, 40, ok(answer(early)));
    assert.deepEqual(found([pay, next], { transfers: [late, early] }), ['real time']);
    // While both were under way it may have been either.
    assert.deepEqual(found([{ ...pay, end: 31 }, next], { transfers: [late, early] }), []);
  });

  test('finds a refusal that nothing explains', () => {
    const little = move('c', 'purse', 'shop', 30n);
    const transfers = [PAID, SPENT];
    assert.deepEqual(found([pay, spend, call(little, 22, 28, refused())], { transfers }), ['unexplained']);
    for (const [start, end] of [[2, 8], [22, 32], [42, 50]]) {
      assert.deepEqual(found([pay, spend, call(little, start, end, refused())], { transfers }), []);
    }
    assert.deepEqual(found([pay, spend, call(little, 42, 50, refused('PT404'))], { transfers }), ['unexplained']);
    assert.deepEqual(found([pay, spend, call(little, 42, 50, refused('40P01'))], { transfers }), ['code', 'unexplained']);
    // Repeated, it is answered whatever there is by then.
    assert.deepEqual(found([pay, spend, call(spend.op, 42, 50, refused())], { transfers }), ['unexplained']);
    const each = { type: 'each', key: null, items: [spend.op] };
    assert.deepEqual(found([pay, spend, call(each, 42, 50, { kind: 'ok', results: [refused()] })], { transfers }), ['unexplained']);
    assert.deepEqual(found([pay, spend, call(reverse('r', 'b'), 42, 50, refused('PT404'))], { transfers }), ['unexplained']);
    assert.deepEqual(found([pay, spend, call(reverse('r', 'b'), 35, 50, refused('PT404'))], { transfers }), []);
  });

  test('finds balances that are not what the order leaves, in answers and in the end', () => {
    const told = (posted, available) => [
      pay, call(spend.op, 30, 40, ok(answer(SPENT, { debitBalance: { posted, available } }))),
    ];
    const transfers = [PAID, SPENT];
    assert.deepEqual(found(told(20n, 20n), { transfers }), []);
    assert.deepEqual(found(told(60n, 60n), { transfers }), ['balance']);
    assert.deepEqual(found(told(20n, 19n), { transfers }), ['balance']);
    assert.deepEqual(found([pay, spend], { transfers, balances: [{ code: 'purse', posted: 21n, available: 20n }] }), ['end']);
    // Of a striped account only that it keeps to its limits.
    const drawn = row('c', 'pool', 'shop', 5n, 55);
    for (const [posted, problems] of [[45n, []], [-50n, []], [-51n, ['balance']]]) {
      const outcome = ok(answer(drawn, { debitBalance: { posted, available: posted } }));
      assert.deepEqual(found([call(move('c', 'pool', 'shop', 5n), 50, 60, outcome)], { transfers: [drawn] }), problems);
    }
  });

  test('finds a hold that is not what was done with it', () => {
    const held = { id: 'h', debit: 'purse', credit: 'shop', amount: 50n, settled: 20n, status: 'released', created: 25n, closed: 55n };
    const part = row('s', 'purse', 'shop', 20n, 45, { hold: 'h' });
    const calls = [
      pay, call(hold('h', 'purse', 'shop', 50n), 22, 28, ok(answer({}, { left: 50n, status: 'open' }))),
      call(settle('s', 'h', 20n), 40, 50, ok(answer(part, { left: 30n, status: 'open' }))),
      call(release('h'), 52, 58, ok(answer({}, { left: 0n, status: 'released' }))),
      call(settle('t', 'h', 1n), 60, 70, refused()),
      call(release('h'), 60, 70, repeated),
      // What it holds is not to be had before it is given back.
      call(move('c', 'purse', 'shop', 11n), 51, 54, refused()),
    ];
    const stored = { transfers: [PAID, part], holds: [held] };
    assert.deepEqual(found(calls, stored), []);
    assert.deepEqual(found(calls, { ...stored, holds: [{ ...held, settled: 0n }] }), ['end']);
    assert.deepEqual(found(calls, { ...stored, holds: [{ ...held, status: 'open', closed: null }] }), ['lost', 'unexplained']);
    assert.deepEqual(found(calls, { ...stored, transfers: [PAID] }), ['lost', 'end']);
    assert.deepEqual(found(calls.filter(({ op }) => op.type !== 'release'), stored), ['unexplained', 'end']);
    // It was released by the one that has no answer, and not by the one that was refused before there was a hold.
    const unanswered = calls.map((one) => (one.op.type === 'release' && one.start === 52 ? call(release('h'), 52, 58, unknown) : one));
    assert.deepEqual(found([call(release('h'), 1, 2, refused('PT404')), ...unanswered], stored), []);
  });

  test('finds what is undone more than once', () => {
    const undo = (id, at, amount = 40n) => row(id, 'shop', 'purse', amount, at, { kind: 'reversal', reverses: 'b' });
    const first = [pay, spend, call(reverse('r', 'b', 30n), 42, 48, ok(answer(undo('r', 45, 30n))))];
    const second = (amount) => [...first, call(reverse('q', 'b'), 52, 58, ok(answer(undo('q', 55, amount))))];
    const stored = (amount) => ({ transfers: [PAID, SPENT, undo('r', 45, 30n), undo('q', 55, amount)] });
    assert.deepEqual(found(second(10n), stored(10n)), []);
    assert.deepEqual(found(second(11n), stored(11n)), ['content']);
    assert.deepEqual(found([...first, call(reverse('q', 'b', 11n), 52, 58, ok(answer(undo('q', 55, 11n))))], stored(11n)), ['not accepted']);
  });

  test('lets a refusal without locks see what was committed, and no other order', () => {
    // Recorded before the other and answered after it: who asks in between may see the one without the other.
    const fill = row('f', 'bank', 'purse', 60n, 11);
    const other = row('o', 'pool', 'shop', 1n, 12);
    const calls = (start, end) => [
      call(move('f', 'bank', 'purse', 60n), 10, 30, ok(answer(fill))),
      call(move('o', 'pool', 'shop', 1n), 10, 14, ok(answer(other))),
      call({ type: 'each', key: null, items: [move('x', 'purse', 'shop', 10n)] }, start, end, { kind: 'ok', results: [refused()] }),
    ];
    const stored = { transfers: [fill, other] };
    assert.deepEqual(found(calls(15, 20), stored), []);
    assert.deepEqual(found(calls(31, 35), stored), ['unexplained']);
    // With an account in common the second has waited for the first, and so is seen only after it.
    const joined = [calls(15, 20)[0], call(move('o', 'purse', 'shop', 1n), 10, 14, ok(answer({ ...other, debit: 'purse' }))), calls(15, 20)[2]];
    assert.deepEqual(found(joined, { transfers: [fill, { ...other, debit: 'purse' }] }), ['unexplained']);
  });
});
