// What stands between a commission and the bank: cancelled customers, debts, tax, reviews; as people call it, and many at once.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { SERVICE_KEY, client } from './support.mjs';
import {
  BANK,
  allocate,
  balance,
  customerData,
  expectConsistent,
  newAdmin,
  newPromoter,
  ok,
  ownBank,
  quietCustomer,
  quietPromoter,
  refused,
  signIn,
} from './network-support.mjs';

let admin;
before(async () => (admin = await newAdmin()));

const cancel = (one, id, reason = 'moved away') => one.rpc('cancel_customer', { p_customer_id: id, p_reason: reason });
const decide = (id, p_status, more = {}) => admin.rpc('process_withdrawal_request', { p_request_id: id, p_status, ...more });
const ask = (one, id, p_amount, bank) =>
  one.rpc('create_withdrawal_request', { p_promoter_id: id, p_amount, p_bank_details: bank });
const wallet = (id) => ok(admin.from('promoter_wallet').select('balance,on_hold,debt,total_earned').eq('promoter_id', id).single());

test('a cancelled customer takes back what was earned, and what was paid is owed', async () => {
  const asha = await newPromoter(admin);
  const customer = await quietCustomer(admin, asha.id);
  const asked = await ok(ask(asha, asha.id, 500, ownBank()));
  await ok(decide(asked.id, 'approved'));
  const paid = await ok(decide(asked.id, 'processed'));
  assert.deepEqual([paid.paid_amount, paid.tax_amount, paid.debt_amount], [500, 0, 0]);
  assert.ok(new Date(paid.expected_by) > new Date());

  await refused(cancel(asha, customer.id), 403, '42501');
  assert.equal((await ok(cancel(admin, customer.id))).status, 'Inactive');
  const why = asha.from('cancellations').select('reason,cancelled_by').eq('customer_id', customer.id).single();
  assert.deepEqual(await ok(why), { reason: 'moved away', cancelled_by: admin.id });
  assert.equal((await ok(cancel(admin, customer.id))).id, customer.id);
  assert.deepEqual(await wallet(asha.id), { balance: 0, on_hold: 0, debt: 500, total_earned: 0 });
  const rows = await ok(asha.from('affiliate_commissions').select('amount,status,note').order('id'));
  assert.deepEqual(
    rows.map(({ amount, status }) => [amount, status]),
    [
      [500, 'credited'],
      [-500, 'credited'],
    ],
  );
  const summary = await ok(asha.rpc('get_promoter_commission_summary', { p_promoter_id: asha.id }));
  assert.deepEqual([summary.debt, summary.total_reversed, summary.commission_count], [500, 500, 0]);
  await refused(cancel(admin, asha.id), 400, '22023', 'p_customer_id');
  await refused(cancel(admin, crypto.randomUUID()), 404, 'PT404');
  await refused(cancel(admin, customer.id, ' '), 400, '22023', 'p_reason');
});

test('a withdrawal to a shared account waits until an admin says why it is right', async () => {
  const [asha, bela] = [await newPromoter(admin), await newPromoter(admin)];
  await quietCustomer(admin, asha.id);
  await quietCustomer(admin, bela.id);
  const bank = ownBank();
  await ok(ask(asha, asha.id, 100, bank));
  const second = await ok(ask(bela, bela.id, 100, bank));
  assert.equal(second.status, 'pending');
  const review = (one) => ok(one.from('open_withdrawals').select('review_flags,overdue').eq('id', second.id).single());
  assert.deepEqual(await review(admin), { review_flags: ['shared_bank_account'], overdue: false });
  assert.deepEqual(await review(bela), { review_flags: null, overdue: false });
  assert.deepEqual(await ok(bela.from('withdrawal_reviews').select()), []);
  await refused(decide(second.id, 'approved'), 400, '22004', 'p_notes');
  const approved = await ok(decide(second.id, 'approved', { p_notes: 'they are married' }));
  assert.deepEqual([approved.status, approved.admin_notes], ['approved', null]);
  const [found] = await ok(admin.from('withdrawal_reviews').select('findings,notes,acknowledged_by').eq('request_id', second.id));
  assert.deepEqual(found, {
    findings: [{ flag: 'shared_bank_account', promoters: [asha.id] }],
    notes: 'they are married',
    acknowledged_by: admin.id,
  });
});

