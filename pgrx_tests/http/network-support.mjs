// What the network's tests share: people of every kind, calls that must succeed, and calls that must be refused.

import assert from 'node:assert/strict';
import { after } from 'node:test';
import { client, request, sql, uniqueEmail, uniquePhone } from './support.mjs';

export const PASSWORD = 'a quiet river at dawn';

const digits = (count) => Array.from({ length: count }, () => Math.floor(Math.random() * 10)).join('');

/** A bank account that nobody else has: one that another promoter gave too would be reviewed. */
export const ownBank = () => ({
  account_holder_name: 'Asha',
  account_number: `1${digits(7)}9012`,
  ifsc_code: 'HDFC0001234',
});
export const BANK = ownBank();

// Whatever a test does, nothing may answer with a 5xx.
const broken = [];
const realFetch = globalThis.fetch;
globalThis.fetch = async (...args) => {
  const response = await realFetch(...args);
  if (response.status >= 500)
    broken.push(`${response.status} ${args[1]?.method ?? 'GET'} ${args[0]}: ${await response.clone().text()}`);
  return response;
};
after(() => assert.deepEqual(broken, []));

/** The data of an answer of supabase-js. */
export async function ok(call) {
  const { data, error, status } = await call;
  assert.equal(error, null, `${status} ${error?.code} ${error?.message} ${error?.details ?? ''}`);
  return data;
}

/** The call is refused with this HTTP status and code; where the fault is a field's, the message starts with it. */
export async function refused(call, status, code, field) {
  const { data, error, status: answered } = await call;
  assert.ok(error, `expected ${status} ${code}, got ${answered} ${JSON.stringify(data)}`);
  assert.deepEqual([error.status ?? answered, error.code], [status, code], error.message);
  if (field) assert.equal(error.message.split(':')[0], field);
}

/** Signs in with an e-mail address, a phone, a promoter id or a customer id. */
export async function signIn(login) {
  const supabase = client('network');
  const { session } = await ok(supabase.auth.signInWithPassword({ email: login, password: PASSWORD }));
  return {
    id: session.user.id,
    supabase,
    token: session.access_token,
    rpc: (...args) => supabase.rpc(...args),
    from: (name) => supabase.from(name),
  };
}

/** A new admin, signed in. */
export async function newAdmin() {
  const email = uniqueEmail('admin');
  await sql('select backoffice.bootstrap_admin($1, $2)', [email, PASSWORD]);
  return signIn(email);
}

/** A new promoter, brought by `by` (below themselves if that is a promoter), signed in. */
export async function newPromoter(by, more = {}) {
  const profile = await ok(
    by.rpc('create_unified_promoter', {
      p_name: 'Asha',
      p_email: uniqueEmail('promoter'),
      p_password: PASSWORD,
      p_phone: uniquePhone(),
      p_address: 'Pune',
      ...more,
    }),
  );
  return { ...(await signIn(profile.promoter_id)), profile };
}

/** A promoter without sign-in, which is quicker. */
export async function quietPromoter(admin) {
  return ok(admin.rpc('create_unified_promoter', { p_name: 'Asha', p_email: uniqueEmail('promoter') }));
}

export const allocate = (admin, id, pins) => ok(admin.rpc('admin_allocate_pins', { p_user_id: id, p_pins: pins }));

export const customerData = (more = {}) => ({ name: 'Ravi', email: uniqueEmail('customer'), ...more });

/** A new customer of `promoter`, who is given the PIN by `admin`; their profile. */
export async function quietCustomer(admin, promoter, more = {}) {
  await allocate(admin, promoter, 1);
  return ok(admin.rpc('create_customer_with_commission', { p_promoter_id: promoter, p_customer_data: customerData(more) }));
}

/** A new customer who signs in. */
export async function newCustomer(admin, promoter) {
  const profile = await quietCustomer(admin, promoter, { password: PASSWORD });
  return { ...(await signIn(profile.customer_id)), profile };
}

export async function balance(id) {
  const [{ balance: amount }] = await sql('select balance from network.promoter_wallet where promoter_id = $1', [id]);
  return Number(amount);
}

export async function expectConsistent() {
  assert.deepEqual(await sql('select * from network.check()'), []);
  assert.deepEqual(await sql('select * from ledger.check()'), []);
}

/** POST to a function at a path such as /rpc/<name>, as a person or with a key. */
export async function post(path, body, who) {
  const { status, body: answer } = await request(path, {
    method: 'POST',
    body,
    ...(typeof who === 'string' ? { key: who } : { token: who.token }),
  });
  return { status, data: status < 300 ? answer : null, error: status < 300 ? null : answer };
}
