// The server is killed again and again while eight clients deliver a month of Stripe's events. What had no 200 is
// delivered again, as Stripe does: the books come out as if nothing had happened.
//
// TREASURY_SEED chooses the same month and order again; when the kills come it does not.

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { NO_LIMITS, killProcess, ownServers } from './own-servers.mjs';
import { assertSame, found, foundPlatform, settled, sharedBalances, stateOf } from './treasury-month-books.mjs';
import { month, randomOf } from './treasury-month.mjs';

const servers = ownServers('treasury-crash', NO_LIMITS);
const { DATABASE_URL } = await import('./support.mjs');
const { SECRET, deliverAll, directClient, httpClient, shuffled } = await import('./treasury-delivery.mjs');
const { default: pg } = await import('pg');
after(() => servers.stop());

const SEED = Number(process.env.TREASURY_SEED ?? randomInt(2 ** 32));
const CLIENTS = 8;
const CHARGES = 400;
const KILLS = 6;

/** A connection of its own each time: those from before a crash are dead. */
async function sql(text, params = []) {
  const client = new pg.Client({ connectionString: DATABASE_URL });
  await client.connect();
  try {
    return (await client.query(text, params)).rows;
  } finally {
    await client.end();
  }
}

before(async () => {
  await sql(`select ops.set_webhook_secret('stripe', $1, true)`, [SECRET]);
  await foundPlatform(sql);
});

/** Kills all of PostgreSQL, or the postmaster a moment before what talks to clients, which may commit meanwhile. */
async function kill(random) {
  if (random.chance(50)) {
    servers.kill();
  } else {
    const { postmaster, children } = servers.processes();
    killProcess(postmaster);
    await pause(random.below(40));
    for (const pid of children) killProcess(pid);
  }
  // The clients see what happened before this process waits for the server.
  await pause(random.below(100));
  servers.start();
}

/** Eight clients that deliver until the list is empty; which events had a 200, and what the others had. */
function deliver(events) {
  const acknowledged = new Set();
  const missed = [];
  let next = 0;
  const work = async () => {
    const client = httpClient();
    while (next < events.length) {
      const event = events[next];
      next += 1;
      try {
        await client.deliver(event);
        acknowledged.add(event.id);
      } catch {
        missed.push(event);
        await pause(50);
      }
    }
  };
  const done = Promise.all(Array.from({ length: CLIENTS }, work));
  return { acknowledged, missed, done, delivered: () => next };
}

test(`a month by ${CLIENTS} clients, killed ${KILLS} times`, { timeout: 240_000 }, async (t) => {
  t.diagnostic(`TREASURY_SEED=${SEED}`);
  const random = randomOf(SEED);
  const seed = random.below(2 ** 32);
  const worldInOrder = await found(sql, 'inorder');
  const first = await directClient();
  await deliverAll([first], month({ charges: CHARGES, seed, ...worldInOrder }));
  await first.end();
  await settled(sql, 'inorder');
  const reference = await stateOf(sql, worldInOrder, new Map());

  const world = await found(sql, 'killed');
  const balances = await sharedBalances(sql);
  const events = month({ charges: CHARGES, seed, ...world });
  const deliveries = shuffled(events, 'any order', random);
  const { acknowledged, missed, done, delivered } = deliver(deliveries);
  const missedAt = [];
  for (let n = 1; n <= KILLS; n += 1) {
    // All clients are at work again: after a kill they have missed more than there was time to answer.
    const [share, answered] = [(deliveries.length * n) / (KILLS + 1), acknowledged.size + CLIENTS];
    while (delivered() < deliveries.length && (delivered() < share || acknowledged.size < answered)) await pause(5);
    missedAt.push(missed.length);
    await kill(random);
  }
  await done;
  // What a kill cost is known when clients have heard of it: at the next one, or in the end.
  const missedBy = missedAt.map((before_, n) => (missedAt[n + 1] ?? missed.length) - before_);
  assert.ok(missedBy.every((count) => count > 0), `nobody was in the middle of something: ${missedBy}`);

  // What was answered is kept, whatever became of the server.
  const [{ kept }] = await sql('select count(*)::int as kept from ops.webhook_events where event_key = any ($1)', [[...acknowledged]]);
  assert.equal(kept, acknowledged.size);

  const again = random.shuffled([...missed, ...events.filter(() => random.chance(20))]);
  const rest = deliver(again);
  await rest.done;
  assert.deepEqual(rest.missed, []);
  await settled(sql, 'killed');
  assertSame(await stateOf(sql, world, balances), reference, 'after the kills');
  assert.deepEqual(await sql('select * from ledger.check()'), []);
  t.diagnostic(JSON.stringify({ events: events.length, deliveries: deliveries.length, missed: missed.length, again: again.length, missedBy }));
});