test('a PAN, a certificate and the rules of tax', async () => {
  const asha = await newPromoter(admin);
  const stranger = await newPromoter(admin);
  const pan = (one, p_pan) => one.rpc('set_promoter_pan', { p_promoter_id: asha.id, p_pan });
  assert.equal((await ok(pan(asha, 'ABCPE1234F'))).pan, 'XXXXXX234F');
  await refused(pan(asha, 'ABCPE1234'), 400, '22023', 'p_pan');
  await refused(pan(stranger, 'ABCPE1234F'), 403, '42501', 'p_promoter_id');
  assert.equal(await ok(admin.rpc('get_promoter_pan', { p_promoter_id: asha.id })), 'ABCPE1234F');
  await refused(asha.rpc('get_promoter_pan', { p_promoter_id: asha.id }), 403, '42501');
  const read = (one, year) =>
    one.rpc('get_tax_certificate', { p_promoter_id: asha.id, p_financial_year: year }, { get: true });
  const certificate = await ok(read(asha, '2026-27'));
  assert.deepEqual([certificate.deductee.pan, certificate.quarters.length, certificate.tax], ['XXXXXX234F', 4, 0]);
  await refused(read(stranger, '2026-27'), 403, '42501', 'p_promoter_id');
  await refused(read(asha, '2026'), 400, '22023', 'p_financial_year');
  const rule = { p_valid_from: '2020-04-01', p_section: '194H', p_rate_with_pan: 5, p_rate_without_pan: 20 };
  await refused(asha.rpc('set_tax_rule', rule), 403, '42501');
  await refused(asha.rpc('remove_tax_rule', { p_valid_from: '2020-04-01' }), 403, '42501');
  await refused(admin.rpc('set_tax_rule', { ...rule, p_rate_with_pan: 120 }), 400, '22023', 'p_rate_with_pan');
  await refused(admin.rpc('verify_payout_account', { p_account_id: asha.id }), 404, 'PT404');
});

test('a customer is cancelled once, however many do it at once', async () => {
  const { id } = await quietPromoter(admin);
  const customer = await quietCustomer(admin, id);
  const answers = await Promise.all(Array.from({ length: 8 }, () => cancel(admin, customer.id)));
  for (const answer of answers) assert.equal((await ok(answer)).status, 'Inactive');
  const rows = await ok(admin.from('affiliate_commissions').select('id').eq('customer_id', customer.id));
  assert.equal(rows.length, 8);
  await expectConsistent();
});

test('customers come and go while money is withdrawn, and nothing is lost', async () => {
  const asha = await newPromoter(admin);
  const bela = await newPromoter(asha);
  const chitra = await newPromoter(bela);
  const line = [asha, bela, chitra];
  await allocate(admin, chitra.id, 24);
  const create = async () =>
    ok(chitra.rpc('create_customer_with_commission', { p_promoter_id: chitra.id, p_customer_data: customerData() }));
  const first = [];
  for (let n = 0; n < 12; n += 1) first.push(await create());
  const bank = Object.fromEntries(line.map(({ id }) => [id, ownBank()]));
  const statuses = new Set();
  const withdraw = async (one) => {
    const asked = await ask(one, one.id, 100, bank[one.id]);
    statuses.add(asked.status);
    if (asked.error) return;
    for (const status of ['approved', 'processed']) await ok(decide(asked.data.id, status));
  };
  const service = client('network', SERVICE_KEY);
  const adjust = (p_operation) => service.rpc('update_admin_wallet', { p_amount: 150, p_operation }).then(({ status }) => statuses.add(status));
  await Promise.all([
    ...first.map(({ id }) => cancel(admin, id).then(ok)),
    ...Array.from({ length: 12 }, create),
    ...line.flatMap((one) => Array.from({ length: 8 }, () => withdraw(one))),
    ...['debit', 'credit', 'debit', 'credit'].map(adjust),
  ]);
  for (const status of statuses) assert.ok([200, 409].includes(status), String(status));
  await expectConsistent();
  for (const one of line) {
    const { balance: now, total_earned: earned } = await wallet(one.id);
    const share = one === chitra ? 500 : 100;
    assert.equal(earned, 12 * share);
    const history = await ok(one.rpc('get_withdrawal_history', { p_promoter_id: one.id }));
    const paid = history.reduce((sum, { paid_amount: amount }) => sum + amount, 0);
    // Whatever the order was: what was earned and not paid is there, or is owed.
    assert.equal(now, Math.max(earned - paid, 0));
  }
  // Whoever owes pays it back with the next withdrawal.
  const again = await signIn(chitra.profile.promoter_id);
  const left = await balance(chitra.id);
  if (left >= 100) {
    await ok(ask(again, chitra.id, left, bank[chitra.id]));
    assert.deepEqual([(await wallet(chitra.id)).balance, (await wallet(chitra.id)).debt], [0, 0]);
  }
  await expectConsistent();
});
