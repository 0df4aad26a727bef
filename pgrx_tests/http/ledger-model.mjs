// What the ledger must do, in plain lists: nothing is kept but what happened, and everything else is added up from
// scratch. `foresee` says what a request leads to, or with which SQLSTATEs it may be refused.

export const MAX = 2n ** 63n - 1n;
// What no row of a striped account has together must still fit.
const MOST_IN_STRIPE = 2n ** 56n - 1n;
const MOST_HELD_ON_STRIPED = 2n ** 62n - 1n;
const DEBIT_NORMAL = ['asset', 'expense'];

/** BigInt in JSON. */
export const asText = (_, value) => (typeof value === 'bigint' ? String(value) : value);

const total = (items, amount) => items.reduce((sum, item) => sum + amount(item), 0n);
const least = (...numbers) => numbers.reduce((a, b) => (a < b ? a : b));
const same = (a, b) => JSON.stringify(a, asText) === JSON.stringify(b, asText);

export class Model {
  constructor(accounts) {
    this.accounts = accounts.map((account) => ({ ...account, frozen: false, closed: false }));
    this.transfers = [];
    this.holds = [];
    /** Requests that were posted under an id or a key of the caller. */
    this.requests = [];
  }

  copy() {
    const model = Object.create(Model.prototype);
    for (const list of ['accounts', 'transfers', 'holds']) model[list] = this[list].map((item) => ({ ...item }));
    model.requests = [...this.requests];
    return model;
  }

  debitNormal(n) {
    return DEBIT_NORMAL.includes(this.accounts[n].class);
  }

  posted(n) {
    const sum = (side) => total(this.transfers.filter((transfer) => transfer[side] === n), ({ amount }) => amount);
    return { debits: sum('debit'), credits: sum('credit') };
  }

  /** What holds hold that count: all open ones, or also those that expired and still stand in the counters. */
  pending(n, { behind = false } = {}) {
    const counts = (hold) => hold.status === 'open' || (behind && hold.status === 'expired' && !hold.swept);
    const sum = (side) => total(this.holds.filter((hold) => hold[side] === n && counts(hold)), left);
    return { debits: sum('debit'), credits: sum('credit') };
  }

  balance(n) {
    const [posted, pending] = [this.posted(n), this.pending(n)];
    const [net, held, expected] = this.debitNormal(n)
      ? [posted.debits - posted.credits, pending.credits, pending.debits]
      : [posted.credits - posted.debits, pending.debits, pending.credits];
    return { posted: net, held, available: net - held, reach: net + expected };
  }

  /** What can be debited before the account is in debit, or credited before it is in credit. */
  room(n, side) {
    const [posted, pending] = [this.posted(n), this.pending(n)];
    return side === 'debit' ? posted.credits - posted.debits - pending.debits : posted.debits - posted.credits - pending.credits;
  }

  keeps(n, { overdraft, most }) {
    const { available, reach } = this.balance(n);
    return (overdraft === null || available >= -overdraft) && (most === null || reach <= most);
  }

  undone(of) {
    return total(this.transfers.filter(({ reverses }) => reverses === of.id), ({ amount }) => amount);
  }

  /** All reasons not to go from `before` to this, where so many transfers and holds are new. */
  refusals(before, touched) {
    const codes = [];
    for (const n of touched) {
      const { frozen, closed, overdraft, most } = this.accounts[n];
      if (frozen || closed) codes.push('PT409');
      if (!this.fits(n)) codes.push('22003');
      const [was, is] = [before.balance(n), this.balance(n)];
      if (overdraft !== null && is.available < was.available && is.available < -overdraft) codes.push('PT409');
      if (most !== null && is.reach > was.reach && is.reach > most) codes.push('PT409');
    }
    return codes;
  }

  /** Whether every counter is in its range. A backend posts to one stripe of an account. */
  fits(n) {
    const [posted, pending] = [this.posted(n), this.pending(n, { behind: true })];
    if (posted.debits + pending.debits > MAX || posted.credits + pending.credits > MAX) return false;
    const { stripes } = this.accounts[n];
    if (stripes > 0 && (pending.debits > MOST_HELD_ON_STRIPED || pending.credits > MOST_HELD_ON_STRIPED)) return false;
    for (let stripe = 0; stripe < stripes; stripe += 1) {
      const own = this.transfers.filter(({ backend }) => backend % stripes === stripe);
      const sum = (side) => total(own.filter((transfer) => transfer[side] === n), ({ amount }) => amount);
      if (sum('debit') > MOST_IN_STRIPE || sum('credit') > MOST_IN_STRIPE) return false;
    }
    return true;
  }
}

export function left(hold) {
  return ['open', 'expired'].includes(hold.status) ? hold.amount - hold.settled : 0n;
}

