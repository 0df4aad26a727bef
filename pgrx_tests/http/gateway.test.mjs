// The gateway: paths, headers, limits and errors, whatever the systems behind it do.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { LOCAL, API_URL, SERVICE_KEY, client, reloadSchema, request as anybody, sql } from './support.mjs';

// Who may use the schemas does not matter here.
const request = (path, options = {}) => anybody(path, { key: SERVICE_KEY, ...options });

const PERSON = '00000000-0000-4000-8000-000000000001';

// Functions that answer with what arrived: one that takes any bytes, one for the rest of the API.
before(async () => {
  await sql(`
    create or replace function network.fn_echo_bytes(bytea) returns json language sql stable as $$
      select json_build_object('bytes', encode($1, 'hex'), 'schema', 'network',
        'headers', pg_catalog.current_setting('request.headers')::json) $$;
    create or replace function network.echo_request(p_value text default null) returns json language sql stable as $$
      select json_build_object('value', p_value, 'method', pg_catalog.current_setting('request.method'),
        'headers', pg_catalog.current_setting('request.headers')::json) $$;
    create or replace function ops.echo_request() returns text language sql stable as $$ select 'ops' $$;
    grant execute on function network.fn_echo_bytes(bytea), network.echo_request(text), ops.echo_request() to service_role`);
  await reloadSchema(async () => (await request('/ops/rest/v1/rpc/echo_request')).status === 200);
});

after(async () => {
  await sql(`drop function network.fn_echo_bytes(bytea), network.echo_request(text), ops.echo_request();
    notify pgrst, 'reload schema'`);
});

describe('paths', () => {
  test('an unknown path or system is a 404 in JSON', async () => {
    for (const path of ['/', '/nowhere', '/nosuch/rest/v1/x', '/nosuch/auth/v1/token', '/network/rest/v2/x', '/network']) {
      const { status, headers, body } = await request(path);
      assert.equal(status, 404, path);
      assert.match(headers.get('content-type'), /json/);
      assert.equal(body.code, 'not_found');
    }
  });

  test('the first part of the path chooses the schema, whatever the client asks for', async () => {
    const headers = { 'accept-profile': 'network', 'content-profile': 'network' };
    assert.equal((await request('/ops/rest/v1/rpc/echo_request', { headers })).body, 'ops');
    const sneaky = { 'accept-profile': 'auth_api', 'content-profile': 'auth_api' };
    assert.equal((await request('/network/rest/v1/rpc/echo_request', { headers: sneaky })).body.value, null);
  });

  test('the schema of the auth paths is no system', async () => {
    assert.equal((await request('/auth_api/rest/v1/rpc/health', { method: 'POST' })).status, 404);
  });

  test("the documents' paths without a system are the network's", async () => {
    for (const path of ['/rest/v1/rpc/echo_request', '/rpc/echo_request', '/network/rest/v1/rpc/echo_request']) {
      const { status, body } = await request(`${path}?p_value=a%20b%26c`);
      assert.equal(status, 200, path);
      assert.equal(body.value, 'a b&c');
      assert.equal(body.headers['x-system'], 'network');
    }
    for (const path of ['/auth/v1/health', '/network/auth/v1/health', '/ops/auth/v1/health']) {
      assert.equal((await request(path)).status, 200, path);
    }
    assert.equal((await request('/functions/v1/echo-bytes')).status, 200);
  });

  test("short forms of the tables reach PostgREST's tables", async () => {
    for (const path of ['/profiles?select=id&limit=1', '/rest/v1/profiles?select=id&limit=1', '/pin_transactions?limit=1']) {
      const { status, body } = await request(path);
      assert.ok(status === 200 || status === 401, `${path}: ${status}`);
      assert.notEqual(body.code, 'not_found');
    }
  });

  test('PUT on a function is a POST', async () => {
    const { status, body } = await request('/rest/v1/rpc/echo_request', { method: 'PUT', body: { p_value: 'x' } });
    assert.equal(status, 200);
    assert.deepEqual([body.value, body.method, body.headers['x-orig-method']], ['x', 'POST', 'PUT']);
  });

  test("a profile's pins are asked of get_pin_balance", async () => {
    for (const path of [`/rest/v1/profiles/${PERSON}/pins`, `/profiles/${PERSON}/pins`, `/network/rest/v1/profiles/${PERSON}/pins`]) {
      const { status, body } = await request(path);
      // Whoever may not ask is told so by the function, not by the gateway.
      assert.ok([200, 401, 403, 404].includes(status), `${path}: ${status}`);
      assert.notEqual(body?.code, 'not_found', path);
      assert.notEqual(body?.code, 'PGRST202', path);
    }
  });

  test('an unknown auth path is answered by the database', async () => {
    const { status, headers } = await request('/auth/v1/no/such/path', { method: 'POST', body: {} });
    assert.ok(status === 404 || status === 405 || status === 200, String(status));
    assert.equal(headers.get('x-supabase-api-version'), '2024-01-01');
  });
});

