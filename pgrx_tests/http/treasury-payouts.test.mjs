// Payouts through the gateway: the documents' paths, a worker that plays Stripe, who sees what, many at once, and a run
// that is started twice or killed.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { DATABASE_URL, SERVICE_KEY, client, request, sql } from './support.mjs';
import { api as paths, code, earned, expectNothingBroken, listen, newPerson, now, tell, unique } from './treasury-support.mjs';

expectNothingBroken();

const service = client('treasury', SERVICE_KEY);
const rpc = async (name, args = {}) => {
  const { data, error } = await service.rpc(name, args);
  assert.equal(error, null, JSON.stringify(error));
  return data;
};

/** What somebody earned long ago, in cents. */
async function earn(who, cents) {
  await sql(`select ledger.open_account('treasury', 'stripe:USD', 'USD', 'asset', p_stripes => 16)`);
  await sql(`select ledger.open_account('treasury', 'earnings:' || $1 || ':USD', 'USD', 'liability', p_owner_id => $1::uuid)`, [who.id]);
  await sql(`select ledger.transfer('treasury', 'stripe:USD', 'earnings:' || $1 || ':USD', $2, 'stripe_charge')`, [who.id, cents]);
}

/** A host with an account at Stripe that has long been there, and with earnings. */
async function newHost(cents) {
  const host = await newPerson('host');
  host.account = unique('acct');
  await rpc('link_stripe_account', { p_user_id: host.id, p_stripe_account_id: host.account });
  await rpc('apply_stripe_account', {
    p_account: { id: host.account, charges_enabled: true, payouts_enabled: true, details_submitted: true },
    p_event_created: '2020-01-01T00:00:00Z',
    p_live: true,
  });
  await sql(`update treasury.stripe_accounts set created_at = now() - interval '1 year' where id = $1`, [host.id]);
  if (cents) await earn(host, cents);
  return host;
}

/** Nothing was lost or made: all accounts together, those of other tests too, come to nothing. */
async function booksBalance() {
  const [{ off }] = await sql(
    `select coalesce(sum(case when class in ('asset', 'expense') then posted else -posted end), 0)::int as off
       from ledger.balances where system = 'treasury' and code like '%:USD'`);
  assert.equal(off, 0);
}

const api = (method, path, ...more) => paths(method, `payouts/${path}`, ...more);

/** Makes the calls that are due of one payout as Stripe would, each answered by `answer(path, params)`. */
async function work(payout, answer) {
  for (;;) {
    const calls = (await rpc('claim_stripe_requests', { p_worker: 'http', p_limit: 1000 }));
    if (calls.length === 0) return;
    for (const { id, path, params } of calls) {
      const mine = params.metadata?.backoffice_payout_id === String(payout);
      const [p_status, p_response] = mine ? answer(path, params) : [503, null];
      await rpc('acknowledge_stripe_request', { p_id: id, p_worker: 'http', p_status, p_response });
    }
  }
}

let admin;
before(async () => {
  await sql('select ops.unschedule_jobs()').catch((error) => assert.equal(error.code, '55000'));
  admin = await newPerson('admin');
  await listen();
  await sql(`select backoffice.set_setting('treasury', 'payout_risk_first', '0')`);
});
after(() => booksBalance());

for (const slash of ['', '/']) {
  test(`the documents' paths, ${slash ? 'with' : 'without'} a slash at the end`, async () => {
    const host = await newHost(5_000);
    assert.deepEqual(code(await api('GET', `status${slash}`, host)), [404, 'PT404']);
    const made = await api('POST', `initiate${slash}`, host, { currency: 'USD', amount_cents: 2_000, method: 'instant' });
    assert.equal(made.status, 200, JSON.stringify(made.body));
    const { id } = made.body;
    assert.deepEqual(Object.keys(made.body).slice(0, 7), ['id', 'user_id', 'ledger_entry_id', 'status', 'risk_score', 'initiated_at', 'completed_at']);
    assert.deepEqual([made.body.status, made.body.amount_cents, made.body.method, made.body.user_id], ['pending', 2_000, 'instant', host.id]);
    for (const query of ['', `?id=${id}`, `?payoutId=${id}`, `?id=${id}&payoutId=1`]) {
      const { status, body } = await api('GET', `status${slash}${query}`, host);
      assert.deepEqual([status, body.id], [200, id], query);
    }
    assert.equal((await api('HEAD', `status${slash}`, host)).status, 200);
    const stranger = await newPerson('buyer');
    assert.deepEqual(code(await api('GET', `status${slash}?id=${id}`, stranger)), [403, '42501']);
    assert.deepEqual(code(await api('POST', `initiate${slash}`, stranger, { currency: 'USD', user_id: host.id })), [403, '42501']);
    const scheduled = await api('POST', `initiate${slash}`, admin, {
      user_id: host.id, currency: 'USD', method: 'scheduled', scheduled_for: new Date(Date.now() + 86_400_000).toISOString(),
    });
    assert.deepEqual([scheduled.status, scheduled.body.amount_cents, scheduled.body.status], [200, 3_000, 'pending']);
    assert.equal(await earned(host), 0);
  });
}

