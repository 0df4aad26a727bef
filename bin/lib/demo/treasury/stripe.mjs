// Stripe, played by the demo: it signs what it tells by webhook, and does what the worker asks of it.

import { createHmac, randomBytes } from 'node:crypto';
import { answer } from '../tell.mjs';
import { API_URL, bearer } from '../world.mjs';

export const SECRET = `whsec_${randomBytes(16).toString('hex')}`;

export const now = () => Math.floor(Date.now() / 1000);

let last = 0;
const newId = (kind) => `${kind}_demo${(last += 1)}`;

/** Delivers an event to the webhook; the status of the answer, and what it says. */
export async function tell(type, object, { account, secret = SECRET, id = newId('evt'), created = now() } = {}) {
  const body = JSON.stringify({ id, object: 'event', type, account, created, livemode: true, data: { object } });
  const signature = createHmac('sha256', secret).update(`${now()}.${body}`).digest('hex');
  const response = await fetch(`${API_URL}/api/stripe/webhook`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'stripe-signature': `t=${now()},v1=${signature}` },
    body,
  });
  const { status, duplicate, code } = await response.json();
  return [response.status, duplicate ? 'duplicate' : (status ?? code)];
}

export const transaction = (source, amount, fee) => ({
  id: newId('txn'), object: 'balance_transaction', type: 'charge', source, amount, fee, net: amount - fee, currency: 'usd', created: now(),
});

/** A ticket that somebody bought. */
export const ticket = (id, cents, owner, buyer) => ({
  id, object: 'charge', amount: cents, amount_captured: cents, amount_refunded: 0, captured: true, paid: true, status: 'succeeded',
  currency: 'usd', created: now(), payment_intent: id.replace('ch_', 'pi_'), balance_transaction: null,
  metadata: { owner_id: owner.id, buyer_id: buyer.id },
});

/** A worker's round: claims what Stripe is to be asked, asks, and says what was answered. Which paths it called. */
export async function work(does) {
  const service = bearer(process.env.SERVICE_KEY, 'treasury');
  const called = [];
  for (;;) {
    const calls = answer('the worker claims calls', await service.rpc('claim_stripe_requests', { p_worker: 'demo', p_limit: 100 }));
    if (calls.length === 0) return called;
    for (const { id, path, params, stripe_account_id: account } of calls) {
      const said = { p_id: id, p_worker: 'demo', p_status: 200, p_response: does(path, params, account, newId) };
      answer('the worker says what Stripe answered', await service.rpc('acknowledge_stripe_request', said));
      called.push(path);
    }
  }
}
