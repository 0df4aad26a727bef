// The treasury's books and its administration through the gateway: the documents' paths, and two admins at once.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, test } from 'node:test';
import { SERVICE_KEY, request, sql } from './support.mjs';
import { api, code, expectNothingBroken, newPerson } from './treasury-support.mjs';

const REASON = 'Goodwill after the rained-out show';
expectNothingBroken();

let host, artist, admins;
before(async () => {
  host = await newPerson('host');
  artist = await newPerson('artist');
  admins = await Promise.all([1, 2, 3].map(() => newPerson('admin')));
});

const adjustment = (user, more = {}) => ({
  user_id: user.id, type: 'credit', amount_cents: 500, currency: 'USD', reason: REASON, ...more,
});
const adjust = async (who, user, more = {}) => {
  const { status, body } = await api('POST', 'ledger/entries', who, adjustment(user, more));
  assert.equal(status, 200, JSON.stringify(body));
  return body;
};
const balance = async (user, currency = 'USD') => {
  const [row] = await sql('select balance_cents from treasury.balances where user_id = $1 and currency = $2', [user.id, currency]);
  return Number(row?.balance_cents ?? 0);
};
/** An amount that is too much for one admin alone. */
const LARGE = 100_000;

for (const slash of ['', '/']) {
  test(`ledger/entries${slash}: an admin corrects, everybody sees their own`, async () => {
    const [admin] = admins;
    const reference = `ch_${randomUUID()}`;
    const made = await api('POST', `ledger/entries${slash}`, admin, adjustment(host, { reference_id: reference }));
    assert.deepEqual([made.status, made.body.status, made.body.requested_by], [200, 'posted', admin.id]);
    const own = await api('GET', `ledger/entries${slash}`, host);
    assert.equal(own.status, 200);
    assert.deepEqual(Object.keys(own.body[0]),
      ['id', 'user_id', 'amount_cents', 'currency', 'type', 'event_source', 'reference_id', 'created_at']);
    assert.ok(own.body.every(({ user_id: id }) => id === host.id));
    const { id, created_at: at, ...entry } = own.body.find(({ reference_id: of }) => of === reference);
    assert.deepEqual(entry, {
      user_id: host.id, amount_cents: 500, currency: 'USD', type: 'credit', event_source: 'adjustment', reference_id: reference,
    });
    assert.deepEqual((await api('GET', `ledger/entries${slash}?userId=${host.id}`, admin)).body, own.body);
    assert.deepEqual((await api('GET', `ledger/entries${slash}?userId=${host.id}&limit=1`, host)).body, own.body.slice(0, 1));
    assert.deepEqual((await api('GET', `ledger/entries${slash}?userId=${host.id}&currency=EUR`, host)).body, []);
    const until = encodeURIComponent(at);
    assert.ok(!(await api('GET', `ledger/entries${slash}?to=${until}`, host)).body.some((row) => row.id === id));
    assert.equal((await api('GET', `ledger/entries${slash}?from=${until}&offset=0`, host)).body[0].id, id);
    assert.deepEqual(code(await api('GET', `ledger/entries${slash}?userId=${host.id}`, artist)), [403, '42501']);
    assert.deepEqual(code(await api('POST', `ledger/entries${slash}`, host, adjustment(host))), [403, '42501']);
    const all = (await api('GET', `ledger/entries${slash}?limit=1000`, admin)).body;
    assert.ok(all.some(({ user_id: who }) => who === null) && all.some((row) => row.id === id));
  });
}

test('what a query or a body must not say', async () => {
  for (const query of [
    'userId=x', 'limit=0', 'limit=1001', 'limit=x', 'offset=-1', 'currency=usd', 'from=yesterday-ish', 'limit=1%26p_user_id%3Dx',
    `userId=${'9'.repeat(300)}`,
  ]) {
    assert.equal((await api('GET', `ledger/entries?${query}`, host)).status, 400, query);
  }
  assert.equal((await request('/api/ledger/entries')).status, 401);
  for (const body of ['', '{', '[]', 'null', '{"nope": 1}', '{}}']) {
    const answer = await api('POST', 'ledger/entries', admins[0], body, { 'content-type': 'application/json' });
    assert.equal(answer.status, 400, body);
  }
  for (const [method, path] of [
    ['DELETE', 'ledger/entries'], ['PUT', 'ledger/entries'], ['GET', 'ledger'], ['GET', 'ledger/entries/7'],
    ['POST', 'admin/health'], ['GET', 'admin/override'], ['GET', 'admin'],
  ]) {
    assert.equal((await api(method, path, admins[0], method === 'GET' ? undefined : {})).status, 404, `${method} ${path}`);
  }
});

test('two admins agree at once: it is posted once', async () => {
  const [first, second, third] = admins;
  const user = await newPerson('host');
  for (let round = 0; round < 5; round += 1) {
    const waiting = await adjust(first, user, { amount_cents: LARGE });
    assert.equal(waiting.status, 'waiting');
    const decide = (who) => who.supabase.rpc('decide_adjustment', { p_id: waiting.id, p_approve: true });
    const answers = await Promise.all([second, third, second, third, second, third].map(decide));
    assert.deepEqual([...new Set(answers.map(({ status, data }) => `${status} ${data.status}`))], ['200 posted']);
    assert.equal(new Set(answers.map(({ data }) => data.journal_id)).size, 1);
    assert.equal(await balance(user), LARGE * (round + 1));
  }
});