test('what the paths do not have, and what makes no sense', async () => {
  const host = await newHost(1_000);
  for (const [method, path] of [
    ['GET', 'initiate'], ['PUT', 'initiate'], ['POST', 'status'], ['DELETE', 'status'], ['GET', ''], ['POST', ''], ['GET', 'status/1'], ['POST', 'initiate/1'],
  ]) {
    assert.equal((await api(method, path, host, method === 'GET' ? undefined : {})).status, 404, `${method} ${path}`);
  }
  for (const query of ['id=x', 'id=1.5', 'id=99999999999999999999', 'payoutId=-', 'id=null']) {
    assert.equal((await api('GET', `status?${query}`, host)).status, 400, query);
  }
  assert.deepEqual(code(await api('GET', 'status?id=-1', host)), [403, '42501']);
  assert.deepEqual(code(await api('GET', 'status?id=-1', admin)), [404, 'PT404']);
  const json = { 'content-type': 'application/json' };
  for (const body of [undefined, '', '{', '[]', 'null', '7', '{"nope": 1}', '{}', '{"currency": "usd"}']) {
    assert.equal((await api('POST', 'initiate', host, body, json)).status, 400, body);
  }
  assert.equal((await request('/api/payouts/status', { method: 'GET' })).status, 401);
  assert.deepEqual(code(await api('POST', 'initiate', host, { currency: 'USD', amount_cents: 1_001 })), [409, 'PT409']);
  assert.equal(await earned(host), 1_000);
});

test('from asking to paid, with a worker and webhooks; and failed after that', async () => {
  const host = await newHost(4_200);
  const { body: payout } = await api('POST', 'initiate', host, { currency: 'USD' });
  const id = unique('po');
  const object = (status, more = {}) => ({ id, object: 'payout', amount: 4_200, currency: 'usd', status, method: 'standard', metadata: { backoffice_payout_id: String(payout.id) }, ...more });
  const paths = [];
  await work(payout.id, (path) => {
    paths.push(path);
    return path === '/v1/transfers' ? [200, { id: unique('tr') }] : [200, object('pending')];
  });
  assert.deepEqual(paths, ['/v1/transfers', '/v1/payouts']);
  const status = async () => (await api('GET', `status?id=${payout.id}`, host)).body;
  assert.deepEqual([(await status()).status, (await status()).stripe_payout_id], ['pending', id]);
  const start = now();
  // The same ones many times at once, and late.
  const events = [['payout.paid', object('paid'), start + 2], ['payout.updated', object('in_transit'), start + 1], ['payout.created', object('pending'), start]];
  await Promise.all([...events, ...events, ...events].map(([type, one, at]) => tell(type, one, { account: host.account, created: at })));
  assert.equal((await status()).status, 'paid');
  assert.ok((await status()).completed_at);
  assert.equal(await earned(host), 0);
  await booksBalance();
  await tell('payout.failed', object('failed', { failure_code: 'account_closed' }), { account: host.account, created: start + 3 });
  assert.deepEqual([(await status()).status, (await status()).failure_code, await earned(host)], ['failed', 'account_closed', 4_200]);
  const reversals = await sql(`select path from treasury.stripe_requests where subject_id = $1 and path like '%/reversals'`, [payout.id]);
  assert.equal(reversals.length, 1);
});

test('many requests at once cannot pay out more than there is', async () => {
  const host = await newHost(10_000);
  await sql(`select backoffice.set_setting('treasury', 'payout_risk_velocity', '0')`);
  const answers = await Promise.all(Array.from({ length: 24 }, () => api('POST', 'initiate', host, { currency: 'USD', amount_cents: 1_500 })));
  const statuses = answers.map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === 200).length, 6);
  assert.equal(statuses.filter((status) => status === 409).length, 18);
  assert.equal(await earned(host), 1_000);
});

test('an Idempotency-Key makes one payout', async () => {
  const host = await newHost(10_000);
  const key = { 'idempotency-key': randomUUID() };
  const ask = (more = {}) => api('POST', 'initiate', host, { currency: 'USD', amount_cents: 1_000, ...more }, key);
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask()));
  assert.equal(new Set(answers.map(({ status, body }) => `${status} ${body.id}`)).size, 1);
  assert.deepEqual(code(await ask({ amount_cents: 2_000 })), [409, 'PT409']);
  assert.equal(await earned(host), 9_000);
});

