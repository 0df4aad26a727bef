// The ledger as one client alone would see it: accounts, holds and what was posted, in lists, without a database.
//
// It follows what docs/ledger.md and docs/ledger-operations.md say, not how the extension does it. Amounts are BigInt.

/** What a request is refused with. */
export class Refusal extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

const refuse = (code) => {
  throw new Refusal(code);
};

const growsByDebits = (account) => ['asset', 'expense'].includes(account.class);
export const posted = (account) =>
  growsByDebits(account) ? account.debits - account.credits : account.credits - account.debits;
/** What open holds may still take, and what they may still bring. */
const held = (account) => (growsByDebits(account) ? account.creditsHeld : account.debitsHeld);
const expected = (account) => (growsByDebits(account) ? account.debitsHeld : account.creditsHeld);
export const available = (account) => posted(account) - held(account);
const reach = (account) => posted(account) + expected(account);

/** Which limits an account is beyond. */
export function broken(account) {
  return [
    account.overdraft !== null && available(account) < -account.overdraft && 'overdraft',
    account.most !== null && reach(account) > account.most && 'most',
  ].filter(Boolean);
}

/** The account after a change, where its limits allow it; what goes away from a limit is never refused for it. */
export function changed(account, change) {
  const after = { ...account };
  for (const [counter, by] of Object.entries(change)) after[counter] += by;
  const limits = broken(after);
  const low = limits.includes('overdraft') && available(after) < available(account);
  const high = limits.includes('most') && reach(after) > reach(account);
  return low || high ? refuse('PT409') : after;
}

/** What legs add to each account. */
export function changesOf(legs) {
  const changes = new Map();
  const add = (code, counter, amount) => {
    const change = changes.get(code) ?? { debits: 0n, credits: 0n };
    change[counter] += amount;
    changes.set(code, change);
  };
  for (const { debit, credit, amount } of legs) {
    add(debit, 'debits', amount);
    add(credit, 'credits', amount);
  }
  return changes;
}

/** Accounts while a request is judged. */
class Sheet {
  constructor(model) {
    this.model = model;
    this.after = new Map();
  }

  get(code) {
    return this.after.get(code) ?? this.model.accounts.get(code);
  }

  /** Posts legs together. */
  post(legs) {
    for (const [code, change] of changesOf(legs)) this.after.set(code, changed(this.get(code), change));
    return this;
  }

  /** Ends a part of a hold, or makes one where that is below zero, and posts a part. */
  hold({ debit, credit }, ended, amount) {
    this.after.set(debit, changed(this.get(debit), { debitsHeld: -ended, debits: amount }));
    this.after.set(credit, changed(this.get(credit), { creditsHeld: -ended, credits: amount }));
    return this;
  }
}

const least = (a, b) => (a < b ? a : b);

/** How much a balancing transfer moves: no account that counts passes zero. */
function balancingAmount(model, { debit, credit, amount, balancing }) {
  const from = model.accounts.get(debit);
  const to = model.accounts.get(credit);
  const rooms = [
    balancing !== 'credit' && from.credits - from.debits - from.debitsHeld,
    balancing !== 'debit' && to.debits - to.credits - to.creditsHeld,
  ].filter((room) => room !== false);
  if (rooms.some((room) => room <= 0n)) refuse('PT409');
  return rooms.reduce(least, amount ?? rooms[0]);
}

const find = (map, id) => map.get(id) ?? refuse('PT404');
const nothing = () => {};

/** The legs that undo transfers, each as far as it is said, if that much is left of it. */
function undoing(model, transfers, amount) {
  if (transfers.some(({ reverses }) => reverses !== null)) refuse('PT409');
  return transfers.map((one) => {
    const left = one.amount - one.undone;
    if (left <= 0n || (amount !== null && amount > left)) refuse('PT409');
    return { debit: one.credit, credit: one.debit, amount: amount ?? left, reverses: one.id };
  });
}

/**
 * What each kind of request does where it is not repeated: the transfers that it posts, the accounts after it (`steps`
 * has them after each transfer where that is what is answered), and what else it changes.
 */
