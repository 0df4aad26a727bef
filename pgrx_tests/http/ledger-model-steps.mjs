// Random steps for the model of the ledger: what is done is drawn beforehand, on what it is done when its turn comes.

const KINDS = ['move', 'move', 'move', 'other'];

/** Numbers from a seed, the same for the same seed. */
export function randomFrom(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n) => Math.floor(next() * n);
  return {
    below,
    between: (least, most) => least + below(most - least + 1),
    chance: (part) => next() < part,
    pick: (list) => list[below(list.length)],
    list: (least, most, make) => Array.from({ length: least + below(most - least + 1) }, make),
  };
}

/** Accounts of every class and kind of limit; any of them may be striped. The last one has another currency. */
export function drawAccounts(random) {
  const account = (type, overdraft, most, currency = 'INR') => ({
    class: type,
    overdraft: overdraft === null ? null : BigInt(overdraft),
    most: most === null ? null : BigInt(most),
    currency,
    stripes: random.chance(0.4) ? random.between(2, 5) : 0,
  });
  return [
    account('asset', 0, null),
    account('liability', 0, null),
    account('equity', null, null),
    account('income', 50, null),
    account('expense', null, 120),
    account('liability', 7, 90),
    account('liability', null, null),
    account('asset', 30, 200),
    account('equity', null, null, 'EUR'),
  ];
}

function drawAmount(random) {
  const kind = random.below(30);
  if (kind === 0) return BigInt(random.between(-1, 0));
  if (kind === 1) return 2n ** 63n - BigInt(random.between(1, 100));
  if (kind === 2) return 2n ** BigInt(random.pick([56, 56, 62])) - BigInt(random.between(-20, 60));
  return BigInt(random.between(1, 99));
}

/** Rarely one of another currency, or one that does not exist. */
const drawAccount = (random) => (random.chance(0.02) ? random.pick([8, 9]) : random.below(8));
const drawPart = (random) => (random.chance(0.4) ? null : random.chance(0.08) ? BigInt(random.between(-1, 0)) : BigInt(random.between(1, 60)));

function drawLeg(random) {
  return { debit: drawAccount(random), credit: drawAccount(random), amount: drawAmount(random) };
}

/** A pair that no rule refuses for itself. */
function drawPair(random) {
  const debit = random.below(8);
  return { debit, credit: (debit + random.between(1, 7)) % 8 };
}

const limits = (random) => (random.chance(0.5) ? null : random.chance(0.05) ? -1n : random.chance(0.2) ? 2n ** 63n - 1n : BigInt(random.between(0, 150)));
const named = (random) => ({ named: random.chance(0.5), kind: random.pick(KINDS), note: random.chance(0.15) ? 'note' : null });

/** What can be drawn, and how often. */
const DRAW = [
  [7, (random) => ({ op: 'transfer', ...drawLeg(random), ...named(random) })],
  [3, (random) => ({ op: 'transfer', ...drawPair(random), amount: BigInt(random.between(1, 60)), ...named(random) })],
  [5, (random) => ({ op: 'journal', legs: random.list(1, 4, () => drawLeg(random)), keyed: random.chance(0.3), ownIds: random.chance(0.2), ...named(random) })],
  [3, (random) => ({ op: 'batch', mode: random.pick(['all', 'each']), items: random.list(1, 5, () => ({ ...drawLeg(random), like: random.pick([null, null, 'new', 'same', 'other']), n: random.below(99) })) })],
  [2, (random) => ({ op: 'balance', ...drawLeg(random), how: random.pick(['debit', 'credit', 'both']), all: random.chance(0.3), ...named(random) })],
  [1, (random) => ({ op: 'sweep', from: random.list(0, 3, () => drawAccount(random)), to: drawAccount(random), ...named(random) })],
  [3, (random) => ({ op: 'undo', n: random.below(99), part: drawPart(random), ...named(random) })],
  [1, (random) => ({ op: 'undoJournal', n: random.below(99), ...named(random) })],
  [5, (random) => ({ op: 'hold', ...drawLeg(random), ...named(random) })],
  [5, (random) => ({ op: 'settle', n: random.below(99), part: drawPart(random), last: random.chance(0.2), ...named(random) })],
  [2, (random) => ({ op: 'release', n: random.below(99) })],
  [2, (random) => ({ op: 'expire', n: random.below(99) })],
  [1, () => ({ op: 'tidy' })],
  [2, (random) => ({ op: 'limit', account: drawAccount(random), overdraft: limits(random), most: limits(random) })],
  [2, (random) => ({ op: 'freeze', account: drawAccount(random), on: random.chance(0.3) })],
  [1, (random) => ({ op: 'close', account: drawAccount(random) })],
  [4, (random) => ({ op: 'again', n: random.below(99) })],
  [3, (random) => ({ op: 'other', n: random.below(99), how: random.pick(['amount', 'swap', 'kind', 'note']) })],
  [1, (random) => ({ op: 'taken', n: random.below(99), as: random.pick(['transfer', 'journal']) })],
];
const WEIGHTED = DRAW.flatMap(([weight, draw]) => Array(weight).fill(draw));

/** Something in every account, so that less is refused for want of it. */
function drawFunds(random) {
  const into = [[0, 2], [2, 1], [2, 3], [4, 2], [2, 5], [2, 6], [7, 2]];
  const legs = into.map(([debit, credit]) => ({ debit, credit, amount: BigInt(random.between(1, 80)) }));
  return { op: 'journal', legs, keyed: false, ownIds: false, named: false, kind: 'move', note: null };
}

