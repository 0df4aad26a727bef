// How people come in: four kinds of login, sign-up, invitations, and the documents' short auth paths.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { client, request, sql, uniqueEmail, uniquePhone } from './support.mjs';
import { PASSWORD, customerData, newAdmin, newPromoter, ok, quietCustomer, refused, signIn } from './network-support.mjs';

let admin, promoter;
before(async () => {
  admin = await newAdmin();
  promoter = await newPromoter(admin);
});

const profileOf = (email) => sql('select * from network.profiles where email = $1', [email]).then(([row]) => row);

describe('sign-in', () => {
  test('by e-mail address, promoter id and phone, in either case', async () => {
    const { email, phone, promoter_id: number } = promoter.profile;
    for (const login of [email, email.toUpperCase(), number, number.toLowerCase(), phone, `+91${phone}`, `0${phone}`]) {
      assert.equal((await signIn(login)).id, promoter.id, login);
    }
    const supabase = client('network');
    const { user } = await ok(supabase.auth.signInWithPassword({ phone, password: PASSWORD }));
    assert.equal(user.id, promoter.id);
  });

  test('by customer id, e-mail address and phone', async () => {
    const customer = await quietCustomer(admin, promoter.id, { password: PASSWORD, phone: uniquePhone() });
    for (const login of [customer.customer_id, customer.customer_id.toLowerCase(), customer.email, customer.phone]) {
      const { id, from } = await signIn(login);
      assert.equal(id, customer.id, login);
      assert.deepEqual(await ok(from('profiles').select('customer_id').single()), { customer_id: customer.customer_id });
    }
  });

  test('whatever is wrong, the answer is the same', async () => {
    const answers = [];
    for (const [email, password] of [
      [promoter.profile.promoter_id, 'a guess'],
      ['BPVP999999', PASSWORD],
      ['nobody@example.test', PASSWORD],
      ['9000000001', PASSWORD],
    ]) {
      const { error } = await client('network').auth.signInWithPassword({ email, password });
      answers.push([error.status, error.code, error.message]);
    }
    assert.deepEqual([...new Set(answers.map(String))].length, 1);
    assert.deepEqual(answers[0].slice(0, 2), [400, 'invalid_credentials']);
  });

  test('a session is refreshed and goes on', async () => {
    const { supabase } = await signIn(promoter.profile.promoter_id);
    const { session } = await ok(supabase.auth.refreshSession());
    assert.equal(session.user.id, promoter.id);
    assert.equal((await ok(supabase.from('profiles').select('id').eq('id', promoter.id))).length, 1);
  });
});

describe('sign-up', () => {
  test('makes a customer of the lowest role, whatever role the client asks for', async () => {
    for (const role of ['admin', 'promoter', 'service_role']) {
      const email = uniqueEmail();
      const supabase = client('network');
      const options = { data: { name: 'Nila', role, promoter_id: 'BPVP01', pins: 1000 } };
      await ok(supabase.auth.signUp({ email, password: PASSWORD, options }));
      const profile = await profileOf(email);
      assert.deepEqual([profile.role, profile.name, profile.promoter_id, profile.pins], ['customer', 'Nila', null, 0]);
      assert.match(profile.customer_id, /^BPVC\d{2,}$/);
      const [customer] = await sql('select * from network.customers where id = $1', [profile.id]);
      assert.deepEqual([customer.promoter_id, customer.source, customer.commission_status], [null, 'sign_up', 'none']);
      await refused(supabase.rpc('admin_allocate_pins', { p_user_id: profile.id, p_pins: 1 }), 403, '42501');
      assert.deepEqual(await ok(supabase.from('profiles').select('role').single()), { role: 'customer' });
    }
  });

  test('changing one’s own metadata changes no role', async () => {
    const email = uniqueEmail();
    const supabase = client('network');
    await ok(supabase.auth.signUp({ email, password: PASSWORD }));
    await ok(supabase.auth.updateUser({ data: { role: 'admin', is_admin: true } }));
    await ok(supabase.auth.refreshSession());
    await refused(supabase.rpc('get_admin_commission_summary'), 403, '42501');
  });
});

