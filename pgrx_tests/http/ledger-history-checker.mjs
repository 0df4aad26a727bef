// Whether what clients were told by the ledger, and what is in its tables, can be explained by some order of the calls.
//
// The order is that of the times which the ledger stores: each is taken with all accounts of the operation locked. That
// it respects what clients saw (A answered before B was sent) is checked, then every operation is done again in that
// order by the model, which must accept it with the same result. What changed nothing (refusals, repeated requests,
// sweeps of nothing) must have had a moment between its start and its end at which the model says the same.
//
// A history is { accounts, calls, stored }:
// - accounts: { class, overdraft, most, striped } by code;
// - calls: { op, start, end, outcome }, times of one clock; an outcome is { kind: 'ok', answers, replayed },
//   { kind: 'refused', code } or { kind: 'unknown' }; of a batch of each on its own { kind: 'ok', results };
// - stored: { transfers, journals, keys, holds, balances }, what is in the tables afterwards.
// An op has a type of the model's, what is asked, and of what makes it repeatable `key` and `print` (its content).

import { Model, Refusal, available, broken, changed, changesOf, posted } from './ledger-history-model.mjs';

/** What the model knows a reason for. */
const REFUSALS = new Set(['PT404', 'PT409']);

const byId = (rows, id = 'id') => new Map(rows.map((row) => [row[id], row]));
const line = ({ debit, credit, amount, reverses, hold }) => [debit, credit, amount, reverses ?? '', hold ?? ''].join(' ');
const sameLines = (a, b) => a.map(line).sort().join('\n') === b.map(line).sort().join('\n');
const latest = (rows) => rows.reduce((at, row) => (row.at > at ? row.at : at), 0n);

/** The calls, where each transfer of a batch of each on its own is a call. */
function singles(calls) {
  return calls.flatMap((call) => {
    if (call.op.type !== 'each') return [call];
    return call.op.items.map((op, place) => ({
      ...call, op, place, batch: call, outcome: call.outcome.results?.[place] ?? call.outcome,
    }));
  });
}

const groupOf = (op) => op.key ?? `release ${op.hold}`;

/** What the tables have of an operation: its transfers and its time; nothing where it is not there. */
class Stored {
  constructor(stored) {
    this.transfers = byId(stored.transfers);
    this.journals = byId(stored.journals);
    this.keys = byId(stored.keys, 'key');
    this.holds = byId(stored.holds);
    this.legs = new Map();
    for (const row of stored.transfers.filter(({ journal }) => journal !== null)) {
      this.legs.set(row.journal, [...(this.legs.get(row.journal) ?? []), row]);
    }
    this.settled = new Set(stored.transfers.map(({ hold, at }) => `${hold} ${at}`));
    /** Those that an operation accounts for. */
    this.claimed = new Set();
  }

  record(op) {
    const record = this[op.type]?.(op) ?? this.single(op);
    for (const row of record?.rows ?? []) this.claimed.add(row.id);
    return record;
  }

  single({ id }) {
    const row = this.transfers.get(id);
    return row && { rows: [row], at: row.at, half: row.journal !== null };
  }

  journal(op) {
    const id = op.journalKey ? this.keys.get(op.journalKey)?.journal : op.id;
    const [head, rows] = [this.journals.get(id), this.legs.get(id) ?? []];
    const half = !head || rows.length === 0 || (op.legs && rows.length < op.legs.length);
    if (!head && rows.length === 0 && !this.transfers.has(id)) return null;
    this.claimed.add(id);
    if (op.journalKey) this.claimed.add(op.journalKey);
    return { rows, at: head?.at ?? latest(rows), half, reverses: head?.reverses ?? null };
  }

  /** One of a single account is a transfer on its own. */
  sweep(op) {
    return this.transfers.get(op.id)?.journal === null ? this.single(op) : this.journal(op);
  }

  reverseJournal(op) {
    return this.journal(op);
  }

