// Something of everything that the treasury writes, for the test of dumps.

import assert from 'node:assert/strict';
import { SERVICE_KEY, client, sql } from './support.mjs';
import { api, charge, listen, newPerson, tell, unique } from './treasury-support.mjs';

const set = (key, value) => sql(`select backoffice.set_setting('treasury', $1, $2)`, [key, value]);

/** What the settings are that this changes. */
const BEFORE = { platform_fee_basis_points: '0', payout_hold_days: '7', payout_review_score: '60' };

/** Fills every table of the treasury. */
export async function treasuryActivity() {
  await listen();
  await set('platform_fee_basis_points', '250');
  const [host, buyer, admin] = [await newPerson('host'), await newPerson('buyer'), await newPerson('admin')];
  const rules = [{ recipient_id: host.id, percent: 100 }];
  assert.equal((await api('POST', 'split-rules', host, { name: 'All', is_default: true, rules })).status, 200);
  const account = await connected(host);
  const sold = await charges(host, buyer, admin);
  await payouts(host, account);
  await corrections(host, admin);
  await papers(host, buyer, sold);
  await sql(`select treasury.flag_anomaly($1)`, [{ detector: 'model', key: unique('k'), kind: 'fraud', severity: 'low', description: 'Odd "and" \\ so\ton' }]);
  await sql('select treasury.detect_anomalies()');
  await sql(`select treasury.reconcile_stripe('USD', current_date - 1, current_date)`);
  // Other tests have the same database.
  for (const [key, value] of Object.entries(BEFORE)) await set(key, value);
}

async function connected(host) {
  const account = `acct_${unique('x').slice(2, 20)}`;
  await sql('select treasury.link_stripe_account($1, $2)', [host.id, account]);
  const object = { id: account, charges_enabled: true, payouts_enabled: true, details_submitted: true, requirements: {} };
  assert.equal(await tell('account.updated', object, { account }), 'processed');
  return account;
}

async function charges(host, buyer, admin) {
  const metadata = { owner_id: host.id, buyer_id: buyer.id };
  const transaction = { id: unique('txn'), type: 'charge', amount: 90_000, fee: 2_640, net: 87_360, currency: 'usd', created: 1_790_000_000 };
  const sold = charge(90_000, metadata, { balance_transaction: transaction });
  await tell('charge.succeeded', sold);
  await tell('charge.succeeded', charge(500, metadata, { captured: false, amount_captured: 0 }));
  await tell('charge.succeeded', charge(700, {}));
  await tell('refund.created', { id: unique('re'), charge: sold.id, amount: 400, currency: 'usd', status: 'succeeded' });
  assert.equal((await api('POST', 'refunds', buyer, { charge_id: sold.id, amount_cents: 10, reason: 'tab\there' })).status, 200);
  const taken = { id: unique('txn'), amount: -600, fee: 1_500, net: -2_100, currency: 'usd' };
  const dispute = { id: unique('dp'), charge: sold.id, amount: 600, currency: 'usd', status: 'needs_response', balance_transactions: [taken] };
  await tell('charge.dispute.funds_withdrawn', dispute);
  await tell('charge.dispute.closed', { ...dispute, status: 'lost' });
  assert.equal((await api('POST', 'disputes/comment', admin, { dispute_id: dispute.id, comment: 'line\nand line \\.' })).status, 200);
  return sold;
}

async function payouts(host, account) {
  await set('payout_hold_days', '0');
  await set('payout_review_score', '1');
  const asked = await api('POST', 'payouts/initiate', host, { currency: 'USD', amount_cents: 1_000 });
  assert.equal(asked.status, 200, JSON.stringify(asked.body));
  await set('payout_review_score', BEFORE.payout_review_score);
  await sql('select treasury.run_payouts()');
  // It was yesterday's: today's is for other tests.
  await sql(`update treasury.payout_runs set day = day - 1 where day = (now() at time zone 'utc')::date`);
  await sql(`update treasury.payouts set run_day = run_day - 1 where run_day = (now() at time zone 'utc')::date`);
  await tell('payout.paid', { id: unique('po'), amount: 50, currency: 'usd', status: 'paid' }, { account });
}

async function corrections(host, admin) {
  const one = { user_id: host.id, type: 'credit', amount_cents: 7, currency: 'USD', reason: 'Goodwill and more' };
  for (const amount_cents of [7, 900_000]) {
    assert.equal((await api('POST', 'ledger/entries', admin, { ...one, amount_cents })).status, 200);
  }
  await sql(`select treasury.apply_override(jsonb_build_object('action', 'dispute_close_note', 'target', stripe_dispute_id, 'reason', 'They gave up'))
               from treasury.disputes limit 1`);
}

async function papers(host, buyer, sold) {
  for (const { id } of [host, buyer]) {
    await sql('select treasury.set_tax_profile($1, $2)', [id, { name: 'Zoë "Z"', address: '1 Ring\n1010 Wien', country: 'AT', vat_id: 'ATU12345678' }]);
  }
  await sql(`select treasury.set_vat_rate('AT', '2026-01-01', 2000)`).catch((error) => assert.equal(error.code, 'PT409'));
  await sql(`select treasury.set_tax_threshold('1099-K', 2027, 2000000, 200)`).catch((error) => assert.equal(error.code, 'PT409'));
  await sql('select treasury.issue_invoice(id) from treasury.charges where stripe_charge_id = $1', [sold.id]);
  const asked = await client('treasury', SERVICE_KEY).rpc('generate_report', {
    p_type: 'ledger_export', p_format: 'csv', p_params: { from: '2026-01-01', to: '2026-12-31' }, p_user_id: host.id,
  });
  assert.equal(asked.error, null, JSON.stringify(asked.error));
  await sql('select treasury.run_reports()');
}

/** The treasury's tables that have no row. */
export const emptyTables = async (query) => {
  const names = (await query(`select c.oid::regclass::text from pg_class c where c.relkind = 'r' and c.relnamespace = 'treasury'::regnamespace`)).split('\n');
  const counts = await Promise.all(names.map((name) => query(`select exists (select from ${name})`)));
  return names.filter((_, at) => counts[at] !== 't');
};