/** What is wrong with transfers whatever the books say. */
function wrong(model, legs) {
  const codes = [];
  for (const { debit, credit, amount } of legs) {
    const accounts = [model.accounts[debit], model.accounts[credit]];
    if (accounts.includes(undefined)) codes.push('PT404');
    else if (accounts[0].currency !== accounts[1].currency) codes.push('22023');
    if (amount <= 0n || debit === credit) codes.push('22023');
  }
  // They are added up before it is known who has which currency.
  if (codes.length > 0 && total(legs, ({ amount }) => amount) > MAX) codes.push('22003');
  return codes;
}

const touchedBy = (legs) => [...new Set(legs.flatMap(({ debit, credit }) => [debit, credit]))];

/** Adds transfers that belong together; why not, where they must not be posted. */
function post(next, legs, rest) {
  const before = next.copy();
  const alone = legs.length === 1;
  const journal = alone ? null : next.transfers.length;
  for (const leg of legs) next.transfers.push({ id: null, reverses: null, plain: false, ...rest, ...leg, journal });
  return next.refusals(before, touchedBy(legs));
}

/** What a request is known by. */
function namesOf({ op, system, id, key, legs = [] }) {
  const ids = [id, ...legs.map((leg) => leg.id)].filter(Boolean).map((known) => (op === 'hold' ? `hold ${known}` : known));
  return key ? [...ids, `key ${system} ${key}`] : ids;
}

const known = (model, request) => {
  const names = namesOf(request);
  return model.requests.find((stored) => namesOf(stored).some((name) => names.includes(name)));
};

/** One rule for each operation: changes the model, and returns the SQLSTATEs of what forbids it. */
const RULES = {
  transfer(next, { debit, credit, amount, id, kind, note }, backend) {
    return post(next, [{ debit, credit, amount, id }], { backend, plain: kind === 'move' && note === null });
  },

  journal(next, { legs, kind, note }, backend) {
    return post(next, legs, { backend, plain: legs.length === 1 && kind === 'move' && note === null });
  },

  balance(next, { debit, credit, amount, how, id, kind, note }, backend) {
    const rooms = [how === 'credit' ? MAX : next.room(debit, 'debit'), how === 'debit' ? MAX : next.room(credit, 'credit')];
    const moved = least(amount, ...rooms);
    if (moved <= 0n) return ['PT409'];
    return post(next, [{ debit, credit, amount: moved, id }], { backend, plain: kind === 'move' && note === null });
  },

  sweep(next, { from, to, kind, note }, backend) {
    const legs = from.flatMap((n) => {
      const amount = next.balance(n).available;
      const [debit, credit] = next.debitNormal(n) ? [to, n] : [n, to];
      return amount > 0n ? [{ debit, credit, amount }] : [];
    });
    const plain = legs.length === 1 && kind === 'move' && note === null;
    return legs.length > 0 ? post(next, legs, { backend, plain }) : [];
  },

  undo(next, { of: id, part }, backend) {
    const of = next.transfers.find((transfer) => transfer.id === id);
    const rest = of.amount - next.undone(of);
    const amount = part ?? rest;
    if (of.reverses !== null || rest === 0n) return ['PT409'];
    if (amount <= 0n) return ['22023'];
    if (amount > rest) return ['PT409'];
    return post(next, [{ debit: of.credit, credit: of.debit, amount, reverses: of.id }], { backend });
  },

  undoJournal(next, { members }, backend) {
    // A transfer on its own is a journal of one, of which a part may have been undone.
    if (members.length === 1) return RULES.undo(next, { of: members[0], part: null }, backend);
    const all = members.map((id) => next.transfers.find((transfer) => transfer.id === id));
    if (all.some((of) => of.reverses !== null || next.undone(of) > 0n)) return ['PT409'];
    return post(next, all.map(({ id, debit, credit, amount }) => ({ debit: credit, credit: debit, amount, reverses: id })), { backend });
  },

  hold(next, { debit, credit, amount, id }) {
    const before = next.copy();
    next.holds.push({ id, debit, credit, amount, settled: 0n, status: 'open', swept: false });
    return next.refusals(before, [debit, credit]);
  },

  settle(next, { hold: id, part, last }, backend) {
    const before = next.copy();
    const hold = next.holds.find((one) => one.id === id);
    if (hold.status !== 'open' || (part ?? 1n) > left(hold)) return ['PT409'];
    const { debit, credit } = hold;
    const amount = part ?? left(hold);
    hold.settled += amount;
    if (hold.settled === hold.amount) hold.status = 'settled';
    else if (last) hold.status = 'released';
    next.transfers.push({ id: null, debit, credit, amount, reverses: null, journal: null, plain: false, backend, hold: id });
    return next.refusals(before, [debit, credit]);
  },

  release(next, { hold: id }) {
    const hold = next.holds.find((one) => one.id === id);
    if (hold.status === 'settled') return ['PT409'];
    if (hold.status === 'open') hold.status = 'released';
    else if (hold.status === 'expired') hold.swept = true;
    return [];
  },

  expire(next, { hold: id }) {
    const hold = next.holds.find((one) => one.id === id);
    if (hold.status === 'open') Object.assign(hold, { status: 'expired', timed: true });
    return [];
  },

  tidy(next) {
    for (const hold of next.holds) if (hold.status === 'expired') hold.swept = true;
    return [];
  },

  limit(next, { account: n, overdraft, most }) {
    if (next.accounts[n].closed || !next.keeps(n, { overdraft, most })) return ['PT409'];
    Object.assign(next.accounts[n], { overdraft, most });
    return [];
  },

  freeze(next, { account: n, on }) {
    if (next.accounts[n].closed) return ['PT409'];
    next.accounts[n].frozen = on;
    return [];
  },

  close(next, { account: n }) {
    const [posted, pending] = [next.balance(n).posted, next.pending(n)];
    if (posted !== 0n || pending.debits > 0n || pending.credits > 0n) return ['PT409'];
    next.accounts[n].closed = true;
    return [];
  },
};

