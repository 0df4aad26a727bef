// A month of Stripe's events, each one to three times, by eight clients at once, in many orders: the books come out to the
// cent as they do in order and once.
//
// The month of 2,000 charges goes through the gateway; a hundred orders of a month of 200 through PostgreSQL's own
// connections, each with people and ids of its own, so that what one leaves behind can be told from the others.
// TREASURY_SEED chooses the same months and orders again; which client is faster it does not. TREASURY_SHUFFLES and
// TREASURY_CHARGES say how many orders there are, and of how large a month.

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, test } from 'node:test';
import { NO_LIMITS, ownServers } from './own-servers.mjs';
import { assertSame, found, foundPlatform, settled, sharedBalances, stateOf } from './treasury-month-books.mjs';
import { month, randomOf } from './treasury-month.mjs';

// The platform's fee and default rule are the month's, so no other test may share the database.
const servers = ownServers('treasury', NO_LIMITS);
const { sql } = await import('./support.mjs');
const { ORDERS, SECRET, deliverAll, directClient, httpClient, shuffled } = await import('./treasury-delivery.mjs');

const SEED = Number(process.env.TREASURY_SEED ?? randomInt(2 ** 32));
const CLIENTS = 8;
const SHUFFLES = Number(process.env.TREASURY_SHUFFLES ?? 100);
const SMALL = Number(process.env.TREASURY_CHARGES ?? 200);
const LARGE = 2000;

let direct;
before(async () => {
  await sql(`select ops.set_webhook_secret('stripe', $1, true)`, [SECRET]);
  await foundPlatform(sql);
  direct = await Promise.all(Array.from({ length: CLIENTS }, directClient));
});
after(async () => {
  for (const client of direct) await client.end();
  servers.stop();
});

/** A month of its own in the database; `seed` is what is alike in all of them. */
async function newMonth(prefix, charges, seed) {
  const world = await found(sql, prefix);
  return { world, events: month({ charges, seed, ...world }) };
}

/** Delivers a month in some order; its state, and what had failed at first. */
async function run({ world, events }, clients) {
  const balances = await sharedBalances(sql);
  const counts = await deliverAll(clients, events);
  const first = await settled(sql, world.prefix);
  return { state: await stateOf(sql, world, balances), counts, failed: Object.keys(first).filter((one) => one.startsWith('failed')) };
}

const kindsOf = (events) => new Set(events.map(({ body }) => JSON.parse(body).type));

test('a month has everything that happens', async () => {
  const people = {};
  const events = month({ charges: LARGE, seed: SEED, prefix: 'x', people, rules: {} });
  const kinds = kindsOf(events);
  for (const kind of [
    'charge.succeeded', 'charge.captured', 'charge.updated', 'charge.refunded', 'charge.failed', 'charge.expired',
    'payment_intent.succeeded', 'refund.created', 'refund.updated', 'refund.failed', 'charge.dispute.created',
    'charge.dispute.updated', 'charge.dispute.funds_withdrawn', 'charge.dispute.funds_reinstated', 'charge.dispute.closed',
    'payout.created', 'payout.updated', 'payout.paid', 'payout.failed', 'payout.canceled', 'account.updated',
  ]) {
    assert.ok(kinds.has(kind), kind);
  }
});

test(`${SHUFFLES} orders of a month of ${SMALL} charges by ${CLIENTS} clients`, { timeout: Math.max(280_000, SHUFFLES * SMALL * 20) }, async (t) => {
  t.diagnostic(`TREASURY_SEED=${SEED}`);
  const random = randomOf(SEED);
  const seed = random.below(2 ** 32);
  const run_ = `${Date.now().toString(36)}${SEED.toString(36)}`;
  const inOrder = await newMonth(`${run_}r`, SMALL, seed);
  const { state: reference, failed: never } = await run(inOrder, direct.slice(0, 1));
  assert.deepEqual(never, []);
  assert.ok(Object.keys(reference.balances).length > 20);

  const names = Object.keys(ORDERS);
  const tally = {};
  const failures = {};
  const begun = performance.now();
  let tried = 0;
  for (let n = 0; n < SHUFFLES; n += 1) {
    const { world, events } = await newMonth(`${run_}s${n}`, SMALL, seed);
    const order = names[n % names.length];
    const { state, counts, failed } = await run({ world, events: shuffled(events, order, random) }, direct);
    assertSame(state, reference, `shuffle ${n} (${order})`);
    for (const [what, count] of Object.entries(counts)) tally[what] = (tally[what] ?? 0) + count;
    for (const what of failed) failures[what] = (failures[what] ?? 0) + 1;
    tried += 1;
  }
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  t.diagnostic(JSON.stringify({ tried, seconds, events: inOrder.events.length, deliveries: tally, failures }));
  assert.equal(tried, SHUFFLES);
  assert.deepEqual(failures, {}, 'nothing failed, not even for a moment');
  assert.ok(tally.duplicate > 0 && tally.parked > 0);
  assert.deepEqual(await sql('select * from ledger.check()'), []);
});