const PLANS = {
  transfer(model, op) {
    const amount = op.balancing ? balancingAmount(model, op) : op.amount;
    return model.posting([{ debit: op.debit, credit: op.credit, amount }]);
  },

  journal: (model, op) => model.posting(op.legs),

  all(model, op) {
    const sheet = new Sheet(model);
    const steps = op.legs.map((leg) => new Map(sheet.post([leg]).after));
    return { ...model.posting([]), rows: op.legs, after: sheet.after, steps };
  },

  sweep(model, op) {
    const legs = op.from.flatMap((code) => {
      const account = model.accounts.get(code);
      const amount = available(account);
      if (amount <= 0n) return [];
      const [debit, credit] = growsByDebits(account) ? [op.to, code] : [code, op.to];
      return [{ debit, credit, amount }];
    });
    return legs.length === 0 ? { answer: 'empty' } : model.posting(legs);
  },

  hold(model, op) {
    const { after } = new Sheet(model).hold(op, -op.amount, 0n);
    const hold = { ...op, settled: 0n, status: 'open' };
    return { answer: 'ok', rows: [], after, hold, commit: () => model.holds.set(op.id, hold) };
  },

  settle(model, op) {
    const hold = find(model.holds, op.hold);
    const left = hold.amount - hold.settled;
    const amount = op.amount ?? left;
    if (hold.status !== 'open' || amount > left) refuse('PT409');
    const rest = op.last ? 'released' : 'open';
    const next = { ...hold, settled: hold.settled + amount, status: amount === left ? 'settled' : rest };
    const { after } = new Sheet(model).hold(hold, next.status === 'open' ? amount : left, amount);
    const rows = [{ debit: hold.debit, credit: hold.credit, amount, hold: op.hold }];
    return { answer: 'ok', rows, after, hold: next, commit: () => model.holds.set(op.hold, next) };
  },

  release(model, op) {
    const hold = find(model.holds, op.hold);
    if (hold.status === 'settled') refuse('PT409');
    if (hold.status === 'released') return { answer: 'replayed' };
    const next = { ...hold, status: 'released' };
    const { after } = new Sheet(model).hold(hold, hold.amount - hold.settled, 0n);
    return { answer: 'ok', rows: [], after, hold: next, commit: () => model.holds.set(op.hold, next) };
  },

  reverse: (model, op) => model.posting(undoing(model, [find(model.transfers, op.target)], op.amount)),

  reverseJournal(model, op) {
    const transfers = find(model.journals, op.target).map((id) => model.transfers.get(id));
    if (transfers.some(({ undone }) => undone > 0n)) refuse('PT409');
    return model.posting(undoing(model, transfers, null));
  },
};

export class Model {
  /** `accounts`: class, overdraft and most (null for no limit) by code. */
  constructor(accounts) {
    const none = { debits: 0n, credits: 0n, debitsHeld: 0n, creditsHeld: 0n };
    this.accounts = new Map(Object.entries(accounts).map(([code, account]) => [code, { ...account, ...none }]));
    this.known = new Map();
    this.transfers = new Map();
    this.journals = new Map();
    this.holds = new Map();
  }

  posting(legs) {
    return { answer: 'ok', rows: legs, after: new Sheet(this).post(legs).after, commit: nothing };
  }

  /** What a request would do now; a Refusal is thrown. Changes nothing. */
  plan(op) {
    if (op.key && this.known.has(op.key)) {
      return this.known.get(op.key) === op.print ? { answer: 'replayed' } : refuse('PT409');
    }
    return PLANS[op.type](this, op);
  }

  /** What a request would be answered now: ok, replayed, empty, or an SQLSTATE. */
  evaluate(op) {
    try {
      return this.plan(op).answer;
    } catch (error) {
      if (error instanceof Refusal) return error.code;
      throw error;
    }
  }

  /** Makes a plan true; `stored` are the transfers that it posted, with their ids. */
  commit(op, plan, stored) {
    for (const [code, account] of plan.after) this.accounts.set(code, account);
    plan.commit();
    if (op.key) this.known.set(op.key, op.print);
    for (const { id, debit, credit, amount, reverses, journal } of stored) {
      this.transfers.set(id, { id, debit, credit, amount, reverses, undone: 0n });
      const undone = this.transfers.get(reverses);
      if (undone) undone.undone += amount;
      if (journal !== null) this.journals.set(journal, [...(this.journals.get(journal) ?? []), id]);
    }
  }
}
