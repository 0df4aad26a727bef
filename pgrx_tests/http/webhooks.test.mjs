// Webhooks through the gateway, signed by the official package of Stripe.

import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import http from 'node:http';
import net from 'node:net';
import { before, describe, test } from 'node:test';
import Stripe from 'stripe';
import { newAdmin, newPromoter } from './network-support.mjs';
import { API_URL, SERVICE_KEY, request, sql } from './support.mjs';

const stripe = new Stripe('sk_test_of_nobody');
const unique = () => randomUUID().replaceAll('-', '');
const LIVE = `whsec_live_${unique()}`;
const TEST = `whsec_test_${unique()}`;
const RAZORPAY = `razorpay_${unique()}`;
const PATH = '/api/stripe/webhook';

const service = (name, body) => request(`/ops/rest/v1/rpc/${name}`, { method: 'POST', token: SERVICE_KEY, body });

before(async () => {
  for (const [p_source, p_secret, p_live] of [['stripe', LIVE, true], ['stripe', TEST, false], ['razorpay', RAZORPAY, true]]) {
    const { status, body } = await service('set_webhook_secret', { p_source, p_secret, p_live });
    assert.equal(status, 200, JSON.stringify(body));
  }
});

const event = (type, object, more = {}) => ({
  id: `evt_${unique()}`,
  object: 'event',
  api_version: '2025-01-27.acacia',
  type,
  created: Math.floor(Date.now() / 1000),
  livemode: true,
  pending_webhooks: 1,
  data: { object },
  ...more,
});

const sign = (payload, more = {}) => stripe.webhooks.generateTestHeaderString({ payload, secret: LIVE, ...more });

/** Sends a body as Stripe does. */
const post = (payload, signature, { path = PATH, headers = {}, method = 'POST' } = {}) =>
  request(path, {
    method,
    key: null,
    body: payload,
    headers: { 'content-type': 'application/json; charset=utf-8', ...(signature ? { 'stripe-signature': signature } : {}), ...headers },
  });

async function deliver(one) {
  const payload = JSON.stringify(one, null, 2);
  return post(payload, sign(payload));
}

const rows = (id) => sql('select *, convert_from(body, $2) as text from ops.webhook_events where event_key = $1', [id, 'UTF8']);

const charge = { id: 'ch_1', object: 'charge', amount: 1000, amount_captured: 1000, amount_refunded: 0, captured: true, status: 'succeeded', created: 1_700_000_000, currency: 'usd', balance_transaction: null, metadata: { buyer: 'Zoë 🎨' } };
const refund = { id: 're_1', object: 'refund', charge: 'ch_1', amount: 400, currency: 'usd', status: 'pending' };
const dispute = { id: 'du_1', object: 'dispute', charge: 'ch_1', amount: 1000, currency: 'usd', status: 'needs_response', balance_transactions: [] };
const withdrawn = { id: 'txn_2', object: 'balance_transaction', amount: -1000, fee: 1500, net: -2500, currency: 'usd' };
const payout = { id: 'po_1', object: 'payout', amount: 500, currency: 'usd', status: 'in_transit', arrival_date: 1_700_000_000 };

const EVENTS = {
  'charge.succeeded': charge,
  'charge.updated': { ...charge, balance_transaction: 'txn_1' },
  'payment_intent.succeeded': { id: 'pi_1', object: 'payment_intent', amount_received: 1000, currency: 'usd', latest_charge: 'ch_1' },
  'charge.refunded': { ...charge, amount_refunded: 400 },
  'refund.created': refund,
  'refund.updated': { ...refund, status: 'succeeded' },
  'refund.failed': { ...refund, status: 'failed', failure_reason: 'lost_or_stolen_card' },
  'charge.dispute.created': dispute,
  'charge.dispute.updated': dispute,
  'charge.dispute.funds_withdrawn': { ...dispute, balance_transactions: [withdrawn] },
  'charge.dispute.funds_reinstated': { ...dispute, balance_transactions: [withdrawn, { ...withdrawn, id: 'txn_3', amount: 1000, fee: 0, net: 1000 }] },
  'charge.dispute.closed': { ...dispute, status: 'lost' },
  'payout.created': payout,
  'payout.updated': payout,
  'payout.paid': { ...payout, status: 'paid' },
  'payout.failed': { ...payout, status: 'failed', failure_code: 'account_closed' },
  'payout.canceled': { ...payout, status: 'canceled' },
  'transfer.reversed': { id: 'tr_1', object: 'transfer', amount: 300, amount_reversed: 300, destination: 'acct_1', source_transaction: 'ch_1' },
  'account.updated': { id: 'acct_1', object: 'account', charges_enabled: true, payouts_enabled: true, requirements: { currently_due: [] } },
  'something.that_comes_with_a_later_version': {},
};