  all({ legs }) {
    const rows = legs.map(({ id }) => this.transfers.get(id)).filter(Boolean);
    // Its transfers may have times of their own; with all its locks it is there at the last of them.
    return rows.length > 0 ? { rows, at: latest(rows), half: rows.length < legs.length } : null;
  }

  hold({ id }) {
    const hold = this.holds.get(id);
    this.claimed.add(id);
    return hold && { rows: [], at: hold.created, hold };
  }

  /** A hold's last settlement may release it, too. */
  release(op) {
    const hold = this.holds.get(op.hold);
    const released = hold?.status === 'released' && !this.settled.has(`${op.hold} ${hold.closed}`);
    return released ? { rows: [], at: hold.closed } : null;
  }

  strangers() {
    const all = [this.transfers, this.journals, this.keys, this.holds].flatMap((rows) => [...rows.keys()]);
    return all.filter((id) => !this.claimed.has(id));
  }
}

/** Whether what is stored can be what is asked, as far as that needs no balances. */
function fits(op, record) {
  if (op.type === 'hold') return line(record.hold) === line(op);
  if (op.type === 'transfer' && !op.balancing) return sameLines(record.rows, [op]);
  return op.legs === undefined || record.half || sameLines(record.rows, op.legs);
}

/** The checks of one history. Problems are collected, so that one does not hide the others. */
class Check {
  constructor({ accounts, calls, stored }) {
    this.accounts = accounts;
    this.calls = singles(calls);
    this.stored = stored;
    this.tables = new Stored(stored);
    this.model = new Model(accounts);
    this.problems = [];
    /** What was done, and what was told without anything being done. */
    this.entries = [];
    this.told = [];
  }

  problem(what, about) {
    this.problems.push({ what, ...about });
  }

