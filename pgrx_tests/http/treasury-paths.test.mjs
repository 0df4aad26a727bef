// The documents' paths of the treasury: each leads to its function, with a slash at the end and without, is what
// docs/treasury-api.md says it is, and is nothing else.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { SERVICE_KEY, request, uniqueEmail, sql } from './support.mjs';
import { api, charge, code, expectNothingBroken, listen, newPerson, tell, unique } from './treasury-support.mjs';

expectNothingBroken();

const file = (name) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

/** The routes of the gateway: methods, the pattern of the path, and the function. */
const routes = [...file('docker/nginx/documents-routes.conf').matchAll(/^ {4}"~\^(?:\(\?:([A-Z|]+)\)|([A-Z]+)) (\S+)" (\w+);$/gm)]
  .map(([, many, one, path, name]) => ({ methods: (many ?? one).split('|'), path: new RegExp(`^${path}`), name }));
const route = (method, path) => routes.find((one) => one.methods.includes(method) && one.path.test(path));

const NOBODY = '999999999999';
/** Method, path, body, and what an admin gets who has nothing: only the function itself answers so. */
const calls = [
  ['GET', 'split-rules', , 200],
  ['POST', 'split-rules', {}, 400, '22004'],
  ['PUT', `split-rules/${NOBODY}`, { name: 'x' }, 404, 'PT404'],
  ['DELETE', `split-rules/${NOBODY}`, undefined, 404, 'PT404'],
  ['GET', 'ledger/entries', , 200],
  ['POST', 'ledger/entries', {}, 400, '22004'],
  ['GET', 'admin/health', , 200],
  ['POST', 'admin/override', {}, 400, '22004'],
  ['GET', 'reports/generate', , 400, '22004'],
  ['POST', 'reports/generate', { p_type: null }, 400, '22004'],
  ['GET', `reports/download/${NOBODY}`, , 404, 'PT404'],
  ['GET', 'ai/anomalies', , 200],
  ['POST', 'ai/anomalies/resolve', {}, 400, '22004'],
  ['POST', 'refunds', {}, 400, '22004'],
  ['GET', 'disputes/open', , 200],
  ['POST', 'disputes/comment', {}, 400, '22004'],
  ['POST', 'payouts/initiate', {}, 400, '22004'],
  ['GET', 'payouts/status', , 404, 'PT404'],
];

let admin;
before(async () => {
  admin = await newPerson('admin');
});

