// Portfolios, levels, summaries and the archive as a client uses them, and many at once.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { request, sql } from './support.mjs';
import { expectConsistent, newAdmin, newCustomer, newPromoter, ok, quietCustomer, refused } from './network-support.mjs';

const CLIENTS = 8;
const together = (call) => Promise.all(Array.from({ length: CLIENTS }, (_, number) => call(number)));

let admin, asha, ravi;
before(async () => {
  admin = await newAdmin();
  asha = await newPromoter(admin);
  ravi = await newCustomer(admin, asha.id);
});

const newPlan = () =>
  ok(
    asha.rpc('create_savings_plan', {
      p_customer_id: ravi.id,
      p_product: 'Saver',
      p_instalment_amount: '99.99',
      p_instalments: 12,
    }),
  );

describe('a portfolio', () => {
  test('is recorded by the promoter, valued by an admin, and read by the customer', async () => {
    const plan = await newPlan();
    assert.deepEqual([plan.amount, plan.frequency, plan.created_by], [1199.88, 'monthly', asha.id]);
    await ok(asha.rpc('record_instalment', { p_investment_id: plan.id, p_number: 1 }));
    await ok(admin.rpc('record_valuation', { p_investment_id: plan.id, p_value: 120 }));
    const told = await ok(ravi.rpc('get_customer_portfolio', { p_customer_id: ravi.id }, { get: true }));
    const one = told.investments.find((investment) => investment.investment_id === plan.id);
    assert.deepEqual([one.invested, one.current_value, one.gain, one.next_number], [99.99, 120, 20.01, 2]);
    const rows = await ok(
      ravi.from('investments').select('product,instalments(number,status),valuations(value)').eq('id', plan.id).single(),
    );
    assert.equal(rows.instalments.length, 12);
    assert.deepEqual(rows.valuations, [{ value: 120 }]);
    const chart = await ok(ravi.rpc('get_portfolio_history', { p_customer_id: ravi.id, p_granularity: 'day' }, { get: true }));
    assert.ok(chart.length >= 1);
  });

  test('is closed to others', async () => {
    const plan = await newPlan();
    const bela = await newPromoter(admin);
    assert.deepEqual(await ok(bela.from('portfolio').select('*')), []);
    await refused(bela.rpc('get_customer_portfolio', { p_customer_id: ravi.id }), 403, '42501');
    await refused(asha.rpc('record_valuation', { p_investment_id: plan.id, p_value: 1 }), 403, '42501');
    await refused(ravi.rpc('record_instalment', { p_investment_id: plan.id, p_number: 1 }), 403, '42501');
    await refused(asha.from('investments').insert({ customer_id: ravi.id }), 403, '42501');
  });

  test('takes bad input for what it is', async () => {
    const invest = (more) => asha.rpc('create_investment', { p_customer_id: ravi.id, p_product: 'Fund', p_amount: 1, ...more });
    await refused(invest({ p_amount: 0 }), 400, '22023', 'p_amount');
    await refused(invest({ p_amount: '1e400' }), 400, '22003');
    await refused(invest({ p_product: ' ' }), 400, '22004', 'p_product');
    await refused(invest({ p_started_on: 'infinity' }), 400, '22023', 'p_started_on');
    await refused(invest({ p_started_on: 'soon' }), 400, '22007');
    await refused(admin.rpc('get_period_summary', { p_to: 'infinity' }), 400, '22023', 'p_to');
    await refused(admin.rpc('get_period_summary', { p_from: '1900-01-01' }), 400, '22023', 'p_from');
  });
});

describe('many at once', () => {
  test('make one plan under one Idempotency-Key', async () => {
    const body = { p_customer_id: ravi.id, p_product: 'Once', p_amount: 5 };
    const headers = { 'Idempotency-Key': 'one fund' };
    const answers = await together(() =>
      request('/network/rest/v1/rpc/create_investment', { method: 'POST', body, headers, token: asha.token }),
    );
    assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [200]);
    assert.equal(new Set(answers.map((answer) => answer.body.id)).size, 1);
  });

  test('record an instalment once, and an end beats what comes after', async () => {
    const plan = await newPlan();
    const record = (p_number) => asha.rpc('record_instalment', { p_investment_id: plan.id, p_number });
    await together(() => ok(record(1)));
    const [{ changes }] = await sql(
      "select count(*)::int as changes from ops.audit_logs where table_name = 'network.instalments' and record_id like $1",
      [`${plan.id}%`],
    );
    assert.equal(changes, 1);
    const answers = await Promise.all([
      ...Array.from({ length: 6 }, (_, i) => record(i + 2)),
      admin.rpc('close_investment', { p_investment_id: plan.id, p_value: 1 }),
    ]);
    for (const answer of answers) assert.ok([200, 409].includes(answer.status), JSON.stringify(answer));
    const rows = await ok(asha.from('instalments').select('status').eq('investment_id', plan.id));
    assert.ok(rows.every((row) => ['paid', 'cancelled'].includes(row.status)));
  });

  test('move each old row once', async () => {
    await quietCustomer(admin, asha.id);
    await sql(`begin; set local session_replication_role = replica;
      update network.pin_transactions set created_at = created_at - interval '2 years' where user_id = '${asha.id}';
      update network.affiliate_commissions set created_at = created_at - interval '2 years' where recipient_id = '${asha.id}';
      commit`);
    const setting = (value) => sql("select backoffice.set_setting('network', 'archive_months', $1)", [value]);
    const [{ pins }] = await sql('select count(*)::int as pins from network.pin_transactions where user_id = $1', [asha.id]);
    const summary = () => ok(asha.rpc('get_promoter_commission_summary', { p_promoter_id: asha.id }));
    const before = await summary();
    await setting('12');
    const moved = await together(() => ok(admin.rpc('archive_old_rows')));
    await setting('null');
    assert.equal(moved.reduce((sum, one) => sum + one.pin_transactions, 0), pins);
    assert.deepEqual(await summary(), before);
    assert.equal((await ok(asha.from('pin_transactions').select('id'))).length, 0);
    assert.equal((await ok(asha.from('pin_history').select('id'))).length, pins);
    await expectConsistent();
  });

  test('promote each promoter once', async () => {
    const setting = (value) => sql("select backoffice.set_setting('network', 'level_manager_customers', $1)", [value]);
    await setting('1');
    const runs = await together(() => admin.rpc('promote_promoters'));
    await setting('null');
    for (const run of runs) assert.equal(run.error, null);
    const changes = await ok(asha.from('level_changes').select('from_level,to_level,reason'));
    assert.deepEqual(changes, [{ from_level: 'Affiliate', to_level: 'Manager', reason: 'rules' }]);
  });
});

test('a summary and a tree answer to GET', async () => {
  const periods = await ok(asha.rpc('get_period_summary', { p_promoter_id: asha.id, p_granularity: 'month' }, { get: true }));
  assert.equal(periods.length, 12);
  const tree = await ok(asha.rpc('get_promoter_hierarchy', { p_promoter_id: asha.id, p_max_depth: 1 }, { get: true }));
  assert.deepEqual([tree.truncated, tree.children], [false, []]);
  const level = await ok(asha.rpc('get_promoter_level', { p_promoter_id: asha.id }, { get: true }));
  assert.equal(level.next, null);
});