describe('invitations', () => {
  const newest = async (recipient) =>
    (await sql('select * from ops.outbox where recipient = $1 order by id desc limit 1', [recipient]))[0];

  test('a customer without a password chooses one with the token they were sent', async () => {
    const customer = await quietCustomer(admin, promoter.id);
    const message = await newest(customer.email);
    assert.deepEqual(
      [message.template, message.channel, message.system, message.status],
      ['invite', 'email', 'network', 'pending'],
    );
    await refused(
      client('network').auth.signInWithPassword({ email: customer.email, password: PASSWORD }),
      400,
      'invalid_credentials',
    );

    const supabase = client('network');
    const { session } = await ok(supabase.auth.verifyOtp({ type: 'invite', token_hash: message.payload.token_hash }));
    assert.equal(session.user.id, customer.id);
    await ok(supabase.auth.updateUser({ password: PASSWORD }));
    assert.equal((await signIn(customer.customer_id)).id, customer.id);
    const again = client('network').auth.verifyOtp({ type: 'invite', token_hash: message.payload.token_hash });
    await refused(again, 403, 'otp_expired');
  });

  test('who has only a phone gets an SMS', async () => {
    const phone = uniquePhone();
    const customer = await quietCustomer(admin, promoter.id, { email: undefined, phone });
    assert.deepEqual([customer.email, customer.phone], [null, phone]);
    assert.equal((await newest(phone)).channel, 'sms');
  });

  test('who is given a password is not invited', async () => {
    const customer = await quietCustomer(admin, promoter.id, { password: PASSWORD });
    assert.equal(await newest(customer.email), undefined);
  });

  test('a weak password is refused, and nothing of the customer stays', async () => {
    const data = customerData({ password: 'short' });
    await ok(admin.rpc('admin_allocate_pins', { p_user_id: promoter.id, p_pins: 1 }));
    const before_ = await ok(promoter.rpc('get_pin_balance', { p_user_id: promoter.id }));
    await refused(
      promoter.rpc('create_customer_with_commission', { p_promoter_id: promoter.id, p_customer_data: data }),
      422,
      'PT422',
    );
    assert.equal(await profileOf(data.email), undefined);
    assert.equal(await ok(promoter.rpc('get_pin_balance', { p_user_id: promoter.id })), before_);
  });
});

test("the documents' auth paths", async () => {
  const email = uniqueEmail();
  const post = (path, body, token) => request(path, { method: 'POST', body, token });
  const signUp = await post('/auth/v1/signup', {
    email,
    password: PASSWORD,
    options: { data: { name: 'Nila', role: 'promoter' } },
  });
  assert.equal(signUp.status, 200);
  assert.equal(signUp.body.user.email, email);
  assert.equal((await post('/auth/signup', { email: uniqueEmail(), password: PASSWORD })).status, 200);

  const { customer_id: number } = await profileOf(email);
  for (const path of ['/auth/signin', '/auth/v1/token?grant_type=password']) {
    for (const login of [email, number]) {
      const { status, body } = await post(path, { email: login, password: PASSWORD });
      assert.deepEqual([status, body.user?.email], [200, email], `${path} ${login}`);
    }
  }
  const { body: session } = await post('/auth/signin', { email: promoter.profile.promoter_id, password: PASSWORD });
  const user = await request('/auth/user', { token: session.access_token });
  assert.deepEqual([user.status, user.body.id], [200, promoter.id]);
  assert.equal((await post('/auth/reset-password', { email })).status, 200);
  const [mail] = await sql('select template from ops.outbox where recipient = $1 order by id desc limit 1', [email]);
  assert.equal(mail.template, 'recover_password');

  assert.equal((await post('/auth/signout', {}, session.access_token)).status, 204);
  assert.equal((await request('/rest/v1/profiles', { token: session.access_token })).status, 401);
});
