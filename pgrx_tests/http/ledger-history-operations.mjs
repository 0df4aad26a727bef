// Random operations of the ledger through its SQL functions, and what each was answered, for ledger-history-checker.mjs.

import { randomUUID } from 'node:crypto';

export const SYSTEM = 'history';

/** Few, so that the clients meet; with limits that are often reached. null is no limit. */
const account = (type, overdraft = null, most = null, stripes = 0) => ({
  class: type, overdraft, most, stripes, striped: stripes > 0,
});
export const ACCOUNTS = {
  bank: account('asset'),
  till: account('asset', 0n),
  wallet0: account('liability', 0n),
  wallet1: account('liability', 0n),
  wallet2: account('liability', 0n),
  credit: account('liability', 300n),
  card: account('liability', 0n, 400n),
  fees: account('income', null, null, 4),
  pool: account('liability', 250n, 1500n, 4),
  pot: account('liability', 0n, null, 2),
};
const CODES = Object.keys(ACCOUNTS);

/** Numbers that a seed decides (mulberry32). */
export function randomOf(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  /** From 0 to below `below`. */
  const below = (most) => Math.floor(next() * most);
  return { below, pick: (list) => list[below(list.length)], amount: (most) => BigInt(1 + below(most)) };
}

const printed = (op) =>
  JSON.stringify(op, (_, value) => (typeof value === 'bigint' ? `${value}` : value));

/** An operation that is known by a key; its content is what may not differ where it is repeated. */
export const keyed = (key, op) => ({ ...op, key, print: printed(op) });

export const transferOp = (fields, id = randomUUID()) => keyed(`t ${id}`, { type: 'transfer', id, ...fields });

function twoAccounts(random) {
  const debit = random.pick(CODES);
  return { debit, credit: random.pick(CODES.filter((code) => code !== debit)) };
}

const leg = (random) => ({ ...twoAccounts(random), amount: random.amount(150) });
const legs = (random, most) => Array.from({ length: 2 + random.below(most - 1) }, () => leg(random));

/** What is there to be settled, released, undone or repeated: of all clients, answered or not. */
export class Shared {
  transfers = [];
  journals = [];
  holds = [];
  recent = [];

  add(list, ...items) {
    this[list].push(...items);
    if (this[list].length > 60) this[list].splice(0, this[list].length - 60);
  }

  /** What was answered can be undone. */
  learn({ op, outcome }) {
    if (outcome.kind !== 'ok') return;
    for (const { id } of outcome.answers ?? []) if (id) this.add('transfers', id);
    if (outcome.journal && op.type === 'journal') this.add('journals', outcome.journal);
  }
}