describe('headers', () => {
  test('what the database believes cannot be sent by a client', async () => {
    const headers = {
      'x-system': 'ops',
      'x-orig-method': 'DELETE',
      'x-orig-path': 'user',
      'x-orig-query': 'a=b',
      'x-orig-content-type': 'text/plain',
      'x-real-ip': '203.0.113.9',
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-host': 'elsewhere.test',
      forwarded: 'for=203.0.113.9',
      cookie: 'a=b',
    };
    for (const path of ['/rest/v1/rpc/echo_request', '/functions/v1/echo-bytes']) {
      const seen = (await request(`${path}`, { headers })).body.headers;
      assert.equal(seen['x-system'], 'network');
      assert.equal(seen['x-orig-method'], 'GET');
      assert.notEqual(seen['x-orig-path'], 'user');
      assert.notEqual(seen['x-orig-query'], 'a=b');
      assert.notEqual(seen['x-orig-content-type'], 'text/plain');
      assert.match(seen['x-real-ip'], /^(127\.0\.0\.1|::1)$/);
      for (const name of ['x-forwarded-for', 'x-forwarded-host', 'forwarded', 'cookie']) {
        assert.equal(seen[name], undefined, name);
      }
    }
  });

  test('a request id is made when it is missing or odd, else passed on', async () => {
    const id = async (sent) => {
      const { headers, body } = await request('/rpc/echo_request', { headers: sent ? { 'x-request-id': sent } : {} });
      assert.equal(headers.get('x-request-id'), body.headers['x-request-id']);
      return headers.get('x-request-id');
    };
    assert.match(await id(), /^[0-9a-f]{32}$/);
    assert.equal(await id('my-id.1'), 'my-id.1');
    assert.match(await id('no spaces "please"'), /^[0-9a-f]{32}$/);
    assert.match(await id('x'.repeat(65)), /^[0-9a-f]{32}$/);
  });

  test('every origin may call, and read what it needs', async () => {
    const preflight = await fetch(`${API_URL}/network/rest/v1/profiles`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example.test',
        'access-control-request-method': 'PATCH',
        'access-control-request-headers': 'authorization,x-client-info,accept-profile',
      },
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get('access-control-allow-origin'), '*');
    assert.match(preflight.headers.get('access-control-allow-methods'), /PATCH/);
    assert.equal(preflight.headers.get('access-control-allow-headers'), 'authorization,x-client-info,accept-profile');

    const { headers } = await request('/rpc/echo_request', { headers: { origin: 'https://app.example.test' } });
    assert.equal(headers.get('access-control-allow-origin'), '*');
    assert.match(headers.get('access-control-expose-headers'), /Content-Range.*X-Request-Id.*X-Supabase-Api-Version/);
    assert.equal(headers.get('access-control-allow-credentials'), null);
  });

  test('only the auth paths carry an API version', async () => {
    assert.equal((await request('/auth/v1/health')).headers.get('x-supabase-api-version'), '2024-01-01');
    assert.equal((await request('/rpc/echo_request')).headers.get('x-supabase-api-version'), null);
  });
});

