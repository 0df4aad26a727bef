// Sign-in and sessions through the gateway, with supabase-js as it is.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';
import { AuthWeakPasswordError, isAuthApiError } from '@supabase/supabase-js';
import { client, request, sql, uniqueEmail, uniquePhone } from './support.mjs';

const PASSWORD = 'correct horse battery';

/** What a call gave, or fails the test. */
function ok({ data, error }) {
  assert.equal(error, null);
  return data;
}

function refused({ error }, status, code) {
  assert.ok(isAuthApiError(error), String(error));
  assert.deepEqual([error.status, error.code], [status, code]);
}

/** A client with the session of a new person. */
async function signedUp(attributes = {}) {
  const email = uniqueEmail();
  const supabase = client();
  const { user, session } = ok(await supabase.auth.signUp({ email, password: PASSWORD, options: { data: attributes } }));
  return { supabase, email, user, session };
}

async function signedIn(email, password = PASSWORD) {
  const supabase = client();
  const { session } = ok(await supabase.auth.signInWithPassword({ email, password }));
  return { supabase, session };
}

/** The payload of the latest message to an address. */
async function mail(recipient, template) {
  const [row] = await sql(
    'select payload from ops.outbox where recipient = $1 and template = $2 order by id desc limit 1',
    [recipient, template],
  );
  return row.payload;
}

/** The status that the rest of the API answers to an access token. */
async function restStatus(session) {
  return (await request('/network/rest/v1/profiles?select=id&limit=1', { token: session.access_token })).status;
}

/** What an authenticator app shows `steps` of 30 seconds from now. */
function totp(secret, steps = 0) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const seed = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const digest = createHmac('sha1', seed).update(counter).digest();
  const number = digest.readUInt32BE(digest[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

describe('sign-up', () => {
  test('gives a session, and the person a place in the system', async () => {
    const { user, session, supabase } = await signedUp({ name: 'Asha', role: 'admin' });
    assert.equal(user.user_metadata.name, 'Asha');
    assert.equal(user.identities.length, 1);
    assert.equal(session.token_type, 'bearer');
    assert.ok(session.expires_at > Date.now() / 1000);
    const profile = ok(await supabase.from('profiles').select('id,name,role').single());
    assert.deepEqual(profile, { id: user.id, name: 'Asha', role: 'customer' });
  });

  test('is refused for a known address, a weak password and a system that takes nobody in', async () => {
    const { email } = await signedUp();
    refused(await client().auth.signUp({ email, password: PASSWORD }), 422, 'user_already_exists');
    refused(await client('ledger').auth.signUp({ email: uniqueEmail(), password: PASSWORD }), 422, 'signup_disabled');
    const { error } = await client().auth.signUp({ email: uniqueEmail(), password: 'short' });
    assert.ok(error instanceof AuthWeakPasswordError);
    assert.deepEqual(error.reasons, ['length']);
  });

  test('takes a body as the documents have it', async () => {
    const body = { email: uniqueEmail(), password: PASSWORD, options: { data: { name: 'John Doe', role: 'promoter' } } };
    const { status, body: session } = await request('/auth/signup', { method: 'POST', body });
    assert.equal(status, 200);
    assert.equal(session.user.user_metadata.name, 'John Doe');
  });
});

describe('sign-in', () => {
  test('by e-mail, by phone, and by an id of a product in the field for the e-mail', async () => {
    const { user, email } = await signedUp();
    const [phone, handle] = [uniquePhone(), `T${uniquePhone()}`];
    await sql('update identity.users set phone = $2 where id = $1', [user.id, phone]);
    await sql(`insert into identity.login_handles (handle, user_id, kind) values (lower($2), $1, 'customer_id')`, [
      user.id,
      handle,
    ]);
    const written = `+91 ${phone.slice(0, 5)}-${phone.slice(5)}`;
    for (const login of [{ email }, { email: handle }, { email: phone }, { phone }, { phone: written }]) {
      const { session } = ok(await client().auth.signInWithPassword({ ...login, password: PASSWORD }));
      assert.equal(session.user.id, user.id, JSON.stringify(login));
    }
  });

  test('never tells what was wrong', async () => {
    const { email } = await signedUp();
    const wrong = await client().auth.signInWithPassword({ email, password: 'wrong password' });
    const unknown = await client().auth.signInWithPassword({ email: uniqueEmail(), password: PASSWORD });
    refused(wrong, 400, 'invalid_credentials');
    refused(unknown, 400, 'invalid_credentials');
    assert.equal(wrong.error.message, unknown.error.message);
  });

  test('is locked after too many failures, also for those who do not exist', async () => {
    const body = { email: uniqueEmail(), password: 'wrong password' };
    const attempt = () => request('/auth/v1/token?grant_type=password', { method: 'POST', body });
    let reply = await attempt();
    for (let tries = 1; reply.status === 400 && tries < 20; tries += 1) reply = await attempt();
    assert.deepEqual([reply.status, reply.body.code], [429, 'over_request_rate_limit']);
    assert.ok(Number(reply.headers.get('retry-after')) > 0);
  });

  test('waits for the confirmation of the address', async () => {
    const { email, user } = await signedUp();
    await sql('update identity.users set email_confirmed_at = null where id = $1', [user.id]);
    refused(await client().auth.signInWithPassword({ email, password: PASSWORD }), 400, 'email_not_confirmed');
    ok(await client().auth.resend({ type: 'signup', email }));
    const { token } = await mail(email, 'confirm_signup');
    ok(await client().auth.verifyOtp({ type: 'email', email, token }));
    await signedIn(email);
  });

  test('by the literal paths of the documents', async () => {
    const { email, user } = await signedUp();
    const { body } = await request('/auth/signin', { method: 'POST', body: { email, password: PASSWORD } });
    assert.equal(body.user.id, user.id);
    const me = await request('/auth/user', { token: body.access_token });
    assert.equal(me.body.id, user.id);
    assert.equal((await request('/auth/signout', { method: 'POST', token: body.access_token })).status, 204);
    assert.equal(await restStatus(body), 401);
  });
});

describe('sessions', () => {
  test('are refreshed, and a retry does no harm', async () => {
    const { supabase, session } = await signedUp();
    const { session: second } = ok(await supabase.auth.refreshSession());
    assert.notEqual(second.refresh_token, session.refresh_token);
    const retries = await Promise.all(
      Array.from({ length: 5 }, () => client().auth.refreshSession({ refresh_token: second.refresh_token })),
    );
    for (const { session: retried } of retries.map(ok)) assert.equal(await restStatus(retried), 200);
  });

  test('end when a refresh token comes twice', async () => {
    const { supabase, session } = await signedUp();
    const { session: second } = ok(await supabase.auth.refreshSession());
    await sql(
      `update identity.refresh_tokens set used_at = used_at - interval '1 minute'
        where session_id in (select id from identity.sessions where user_id = $1)`,
      [session.user.id],
    );
    const stolen = await client().auth.refreshSession({ refresh_token: session.refresh_token });
    refused(stolen, 400, 'refresh_token_already_used');
    assert.equal(await restStatus(second), 401);
    refused(await client().auth.refreshSession({ refresh_token: second.refresh_token }), 400, 'refresh_token_not_found');
  });

  for (const [scope, left] of [
    ['global', [401, 401]],
    ['local', [401, 200]],
    ['others', [200, 401]],
  ]) {
    test(`end by signing out: ${scope}`, async () => {
      const { email } = await signedUp();
      const [here, there] = [await signedIn(email), await signedIn(email)];
      assert.equal((await here.supabase.auth.signOut({ scope })).error, null);
      assert.deepEqual([await restStatus(here.session), await restStatus(there.session)], left);
      const gone = await client().auth.getUser((left[0] === 401 ? here : there).session.access_token);
      assert.ok(gone.error);
    });
  }

  test('are not to be forged', async () => {
    const { session } = await signedUp();
    const [head, , signature] = session.access_token.split('.');
    const claims = Buffer.from(JSON.stringify({ role: 'service_role', sub: session.user.id })).toString('base64url');
    const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'JWT' })).toString('base64url');
    for (const token of [`${head}.${claims}.${signature}`, `${none}.${claims}.`, 'nonsense']) {
      const { status } = await request('/network/rest/v1/profiles?select=id', { token });
      assert.equal(status, 401, token);
    }
  });
});

