// Which tokens are worth nothing, and that rights which are taken away are gone at once.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { before, test } from 'node:test';
import { API_URL, request, sql } from './support.mjs';
import { allocate, newAdmin, newPromoter, ok, refused, signIn } from './network-support.mjs';

const cast = {};
before(async () => {
  cast.admin = await newAdmin();
  cast.asha = await newPromoter(cast.admin);
  cast.bela = await newPromoter(cast.asha);
  cast.chitra = await newPromoter(cast.bela);
});

const read = (token) => request('/rest/v1/profiles?select=id', { token });
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (text) => JSON.parse(Buffer.from(text, 'base64url'));

/** A token signed with the server's key, which a superuser can read. */
async function signed(claims) {
  const [{ text }] = await sql(`select pg_catalog.pg_read_file(pg_catalog.current_setting('backoffice.jwt_keys_file')) as text`);
  const [key] = JSON.parse(text).keys;
  const body = `${part({ alg: 'HS256', typ: 'JWT', kid: key.kid })}.${part(claims)}`;
  return `${body}.${createHmac('sha256', Buffer.from(key.k, 'base64url')).update(body).digest('base64url')}`;
}

test('a forged one is a 401', async () => {
  const [head, body, signature] = cast.chitra.token.split('.');
  const asAdmin = part({ ...decode(body), sub: cast.admin.id });
  const asServer = part({ ...decode(body), role: 'service_role' });
  const byAnother = createHmac('sha256', 'another key').update(`${head}.${body}`).digest('base64url');
  const unsigned = part({ alg: 'none', typ: 'JWT' });
  for (const token of [
    `${head}.${asAdmin}.${signature}`,
    `${head}.${asServer}.${signature}`,
    `${head}.${body}.${byAnother}`,
    `${unsigned}.${asAdmin}.`,
    `${unsigned}.${asAdmin}.${signature}`,
    `${head}.${body}.`,
    'garbage',
  ]) {
    assert.equal((await read(token)).status, 401, token);
  }
  assert.equal((await read(cast.chitra.token)).status, 200);
});

test('an expired one is a 401', async () => {
  const claims = decode(cast.chitra.token.split('.')[1]);
  assert.equal((await read(await signed(claims))).status, 200);
  assert.equal((await read(await signed({ ...claims, exp: Math.floor(Date.now() / 1000) - 60 }))).status, 401);
});

test('one of a session that never was is a 401', async () => {
  const claims = decode(cast.chitra.token.split('.')[1]);
  assert.equal((await read(await signed({ ...claims, session_id: crypto.randomUUID() }))).status, 401);
  assert.equal((await read(await signed({ ...claims, sub: cast.admin.id }))).status, 401);
});

test('one of a session that was ended is a 401 at once', async () => {
  const chitra = await signIn(cast.chitra.profile.promoter_id);
  assert.equal((await read(chitra.token)).status, 200);
  await chitra.supabase.auth.signOut({ scope: 'local' });
  assert.equal((await read(chitra.token)).status, 401);
  assert.equal(
    (await request('/rpc/get_pin_balance', { method: 'POST', body: { p_user_id: chitra.id }, token: chitra.token })).status,
    401,
  );
  assert.equal((await read(cast.chitra.token)).status, 200);
});

test('a role that is taken away is gone at once', async () => {
  const admin = await newAdmin();
  assert.equal((await ok(admin.from('platform').select())).length, 1);
  await sql(`delete from backoffice.role_grants where person_id = $1`, [admin.id]);
  assert.equal((await ok(admin.from('platform').select())).length, 0);
  await refused(admin.rpc('admin_allocate_pins', { p_user_id: cast.chitra.id, p_pins: 1 }), 403, '42501');
});

test('without any key the gateway lets nobody see anything', async () => {
  assert.equal((await fetch(`${API_URL}/rest/v1/profiles`)).status, 401);
  assert.equal((await fetch(`${API_URL}/rpc/check`, { method: 'POST' })).status, 401);
});

test('PINs may be allocated by whoever was made an admin', async () => {
  await allocate(cast.admin, cast.asha.id, 1);
  await sql(`select backoffice.grant_role($1, 'network', 'admin')`, [cast.asha.id]);
  assert.equal((await allocate(cast.asha, cast.bela.id, 1)).created_by, cast.asha.id);
  await sql(`select backoffice.revoke_role($1, 'network', 'admin')`, [cast.asha.id]);
});