test('one agrees while another rejects: one of them wins, and the books follow', async () => {
  const [first, second, third] = admins;
  const user = await newPerson('host');
  let posted = 0;
  for (let round = 0; round < 8; round += 1) {
    const waiting = await adjust(first, user, { amount_cents: LARGE });
    const answers = await Promise.all([
      second.supabase.rpc('decide_adjustment', { p_id: waiting.id, p_approve: true }),
      third.supabase.rpc('decide_adjustment', { p_id: waiting.id, p_approve: false }),
    ]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
    const [{ status }] = await sql('select status from treasury.adjustments where id = $1', [waiting.id]);
    assert.equal(status, answers.find(({ error }) => error === null).data.status);
    posted += status === 'posted' ? 1 : 0;
  }
  assert.equal(await balance(user), LARGE * posted);
});

test('many small debits at once never take more than there is', async () => {
  const user = await newPerson('host');
  await adjust(admins[0], user, { amount_cents: 1_000 });
  await sql(`select backoffice.set_setting('treasury', 'adjustment_overdraft', 'false')`);
  try {
    const answers = await Promise.all(Array.from({ length: 24 }, (_, n) =>
      api('POST', 'ledger/entries', admins[n % 3], adjustment(user, { type: 'debit', amount_cents: 70 }))));
    const good = answers.filter(({ status }) => status === 200).length;
    assert.equal(good, 14);
    assert.deepEqual([...new Set(answers.map(({ status }) => status))].sort(), [200, 409]);
    assert.equal(await balance(user), 1_000 - 70 * good);
  } finally {
    await sql(`select backoffice.set_setting('treasury', 'adjustment_overdraft', 'true')`);
  }
});

test('an Idempotency-Key makes one adjustment', async () => {
  const user = await newPerson('host');
  const key = { 'idempotency-key': randomUUID() };
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => api('POST', 'ledger/entries', admins[0], adjustment(user), key)),
  );
  assert.equal(new Set(answers.map(({ status, body }) => `${status} ${body.id}`)).size, 1);
  assert.equal(await balance(user), 500);
  const other = await api('POST', 'ledger/entries', admins[0], adjustment(user, { amount_cents: 501 }), key);
  assert.deepEqual(code(other), [409, 'PT409']);
});

test('admin/override: a receivable is written off, by two, at once', async () => {
  const [first, second, third] = admins;
  const user = await newPerson('host');
  const debit = await adjust(first, user, { type: 'debit', amount_cents: LARGE });
  await second.supabase.rpc('decide_adjustment', { p_id: debit.id, p_approve: true });
  assert.equal(await balance(user), -LARGE);
  const body = { action: 'write_off_receivable', target: user.id, currency: 'USD', reason: 'Cannot be reached any more' };
  for (const path of ['admin/override', 'admin/override/']) {
    assert.deepEqual(code(await api('POST', path, host, body)), [403, '42501']);
    const asked = await api('POST', path, first, body);
    assert.deepEqual([asked.status, asked.body.status, asked.body.amount_cents], [200, 'waiting', LARGE]);
  }
  const rows = await first.supabase.from('overrides').select('id').eq('target', user.id);
  const answers = await Promise.all(rows.data.flatMap(({ id }) =>
    [second, third].map((who) => who.supabase.rpc('decide_override', { p_id: id, p_approve: true }))));
  // Of two that ask for the same, one is done and the other finds nothing to do.
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 409, 409]);
  assert.equal(await balance(user), 0);
  assert.deepEqual((await host.supabase.from('overrides').select('id')).data, []);
});

test('admin/health: for admins and servers', async () => {
  for (const path of ['admin/health', 'admin/health/']) {
    const { status, body } = await api('GET', path, admins[0]);
    assert.equal(status, 200);
    assert.ok(['ok', 'warning', 'critical'].includes(body.status));
    assert.deepEqual(Object.keys(body).filter((name) => !['status', 'reasons'].includes(name)).sort(),
      ['anomalies', 'approvals', 'books', 'disputes', 'jobs', 'payouts', 'reconciliation', 'requests', 'webhooks']);
    assert.equal(body.books.unbalanced, 0);
    assert.deepEqual(code(await api('GET', path, host)), [403, '42501']);
  }
  assert.equal((await request('/api/admin/health', { key: SERVICE_KEY })).status, 200);
  assert.equal((await request('/api/admin/health')).status, 401);
});

test('supabase-js: balances, entries with a filter, and the audit log', async () => {
  const [admin] = admins;
  const user = await newPerson('artist');
  await adjust(admin, user, { amount_cents: 900 });
  await adjust(admin, user, { type: 'debit', amount_cents: 300 });
  const { data: balances } = await user.supabase.from('balances').select();
  assert.deepEqual(balances, [{
    user_id: user.id, currency: 'USD', earned_cents: 900, paid_cents: 300, balance_cents: 600, available_cents: 600, owed_cents: 0,
  }]);
  const { data: entries } = await admin.supabase.from('ledger_entries').select('type, amount_cents')
    .eq('user_id', user.id).order('created_at', { ascending: false }).limit(10);
  assert.deepEqual(entries, [{ type: 'debit', amount_cents: 300 }, { type: 'credit', amount_cents: 900 }]);
  assert.deepEqual((await host.supabase.from('ledger_entries').select('id').eq('user_id', user.id)).data, []);
  const { data: logs } = await admin.supabase.from('audit_logs').select('user_id, action, details')
    .eq('details->>table', 'treasury.adjustments').limit(1);
  assert.deepEqual([logs[0].action, logs[0].details.new.user_id], ['INSERT', user.id]);
  assert.deepEqual((await user.supabase.from('audit_logs').select('id')).data, []);
  const refused = await admin.supabase.from('adjustments').delete().eq('user_id', user.id);
  assert.equal(refused.error.code, '42501');
});
