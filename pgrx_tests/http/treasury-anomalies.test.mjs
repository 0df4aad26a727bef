// Anomalies through the gateway: the documents' paths, models outside, who sees what, and many at once.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { SERVICE_KEY, client, request, sql } from './support.mjs';
import { api, code, expectNothingBroken, newPerson, unique } from './treasury-support.mjs';

expectNothingBroken();

let host, admin;
before(async () => {
  host = await newPerson('host');
  admin = await newPerson('admin');
});

const server = client('treasury', SERVICE_KEY);

/** Something that a model flags. */
async function flag(more = {}) {
  const p_anomaly = { detector: 'model', key: unique('key'), kind: 'fraud', severity: 'low', description: 'Looks odd', ...more };
  const { data, error } = await server.rpc('flag_anomaly', { p_anomaly });
  assert.equal(error, null, error?.message);
  return data;
}

const ids = ({ status, body }) => {
  assert.equal(status, 200, JSON.stringify(body));
  return body.map(({ id }) => id);
};

for (const slash of ['', '/']) {
  test(`the documents' paths, ${slash ? 'with' : 'without'} a slash at the end`, async () => {
    const [low, high] = [await flag(), await flag({ severity: 'high', score: 0.9 })];
    const listed = await api('GET', `ai/anomalies${slash}?limit=2`, admin);
    assert.deepEqual(ids(listed), [high.id, low.id]);
    assert.deepEqual(Object.keys(listed.body[0]).slice(0, 6),
      ['id', 'related_entry_id', 'description', 'severity', 'flagged_at', 'resolved_at']);
    assert.ok(!ids(await api('GET', `ai/anomalies${slash}?severity=high`, admin)).includes(low.id));
    assert.deepEqual(ids(await api('GET', `ai/anomalies${slash}?status=open&severity=low&limit=1`, admin)), [low.id]);
    assert.deepEqual(ids(await api('GET', `ai/anomalies${slash}?limit=1&offset=1&severity=&status=`, admin)), [low.id]);

    const note = 'A group of friends.';
    const resolved = await api('POST', `ai/anomalies/resolve${slash}`, admin, { id: high.id, note });
    assert.deepEqual([resolved.status, resolved.body.id, resolved.body.resolution, resolved.body.resolved_by], [200, high.id, note, admin.id]);
    assert.notEqual(resolved.body.resolved_at, null);
    assert.deepEqual(code(await api('POST', `ai/anomalies/resolve${slash}`, admin, { anomaly_id: high.id, note })), [409, 'PT409']);
    assert.ok(!ids(await api('GET', `ai/anomalies${slash}`, admin)).includes(high.id));
    assert.ok(ids(await api('GET', `ai/anomalies${slash}?status=resolved`, admin)).includes(high.id));
    assert.deepEqual(ids(await api('GET', `ai/anomalies${slash}?status=all&limit=2`, admin)), [high.id, low.id]);
  });
}

test('who is no admin sees nothing and does nothing', async () => {
  const { id } = await flag();
  assert.deepEqual(code(await api('GET', 'ai/anomalies/', host)), [403, '42501']);
  assert.deepEqual(code(await api('POST', 'ai/anomalies/resolve', host, { id, note: 'x' })), [403, '42501']);
  assert.equal((await request('/api/ai/anomalies/', { method: 'GET' })).status, 401);
  assert.deepEqual((await host.supabase.from('anomalies').select()).data, []);
  for (const name of ['detect_anomalies', 'list_anomalies']) {
    assert.equal((await host.supabase.rpc(name)).error.code, '42501', name);
  }
  assert.equal((await host.supabase.rpc('flag_anomaly', { p_anomaly: {} })).error.code, '42501');
  const seen = await admin.supabase.from('anomalies').select('id').eq('id', id);
  assert.deepEqual(seen.data, [{ id }]);
});

test('bad questions and bodies that are none', async () => {
  for (const query of ['severity=worst', 'status=closed', 'limit=0', 'limit=x', 'limit=99999999999', 'offset=-1', 'offset=%26p_limit%3D1', 'severity=%27']) {
    assert.equal((await api('GET', `ai/anomalies/?${query}`, admin)).status, 400, query);
  }
  const { id } = await flag();
  for (const [body, status] of [
    [undefined, 400], ['', 400], ['{', 400], ['null', 400], ['[]', 400], ['7', 400], ['{}', 400],
    [JSON.stringify({ id }), 400], [JSON.stringify({ id, note: ' ' }), 400], [JSON.stringify({ id, note: 1 }), 400],
    [JSON.stringify({ id: `${id} `, note: 'x' }), 400], [JSON.stringify({ id, note: 'x'.repeat(501) }), 400],
    [JSON.stringify({ id: 9e15, note: 'x' }), 404],
  ]) {
    const answer = await api('POST', 'ai/anomalies/resolve', admin, body, { 'content-type': 'application/json' });
    assert.equal(answer.status, status, `${body}`);
  }
  for (const [method, path] of [['POST', 'ai/anomalies'], ['GET', 'ai/anomalies/resolve'], ['GET', 'ai'], ['DELETE', 'ai/anomalies/1'], ['GET', 'ai/anomalies/1']]) {
    assert.equal((await api(method, path, admin, method === 'GET' ? undefined : {})).status, 404, `${method} ${path}`);
  }
  const [row] = await sql('select resolved_at from treasury.anomalies where id = $1', [id]);
  assert.equal(row.resolved_at, null);
});

test('many at once resolve it once', async () => {
  const { id } = await flag();
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, n) => api('POST', 'ai/anomalies/resolve', admin, { id, note: `Number ${n}` })));
  const statuses = answers.map(({ status }) => status).sort();
  assert.deepEqual(statuses, [200, ...Array(11).fill(409)]);
});

test('many models at once flag the same once, and one message is sent', async () => {
  const key = unique('key');
  const flagged = await Promise.all(Array.from({ length: 12 }, () => flag({ key, severity: 'high' })));
  assert.equal(new Set(flagged.map(({ id }) => id)).size, 1);
  const messages = await sql(
    `select recipient from ops.outbox where system = 'treasury' and payload #>> '{detail,anomaly_id}' = $1`, [`${flagged[0].id}`]);
  assert.deepEqual(messages, [{ recipient: '#treasury-alerts' }]);
});

test('what is odd is found by many who look at once, once', async () => {
  const seller = await newPerson('host');
  await sql(`insert into treasury.charges (id, stripe_charge_id, status, amount_cents, currency, owner_id, buyer_id, charged_at)
    select gen_random_uuid(), 'ch_' || gen_random_uuid(), 'captured', case n when 1 then 9000000 else 2000 + n * 13 end, 'USD', $1, $1,
           now() - n * interval '11 hours' from generate_series(1, 50) n`, [seller.id]);
  const known = async () => (await sql('select count(*)::int as n from treasury.anomalies'))[0].n;
  const before = await known();
  const looks = await Promise.all(Array.from({ length: 6 }, () => admin.supabase.rpc('detect_anomalies')));
  assert.deepEqual(looks.map(({ error }) => error), Array(6).fill(null));
  // Of what other tests left there may be more.
  assert.equal(looks.reduce((sum, { data }) => sum + data.anomalies, 0), (await known()) - before);
  const { data } = await admin.supabase.from('anomalies').select('kind, severity, amount_cents').eq('user_id', seller.id);
  assert.deepEqual(data, [{ kind: 'amount', severity: 'high', amount_cents: 9000000 }]);
});