/** A charge with its fee, more refunded and disputed than was paid, and whatever else posts more than once. */
function sale(n, currency, owner) {
  const created = Math.floor(Date.now() / 1000);
  const tell = (type, object) => {
    const body = { id: `evt_${type}_${currency}_${n}`, type, created, livemode: true, data: { object } };
    return { id: body.id, body: JSON.stringify(body) };
  };
  const charge = `ch_${currency}_${n}`;
  const transaction = (id, amount, fee) => ({ id: `txn_${id}_${currency}_${n}`, amount, fee, net: amount - fee, currency });
  const part = { charge, currency };
  return [
    tell('refund.created', { ...part, id: `re_${currency}_${n}`, amount: 7000, status: 'succeeded' }),
    tell('charge.dispute.funds_withdrawn', {
      ...part, id: `dp_${currency}_${n}`, amount: 10_000, status: 'needs_response', balance_transactions: [transaction('d', -10_000, 1500)],
    }),
    tell('charge.succeeded', {
      id: charge, amount: 10_000, currency, created, captured: true, amount_captured: 10_000, amount_refunded: 0, metadata: { owner_id: owner },
      balance_transaction: { ...transaction('c', 10_000, 320), type: 'charge', source: charge },
    }),
  ];
}

test('the first of a currency at once, and postings that all want the same accounts', { timeout: 120_000 }, async (t) => {
  const { people } = await found(sql, 'meet');
  // More than the stripes of an account, so that clients meet on those too.
  const many = await Promise.all(Array.from({ length: 24 }, directClient));
  const currencies = ['chf', 'sek', 'nok', 'dkk', 'pln', 'czk'];
  const random = randomOf(SEED + 2);
  for (const currency of currencies) {
    const sales = Array.from({ length: 40 }, (_, n) => sale(n, currency, people[random.pick(['tours', 'tokyo'])]));
    await deliverAll(many, random.shuffled(sales).flat());
  }
  for (const client of many) await client.end();
  const states = await sql(
    `select status, error_code, error_message, count(*)::int from ops.webhook_events where event_key ~ '_(chf|sek|nok|dkk|pln|czk)_' group by 1, 2, 3`,
  );
  t.diagnostic(JSON.stringify(states));
  assert.deepEqual(states.map(({ status, count }) => [status, count]), [['processed', 3 * 40 * currencies.length]]);
  const balances = await sql(`select split_part(code, ':', 1) as what, currency, sum(posted)::int from ledger.balances
    where system = 'treasury' and currency = 'CHF' and posted <> 0 group by 1, 2 order by 1`);
  // 40 × (10,000 − 7,000 − 10,000), and the fees.
  assert.deepEqual(balances.map(({ what, sum }) => [what, sum]), [
    ['dispute_fees', 60_000], ['losses', 280_000], ['processing_fees', 12_800], ['stripe', -352_800],
  ]);
  assert.deepEqual(await sql('select * from ledger.check()'), []);
});

test(`a month of ${LARGE} charges through the gateway`, { timeout: 290_000 }, async (t) => {
  const random = randomOf(SEED + 1);
  const seed = random.below(2 ** 32);
  const run_ = `${Date.now().toString(36)}${SEED.toString(36)}`;
  const begun = performance.now();
  const inOrder = await newMonth(`${run_}lr`, LARGE, seed);
  const { state: reference } = await run(inOrder, direct.slice(0, 1));
  const { world, events } = await newMonth(`${run_}l`, LARGE, seed);
  const gateway = Array.from({ length: CLIENTS }, httpClient);
  const deliveries = shuffled(events, 'any order', random);
  const { state, counts, failed } = await run({ world, events: deliveries }, gateway);
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  t.diagnostic(JSON.stringify({ seconds, events: events.length, deliveries: counts, failed }));
  assertSame(state, reference, 'through the gateway');
  assert.deepEqual(failed, []);
  assert.deepEqual(await sql('select * from ledger.check()'), []);
});