  run() {
    const groups = new Map();
    for (const call of this.calls) groups.set(groupOf(call.op), [...(groups.get(groupOf(call.op)) ?? []), call]);
    for (const group of groups.values()) this.match(group);
    for (const id of this.tables.strangers()) this.problem('stranger', { id });
    this.partsOfUnknownBatches();
    this.entries.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : (a.place ?? 0) - (b.place ?? 0)));
    this.entries.forEach((entry, n) => Object.assign(entry, { n }));
    this.realTime();
    this.replay();
    this.end();
    return this.problems;
  }

  /** The calls for one id against what is stored under it. */
  match(group) {
    const record = this.tables.record(group[0].op);
    for (const { op, outcome } of group) {
      if (outcome.kind === 'refused' && !REFUSALS.has(outcome.code)) this.problem('code', { op, code: outcome.code });
    }
    const done = group.filter(({ outcome }) => outcome.kind === 'ok' && !outcome.replayed && outcome.answers.length > 0);
    const unknown = group.filter(({ outcome }) => outcome.kind === 'unknown');
    const told = group.filter((call) => !done.includes(call) && !unknown.includes(call));
    this.told.push(...told);
    for (const call of unknown) call.present = Boolean(record);
    if (done.length > 1) this.problem('twice', { op: done[0].op });
    if (!record) {
      if (done.length > 0) this.problem('lost', { op: done[0].op });
      return;
    }
    const op = (done.length > 0 ? done : group).find((call) => fits(call.op, record))?.op;
    if (record.half) this.problem('half', { op: group[0].op });
    if (!op) this.problem('content', { op: group[0].op });
    if (record.half || !op) return;
    const may = done.length > 0 ? done : unknown.filter((call) => call.op.print === op.print);
    if (may.length === 0) {
      this.problem(told.every(({ outcome }) => outcome.kind === 'refused') ? 'refused and there' : 'done by nobody', { op });
      return;
    }
    this.entries.push({
      op, ...record, call: done[0] ?? null, batch: may[0].batch, place: may[0].place,
      start: Math.min(...may.map(({ start }) => start)), end: Math.max(...may.map(({ end }) => end)),
    });
  }

  /** Where a part of a batch without an answer is there, the call came to its end: the rest was refused. */
  partsOfUnknownBatches() {
    const there = new Set(this.entries.filter(({ call, batch }) => batch && !call).map(({ batch }) => batch));
    for (const call of this.calls) {
      const { batch, op, outcome, present } = call;
      if (outcome.kind !== 'unknown' || present || !there.has(batch)) continue;
      if (this.calls.every((other) => other.op !== op || other === call)) {
        this.told.push({ ...call, outcome: { kind: 'refused', code: 'PT409' } });
      }
    }
  }

  /** What was answered before something else was sent comes before it. */
  realTime() {
    let latestStart = { start: -Infinity };
    for (const entry of this.entries) {
      if (latestStart.start > entry.end) this.problem('real time', { op: entry.op, before: latestStart.op });
      if (entry.start > latestStart.start) latestStart = entry;
    }
  }

  replay() {
    const windows = new Windows(this.entries);
    const waiting = this.told.map((call) => ({ call, ...windows.of(call) })).sort((a, b) => a.from - b.from);
    this.chains = new Chains(this.accounts);
    const unexplained = [];
    let open = [];
    for (let n = 0, next = 0; n <= this.entries.length; n += 1) {
      while (next < waiting.length && waiting[next].from <= n) open.push(waiting[next++]);
      open = open.filter((one) => {
        if (n <= one.to && this.model.evaluate(one.call.op) === expectation(one.call.outcome)) return false;
        if (n >= one.to) unexplained.push(one);
        return n < one.to;
      });
      if (n < this.entries.length) this.redo(this.entries[n]);
    }
    this.chains.order(this.entries);
    for (const { call } of [...unexplained, ...open]) {
      if (!this.explainedWithoutLocks(call)) this.problem('unexplained', { op: call.op, outcome: call.outcome });
    }
  }

  /** Does an operation again, as it is stored. */
  redo(entry) {
    const { op, rows, call } = entry;
    let plan;
    try {
      plan = this.model.plan(op);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.problem('not accepted', { op, code: error.code });
      return;
    }
    if (plan.answer !== 'ok') {
      this.problem('not accepted', { op, answer: plan.answer });
      return;
    }
    if (!this.isAsPlanned(entry, plan)) this.problem('content', { op, rows });
    this.model.commit(op, plan, rows);
    this.chains.add(entry, plan.after);
    for (const [code, account] of plan.after) {
      for (const limit of broken(account)) this.problem('limit', { op, code, limit });
    }
    if (call) this.compareAnswers(entry, plan);
  }

  isAsPlanned({ op, rows, reverses }, plan) {
    const kind = op.type.startsWith('reverse') ? 'reversal' : 'load';
    const head = reverses === undefined || reverses === (op.type === 'reverseJournal' ? op.target : null);
    return head && sameLines(rows, plan.rows) && rows.every((row) => row.kind === kind);
  }

  /** The answer against what is stored and the model's balances. */
  compareAnswers({ op, rows, call }, plan) {
    if (call.outcome.answers.length !== Math.max(rows.length, 1)) this.problem('answer', { op, answers: call.outcome.answers });
    call.outcome.answers.forEach((answer, n) => {
      const row = rows.find(({ id }) => id === answer.id);
      if (rows.length > 0 && (!row || line(answer) !== line({ ...row, reverses: null, hold: null }))) {
        this.problem('answer', { op, answer, row });
      }
      for (const [code, balance] of [[answer.debit, answer.debitBalance], [answer.credit, answer.creditBalance]]) {
        const account = (plan.steps?.[n] ?? plan.after).get(code);
        if (balance && !account) this.problem('answer', { op, answer });
        else if (balance) this.compareBalance(op, code, balance, account);
      }
      if (answer.left !== undefined) this.compareHold(op, answer, plan.hold);
    });
  }

  compareBalance(op, code, answer, account) {
    const { striped, overdraft, most } = this.accounts[code];
    // Other stripes move meanwhile: all that is promised is that the balance keeps to its limits.
    const same = striped
      ? (overdraft === null || answer.posted >= -overdraft) && (most === null || answer.posted <= most)
      : answer.posted === posted(account) && answer.available === available(account);
    if (!same) this.problem('balance', { op, code, answer, model: { posted: posted(account), available: available(account) } });
  }

  compareHold(op, answer, hold) {
    const left = hold.status === 'open' ? hold.amount - hold.settled : 0n;
    if (answer.left !== left || answer.status !== hold.status) this.problem('answer', { op, answer, hold });
  }

  /**
   * What is decided without locks sees accounts as they were committed, which need not be in the order of the stored
   * times where two operations have no account in common. A transfer of a batch is refused by one account alone; what
   * is not found is not found if nobody had heard of it before.
   */
  explainedWithoutLocks(call) {
    const { op, outcome } = call;
    if (outcome.code === 'PT404') {
      const object = op.hold ?? op.target;
      const names = (entry) =>
        [entry.op.id, entry.op.hold, entry.op.target].includes(object) ||
        entry.rows.some(({ id, journal }) => id === object || journal === object);
      return this.entries.every((entry) => !names(entry) || entry.end >= call.start);
    }
    if (outcome.code !== 'PT409' || !(call.batch || op.type === 'all')) return false;
    // What was posted before is answered, whatever there is by now.
    if (this.entries.some((entry) => entry.op.key === op.key && entry.end < call.start)) return false;
    const legs = op.legs ?? [op];
    return [...changesOf(legs).keys()].some((code) =>
      this.chains.states(code, call, this.entries).some((account) => refuses(account, code, legs)));
  }

  /** What is in the tables in the end. */
  end() {
    for (const { code, posted: has, available: may } of this.stored.balances) {
      const account = this.model.accounts.get(code);
      if (has !== posted(account) || may !== available(account)) {
        this.problem('end', { code, has, may, model: { posted: posted(account), available: available(account) } });
      }
    }
    for (const { id, status, settled } of this.stored.holds) {
      const hold = this.model.holds.get(id);
      if (hold && (hold.status !== status || hold.settled !== settled)) this.problem('end', { id, status, settled, hold });
    }
  }
}

