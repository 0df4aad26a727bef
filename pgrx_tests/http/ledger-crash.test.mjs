// Every operation of the ledger at random, by 16 clients, while the server is killed again and again: what was answered
// is there, what was refused is not, what had no answer is there whole or not at all, and some order explains it all.
//
// LEDGER_CRASH_SEED chooses the decisions of an earlier run again; who is faster it does not.

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { problemsOf, tally } from './ledger-history-checker.mjs';
import { ACCOUNTS, SYSTEM, Shared, draw, outcomeOf, randomOf, readStored, statement, transferOp } from './ledger-history-operations.mjs';
import { NO_LIMITS, killProcess, ownServers } from './own-servers.mjs';

const servers = ownServers('ledger-crash', NO_LIMITS);
const { DATABASE_URL } = await import('./support.mjs');
const { default: pg } = await import('pg');
after(() => servers.stop());

const ROUNDS = 9;
const CLIENTS = 16;
const SEED = Number(process.env.LEDGER_CRASH_SEED ?? randomInt(2 ** 32));
const random = randomOf(SEED);
const now = () => performance.now();

const calls = [];
const shared = new Shared();
const codes = new Map();
let running = true;
/** What the checker was shown. */
let history;

async function connect() {
  const client = new pg.Client({ connectionString: DATABASE_URL });
  // That the server is gone shows in the query that waits for it, or in the next.
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** The SQLSTATE of a refusal; nothing where the server went away and nobody knows. */
const refusal = ({ code }) => (/^[0-9A-Z]{5}$/.test(code ?? '') && !/^(08|57)/.test(code) ? code : null);

/** Sends an operation and writes down what it was answered, and when. */
async function send(client, op) {
  const call = { op, start: now() };
  try {
    const { rows } = await client.query(...statement(op));
    call.outcome = outcomeOf(op, rows, codes);
  } catch (error) {
    const code = refusal(error);
    call.outcome = code ? { kind: 'refused', code, message: error.message } : { kind: 'unknown' };
  }
  call.end = now();
  calls.push(call);
  shared.learn(call);
  return call;
}

/** One client: a new connection whenever the server has come back. */
async function work(decisions) {
  let client = null;
  while (running) {
    try {
      client ??= await connect();
    } catch {
      await pause(20);
      continue;
    }
    const { outcome } = await send(client, draw(decisions, shared));
    if (outcome.kind !== 'unknown') continue;
    client.end().catch(() => {});
    client = null;
  }
  await client?.end();
}

/** Kills one process that talks to a client, or one of the server's own: the postmaster then ends all and starts anew. */
function killOne() {
  const isOf = (pid, pattern) => {
    try {
      return pattern.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    } catch {
      return false; // it has ended
    }
  };
  const { children } = servers.processes();
  const pattern = random.below(4) === 0 ? /checkpointer|walwriter|background writer/ : /127\.0\.0\.1/;
  const some = children.filter((pid) => isOf(pid, pattern));
  assert.ok(some.length > 0, `no process is ${pattern}`);
  assert.ok(killProcess(random.pick(some)), 'it had ended');
}

/** Kills the postmaster; what talks to clients goes on for a moment, and may commit. */
async function killPostmasterFirst() {
  const { postmaster, children } = servers.processes();
  killProcess(postmaster);
  await pause(random.below(40));
  for (const pid of children) killProcess(pid);
}

const KILLS = {
  async one() {
    killOne();
    await pause(200);
  },
  async all() {
    servers.kill();
    await restart();
  },
  async postmaster() {
    await killPostmasterFirst();
    await restart();
  },
};

async function restart() {
  // The clients see what happened before this process waits for the server.
  await pause(50 + random.below(200));
  servers.start();
}

const unanswered = () => calls.filter(({ outcome }) => outcome.kind === 'unknown').length;

/** Once the server answers. */
async function whenBack() {
  for (let tries = 0; tries < 500; tries += 1) {
    try {
      await (await connect()).end();
      return;
    } catch {
      await pause(40);
    }
  }
  assert.fail('the server did not come back');
}

async function rows(text, params = []) {
  const client = await connect();
  try {
    return (await client.query(text, params)).rows;
  } finally {
    await client.end();
  }
}

before(async () => {
  const client = await connect();
  for (const [code, { class: type, overdraft, most, stripes }] of Object.entries(ACCOUNTS)) {
    const { rows: [{ id }] } = await client.query(
      `select ledger.open_account($1, $2, 'INR', $3, p_max_overdraft => $4, p_max_balance => $5, p_stripes => $6) as id`,
      [SYSTEM, code, type, overdraft, most, stripes],
    );
    codes.set(id, code);
  }
  // Something to begin with; the till grows by debits.
  for (const code of ['wallet0', 'wallet1', 'wallet2', 'pool', 'pot']) {
    await send(client, transferOp({ debit: 'bank', credit: code, amount: 400n }));
  }
  await send(client, transferOp({ debit: 'till', credit: 'bank', amount: 400n }));
  assert.ok(calls.every(({ outcome }) => outcome.kind === 'ok'));
  await client.end();
});

/** How many problems of each kind, and the first of each. */
function summary(problems) {
  const show = (_, value) => (typeof value === 'bigint' ? `${value}` : value);
  const kinds = [...new Set(problems.map(({ what, code }) => `${what} ${code ?? ''}`))];
  const of = (kind) => problems.filter(({ what, code }) => `${what} ${code ?? ''}` === kind);
  return kinds.map((kind) => `${of(kind).length} × ${kind}: ${JSON.stringify(of(kind)[0], show)}`).join('\n');
}

test('every operation at random, killed again and again', { timeout: 240_000 }, async (t) => {
  t.diagnostic(`LEDGER_CRASH_SEED=${SEED}`);
  const clients = Array.from({ length: CLIENTS }, () => work(randomOf(random.below(2 ** 32))));
  const kills = {};
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      await pause(600 + random.below(1500));
      const before = unanswered();
      const kind = Object.keys(KILLS)[round % 3];
      kills[kind] = (kills[kind] ?? 0) + 1;
      await KILLS[kind]();
      await whenBack();
      assert.ok(unanswered() > before, 'nobody was in the middle of something');
    }
    await pause(500);
  } finally {
    running = false;
    await Promise.allSettled(clients);
  }
  for (const client of clients) await client;

  history = { accounts: ACCOUNTS, calls, stored: await readStored(rows) };
  const problems = problemsOf(history);
  const counts = tally(history);
  t.diagnostic(JSON.stringify({ rounds: ROUNDS, kills, calls: calls.length, operations: counts }));
  assert.equal(problems.length, 0, summary(problems));
  assert.deepEqual(await rows('select * from ledger.check()'), []);
  for (const [what, count] of Object.entries(counts)) assert.ok(count > 0, `${what}: ${JSON.stringify(counts)}`);
});