describe('what is signed well', () => {
  for (const [type, object] of Object.entries(EVENTS)) {
    test(type, async () => {
      const one = event(type, object, { account: 'acct_1' });
      const begun = performance.now();
      const { status, body } = await deliver(one);
      assert.ok(performance.now() - begun < 2000);
      assert.equal(status, 200);
      assert.equal(body.received, true);
      const [row, ...others] = await rows(one.id);
      assert.deepEqual(others, []);
      assert.equal(row.text, JSON.stringify(one, null, 2));
      assert.deepEqual([row.event_type, row.live, row.account, row.verified], [type, true, 'acct_1', true]);
      // What is about an account that is nobody's waits until it is somebody's.
      assert.equal(row.status, /^(payout|account)\./.test(type) ? 'parked' : 'processed', row.error_message);
      assert.equal(row.headers['content-type'], 'application/json; charset=utf-8');
    });
  }

  test('a second delivery is a duplicate', async () => {
    const one = event('charge.succeeded', charge);
    assert.equal((await deliver(one)).body.duplicate, undefined);
    const { status, body } = await deliver(one);
    assert.deepEqual([status, body], [200, { received: true, duplicate: true }]);
    assert.equal((await rows(one.id)).length, 1);
  });

  test('of sixteen deliveries at once one is the first', async () => {
    for (let round = 0; round < 5; round += 1) {
      const one = event('charge.succeeded', charge);
      const payload = JSON.stringify(one);
      const answers = await Promise.all(Array.from({ length: 16 }, () => post(payload, sign(payload))));
      assert.deepEqual(answers.map(({ status }) => status), Array(16).fill(200));
      assert.equal(answers.filter(({ body }) => !body.duplicate).length, 1);
      assert.equal((await sql('select from ops.webhook_events where event_key = $1', [one.id])).length, 1);
    }
  });

  test('either of two secrets is good, and each mode has its own', async () => {
    const second = `whsec_next_${unique()}`;
    const { body: added } = await service('set_webhook_secret', { p_source: 'stripe', p_secret: second, p_live: true });
    const payload = JSON.stringify(event('charge.succeeded', charge));
    const both = `${sign(payload, { secret: second })},v1=${'0'.repeat(64)},v0=${'1'.repeat(64)}`;
    assert.equal((await post(payload, both)).status, 200);
    const removed = await service('remove_webhook_secret', { p_id: added.id });
    assert.deepEqual([removed.status, removed.body.last_four], [200, second.slice(-4)]);
    assert.equal((await post(payload, both)).status, 400);
    const test = JSON.stringify(event('charge.succeeded', charge, { livemode: false }));
    assert.equal((await post(test, sign(test, { secret: TEST }))).status, 200);
    assert.equal((await rows(JSON.parse(test).id))[0].live, false);
  });

  test('a token that comes along counts for nothing, not even a bad one', async () => {
    const payload = JSON.stringify(event('charge.succeeded', { ...charge, description: 'x'.repeat(20_000) }));
    const { status } = await post(payload, sign(payload), { headers: { authorization: 'Bearer x.y.z' } });
    assert.equal(status, 200);
  });

  test("Razorpay's, at both of its paths", async () => {
    const body = (id) => JSON.stringify({ entity: 'event', account_id: 'acc_1', event: 'payment.captured', contains: ['payment'], payload: { payment: { entity: { id, status: 'captured', amount: 100 } } }, created_at: 1_700_000_000 });
    const send = (payload, path) =>
      post(payload, null, { path, headers: { 'x-razorpay-signature': createHmac('sha256', RAZORPAY).update(payload).digest('hex'), 'x-razorpay-event-id': unique() } });
    const payload = body(`pay_${unique()}`);
    const first = await send(payload, '/api/razorpay/webhook');
    assert.deepEqual([first.status, first.body], [200, { received: true, status: 'received' }]);
    const again = await send(payload, '/functions/v1/razorpay-webhook');
    assert.deepEqual([again.status, again.body], [200, { received: true, duplicate: true }]);
    assert.equal((await post(payload, null, { path: '/functions/v1/razorpay-webhook', headers: { 'x-razorpay-signature': 'x' } })).status, 400);
  });
});