describe('the routes', () => {
  test('all are called below', () => {
    assert.ok(routes.length >= 17, `${routes.length}`);
    const called = calls.map(([method, path]) => `${method} ${route(method, path)?.name}`);
    const all = routes.flatMap(({ methods, name }) => methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${name}`));
    assert.deepEqual(called.toSorted(), all.toSorted());
  });

  test('are those of docs/treasury-api.md', () => {
    const told = [...file('docs/treasury-api.md').matchAll(/^\| `([A-Z]+) ([^`?]+)[^`]*` \| `(\w+)` \|/gm)];
    for (const [, method, path, name] of told) assert.equal(route(method, path.replace(/:\w+/, '1'))?.name, name, `${method} ${path}`);
    assert.deepEqual(told.map(([, , , name]) => name).toSorted(), routes.map(({ name }) => name).toSorted());
  });

  for (const [method, path, body, status, error] of calls) {
    test(`${method} ${path}`, async () => {
      for (const slash of ['', '/']) {
        const answer = await api(method, `${path}${slash}`, admin, body);
        assert.deepEqual(code(answer), [status, error], `${path}${slash}`);
        assert.equal((await api('PATCH', `${path}${slash}`, admin, {})).body.code, 'not_found');
        assert.equal((await request(`/api/${path}${slash}`, { method, body })).status, 401);
        if (method !== 'GET' || !route('HEAD', path)) continue;
        assert.equal((await api('HEAD', `${path}${slash}`, admin)).status, status, `HEAD ${path}${slash}`);
      }
    });
  }

  test('split-rules?userId= has those of somebody, for themselves and admins', async () => {
    const [host, other] = [await newPerson('host'), await newPerson('host')];
    const made = await api('POST', 'split-rules', host, { name: 'Tour', rules: [{ recipient_id: host.id, percent: 100 }] });
    for (const who of [host, admin]) {
      const { body } = await api('GET', `split-rules/?userId=${host.id}`, who);
      assert.deepEqual(body.map(({ id }) => id), [made.body.id]);
    }
    assert.deepEqual((await api('GET', 'split-rules', admin)).body, []);
    assert.deepEqual(code(await api('GET', `split-rules?userId=${host.id}`, other)), [403, '42501']);
    assert.deepEqual(code(await api('GET', 'split-rules?userId=x', admin)), [400, '22P02']);
  });

  test('disputes/open?limit=&offset= has some of them', async () => {
    await listen();
    for (let n = 0; n < 3; n += 1) {
      const ticket = charge(1_000);
      await tell('charge.succeeded', ticket);
      await tell('charge.dispute.created', { id: unique('dp'), object: 'dispute', charge: ticket.id, amount: 1_000, currency: 'usd', status: 'needs_response', reason: 'general' });
    }
    const ids = async (query) => (await api('GET', `disputes/open${query}`, admin)).body.map(({ id }) => id);
    const all = await ids('');
    assert.ok(all.length >= 3);
    assert.deepEqual(await ids('?limit=2'), all.slice(0, 2));
    assert.deepEqual(await ids('/?limit=1&offset=1'), all.slice(1, 2));
    assert.deepEqual(await ids('?offset=2'), all.slice(2));
  });
});

describe('auth', () => {
  for (const slash of ['', '/']) {
    test(`sign-up, login, refresh, the person, logout ${slash}`, async () => {
      const credentials = { email: uniqueEmail('paths'), password: 'a quiet river at dawn' };
      const auth = (method, path, body, token) => api(method, `auth/${path}${slash}`, token && { token }, body);
      const { status, body: signedUp } = await auth('POST', 'signup', credentials);
      assert.equal(status, 200, JSON.stringify(signedUp));
      await sql('update identity.users set email_confirmed_at = now() where email = $1', [credentials.email]);
      for (const path of ['login', 'signin']) assert.equal((await auth('POST', path, credentials)).body.user.email, credentials.email);
      const wrong = await auth('POST', 'login', { ...credentials, password: 'another river' });
      assert.deepEqual(code(wrong), [400, 'invalid_credentials']);
      const { body: session } = await auth('POST', 'login', credentials);
      const refreshed = await auth('POST', 'refresh', { refresh_token: session.refresh_token });
      assert.equal(refreshed.status, 200);
      assert.notEqual(refreshed.body.refresh_token, session.refresh_token);
      const token = refreshed.body.access_token;
      assert.equal((await auth('GET', 'user', undefined, token)).body.email, credentials.email);
      assert.match(JSON.stringify((await auth('GET', 'user/export', undefined, token)).body), new RegExp(credentials.email));
      // It is the treasury's: whoever signed up is one of its users.
      assert.deepEqual(await sql('select role from treasury.users where email = $1', [credentials.email]), [{ role: 'buyer' }]);
      assert.equal((await auth('POST', 'logout', undefined, token)).status, 204);
      assert.equal((await auth('GET', 'user', undefined, token)).status, 403);
    });

    test(`erasing somebody, which admins of identity do ${slash}`, async () => {
      const [buyer, operator] = [await newPerson('buyer'), await newPerson('buyer')];
      const erase = (who) => api('POST', `auth/erase${slash}`, who, { p_person_id: buyer.id, p_reason: 'Asked for it by letter' });
      assert.deepEqual(code(await erase(buyer)), [403, '42501']);
      await sql(`select backoffice.grant_role($1, 'identity', 'admin')`, [operator.id]);
      const { status, body } = await erase(operator);
      assert.equal(status, 200, JSON.stringify(body));
      assert.deepEqual(await sql('select email from identity.users where email = $1', [buyer.email]), []);
      assert.equal((await api('GET', 'split-rules', buyer)).status, 401);
    });
  }

  test('there is nothing else', async () => {
    for (const path of ['', 'login/x', 'user/x', 'signout', 'erase/1']) {
      assert.equal((await api('POST', `auth/${path}`, null, {})).status, 404, path);
    }
  });
});

describe('what a front end sends', () => {
  test('a slash behind the address of webhooks changes nothing', async () => {
    const { status } = await request('/api/stripe/webhook/', { method: 'POST', body: {} });
    assert.equal(status, 400);
  });

  test('ids of entries are numbers that JavaScript holds', async () => {
    await listen();
    const seller = await newPerson('host');
    const sold = unique('ch');
    assert.equal(await tell('charge.succeeded', charge(2500, { owner_id: seller.id }, { id: sold })), 'processed');
    const { body } = await api('GET', 'ledger/entries', seller);
    assert.ok(body.length > 0);
    for (const { id } of body) {
      assert.ok(Number.isSafeInteger(id), `${id}`);
      const found = await request(`/treasury/rest/v1/ledger_entries?id=eq.${id}`, { token: seller.token });
      assert.deepEqual(found.body.map((one) => one.id), [id]);
    }
  });

  test('a user is named as the columns are called, too', async () => {
    const [one, other] = [await newPerson('host'), await newPerson('host')];
    for (const name of ['userId', 'user_id']) {
      const { body } = await api('GET', `ledger/entries?${name}=${one.id}`, admin);
      assert.deepEqual(body, []);
      assert.deepEqual(code(await api('GET', `ledger/entries?${name}=${one.id}`, other)), [403, '42501']);
      assert.deepEqual(code(await api('GET', `split-rules?${name}=${one.id}`, other)), [403, '42501']);
    }
  });

  test('a number is a number or its digits', async () => {
    for (const target of [999999999999, '999999999999']) {
      const sent = { action: 'payout_reject', target, reason: 'nobody knows it at all' };
      assert.deepEqual(code(await api('POST', 'admin/override', admin, sent)), [404, 'PT404']);
      assert.deepEqual(code(await api('POST', 'ai/anomalies/resolve', admin, { id: target, note: 'seen' })), [404, 'PT404']);
    }
    for (const id of ['0', '-1', '1.5', '', ' 1', {}, 1.5]) {
      const { status, body } = await api('POST', 'ai/anomalies/resolve', admin, { id, note: 'seen' });
      assert.ok(status === 400 && body.message.startsWith('p_request.id'), `${JSON.stringify(id)}: ${body.message}`);
    }
  });

  test('a server says whom it means', async () => {
    const server = { token: SERVICE_KEY };
    for (const [method, path, body, name] of [
      ['POST', 'payouts/initiate', { currency: 'USD' }, 'p_payout.user_id'], ['GET', 'payouts/status', undefined, 'p_payout_id'],
    ]) {
      const asked = await api(method, path, server, body);
      assert.deepEqual([...code(asked), asked.body.message], [400, '22004', `${name}: a value is required`]);
    }
  });

  test('words are said once', async () => {
    const { status, body } = await api('POST', 'disputes/comment', admin, { dispute_id: 'dp_x', comment: 'a', body: 'b' });
    assert.deepEqual([status, body.message], [400, 'p_comment.body: is the same as comment: only one of them']);
  });
});