function expectation(outcome) {
  if (outcome.kind === 'refused') return outcome.code;
  return outcome.replayed ? 'replayed' : 'empty';
}

/** Whether an account alone refuses legs that are posted one after the other. */
function refuses(account, code, legs) {
  try {
    legs.reduce((now, leg) => {
      const change = changesOf([leg]).get(code);
      return change ? changed(now, change) : now;
    }, account);
    return false;
  } catch (error) {
    if (error instanceof Refusal) return true;
    throw error;
  }
}

const accountsOf = (op) => (op.legs ?? [op]).flatMap(({ debit, credit }) => [debit, credit]);

/** Between which places of the order a call that changed nothing may have been. */
class Windows {
  constructor(entries) {
    this.entries = entries;
    const cut = (list, time, add) => {
      const sorted = [...list].sort((a, b) => a[time] - b[time]);
      return { times: sorted.map((entry) => entry[time]), places: add(sorted.map(({ n }) => n)) };
    };
    // After all that ended before it, and before all that began after it.
    this.ended = cut(entries, 'end', (places) => running(places, Math.max));
    this.began = cut(entries, 'start', (places) => running(places.reverse(), Math.min).reverse());
    this.batches = new Map();
    for (const entry of entries.filter(({ batch }) => batch)) {
      this.batches.set(entry.batch, [...(this.batches.get(entry.batch) ?? []), entry]);
    }
  }