/** Steps of one sequence. Some are done together in one transaction, which may be rolled back. */
export function drawSteps(random) {
  const funded = random.chance(0.7);
  return random.list(15, 30, (_, n) => ({
    ...(n === 0 && funded ? drawFunds(random) : random.pick(WEIGHTED)(random)),
    client: random.below(3),
    byCode: random.chance(0.5),
    within: random.chance(0.06) ? { begin: random.between(1, 4), commits: random.chance(0.6) } : null,
  }));
}

const at = (list, n) => list[n % list.length];

/** The same request with something else in it; nothing where that would be no other request. */
function altered(request, how) {
  const other = (amount) => (amount >= 2n ** 62n ? amount - 1n : amount + 1n);
  const swap = (leg) => ({ ...leg, debit: leg.credit, credit: leg.debit });
  const { op, legs, amount, part } = request;
  if (how === 'note' && op !== 'settle') return { ...request, note: request.note === null ? 'other' : null };
  if (how === 'kind' && !['settle', 'undo', 'undoJournal'].includes(op)) return { ...request, kind: request.kind === 'move' ? 'other' : 'move' };
  if (how === 'swap' && legs) return { ...request, legs: [swap(legs[0]), ...legs.slice(1)] };
  if (how === 'swap' && ['transfer', 'balance', 'hold'].includes(op)) return swap(request);
  if (how === 'amount' && legs) return { ...request, legs: [{ ...legs[0], amount: other(legs[0].amount) }, ...legs.slice(1)] };
  if (how === 'amount' && ['transfer', 'hold'].includes(op)) return { ...request, amount: other(amount) };
  if (how === 'amount' && ['undo', 'settle'].includes(op) && typeof part === 'bigint') return { ...request, part: other(part) };
  return null;
}

const AIM = {
  journal({ legs, keyed, ownIds, named: hasId, ...rest }, { newId, system }) {
    const key = keyed ? `key ${newId()}` : null;
    const id = hasId ? newId() : null;
    // Where every leg had an id, one would have to be that of the journal.
    const ids = ownIds && legs.length > 1 ? [...Array(legs.length - 1).keys()] : [];
    return { ...rest, system, id, key, legs: legs.map((leg, n) => ({ ...leg, id: ids.includes(n) ? newId() : null })) };
  },
  batch({ items, ...rest }, { model, newId }) {
    // Whether an expired hold is tidied away in the midst of it matters to counters that are nearly full.
    const huge = [...model.transfers, ...model.holds, ...items].some(({ amount }) => amount >= 2n ** 55n);
    if (huge && model.holds.some(({ status, swept }) => status === 'expired' && !swept)) return null;
    const known = model.transfers.map(({ id, debit, credit, amount }) => ({ id, debit, credit, amount }));
    const aimed = [];
    for (const { like, n, ...item } of items) {
      const stored = at([...known, ...aimed.filter(({ id }) => id)], n);
      if (like === 'same' && stored) aimed.push(stored);
      else if (like === 'other' && stored) aimed.push({ ...item, id: stored.id });
      else aimed.push({ ...item, id: like === null ? null : newId() });
    }
    return { ...rest, items: aimed };
  },
  balance: ({ all, ...rest }) => ({ ...rest, amount: all ? 2n ** 63n - 1n : rest.amount }),
  undo({ n, ...rest }, { model }) {
    const of = at(model.transfers, n);
    return of && { ...rest, of: of.id };
  },
  undoJournal({ n, ...rest }, { model }) {
    const of = at(model.transfers, n);
    const all = of && model.transfers.filter((one) => one === of || (of.journal !== null && one.journal === of.journal));
    // The answer comes in the order of the ids.
    return of && { ...rest, journal: of.journalId, members: all.map(({ id }) => id).sort() };
  },
  again: ({ n }, { model }) => at(model.requests, n) ?? null,
  other({ n, how }, { model }) {
    const stored = at(model.requests, n);
    return stored ? altered(stored, how) : null;
  },
  taken({ n, as }, { model, system }) {
    const of = at(model.transfers, n);
    if (!of) return null;
    const amount = of.amount >= 2n ** 62n ? of.amount - 1n : of.amount + 1n;
    const leg = { debit: of.debit, credit: of.credit, amount };
    const rest = { id: of.id, kind: 'move', note: null };
    if (as === 'transfer') return { op: 'transfer', ...leg, ...rest };
    return { op: 'journal', system, key: null, legs: [{ ...leg, id: null }, { debit: of.credit, credit: of.debit, amount: 1n, id: null }], ...rest };
  },
};
for (const op of ['settle', 'release', 'expire']) {
  AIM[op] = ({ n, ...rest }, { model }) => {
    const hold = at(model.holds, n);
    return hold && { ...rest, hold: hold.id };
  };
}

/** What a step asks for in the books as they are; nothing where there is nothing to do it on. */
export function aim({ client, within, ...step }, books) {
  const aimed = AIM[step.op] ? AIM[step.op](step, books) : step;
  if (!aimed) return null;
  const { named: hasId, ...request } = aimed;
  if (hasId && request.id === undefined) request.id = books.newId();
  // A hold has an id in any case: the model knows it by that.
  if (request.op === 'hold') request.id ??= books.newId();
  return request;
}
