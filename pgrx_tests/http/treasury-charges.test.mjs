// Charges, refunds and disputes through the gateway: Stripe's webhooks, the documents' paths, who sees what, many at once.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, test } from 'node:test';
import { SERVICE_KEY, client, sql } from './support.mjs';
import { api, charge, code, deliver, earned, event, expectNothingBroken, listen, newPerson, tell, unique } from './treasury-support.mjs';

expectNothingBroken();

let host, artist, buyer, admin, stranger;
before(async () => {
  await listen();
  [host, artist, buyer, admin, stranger] = await Promise.all(['host', 'artist', 'buyer', 'admin', 'host'].map((role) => newPerson(role)));
  const made = await api('POST', 'split-rules', host, {
    name: 'Tour', is_default: true, rules: [{ recipient_id: artist.id, percent: 70 }, { recipient_id: host.id, percent: 30 }],
  });
  assert.equal(made.status, 200, JSON.stringify(made.body));
});

/** A ticket that the buyer paid. */
async function sold(cents, more = {}) {
  const one = charge(cents, { owner_id: host.id, buyer_id: buyer.id }, more);
  assert.equal(await tell('charge.succeeded', one), 'processed');
  return one;
}

const rowOf = async (one) => (await sql('select * from treasury.charges where stripe_charge_id = $1', [one.id]))[0];
const refundOf = (one, cents, more = {}) => ({ id: unique('re'), object: 'refund', charge: one.id, amount: cents, currency: 'usd', status: 'succeeded', ...more });
const disputeOf = (one, cents, status, moved = []) => ({ id: unique('dp'), object: 'dispute', charge: one.id, amount: cents, currency: 'usd', status, reason: 'general', evidence_details: { due_by: 4_000_000_000 }, balance_transactions: moved });
const moved = (amount, fee = 0) => ({ id: unique('txn'), object: 'balance_transaction', amount, fee, net: amount - fee, currency: 'usd' });

test('each sees their own part of a charge and nobody else’s', async () => {
  const one = await sold(10_001);
  const { id } = await rowOf(one);
  const shares = async (who) => (await who.supabase.from('charge_shares').select('party, amount_cents').eq('charge_id', id)).data;
  const charges = async (who) => (await who.supabase.from('charges').select('stripe_charge_id').eq('id', id)).data.length;
  assert.deepEqual(await shares(artist), [{ party: 'recipient', amount_cents: 7001 }]);
  assert.deepEqual(await shares(host), [{ party: 'recipient', amount_cents: 3000 }]);
  assert.deepEqual(await shares(buyer), []);
  assert.equal((await shares(admin)).length, 3);
  assert.deepEqual(await Promise.all([host, buyer, artist, stranger, admin].map(charges)), [1, 1, 0, 0, 1]);
});

test('a buyer asks for a refund at the document’s path, and the books follow Stripe', async () => {
  const one = await sold(10_000);
  const before = await earned(artist);
  const asked = await api('POST', 'refunds/', buyer, { charge_id: one.id, amount_cents: 1000, reason: 'ill' });
  assert.deepEqual([asked.status, asked.body.status, asked.body.amount_cents], [200, 'pending', 1000]);
  assert.deepEqual(Object.keys(asked.body).slice(0, 4), ['id', 'stripe_refund_id', 'original_charge_id', 'status']);
  assert.equal(await earned(artist), before);
  const refund = refundOf(one, 1000, { metadata: { backoffice_refund: String(asked.body.id) } });
  assert.equal(await tell('refund.created', refund), 'processed');
  assert.equal(await tell('charge.refunded', { ...one, amount_refunded: 1000 }), 'processed');
  assert.equal(await earned(artist), before - 700);
  const seen = async (who) => (await who.supabase.from('refunds').select('status, stripe_refund_id').eq('original_charge_id', one.id)).data;
  for (const who of [buyer, host, admin]) assert.deepEqual(await seen(who), [{ status: 'succeeded', stripe_refund_id: refund.id }]);
  for (const who of [artist, stranger]) assert.deepEqual(await seen(who), []);
});

test('who may not ask, and what is not asked', async () => {
  const one = await sold(10_000);
  for (const who of [host, artist, stranger]) assert.deepEqual(code(await api('POST', 'refunds', who, { charge_id: one.id })), [403, '42501']);
  assert.equal((await api('POST', 'refunds', null, { charge_id: one.id })).status, 401);
  assert.deepEqual(code(await api('POST', 'refunds', admin, { charge_id: 'ch_none' })), [404, 'PT404']);
  assert.deepEqual(code(await api('POST', 'refunds', buyer, { charge_id: 'ch_none' })), [403, '42501']);
  for (const body of [{}, [], { charge_id: one.id, amount_cents: -1 }, { charge_id: one.id, amount_cents: 1e30 }, { charge_id: one.id, more: 1 }, 'x', '']) {
    assert.equal((await api('POST', 'refunds', buyer, body, { 'content-type': 'application/json' })).status, 400, JSON.stringify(body));
  }
  for (const [method, path] of [['GET', 'refunds'], ['PUT', 'refunds'], ['POST', 'refunds/7'], ['POST', 'disputes/open'], ['GET', 'disputes'], ['GET', 'disputes/comment']]) {
    assert.equal((await api(method, path, admin, method === 'GET' ? undefined : {})).status, 404, `${method} ${path}`);
  }
});