/** Every item is judged by what those before it left. */
function foreseeBatch(model, { items, mode }, backend) {
  let next = model.copy();
  const results = [];
  for (const { debit, credit, amount, id } of items) {
    const bad = wrong(next, [{ debit, credit, amount }]);
    const stored = id && next.transfers.find((transfer) => transfer.id === id);
    const taken = stored && !(stored.plain && same([stored.debit, stored.credit, stored.amount], [debit, credit, amount]));
    const after = next.copy();
    const codes = [...bad, ...(taken ? ['PT409'] : [])];
    if (codes.length === 0 && !stored) codes.push(...post(after, [{ debit, credit, amount, id: id ?? null }], { backend, plain: true }));
    results.push(codes.length > 0 ? codes : [stored ? 'exists' : 'ok']);
    if (codes.length === 0 && !stored) next = after;
  }
  const refused = results.filter(([result]) => !['ok', 'exists'].includes(result));
  if (mode === 'each' || refused.length === 0) return { next, codes: [], results };
  // Whether a stripe can count a transfer is found last, when all others have been judged.
  return { next: model, codes: refused[0].includes('22003') ? refused.flat() : refused[0] };
}

/** What the request says that no ledger would do. */
function invalid(model, request) {
  const { op, from = [], to, part, account } = request;
  const codes = [];
  if (['transfer', 'balance', 'hold'].includes(op)) codes.push(...wrong(model, [request]));
  if (op === 'journal') codes.push(...wrong(model, request.legs));
  if (op === 'settle' && part !== null && part <= 0n) codes.push('22023');
  if (op === 'limit' && [request.overdraft, request.most].some((limit) => limit !== null && limit < 0n)) codes.push('22023');
  if (op === 'sweep') {
    if (from.length === 0 || from.includes(to) || new Set(from).size < from.length) codes.push('22023');
    const found = [...from, to].map((n) => model.accounts[n]);
    if (found.includes(undefined)) codes.push('PT404');
    if (new Set(found.filter(Boolean).map(({ currency }) => currency)).size > 1) codes.push('22023');
  }
  if (account !== undefined && !model.accounts[account]) codes.push('PT404');
  return codes;
}

/**
 * What a request must lead to: `next`, and no `codes`; or one of the SQLSTATEs in `codes`, and nothing changes.
 * `replayed` where it was posted before; `results` for each transfer of a batch.
 */
export function foresee(model, request, backend) {
  if (request.op === 'batch') return foreseeBatch(model, request, backend);
  const codes = invalid(model, request);
  if (codes.length > 0) return { next: model, codes };
  const stored = known(model, request);
  if (stored) {
    // The time of a hold is a part of what was asked for.
    const retimed = request.op === 'hold' && model.holds.some(({ id, timed }) => id === request.id && timed);
    const equal = !retimed && same(stored, request);
    return { next: model, codes: equal ? [] : ['PT409'], replayed: equal };
  }
  // An id that a transfer has otherwise: it was made by the ledger, or given in a batch.
  if (request.op !== 'hold' && model.transfers.some(({ id }) => id === request.id)) return { next: model, codes: ['PT409'] };
  const next = model.copy();
  const refused = RULES[request.op](next, request, backend);
  if (refused.length > 0) return { next: model, codes: refused };
  const posted = next.transfers.length > model.transfers.length || next.holds.length > model.holds.length;
  if (posted && namesOf(request).length > 0) next.requests.push(request);
  // Nothing is given back a second time.
  const given = request.op === 'release' && same(next.holds, model.holds);
  return { next, codes: [], replayed: given };
}