  of(call) {
    const ended = this.ended.places[firstAtLeast(this.ended.times, call.start) - 1];
    const began = this.began.places[firstAbove(this.began.times, call.end)];
    let [from, to] = [ended === undefined ? 0 : ended + 1, began ?? this.entries.length];
    // In a batch it comes after and before those that have an account in common with it.
    const own = new Set(accountsOf(call.op));
    for (const { n, place, op } of this.batches.get(call.batch) ?? []) {
      if (!accountsOf(op).some((code) => own.has(code))) continue;
      if (place < call.place) from = Math.max(from, n + 1);
      else to = Math.min(to, n);
    }
    return { from, to };
  }
}

function running(numbers, best) {
  let so = numbers[0];
  return numbers.map((number) => (so = best(so, number)));
}

/** The first place of sorted numbers where the predicate holds. */
function firstWhere(numbers, predicate) {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (predicate(numbers[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
const firstAtLeast = (numbers, least) => firstWhere(numbers, (number) => number >= least);
const firstAbove = (numbers, most) => firstWhere(numbers, (number) => number > most);

/** The states of each account of one row, and which operations must have come before or after which. */
class Chains {
  constructor(accounts) {
    this.codes = Object.keys(accounts).filter((code) => !accounts[code].striped);
    const initial = new Model(accounts).accounts;
    this.chain = new Map(this.codes.map((code) => [code, [initial.get(code)]]));
  }

  /** An operation with the accounts as it left them: each gets the next place in their chains. */
  add(entry, after) {
    entry.places = new Map();
    for (const code of this.codes.filter((one) => after.has(one))) {
      entry.places.set(code, this.chain.get(code).push(after.get(code)) - 1);
    }
  }

  /**
   * For each operation, and each account, the last place of the account's chain that it comes after, and the first that
   * it comes before, itself included: who has an account in common has waited for the other.
   */
  order(entries) {
    this.link(entries, 'past', Math.max, () => 0);
    this.link(entries.toReversed(), 'future', Math.min, (code) => this.chain.get(code).length);
  }

  link(entries, side, best, none) {
    const last = new Map();
    for (const entry of entries.filter(({ places }) => places)) {
      const known = new Map(this.codes.map((code) => [code, none(code)]));
      for (const code of entry.places.keys()) {
        for (const [other, place] of last.get(code) ?? []) known.set(other, best(known.get(other), place));
      }
      for (const [code, place] of entry.places) known.set(code, best(known.get(code), place));
      for (const code of entry.places.keys()) last.set(code, known);
      entry[side] = known;
    }
  }

  /** The states of an account that a call without locks may have seen. */
  states(code, call, entries) {
    const chain = this.chain.get(code);
    if (!chain) return [];
    let [from, to] = [0, chain.length - 1];
    for (const { past, future, places, start, end, batch, place } of entries) {
      if (!places) continue;
      const own = batch && batch === call.batch && places.has(code);
      if (end < call.start || (own && place < call.place)) from = Math.max(from, past.get(code));
      if (start > call.end || (own && place > call.place)) to = Math.min(to, future.get(code) - 1);
    }
    return chain.slice(from, to + 1);
  }
}

/** What is wrong with a history: `{ what, … }` for each problem, none where it can be explained. */
export function problemsOf(history) {
  return new Check(history).run();
}

/** How many calls came to what; each transfer of a batch of each on its own counts for itself. */
export function tally({ calls, stored }) {
  const counts = { acknowledged: 0, repeated: 0, refused: 0, 'unknown and there': 0, 'unknown and not there': 0 };
  const tables = new Stored(stored);
  for (const { op, outcome } of singles(calls)) {
    if (outcome.kind === 'refused') counts.refused += 1;
    else if (outcome.kind === 'ok') counts[outcome.replayed ? 'repeated' : 'acknowledged'] += 1;
    else counts[tables.record(op) ? 'unknown and there' : 'unknown and not there'] += 1;
  }
  return counts;
}
