// What the tests of the treasury share: people, the documents' paths, and Stripe.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after } from 'node:test';
import Stripe from 'stripe';
import { SERVICE_KEY, client, request, sql, uniqueEmail } from './support.mjs';

const PASSWORD = 'a quiet river at dawn';
const stripe = new Stripe('sk_test_of_nobody');
const SECRET = `whsec_${randomUUID()}`;

/** Whatever a test does, nothing may answer with a 5xx. */
export function expectNothingBroken() {
  const broken = [];
  const realFetch = globalThis.fetch;
  globalThis.fetch = async (...args) => {
    const response = await realFetch(...args);
    if (response.status >= 500) broken.push(`${response.status} ${args[1]?.method ?? 'GET'} ${args[0]}`);
    return response;
  };
  after(() => assert.deepEqual(broken, []));
}

/** Signing in is for people: who does it too often is told to come again in a second, and does. */
async function patiently(ask) {
  for (let tries = 0; ; tries += 1) {
    const answer = await ask();
    if (answer.error?.status !== 429 || tries === 60) return answer;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

/** Somebody who signed up in the treasury, and was given a role by an admin. */
export async function newPerson(role, metadata = {}) {
  const supabase = client('treasury');
  const email = uniqueEmail(role);
  const signUp = await patiently(() => supabase.auth.signUp({ email, password: PASSWORD, options: { data: metadata } }));
  assert.equal(signUp.error, null, signUp.error?.message);
  await sql('update identity.users set email_confirmed_at = now() where email = $1', [email]);
  const { data, error } = await patiently(() => supabase.auth.signInWithPassword({ email, password: PASSWORD }));
  assert.equal(error, null, error?.message);
  const { id } = data.session.user;
  if (role !== 'buyer') await sql(`select backoffice.grant_role($1, 'treasury', $2)`, [id, role]);
  return { id, email, supabase, token: data.session.access_token };
}

/** One of the documents' paths, as a person. */
export const api = (method, path, who, body, headers = {}) =>
  request(`/api/${path}`, { method, token: who?.token, body, headers });

/** Status and error code of an answer. */
export const code = ({ status, body }) => [status, body.code];

export const now = () => Math.floor(Date.now() / 1000);
export const unique = (prefix) => `${prefix}_${randomUUID().replaceAll('-', '')}`;

/** Lets Stripe in. */
export async function listen() {
  const { status } = await request('/ops/rest/v1/rpc/set_webhook_secret', {
    method: 'POST', token: SERVICE_KEY, body: { p_source: 'stripe', p_secret: SECRET, p_live: true },
  });
  assert.equal(status, 200);
}

/** Delivers an event, signed; what became of it: processed, parked, failed or duplicate. */
export async function deliver(event) {
  const payload = JSON.stringify(event);
  const { status, body } = await request('/api/stripe/webhook', {
    method: 'POST', key: null, body: payload,
    headers: {
      'content-type': 'application/json',
      'stripe-signature': stripe.webhooks.generateTestHeaderString({ payload, secret: SECRET }),
    },
  });
  assert.equal(status, 200, JSON.stringify(body));
  return body.duplicate ? 'duplicate' : body.status;
}

export const event = (type, object, more = {}) => ({
  id: unique('evt'), object: 'event', type, created: now(), livemode: true, data: { object }, ...more,
});

/** An event of now; what became of it. */
export const tell = (type, object, more) => deliver(event(type, object, more));

/** A charge in dollars that is paid. */
export const charge = (cents, metadata = {}, more = {}) => ({
  id: unique('ch'), object: 'charge', amount: cents, amount_captured: cents, amount_refunded: 0, captured: true,
  paid: true, status: 'succeeded', currency: 'usd', created: now(), balance_transaction: null, metadata, ...more,
});

/** What somebody has in a currency, 0 where there is no account. */
export async function earned(who, currency = 'USD') {
  const rows = await sql(`select posted from ledger.balances where system = 'treasury' and code = $1`, [`earnings:${who.id}:${currency}`]);
  return Number(rows[0]?.posted ?? 0);
}