describe('bodies', () => {
  test('a function gets the bytes as they were sent, with method, path, query and type in headers', async () => {
    const body = new Uint8Array([0, 1, 255, 123, 10]);
    const { body: seen } = await request('/functions/v1/echo-bytes/part/two?a=1&b=%20', {
      method: 'PATCH',
      body,
      headers: { 'content-type': 'application/x-thing' },
    });
    assert.equal(seen.bytes, '0001ff7b0a');
    assert.equal(seen.headers['x-orig-method'], 'PATCH');
    assert.equal(seen.headers['x-orig-path'], 'echo-bytes/part/two');
    assert.equal(seen.headers['x-orig-query'], 'a=1&b=%20');
    assert.equal(seen.headers['x-orig-content-type'], 'application/x-thing');
  });

  test('a function may be called without a body, and by supabase-js', async () => {
    assert.equal((await request('/functions/v1/echo-bytes')).body.bytes, '');
    const { data, error } = await client('network', SERVICE_KEY).functions.invoke('echo-bytes', { body: { a: 1 } });
    assert.equal(error, null);
    assert.equal(Buffer.from(data.bytes, 'hex').toString(), '{"a":1}');
  });

  test('too large a body is a 413 in JSON', async () => {
    const { status, body } = await request('/auth/v1/token', { method: 'POST', body: 'x'.repeat(70_000) });
    assert.equal(status, 413);
    assert.equal(body.code, 'payload_too_large');
  });
});

test('long lists in an address pass', async () => {
  const ids = Array.from({ length: 800 }, () => randomUUID()).join(',');
  const { status } = await request(`/rest/v1/profiles?select=id&id=in.(${ids})`);
  assert.ok(status === 200 || status === 401, String(status));
});

// Of the servers that bin/test starts; others keep their logs elsewhere.
const logs = new URL('logs/servers/', LOCAL);
test('the logs hold neither tokens nor passwords nor query strings', { skip: !existsSync(logs) }, async () => {
  const secret = `secret-${randomUUID()}`;
  const id = randomUUID();
  const headers = { 'x-request-id': id, apikey: secret, authorization: `Bearer ${secret}` };
  await request(`/auth/v1/verify?token_hash=${secret}&type=signup`, { headers });
  await request(`/nowhere?token=${secret}`, { headers });
  await request('/auth/v1/token?grant_type=password', { method: 'POST', body: { email: 'a@example.test', password: secret }, headers });
  const read = (name) => readFileSync(new URL(name, logs), 'utf8');
  // nginx writes the line after the answer.
  for (let tries = 0; tries < 50 && read('gateway.log').split(id).length < 4; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const lines = read('gateway.log').split('\n').filter((line) => line.includes(id));
  assert.deepEqual(lines.map((line) => JSON.parse(line).path), ['/auth/v1/verify', '/nowhere', '/auth/v1/token']);
  for (const name of ['gateway.log', 'nginx.log', 'postgrest.log', 'postgres.log']) {
    assert.ok(!existsSync(new URL(name, logs)) || !read(name).includes(secret), name);
  }
});

test('too many requests from one address are refused, others are not', async () => {
  // From an address of their own, so that no other test is slowed down.
  const statuses = await Promise.all(Array.from({ length: 900 }, () => statusFrom('127.0.0.9', '/auth/v1/health')));
  const refused = statuses.filter((answer) => answer.status === 429);
  assert.ok(refused.length > 0);
  assert.ok(statuses.some((answer) => answer.status === 200));
  assert.equal(refused[0].headers['retry-after'], '1');
  assert.equal(JSON.parse(refused[0].body).code, 'over_request_rate_limit');
  assert.equal((await request('/auth/v1/health')).status, 200);
});

const agent = new http.Agent({ keepAlive: true, maxSockets: 32, localAddress: '127.0.0.9' });
after(() => agent.destroy());

function statusFrom(localAddress, path) {
  return new Promise((resolve, reject) => {
    http
      .get(`${API_URL}${path}`, { localAddress, agent }, (response) => {
        let body = '';
        response.on('data', (data) => (body += data));
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
      })
      .on('error', reject);
  });
}
