// Split rules through the gateway: the documents' paths, sign-up, who sees what, and many at once.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, test } from 'node:test';
import { SERVICE_KEY, client, request, sql } from './support.mjs';
import { api as paths, code, expectNothingBroken, newPerson } from './treasury-support.mjs';

expectNothingBroken();

let host, artist, admin;
before(async () => {
  host = await newPerson('host');
  artist = await newPerson('artist');
  admin = await newPerson('admin');
});

const rules = (...parts) => parts.map(([who, percent]) => ({ recipient_id: who.id, percent }));

const api = (method, path, ...more) => paths(method, `split-rules${path}`, ...more);

const create = async (who, more = {}) => {
  const { status, body } = await api('POST', '/', who, { name: 'Tour', rules: rules([host, 60], [artist, 40]), ...more });
  assert.equal(status, 200, JSON.stringify(body));
  return body;
};

test('whoever signs up is a buyer, whatever role they ask for', async () => {
  const buyer = await newPerson('buyer', { role: 'admin' });
  const { data } = await buyer.supabase.from('users').select('id, email, role');
  assert.deepEqual(data, [{ id: buyer.id, email: buyer.email, role: 'buyer' }]);
  const refused = await api('POST', '/', buyer, { name: 'x', rules: rules([buyer, 100]) });
  assert.deepEqual(code(refused), [403, '42501']);
});

for (const slash of ['', '/']) {
  test(`the documents' paths, ${slash ? 'with' : 'without'} a slash at the end`, async () => {
    const made = await api('POST', slash, host, { name: 'Tour', rules: rules([host, '66.666667'], [artist, 33.333333]) });
    assert.equal(made.status, 200);
    assert.deepEqual(Object.keys(made.body).slice(0, 7), ['id', 'owner_id', 'name', 'rules', 'is_default', 'created_at', 'updated_at']);
    assert.deepEqual(made.body.rules, rules([host, 66.666667], [artist, 33.333333]));
    const { id } = made.body;

    const listed = await api('GET', slash, host);
    assert.ok(listed.body.some((rule) => rule.id === id));
    assert.deepEqual((await api('GET', slash, artist)).body, []);

    const changed = await api('PUT', `/${id}${slash}`, host, { name: 'Second tour', is_default: true });
    assert.deepEqual([changed.status, changed.body.name, changed.body.is_default], [200, 'Second tour', true]);
    assert.deepEqual(code(await api('PUT', `/${id}${slash}`, artist, { name: 'x' })), [403, '42501']);

    const gone = await api('DELETE', `/${id}${slash}`, host);
    assert.deepEqual([gone.status, gone.body.rule_id, gone.body.version, gone.body.rules], [200, id, 3, null]);
    assert.deepEqual(code(await api('DELETE', `/${id}${slash}`, host)), [404, 'PT404']);
    assert.ok(!(await api('GET', slash, host)).body.some((rule) => rule.id === id));
  });
}

test('what a path does not have, and bodies that are none', async () => {
  const { id } = await create(host);
  for (const [method, path] of [
    ['PUT', '/'], ['DELETE', '/'], ['POST', `/${id}`], ['PATCH', `/${id}`], ['GET', `/${id}`], ['PUT', '/x'], ['DELETE', '/1/2'],
    ['DELETE', `/${'9'.repeat(30)}`],
  ]) {
    assert.equal((await api(method, path, host, method === 'GET' ? undefined : {})).status, 404, `${method} ${path}`);
  }
  const json = { 'content-type': 'application/json' };
  for (const body of [undefined, '', '{', '{}}', '[1', 'x', '"', '\u0000']) {
    assert.equal((await api('PUT', `/${id}`, host, body, json)).status, 400, body);
  }
  for (const body of ['[]', '7', 'null', '{"nope": 1}']) {
    assert.equal((await api('PUT', `/${id}`, host, body, json)).status, 400, body);
  }
  assert.equal((await api('PUT', `/${id}`, host, { name: 'x'.repeat(70_000) })).status, 413);
  assert.equal((await request('/api/split-rules/', { method: 'GET' })).status, 401);
  // The path says which rule it is, whatever the body adds.
  const other = await create(host);
  await api('PUT', `/${id}`, host, `{"name": "Mine"}, "p_rule_id": ${other.id}`, json);
  const names = await sql('select id, name from treasury.split_rules where id = any ($1) order by id', [[id, other.id]]);
  assert.deepEqual(names.map(({ name }) => name), ['Mine', 'Tour']);
});

