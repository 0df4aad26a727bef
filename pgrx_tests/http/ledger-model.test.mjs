// Random sequences of every operation, committed through several backends, against a model in plain lists: after each
// step the tables are what the model says, a refusal is one that it foresees, and the invariants hold.
//
//   LEDGER_MODEL_SEED=123 LEDGER_MODEL_SEQUENCES=1   repeats a sequence

import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { asText, foresee, Model } from './ledger-model.mjs';
import { assertInvariants, Books, clamp } from './ledger-model-books.mjs';
import { aim, drawAccounts, drawSteps, randomFrom } from './ledger-model-steps.mjs';
import { DATABASE_URL } from './support.mjs';

const SEED = Number(process.env.LEDGER_MODEL_SEED ?? randomInt(2 ** 31));
const SEQUENCES = Number(process.env.LEDGER_MODEL_SEQUENCES ?? 250);
const clients = [];

before(async () => {
  for (let n = 0; n < 3; n += 1) {
    const client = new pg.Client({ connectionString: DATABASE_URL });
    await client.connect();
    await client.query('set statement_timeout = 10000');
    const query = async (text, params) => (await client.query(text, params)).rows;
    const [{ backend }] = await query('select pg_backend_pid() as backend');
    clients.push({ client, query, backend });
  }
});
after(() => Promise.all(clients.map(({ client }) => client.end())));

/** One sequence on accounts of its own. */
class Run {
  constructor(accounts, counts) {
    Object.assign(this, { counts, model: new Model(accounts), transaction: null });
    this.books = new Books(`model-${randomUUID().slice(0, 13)}`, accounts);
  }

  async all(steps) {
    await this.books.open(clients[0].query);
    this.state = await this.books.read(clients[0].query);
    for (const step of steps) await this.step(step);
    await this.end();
  }

  async step(step) {
    const request = aim(step, { model: this.model, system: this.books.system, newId: randomUUID });
    if (!request) return;
    if (!this.transaction && step.within) await this.begin(step);
    const { query, backend } = clients[this.transaction?.client ?? step.client];
    const foreseen = foresee(this.model, request, backend);
    const asked = JSON.stringify(request, asText);
    const answer = await this.attempt(query, request);
    if (answer.code) {
      assert.ok(foreseen.codes.includes(answer.code), `${asked}: ${answer.code} ${answer.message}; foreseen: ${foreseen.codes}`);
    } else {
      assert.deepEqual(foreseen.codes, [], `${asked} was not refused`);
      this.model = foreseen.next;
      this.adopt(request, foreseen, answer.rows);
    }
    const state = await this.books.read(query);
    this.compare(state, asked);
    assertInvariants(state);
    const moved = !answer.code && !foreseen.replayed && !foreseen.results?.every(([result]) => result !== 'ok');
    if (!moved) assert.deepEqual(state, this.state, `${asked} changed something`);
    this.state = state;
    this.count(request, answer, foreseen);
    if (this.transaction && (this.transaction.steps -= 1) === 0) await this.end();
  }

  async begin({ client, within }) {
    await clients[client].query('begin');
    this.transaction = { client, steps: within.begin, commits: within.commits, model: this.model.copy(), state: this.state };
  }

  async end() {
    if (!this.transaction) return;
    const { client, commits, model, state } = this.transaction;
    await clients[client].query(commits ? 'commit' : 'rollback');
    if (!commits) Object.assign(this, { model, state });
    this.transaction = null;
    const now = await this.books.read(clients[client].query);
    assert.deepEqual(now, this.state, commits ? 'the commit changed something' : 'the rollback left something');
  }

  /** Rows, or the SQLSTATE of the refusal, of which nothing stays. */
  async attempt(query, request) {
    const within = this.transaction !== null;
    try {
      if (within) await query('savepoint step');
      return { rows: await query(this.books.call(request)) };
    } catch (error) {
      if (!error.code) throw error;
      if (within) await query('rollback to step');
      return { code: error.code, message: error.message };
    }
  }

  /** Takes over what the ledger decided, and compares what it answered. */
  adopt(request, { next, replayed, results }, rows) {
    if (request.op === 'batch') return this.adoptBatch(results, rows);
    if (rows.length === 0 || rows[0].debit_posted === undefined) return;
    const posted = rows[0].transfer_id !== undefined;
    if (posted && !replayed) {
      const fresh = next.transfers.slice(-rows.length);
      rows.forEach((row, n) => Object.assign(fresh[n], { id: row.transfer_id, journalId: row.journal_id ?? row.transfer_id }));
    }
    for (const row of rows) {
      if ('replayed' in row) assert.equal(row.replayed, Boolean(replayed), 'replayed');
      for (const side of ['debit', 'credit']) {
        const n = this.books.number(row[`${side}_account_id`]);
        const { posted: net, available } = next.balance(n);
        // What a posting left on a striped account is not answered; a closed account has no stripes any more.
        const unsaid = posted && next.accounts[n].stripes > 0 && !next.accounts[n].closed;
        const balance = unsaid ? [null, null] : [net, available].map(clamp);
        assert.deepEqual([row[`${side}_posted`], row[`${side}_available`]], balance, `the answer's ${side} side`);
      }
    }
  }