describe('the signed-in person', () => {
  test('reads and changes themselves', async () => {
    const { supabase, user, email } = await signedUp({ city: 'Pune' });
    assert.equal(ok(await supabase.auth.getUser()).user.id, user.id);
    const changed = ok(await supabase.auth.updateUser({ data: { city: null, name: 'Asha' } })).user;
    assert.deepEqual(changed.user_metadata, { name: 'Asha' });
    refused(await supabase.auth.updateUser({ password: PASSWORD }), 422, 'same_password');
    const elsewhere = await signedIn(email);
    ok(await supabase.auth.updateUser({ password: 'another password' }));
    assert.equal(await restStatus(elsewhere.session), 401);
    await signedIn(email, 'another password');
  });

  test('gets a new password by a code or by a link', async () => {
    const { email } = await signedUp();
    for (const by of ['token', 'token_hash']) {
      ok(await client().auth.resetPasswordForEmail(email));
      const sent = await mail(email, 'recover_password');
      const proof = by === 'token' ? { email, token: sent.token } : { token_hash: sent.token_hash };
      const supabase = client();
      const { session } = ok(await supabase.auth.verifyOtp({ type: 'recovery', ...proof }));
      assert.equal(session.user.email, email);
      ok(await supabase.auth.updateUser({ password: `new password by ${by}` }));
      await signedIn(email, `new password by ${by}`);
      refused(await client().auth.verifyOtp({ type: 'recovery', ...proof }), 403, 'otp_expired');
    }
    assert.deepEqual(ok(await client().auth.resetPasswordForEmail(uniqueEmail())), {});
  });

  test('follows a link back to the site', async () => {
    const { email } = await signedUp();
    ok(await client().auth.resetPasswordForEmail(email));
    const { token_hash } = await mail(email, 'recover_password');
    const follow = () =>
      fetch(
        `${process.env.API_URL}/network/auth/v1/verify?type=recovery&token=${token_hash}&redirect_to=https%3A%2F%2Fevil.test`,
        { redirect: 'manual' },
      );
    const reply = await follow();
    assert.equal(reply.status, 303);
    const place = new URL(reply.headers.get('location'));
    assert.notEqual(place.hostname, 'evil.test');
    const fragment = new URLSearchParams(place.hash.slice(1));
    assert.equal(fragment.get('type'), 'recovery');
    assert.equal(await restStatus({ access_token: fragment.get('access_token') }), 200);
    assert.match((await follow()).headers.get('location'), /error_code=otp_expired/);
  });
});