test('an Idempotency-Key makes one rule', async () => {
  const key = { 'idempotency-key': randomUUID() };
  const body = { name: 'Once', rules: rules([host, 100]) };
  const answers = await Promise.all(Array.from({ length: 8 }, () => api('POST', '/', host, body, key)));
  assert.deepEqual([...new Set(answers.map(({ status, body: { id } }) => `${status} ${id}`))].length, 1);
  assert.deepEqual(code(await api('POST', '/', host, { ...body, name: 'Twice' }, key)), [409, 'PT409']);
});

test('supabase-js: a preview, the own shares, and an admin', async () => {
  const { id } = await create(host, { currency: 'USD' });
  const preview = await host.supabase.rpc('preview_split', { p_amount: 101, p_currency: 'USD', p_rule_id: id, p_refunded: 50 });
  assert.deepEqual(preview.data.map(({ party, share, refunded, kept }) => [party, share, refunded, kept]), [
    ['platform', 0, 0, 0],
    ['recipient', 61, 30, 31],
    ['recipient', 40, 20, 20],
  ]);
  const { data: shares } = await artist.supabase.from('my_shares').select('name, percent').eq('rule_id', id);
  assert.deepEqual(shares, [{ name: 'Tour', percent: 40 }]);
  assert.deepEqual((await artist.supabase.from('split_rules').select().eq('id', id)).data, []);
  const renamed = await admin.supabase.rpc('update_split_rule', { p_rule_id: id, p_rule: { name: 'By an admin' } });
  assert.equal(renamed.data.name, 'By an admin');
  const [log] = await sql(
    `select actor_id from ops.audit_logs where table_name = 'treasury.split_rules' and record_id = $1 order by id desc limit 1`, [id]);
  assert.equal(log.actor_id, admin.id);
});

test('many clients at once make different rules the default: one is, and its versions say since when', async () => {
  const owner = await newPerson('host');
  const made = [];
  for (let n = 0; n < 8; n += 1) made.push((await create(owner)).id);
  const answers = await Promise.all(
    Array.from({ length: 48 }, (_, n) => api('PUT', `/${made[n % made.length]}`, owner, { is_default: true })),
  );
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  const defaults = await sql('select id from treasury.split_rules where owner_id = $1 and is_default', [owner.id]);
  assert.equal(defaults.length, 1);
  // At every moment since the first there was exactly one default.
  const moments = await sql(
    `select m.valid_from, (select count(*)::int from (
         select distinct on (rule_id) is_default from treasury.split_rule_versions v
          where v.owner_id = $1 and v.valid_from <= m.valid_from order by rule_id, version desc) d where is_default) as defaults
       from treasury.split_rule_versions m where m.owner_id = $1 and m.is_default`, [owner.id]);
  assert.ok(moments.length >= made.length);
  assert.deepEqual(moments.filter(({ defaults: count }) => count !== 1), []);
  const { data: [inForce] } = await owner.supabase.rpc('rule_in_force', { p_owner_id: owner.id, p_currency: 'EUR' });
  assert.equal(inForce.rule_id, Number(defaults[0].id));
});

test('an account at Stripe: linked by an admin, kept up by a server, read by its owner', async () => {
  const account = `acct_${randomUUID().replaceAll('-', '')}`;
  const linked = await admin.supabase.rpc('link_stripe_account', { p_user_id: host.id, p_stripe_account_id: account });
  assert.equal(linked.data.onboarding_status, 'pending');
  const apply = (more, created) =>
    client('treasury', SERVICE_KEY).rpc('apply_stripe_account', {
      p_account: { id: account, charges_enabled: true, payouts_enabled: true, details_submitted: true, ...more },
      p_event_created: created,
      p_live: false,
    });
  assert.equal((await apply({}, '2026-01-01T00:00:10Z')).data.onboarding_status, 'completed');
  const late = { payouts_enabled: false, requirements: { currently_due: ['external_account'] } };
  assert.equal((await apply(late, '2026-01-01T00:00:05Z')).data.onboarding_status, 'completed');
  assert.equal((await apply(late, '2026-01-01T00:00:15Z')).data.onboarding_status, 'pending');
  const { data } = await host.supabase.from('stripe_accounts').select('onboarding_status, requirements, live');
  assert.deepEqual(data, [
    { onboarding_status: 'pending', live: false, requirements: { past_due: [], currently_due: ['external_account'], disabled_reason: null } },
  ]);
  assert.deepEqual((await artist.supabase.from('stripe_accounts').select()).data, []);
  const refused = await host.supabase.rpc('apply_stripe_account', { p_account: {}, p_event_created: 'now' });
  assert.deepEqual([refused.status, refused.error.code], [403, '42501']);
});