test('of many wishes at once no more go out than there is', async () => {
  const one = await sold(10_000);
  const answers = await Promise.all(Array.from({ length: 24 }, () => api('POST', 'refunds', buyer, { charge_id: one.id, amount_cents: 1500 })));
  const [good, refused] = [200, 409].map((status) => answers.filter((answer) => answer.status === status).length);
  assert.deepEqual([good, refused], [6, 18]);
});

test('an Idempotency-Key makes one refund', async () => {
  const one = await sold(10_000);
  const key = { 'idempotency-key': randomUUID() };
  const answers = await Promise.all(Array.from({ length: 8 }, () => api('POST', 'refunds', buyer, { charge_id: one.id, amount_cents: 10 }, key)));
  assert.deepEqual([...new Set(answers.map(({ status, body }) => `${status} ${body.id}`))].length, 1);
  assert.deepEqual(code(await api('POST', 'refunds', buyer, { charge_id: one.id, amount_cents: 20 }, key)), [409, 'PT409']);
});

test('all events of a charge at once, each three times, end as in order', async () => {
  for (let round = 0; round < 5; round += 1) {
    const before = await earned(artist);
    const one = charge(10_000, { owner_id: host.id, buyer_id: buyer.id });
    const taken = moved(-4000, 1500);
    const refund = refundOf(one, 3000);
    const dispute = disputeOf(one, 4000, 'needs_response', [taken]);
    const events = [
      event('charge.succeeded', one),
      event('payment_intent.succeeded', { id: unique('pi'), latest_charge: one.id }),
      event('charge.updated', { ...one, balance_transaction: { ...moved(10_000, 320), type: 'charge', source: one.id } }),
      event('charge.refunded', { ...one, amount_refunded: 3000 }),
      event('refund.created', { ...refund, status: 'pending' }),
      event('refund.updated', refund),
      event('charge.dispute.created', { ...dispute, balance_transactions: [] }),
      event('charge.dispute.funds_withdrawn', dispute),
      event('charge.dispute.closed', { ...dispute, status: 'lost' }),
    ];
    await Promise.all([...events, ...events, ...events].toSorted(() => Math.random() - 0.5).map(deliver));
    const open = await sql(
      `select event_type, status, error_code, error_message from ops.webhook_events where status <> 'processed' and event_key = any ($1)`,
      [events.map(({ id }) => id)]);
    assert.deepEqual(open, []);
    assert.equal(await earned(artist), before + 2100);
    const { refunded_cents, disputed_cents } = await rowOf(one);
    assert.deepEqual([refunded_cents, disputed_cents].map(Number), [3000, 4000]);
  }
  assert.deepEqual(await sql('select * from ledger.check()'), []);
});

test('a refund that comes while its charge is being taken is not left behind', async () => {
  const ones = Array.from({ length: 40 }, () => charge(100, { owner_id: host.id }));
  await Promise.all(ones.flatMap((one) => [tell('refund.created', refundOf(one, 40)), tell('charge.succeeded', one)]));
  const left = await sql(`select count(*)::int as parked from ops.webhook_events where status = 'parked' and parked_for = any ($1)`,
    [ones.map(({ id }) => `charge:${id}`)]);
  assert.equal(left[0].parked, 0);
  const [{ refunded }] = await sql('select sum(refunded_cents)::int as refunded from treasury.charges where stripe_charge_id = any ($1)', [ones.map(({ id }) => id)]);
  assert.equal(refunded, 40 * 40);
});

test('admins list open disputes and comment, at the documents’ paths', async () => {
  const one = await sold(10_000);
  const dispute = disputeOf(one, 500, 'needs_response');
  await tell('charge.dispute.created', dispute);
  const listed = await api('GET', 'disputes/open', admin);
  assert.equal(listed.status, 200);
  const found = listed.body.find(({ stripe_dispute_id: id }) => id === dispute.id);
  assert.deepEqual([found.charge_id, found.status, found.amount_cents], [one.id, 'needs_response', 500]);
  const noted = await api('POST', 'disputes/comment', admin, { dispute_id: dispute.id, comment: 'called the venue' });
  assert.deepEqual([noted.status, noted.body.body, noted.body.author_id], [200, 'called the venue', admin.id]);
  for (const who of [host, buyer, stranger]) {
    assert.deepEqual(code(await api('GET', 'disputes/open', who)), [403, '42501']);
    assert.deepEqual(code(await api('POST', 'disputes/comment', who, { dispute_id: dispute.id, comment: 'x' })), [403, '42501']);
  }
  const seen = async (who) => (await who.supabase.from('disputes').select('status').eq('stripe_dispute_id', dispute.id)).data.length;
  assert.deepEqual(await Promise.all([host, admin, buyer, artist, stranger].map(seen)), [1, 1, 0, 0, 0]);
  await tell('charge.dispute.closed', { ...dispute, status: 'won' });
  assert.ok(!(await api('GET', 'disputes/open', admin)).body.some(({ stripe_dispute_id: id }) => id === dispute.id));
});

test('a server passes on balance transactions, and nobody else', async () => {
  const transaction = { ...moved(1000, 59), type: 'charge' };
  const pass = (who) => who.rpc('apply_balance_transactions', { p_transactions: { object: 'list', data: [transaction] } });
  const server = client('treasury', SERVICE_KEY);
  assert.equal((await pass(server)).data, 1);
  assert.equal((await pass(server)).data, 0);
  assert.equal((await pass(admin.supabase)).status, 403);
  const bad = await server.rpc('apply_balance_transactions', { p_transactions: [{ ...transaction, id: unique('txn'), net: 5 }] });
  assert.deepEqual([bad.status, bad.error.code], [400, '22023']);
});
