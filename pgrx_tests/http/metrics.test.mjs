// What programs and admins ask about the system, through the gateway.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { ANON_KEY, API_URL, SERVICE_KEY, request, sql } from './support.mjs';
import { newAdmin, newPromoter, ok, quietCustomer, refused } from './network-support.mjs';

let admin;
let promoter;
before(async () => {
  admin = await newAdmin();
  promoter = await newPromoter(admin);
  await quietCustomer(admin, promoter.id);
});

const scrape = (token, headers = {}) =>
  fetch(`${API_URL}/metrics`, { headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers } });

/** The text format, strictly: {name: {type, help, samples: [{labels, value}]}}. */
function parse(text) {
  assert.ok(text.endsWith('\n'));
  const families = {};
  let current = null;
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-z_:][a-z0-9_:]*) (.+)$/.exec(line);
    if (comment) {
      const [, what, name, rest] = comment;
      if (what === 'HELP') {
        assert.equal(families[name], undefined, `${name} comes twice`);
        current = families[name] = { name, help: rest, samples: [] };
      } else {
        assert.equal(name, current.name);
        assert.match(rest, /^(counter|gauge)$/);
        current.type = rest;
      }
      continue;
    }
    const sample = /^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (NaN|[+-]Inf|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/.exec(line);
    assert.ok(sample, line);
    assert.equal(sample[1], current.name);
    const labels = {};
    let rest = sample[2] ?? '';
    while (rest) {
      const label = /^([a-z_][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/.exec(rest);
      assert.ok(label, line);
      labels[label[1]] = label[2];
      rest = rest.slice(label[0].length);
    }
    current.samples.push({ labels, value: Number(sample[3].replace('Inf', 'Infinity')) });
  }
  return families;
}

describe('/metrics', () => {
  test('is what Prometheus reads, with names as it wants them', async () => {
    const accept = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
    const response = await scrape(SERVICE_KEY, { accept });
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type'), /^text\/plain\b/);
    const families = parse(await response.text());
    for (const { name, type, samples } of Object.values(families)) {
      assert.match(name, /^backoffice_/);
      assert.equal(name.endsWith('_total'), type === 'counter', name);
      assert.ok(samples.length > 0, name);
      assert.equal(new Set(samples.map(({ labels }) => JSON.stringify(labels))).size, samples.length, name);
      for (const { value } of samples) assert.ok(Number.isFinite(value), name);
    }
    const value = (name, labels = {}) =>
      families[name].samples.find((one) => JSON.stringify(one.labels) === JSON.stringify(labels))?.value;
    assert.ok(value('backoffice_commits_total') > 0);
    assert.ok(value('backoffice_table_size_bytes', { table: 'network.profiles' }) > 0);
    assert.ok(value('backoffice_sign_ins_recent', { result: 'success' }) >= 1);
    assert.ok(value('backoffice_network_numbers_issued_total', { counter: 'customer' }) >= 1);
    assert.ok(value('backoffice_network_balance_amount', { account: 'commissions' }) >= 800);
    const now = value('backoffice_start_time_seconds');
    assert.ok(now > 1.7e9 && now <= Date.now() / 1000);
  });

  test('is for servers and admins of ops', async () => {
    assert.equal((await scrape(admin.token)).status, 200);
    assert.equal((await scrape(promoter.token)).status, 403);
    assert.equal((await scrape(ANON_KEY)).status, 401);
    assert.equal((await scrape()).status, 401);
  });

  test('is read, never written', async () => {
    const { status } = await request('/metrics', { method: 'POST', body: { a: 1 }, key: SERVICE_KEY });
    assert.equal(status, 200);
    assert.equal((await request('/metrics/x', { key: SERVICE_KEY })).status, 404);
  });
});

const ops = (name, who, body = {}) =>
  request(`/ops/rest/v1/rpc/${name}`, { method: 'POST', body, ...(typeof who === 'string' ? { key: who } : { token: who.token }) });

describe('health', () => {
  test('is for servers and admins of ops', async () => {
    for (const who of [admin, SERVICE_KEY]) {
      const { status, body } = await ops('health', who);
      assert.equal(status, 200);
      assert.ok(['ok', 'warning', 'critical'].includes(body.status));
      assert.equal(body.versions.installed, body.versions.library);
      assert.deepEqual(body.events, { wanted: true, running: true });
      assert.ok(body.connections.used >= 1 && body.connections.used <= body.connections.max);
      assert.equal(body.connections.by_state.unknown, undefined);
      assert.equal(body.replication.role, 'primary');
      assert.ok(body.tables.length > 30);
      assert.equal(body.ledger.balanced, true);
    }
    assert.equal((await ops('health', promoter)).status, 403);
    assert.equal((await ops('health', ANON_KEY)).status, 401);
  });

  test('is a GET too, for programs that look from time to time', async () => {
    assert.equal((await request('/ops/rest/v1/rpc/health', { key: SERVICE_KEY })).status, 200);
  });

  test('shows a slow query without what was typed', async () => {
    await ok(admin.supabase.schema('network').rpc('check'));
    await sql(`select ops.set_setting('ops', 'slow_query_seconds', '1')`);
    const slow = sql(`select pg_sleep(2), 'a secret'`);
    await new Promise((resolve) => setTimeout(resolve, 1300));
    const { body } = await ops('health', admin);
    await slow;
    await sql(`select ops.set_setting('ops', 'slow_query_seconds', '5')`);
    assert.ok(body.slow_queries.some(({ state, seconds }) => state === 'active' && seconds >= 1));
    assert.ok(body.reasons.some(({ reason }) => /queries have been running/.test(reason)));
    assert.ok(!JSON.stringify(body).includes('a secret'));
  });
});

describe('the metrics of the document', () => {
  const period = { p_from: new Date(Date.now() - 3600e3).toISOString(), p_to: new Date(Date.now() + 3600e3).toISOString() };

  test('technical ones count sign-ins and say what is elsewhere', async () => {
    await promoter.supabase.auth.signInWithPassword({ email: promoter.profile.promoter_id, password: 'wrong' });
    const { status, body } = await ops('technical_metrics', admin, period);
    assert.equal(status, 200);
    assert.ok(body.sign_ins.succeeded >= 2 && body.sign_ins.failed >= 1);
    assert.ok(body.sign_ins.success_rate > 0 && body.sign_ins.success_rate < 1);
    assert.ok(body.people.active >= 2);
    assert.ok(body.database.commits > 0);
    assert.ok(body.not_in_the_database.response_time);
    assert.equal((await ops('technical_metrics', promoter, period)).status, 403);
  });

  test('business ones are for admins of the network', async () => {
    const body = await ok(admin.rpc('business_metrics', period));
    assert.ok(body.commissions.amount >= 800 && body.customers.new >= 1 && body.pins.used >= 1);
    await refused(promoter.rpc('business_metrics', period), 403, '42501');
  });

  test('a period that is none is a 400', async () => {
    const backwards = { p_from: period.p_to, p_to: period.p_from };
    for (const bad of [backwards, { ...period, p_to: 'infinity' }, { ...period, p_from: null }, { p_from: 'x' }]) {
      assert.equal((await ops('technical_metrics', admin, bad)).status, 400, JSON.stringify(bad));
      assert.equal((await refusedStatus(bad)), 400, JSON.stringify(bad));
    }
  });

  const refusedStatus = async (bad) => (await admin.rpc('business_metrics', bad)).status;
});

test('an admin reads an alert and resolves it with a note', async () => {
  await sql(`update ops.outbox set given_up_at = now(), status = 'dead' where status = 'pending' and template = 'invite'`);
  const checked = await ops('run_checks', admin);
  assert.equal(checked.status, 200);
  assert.ok(checked.body.problems >= 1);
  const read = (who) => request('/ops/rest/v1/alerts?kind=eq.outbox_dead&resolved_at=is.null', { token: who.token });
  const [alert] = (await read(admin)).body;
  assert.deepEqual([alert.severity, alert.detail.channel], ['warning', 'email']);
  assert.deepEqual((await read(promoter)).body, []);
  const resolve = (who, note) => ops('resolve_alert', who, { p_id: alert.id, p_note: note });
  assert.equal((await resolve(promoter, 'mine')).status, 403);
  assert.equal((await resolve(admin, ' ')).status, 400);
  const resolved = await resolve(admin, 'the mail server is back');
  assert.deepEqual([resolved.status, resolved.body.resolved_by, resolved.body.resolution], [200, admin.id, 'the mail server is back']);
  assert.equal((await resolve(admin, 'again')).status, 409);
  await ops('run_checks', admin);
  assert.deepEqual((await read(admin)).body, []);
});