describe('what is refused', () => {
  const kept = async () => Number((await sql('select count(*) from ops.webhook_events'))[0].count);

  test('every fault has the same answer, and nothing is kept', async () => {
    const payload = JSON.stringify(event('charge.succeeded', charge));
    const now = Math.floor(Date.now() / 1000);
    const test = JSON.stringify(event('charge.succeeded', charge, { livemode: false }));
    const before = await kept();
    const answers = [
      await post(payload),
      await post(payload, 'nonsense'),
      await post(payload, sign(payload, { secret: `whsec_${unique()}` })),
      await post(payload, sign(payload, { scheme: 'v0' })),
      await post(payload.replace('1000', '9000'), sign(payload)),
      await post(payload, sign(payload, { timestamp: now - 310 })),
      await post(payload, sign(payload, { timestamp: now + 310 })),
      await post(payload, sign(payload, { secret: TEST })),
      await post(test, sign(test)),
      await post('{}', sign('{}')),
      await post('', sign('')),
      await post('\0', sign('\0')),
    ];
    for (const { status, body } of answers) {
      assert.equal(status, 400);
      assert.deepEqual(body, answers[0].body);
      assert.equal(body.code, 'webhook_refused');
    }
    assert.equal(await kept(), before);
    const counts = await sql(`select reason from ops.webhook_refusals where source = 'stripe' order by reason`);
    assert.deepEqual(counts.map(({ reason }) => reason), ['content', 'mode', 'signature', 'time']);
  });

  test('other methods, sources and paths', async () => {
    const payload = JSON.stringify(event('charge.succeeded', charge));
    const headers = { 'content-type': 'application/octet-stream', 'x-orig-path': 'webhooks/stripe' };
    for (const [path, more] of [
      [PATH, { method: 'PUT' }],
      ['/api/nobody/webhook', {}],
      ['/api/stripe', {}],
      ['/functions/v1/nobody-webhook', {}],
      ['/ops/rest/v1/rpc/receive_webhook', { headers }],
      ['/ops/functions/v1/webhooks/stripe', { headers }],
    ]) {
      assert.equal((await post(payload, sign(payload), { path, ...more })).status, 404, path);
    }
    for (const method of ['GET', 'HEAD']) assert.equal((await request(PATH, { method, key: null })).status, 404);
    // With a token the function is not there at all.
    const direct = await request('/ops/rest/v1/rpc/receive_webhook', { method: 'POST', token: SERVICE_KEY, body: payload, headers });
    assert.equal(direct.status, 403);
    assert.deepEqual(await rows(JSON.parse(payload).id), []);
  });

  /** Says that a body is long, sends so much of it, and waits for the answer. */
  const announce = (bytes, sent, headers = '') =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(API_URL);
      const socket = net.connect(port, hostname);
      socket.once('error', reject);
      socket.once('data', (data) => {
        resolve(Number(data.toString().split(' ')[1]));
        socket.destroy();
      });
      socket.write(`POST ${PATH} HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\n${headers}content-length: ${bytes}\r\n\r\n`, 'latin1');
      socket.write('x'.repeat(sent));
    });

  test("a stranger's 10 MB, before anybody has read them", async () => {
    const before = Number((await sql('select coalesce(sum(count), 0) as count from ops.webhook_refusals'))[0].count);
    const begun = performance.now();
    const statuses = await Promise.all(Array.from({ length: 50 }, () => announce(10_000_000, 1000)));
    assert.ok(performance.now() - begun < 2000);
    assert.deepEqual(statuses, Array(50).fill(413));
    assert.equal(Number((await sql('select sum(count) as count from ops.webhook_refusals'))[0].count), before);
  });

  test('10 MB that do not say how long they are', async () => {
    const status = await new Promise((resolve, reject) => {
      const call = http.request(`${API_URL}${PATH}`, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } }, (response) => {
        resolve(response.statusCode);
        call.destroy();
      });
      call.on('error', reject);
      for (let n = 0; n < 100; n += 1) call.write('x'.repeat(100_000));
      call.end();
    });
    assert.equal(status, 413);
  });

  test('headers that are no text', async () => {
    for (const name of ['stripe-signature', 'x-razorpay-signature', 'x-razorpay-event-id']) {
      assert.equal(await announce(2, 2, `${name}: t=1,v1=\xff\r\n`), 400);
    }
  });
});

test('admins of ops read the inbox and replay; others do neither', async () => {
  const one = event('charge.succeeded', charge);
  await deliver(one);
  const [{ id }] = await rows(one.id);
  const admin = await newAdmin();
  const promoter = await newPromoter(admin);
  const read = (token) => request(`/ops/rest/v1/webhook_events?select=event_type,status&event_key=eq.${one.id}`, { token });
  assert.deepEqual((await read(admin.token)).body, [{ event_type: 'charge.succeeded', status: 'processed' }]);
  assert.deepEqual((await read(promoter.token)).body, []);
  assert.equal((await read()).status, 401);
  const replay = (token) => request('/ops/rest/v1/rpc/replay_webhook', { method: 'POST', body: { p_id: id }, token });
  assert.equal((await replay(promoter.token)).status, 403);
  // It was processed.
  assert.equal((await replay(admin.token)).status, 409);
  const secrets = await request('/ops/rest/v1/webhook_secrets?select=*&source=eq.stripe', { token: admin.token });
  assert.ok(secrets.body.length >= 2);
  assert.ok(!JSON.stringify(secrets.body).includes('whsec_'));
});