test('canceling and claiming at once: the money goes once or not at all', async () => {
  for (let round = 0; round < 10; round += 1) {
    const host = await newHost(1_000);
    const { data: payout } = await host.supabase.rpc('initiate_payout', { p_payout: { currency: 'USD' } });
    const [canceled, claimed] = await Promise.all([
      host.supabase.rpc('cancel_payout', { p_payout_id: payout.id }),
      rpc('claim_stripe_requests', { p_worker: `round-${round}`, p_limit: 1000 }),
    ]);
    const got = claimed.some(({ params }) => params.metadata.backoffice_payout_id === String(payout.id));
    assert.notEqual(got, canceled.error === null, JSON.stringify(canceled));
    assert.equal(await earned(host), got ? 0 : 1_000);
  }
});

test('workers at once never get the same call', async () => {
  for (let n = 0; n < 6; n += 1) await api('POST', 'initiate', await newHost(1_000), { currency: 'USD' });
  const claims = await Promise.all(Array.from({ length: 12 }, (_, n) => rpc('claim_stripe_requests', { p_worker: `many-${n}`, p_limit: 2 })));
  const ids = claims.flat().map(({ id }) => id);
  assert.ok(ids.length >= 6);
  assert.equal(new Set(ids).size, ids.length);
});

test('a risky payout: an admin decides, its owner does not learn why', async () => {
  const host = await newHost(5_000);
  await sql(`update treasury.stripe_accounts set created_at = now() where id = $1`, [host.id]);
  await sql(`select backoffice.set_setting('treasury', 'payout_review_score', '30')`);
  const { body: payout } = await api('POST', 'initiate', host, { currency: 'USD' });
  await sql(`select backoffice.set_setting('treasury', 'payout_review_score', '60')`);
  assert.equal(payout.status, 'review');
  assert.deepEqual((await host.supabase.from('payout_risks').select()).data, []);
  const { data: risks } = await admin.supabase.from('payouts').select('status, payout_risks(reasons)').eq('id', payout.id);
  assert.deepEqual(risks[0].payout_risks.reasons.map(({ reason }) => reason), ['new_account']);
  const mine = await host.supabase.rpc('decide_payout', { p_payout_id: payout.id, p_approve: true, p_note: 'mine' });
  assert.deepEqual([mine.status, mine.error.code], [403, '42501']);
  const decided = await admin.supabase.rpc('decide_payout', { p_payout_id: payout.id, p_approve: true, p_note: 'called them' });
  assert.equal(decided.data.status, 'pending');
  assert.equal((await sql(`select 1 from treasury.stripe_requests where subject_id = $1`, [payout.id])).length, 1);
});

test('a run started by many at once pays everybody once', async () => {
  const hosts = [];
  for (let n = 0; n < 5; n += 1) hosts.push(await newHost(1_000 + n));
  const answers = await Promise.all(Array.from({ length: 8 }, () => admin.supabase.rpc('run_payouts')));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))].filter((status) => ![200, 409].includes(status)), []);
  const runs = answers.filter(({ status }) => status === 200).map(({ data }) => data.id);
  assert.equal(new Set(runs).size, 1);
  for (const host of hosts) {
    assert.equal(await earned(host), 0);
    assert.equal((await sql(`select 1 from treasury.payouts where user_id = $1 and run_id = $2`, [host.id, runs[0]])).length, 1);
  }
  await booksBalance();
});

test('a run that is killed is taken up, and nobody is paid twice', async () => {
  // Yesterday's, as far as this one knows.
  await sql(`update treasury.payout_runs set day = day - 1`);
  await sql(`update treasury.payouts set run_day = run_day - 1 where run_day is not null`);
  const hosts = [];
  for (let n = 0; n < 3; n += 1) hosts.push(await newHost(2_000));
  const killed = new pg.Client({ connectionString: DATABASE_URL });
  await killed.connect();
  killed.on('error', () => {});
  const { rows: [{ pid }] } = await killed.query('select pg_backend_pid() as pid');
  await killed.query('begin');
  await killed.query('select treasury.run_payouts()');
  const { rows: [{ inside }] } = await killed.query(`select count(*)::int as inside from treasury.payouts where run_day = (now() at time zone 'utc')::date`);
  assert.ok(inside >= 3);
  assert.deepEqual(code({ status: 409, body: (await admin.supabase.rpc('run_payouts')).error }), [409, 'PT409']);
  await sql('select pg_terminate_backend($1)', [pid]);
  await killed.end().catch(() => {});
  let run;
  for (let tries = 0; tries < 50 && !run?.data; tries += 1) run = await admin.supabase.rpc('run_payouts');
  assert.ok(run.data.finished_at);
  for (const host of hosts) {
    assert.equal(await earned(host), 0);
    assert.equal((await sql('select 1 from treasury.payouts where user_id = $1', [host.id])).length, 1);
  }
  const again = await admin.supabase.rpc('run_payouts');
  assert.deepEqual(again.data, run.data);
  await booksBalance();
});