  adoptBatch(results, rows) {
    assert.equal(rows.length, results.length);
    const fresh = this.model.transfers.slice(-rows.filter(({ result }) => result === 'ok').length || Infinity);
    rows.forEach((row, n) => {
      assert.ok(results[n].includes(row.sqlstate ?? row.result), `transfer ${n} of the batch: ${row.sqlstate ?? row.result}, foreseen: ${results[n]}`);
      if (row.result === 'ok') Object.assign(fresh.shift(), { id: row.transfer_id, journalId: row.transfer_id });
    });
  }

  compare(state, asked) {
    const { model, books } = this;
    for (const account of state.accounts) {
      const { debits, credits } = model.posted(account.n);
      const { posted, held, available } = model.balance(account.n);
      const { overdraft, most, frozen, closed } = model.accounts[account.n];
      const found = ['debits', 'credits', 'posted', 'held', 'available', 'overdraft', 'most', 'frozen', 'closed'].map((name) => account[name]);
      const must = [debits, credits, posted, held, available, overdraft, most].map((n) => (n === null ? null : String(n)));
      assert.deepEqual(found, [...must, frozen, closed], `account ${account.n} after ${asked}`);
    }
    const byId = (a, b) => (a.id < b.id ? -1 : 1);
    const transfers = model.transfers.map(({ id, debit, credit, amount, journal, reverses, hold }) => [id, books.id(debit), books.id(credit), String(amount), journal !== null, reverses, hold ?? null]);
    const found = state.transfers.map((t) => [t.id, t.debit, t.credit, t.amount, t.journal !== null, t.reverses, t.hold]);
    assert.deepEqual(found, transfers.sort(([a], [b]) => (a < b ? -1 : 1)), `transfers after ${asked}`);
    assert.equal(state.journals, String(new Set(model.transfers.map(({ journal }) => journal).filter((journal) => journal !== null)).size), `journals after ${asked}`);
    assert.equal(state.keys, String(model.requests.filter(({ key }) => key).length), `keys after ${asked}`);
    assert.equal(state.holds.length, model.holds.length, `holds after ${asked}`);
    [...model.holds].sort(byId).forEach((hold, n) => {
      const { id, settled, status, due } = state.holds[n];
      const now = status === 'open' && due ? 'expired' : status;
      assert.deepEqual([id, settled, now], [hold.id, String(hold.settled), hold.status], `hold after ${asked}`);
      // Only postings that come across it know when it is tidied away.
      assert.ok(!hold.swept || status === 'expired', `hold ${id} is open again after ${asked}`);
      hold.swept = status === 'expired';
    });
  }

  count({ op }, { code }, { replayed, results = [] }) {
    const add = (what) => (this.counts[what] = (this.counts[what] ?? 0) + 1);
    add('steps');
    add(code ? `refused ${code}` : replayed ? 'replayed' : 'done');
    add(`op ${op}`);
    if (this.transaction) add('in a transaction');
    for (const result of results) add(`in batches ${result.length > 1 ? result[0] : result}`);
  }
}

/** The error of a sequence, or nothing. */
async function failureOf(accounts, steps, counts = {}) {
  try {
    await new Run(accounts, counts).all(steps);
    return null;
  } catch (error) {
    await Promise.all(clients.map(({ query }) => query('rollback')));
    return error;
  }
}

/** Leaves out steps as long as the sequence fails all the same. */
async function shrink(accounts, steps, failure) {
  let [best, error] = [steps, failure];
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = size > 1 ? Math.ceil(size / 2) : 0) {
    for (let start = 0; start < best.length; ) {
      const fewer = [...best.slice(0, start), ...best.slice(start + size)];
      const found = await failureOf(accounts, fewer);
      if (found) [best, error] = [fewer, found];
      else start += size;
    }
  }
  return { best, error };
}

test('the tables are what adding up from scratch says, after every step', { timeout: 240_000 }, async (t) => {
  const counts = {};
  for (let n = 0; n < SEQUENCES; n += 1) {
    const random = randomFrom(SEED + n);
    const [accounts, steps] = [drawAccounts(random), drawSteps(random)];
    const failure = await failureOf(accounts, steps, counts);
    if (failure) {
      const { best, error } = await shrink(accounts, steps, failure);
      t.diagnostic(`LEDGER_MODEL_SEED=${SEED + n} LEDGER_MODEL_SEQUENCES=1, on ${JSON.stringify(accounts, asText)}`);
      t.diagnostic(`shrunk to:\n${best.map((step) => JSON.stringify(step, asText)).join('\n')}`);
      throw error;
    }
    if (n % 25 === 24) assert.deepEqual(await clients[0].query('select * from ledger.check()'), []);
  }
  assert.deepEqual(await clients[0].query('select * from ledger.check()'), []);
  t.diagnostic(`seed ${SEED}: ${SEQUENCES} sequences; ${JSON.stringify(counts)}`);
  // A model that only foresees refusals, or a generator that draws too little, proves nothing.
  for (const what of ['done', 'replayed', 'refused PT409', 'refused 22023', 'in batches ok', 'in batches exists', 'in a transaction']) {
    assert.ok(SEQUENCES < 100 || counts[what] > SEQUENCES / 100, `too few: ${what}`);
  }
});