const done = ({ outcome }) => outcome.kind === 'ok' && !outcome.replayed && outcome.answers?.length > 0;
const known = ({ debit, debitBalance }) => debitBalance && !ACCOUNTS[debit].striped;

/** What could have gone wrong. */
const TAMPERED = {
  'a transfer is lost': ({ stored }) => stored.transfers.splice(random.below(stored.transfers.length), 1),
  'a transfer has another amount'({ stored }) {
    random.pick(stored.transfers).amount += 1n;
  },
  'a hold is lost': ({ stored }) => stored.holds.splice(random.below(stored.holds.length), 1),
  'what was done was refused'({ calls: all }) {
    // One that was sent once: another without an answer might have done it.
    const last = new Map(all.map((call) => [call.op.key, call]));
    const first = new Map(all.toReversed().map((call) => [call.op.key, call]));
    const once = all.filter((call) => done(call) && call.op.key && first.get(call.op.key) === last.get(call.op.key));
    random.pick(once).outcome = { kind: 'refused', code: 'PT409' };
  },
  'an answer has another balance'({ calls: all }) {
    const { outcome } = random.pick(all.filter((call) => done(call) && call.outcome.answers.some(known)));
    outcome.answers.find(known).debitBalance.posted += 1n;
  },
  'a transfer came much later'({ stored }) {
    const alone = stored.transfers.filter(({ journal }) => journal === null);
    alone[random.below(alone.length >> 1)].at += 60_000_000n;
  },
  // The bank has no end, and nor have the fees.
  'what nothing forbids was refused'({ calls: all }) {
    const { start, end } = random.pick(all.filter(done));
    all.push({ op: transferOp({ debit: 'bank', credit: 'fees', amount: 1n }), start, end, outcome: { kind: 'refused', code: 'PT409' } });
  },
};

for (const [what, tamper] of Object.entries(TAMPERED)) {
  test(`the checker would have seen that ${what}`, () => {
    const other = structuredClone(history);
    tamper(other);
    assert.ok(problemsOf(other).length > 0);
  });
}