/** The kinds of operations: what is asked, or nothing where there is nothing to ask for yet. */
const KINDS = {
  transfer: (random) => transferOp({ ...twoAccounts(random), amount: random.amount(250) }),

  balancing: (random) => transferOp({
    ...twoAccounts(random), amount: random.pick([null, random.amount(400)]), balancing: random.pick(['debit', 'credit', 'both']),
  }),

  journal(random) {
    const id = randomUUID();
    const own = random.below(2) === 0;
    const all = legs(random, 5).map((one, n) => (own ? { ...one, id: n === 0 ? id : randomUUID() } : one));
    return keyed(`t ${id}`, { type: 'journal', id, legs: all });
  },

  keyedJournal(random) {
    const journalKey = randomUUID();
    return keyed(`k ${journalKey}`, { type: 'journal', id: random.pick([null, randomUUID()]), journalKey, legs: legs(random, 4) });
  },

  all(random) {
    const all = legs(random, 5).map((one) => ({ ...one, id: randomUUID() }));
    return keyed(`b ${all[0].id}`, { type: 'all', id: all[0].id, legs: all });
  },

  each: (random) => ({ type: 'each', key: null, items: legs(random, 6).map((one) => transferOp(one)) }),

  sweep(random) {
    const [id, to] = [randomUUID(), random.pick(CODES)];
    // The bank has no end: it would take everything away.
    const from = CODES.filter((code) => code !== to && code !== 'bank' && random.below(3) === 0);
    return from.length > 0 && keyed(`t ${id}`, { type: 'sweep', id, to, from });
  },

  hold(random, shared) {
    const id = randomUUID();
    shared.add('holds', id);
    return keyed(`h ${id}`, { type: 'hold', id, ...twoAccounts(random), amount: random.amount(200) });
  },

  settle(random, { holds }) {
    const id = randomUUID();
    const [amount, last] = [random.pick([null, random.amount(120), random.amount(40)]), random.below(4) === 0];
    return holds.length > 0 && keyed(`t ${id}`, { type: 'settle', id, hold: random.pick(holds.slice(-20)), amount, last });
  },

  release: (random, { holds }) => holds.length > 0 && { type: 'release', key: null, hold: random.pick(holds.slice(-20)) },

  reverse(random, { transfers }) {
    const id = randomUUID();
    const amount = random.pick([null, random.amount(60)]);
    return transfers.length > 0 && keyed(`t ${id}`, { type: 'reverse', id, target: random.pick(transfers), amount });
  },

  reverseJournal(random, { journals }) {
    const id = randomUUID();
    return journals.length > 0 && keyed(`t ${id}`, { type: 'reverseJournal', id, target: random.pick(journals) });
  },

  repeat: (random, { recent }) => recent.length > 0 && random.pick(recent),

  /** An id or a key that is somebody's, with other content. */
  rival(random, { recent }) {
    const { key, print, ...op } = random.pick(recent) ?? {};
    if (op.type === 'journal') return keyed(key, { ...op, legs: op.legs.with(0, { ...op.legs[0], amount: op.legs[0].amount + 1n }) });
    return ['transfer', 'hold'].includes(op.type) && !op.balancing && keyed(key, { ...op, amount: op.amount + 1n });
  },
};
/** How often each is drawn. */
const WEIGHTS = {
  transfer: 20, balancing: 6, journal: 8, keyedJournal: 5, all: 6, each: 6, sweep: 2, hold: 10, settle: 10, release: 4,
  reverse: 6, reverseJournal: 3, repeat: 8, rival: 3,
};
const DRAWN = Object.entries(WEIGHTS).flatMap(([name, weight]) => Array(weight).fill(KINDS[name]));

/** The next operation of a client. */
export function draw(random, shared) {
  const op = random.pick(DRAWN)(random, shared) || draw(random, shared);
  shared.add('recent', op);
  return op;
}

const json = (all) =>
  JSON.stringify(all.map(({ id, debit, credit, amount }) => ({ id: id ?? undefined, debit, credit, amount: `${amount}` })));

/** The statement of each type of operation. */
const STATEMENTS = {
  transfer: ({ id, debit, credit, amount, balancing = null }) => [
    `ledger.transfer($1, $2, $3, $4, 'load', p_id => $5, p_balancing => $6)`, [SYSTEM, debit, credit, amount, id, balancing],
  ],
  journal: ({ id, journalKey = null, legs: all }) => [
    `ledger.post_journal($1, 'load', $2, p_id => $3, p_key => $4)`, [SYSTEM, json(all), id, journalKey],
  ],
  all: ({ legs: all }) => [`ledger.post_batch($1, 'load', $2)`, [SYSTEM, json(all)]],
  each: ({ items }) => [`ledger.post_batch($1, 'load', $2, 'each')`, [SYSTEM, json(items)]],
  sweep: ({ id, to, from }) => [`ledger.sweep($1, $2, $3, 'load', p_id => $4)`, [SYSTEM, to, from, id]],
  hold: ({ id, debit, credit, amount }) => [
    `ledger.hold($1, $2, $3, $4, 'load', p_id => $5)`, [SYSTEM, debit, credit, amount, id],
  ],
  settle: ({ id, hold, amount, last }) => ['ledger.settle($1, $2, $3, $4)', [hold, amount, id, last]],
  release: ({ hold }) => ['ledger.release($1)', [hold]],
  reverse: ({ id, target, amount }) => [`ledger.reverse_transfer($1, 'undone', $2, $3)`, [target, id, amount]],
  reverseJournal: ({ id, target }) => [`ledger.reverse_journal($1, 'undone', $2)`, [target, id]],
};