describe('second factors', () => {
  test('are enrolled, asked for and removed', async () => {
    const { supabase, email } = await signedUp();
    const factor = ok(await supabase.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'phone' }));
    assert.match(factor.totp.qr_code, /^data:image\/svg\+xml;utf-8,.*<svg/s);
    assert.match(factor.totp.uri, /^otpauth:\/\/totp\//);
    const challenge = ok(await supabase.auth.mfa.challenge({ factorId: factor.id }));
    const answer = { factorId: factor.id, challengeId: challenge.id };
    refused(await supabase.auth.mfa.verify({ ...answer, code: '000000' }), 422, 'mfa_verification_failed');
    const elsewhere = await signedIn(email);
    ok(await supabase.auth.mfa.verify({ ...answer, code: totp(factor.totp.secret, -1) }));
    assert.equal(await restStatus(elsewhere.session), 401);
    const { currentLevel, nextLevel } = ok(await supabase.auth.mfa.getAuthenticatorAssuranceLevel());
    assert.deepEqual([currentLevel, nextLevel], ['aal2', 'aal2']);
    assert.equal(ok(await supabase.auth.mfa.listFactors()).totp.length, 1);

    const again = await signedIn(email);
    assert.equal(await restStatus(again.session), 403);
    const levels = ok(await again.supabase.auth.mfa.getAuthenticatorAssuranceLevel());
    assert.deepEqual([levels.currentLevel, levels.nextLevel], ['aal1', 'aal2']);
    refused(await again.supabase.auth.updateUser({ password: 'another password' }), 401, 'insufficient_aal');
    refused(await again.supabase.auth.mfa.unenroll({ factorId: factor.id }), 422, 'insufficient_aal');
    const replayed = { factorId: factor.id, code: totp(factor.totp.secret, -1) };
    refused(await again.supabase.auth.mfa.challengeAndVerify(replayed), 422, 'mfa_verification_failed');
    ok(await again.supabase.auth.mfa.challengeAndVerify({ factorId: factor.id, code: totp(factor.totp.secret, 1) }));
    assert.deepEqual(ok(await again.supabase.auth.mfa.unenroll({ factorId: factor.id })), { id: factor.id });
    ok(await again.supabase.auth.refreshSession());
    const after = ok(await again.supabase.auth.mfa.getAuthenticatorAssuranceLevel());
    assert.deepEqual([after.currentLevel, after.nextLevel], ['aal1', 'aal1']);
  });
});

describe('whatever a client sends', () => {
  test('it is never a 5xx', async () => {
    const { session } = await signedUp();
    const bodies = ['', '{', '[]', 'null', '"x"', '{"email":1}', '{"email":"\\u0000","password":"x"}', '\u0000',
      `{"data":${'['.repeat(5000)}${']'.repeat(5000)}}`, `{"email":"${'a'.repeat(50_000)}","password":"x"}`,
      new Uint8Array([255, 254, 0]), '{"factor_type":{}}', '{"token":[],"type":{}}', '{"refresh_token":"\\ud83d"}'];
    const id = '00000000-0000-4000-8000-000000000000';
    const calls = [
      ['POST', 'signup'], ['POST', 'token?grant_type=password'], ['POST', 'token?grant_type=refresh_token'],
      ['POST', 'token?grant_type=%zz'], ['POST', 'token'], ['PUT', 'user'], ['POST', 'recover'], ['POST', 'resend'],
      ['POST', 'verify'], ['POST', 'factors'], ['POST', `factors/${id}/challenge`], ['POST', `factors/${id}/verify`],
      ['DELETE', `factors/${id}`], ['POST', 'logout?scope=nowhere'], ['POST', 'nowhere'],
    ];
    for (const [method, path] of calls) {
      for (const body of bodies) {
        for (const token of [undefined, session.access_token]) {
          const reply = await request(`/network/auth/v1/${path}`, { method, body, token });
          assert.ok(reply.status < 500, `${method} ${path} ${body}: ${reply.status}`);
          if (reply.status >= 400) assert.equal(typeof reply.body.code, 'string', path);
        }
      }
    }
  });
});