export const statement = (op) => {
  const [call, params] = STATEMENTS[op.type](op);
  return [`select * from ${call}`, params];
};

const balance = (row, side) =>
  row[`${side}_posted`] === null
    ? null
    : { posted: BigInt(row[`${side}_posted`]), available: BigInt(row[`${side}_available`]) };

/** Rows that name accounts by id, with the balances they were left with. */
function answerOf(row, codes) {
  return {
    id: row.transfer_id, debit: codes.get(row.debit_account_id), credit: codes.get(row.credit_account_id),
    amount: BigInt(row.amount), debitBalance: balance(row, 'debit'), creditBalance: balance(row, 'credit'),
    ...(row.remaining === undefined ? {} : { left: BigInt(row.remaining), status: row.status }),
  };
}

function itemOutcome(row, asked) {
  if (row.result === 'refused') return { kind: 'refused', code: row.sqlstate };
  const { debit, credit, amount } = asked;
  const answer = {
    id: row.transfer_id, debit, credit, amount, debitBalance: balance(row, 'debit'), creditBalance: balance(row, 'credit'),
  };
  return { kind: 'ok', replayed: row.result === 'exists', answers: [answer] };
}

/** The outcome of a call that had an answer. */
export function outcomeOf(op, rows, codes) {
  if (op.type === 'each') return { kind: 'ok', results: rows.map((row, n) => itemOutcome(row, op.items[n])) };
  if (op.type === 'all') {
    const results = rows.map((row, n) => itemOutcome(row, op.legs[n]));
    const replayed = results.every((one) => one.replayed);
    return { kind: 'ok', replayed, answers: results.flatMap(({ answers }) => answers ?? []) };
  }
  const answers = rows.map((row) => answerOf(row, codes));
  return { kind: 'ok', replayed: rows.length > 0 && rows.every((row) => row.replayed), answers, journal: rows[0]?.journal_id };
}

/** What is in the tables, as the checker wants it. */
export async function readStored(sql) {
  const micros = (column) => `(extract(epoch from ${column}) * 1000000)::bigint::text`;
  const big = (rows, ...names) =>
    rows.map((row) => ({ ...row, ...Object.fromEntries(names.map((name) => [name, row[name] === null ? null : BigInt(row[name])])) }));
  const ours = `join ledger.transfer_kinds k on k.id = x.kind_id and k.system = $1`;
  const sides = `join ledger.accounts d on d.id = x.debit_account_id join ledger.accounts c on c.id = x.credit_account_id`;
  return {
    transfers: big(await sql(`select x.id, d.code as debit, c.code as credit, x.amount, ${micros('x.recorded_at')} as at, k.kind,
        x.journal_id as journal, x.hold_id as hold, x.reverses_id as reverses from ledger.transfers x ${ours} ${sides}`, [SYSTEM]), 'amount', 'at'),
    journals: big(await sql(`select x.id, ${micros('x.recorded_at')} as at, k.kind, x.reverses_id as reverses
        from ledger.journals x ${ours}`, [SYSTEM]), 'at'),
    keys: await sql('select key, journal_id as journal from ledger.journal_keys where system = $1', [SYSTEM]),
    holds: big(await sql(`select x.id, d.code as debit, c.code as credit, x.amount, x.settled_amount as settled, x.status,
        ${micros('x.created_at')} as created, ${micros('x.closed_at')} as closed from ledger.holds x ${ours} ${sides}`, [SYSTEM]),
      'amount', 'settled', 'created', 'closed'),
    balances: big(await sql('select code, posted, available from ledger.balances where system = $1', [SYSTEM]), 'posted', 'available'),
  };
}
