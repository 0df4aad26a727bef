// Every function of the network by its name and parameters, at every path the documents use.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { SERVICE_KEY, sql, uniqueEmail, uniquePhone } from './support.mjs';
import {
  BANK,
  PASSWORD,
  allocate,
  balance,
  customerData,
  newAdmin,
  newPromoter,
  ok,
  post,
  quietCustomer,
  quietPromoter,
  refused,
} from './network-support.mjs';

let admin;
before(async () => (admin = await newAdmin()));

for (const place of ['/network/rest/v1/rpc', '/rest/v1/rpc', '/rpc']) {
  describe(`functions at ${place}`, () => {
    const call = (name, body, who) => ok(post(`${place}/${name}`, body, who));
    const asAdmin = (name, body = {}) => call(name, body, admin);
    const asServer = (name, body = {}) => call(name, body, SERVICE_KEY);

    test('promoters', async () => {
      const arguments_ = {
        p_name: 'Asha',
        p_email: uniqueEmail(),
        p_password: PASSWORD,
        p_phone: uniquePhone(),
        p_address: 'Pune',
      };
      const asha = await asAdmin('create_unified_promoter', { ...arguments_, p_parent_promoter_id: null });
      assert.match(asha.promoter_id, /^BPVP\d{2,}$/);
      assert.deepEqual(
        [
          asha.name,
          asha.email,
          asha.phone,
          asha.address,
          asha.role,
          asha.role_level,
          asha.status,
          asha.pins,
          asha.parent_promoter_id,
        ],
        ['Asha', arguments_.p_email, arguments_.p_phone, 'Pune', 'promoter', 'Affiliate', 'Active', 0, null],
      );
      const below = await asAdmin('create_unified_promoter', {
        p_name: 'Bela',
        p_email: uniqueEmail(),
        p_parent_promoter_id: asha.id,
      });
      assert.equal(below.parent_promoter_id, asha.id);

      const updates = { name: 'Asha Rao', address: 'Nashik', role_level: 'Manager' };
      const updated = await asAdmin('update_promoter_profile', { p_promoter_id: asha.id, p_updates: updates });
      assert.deepEqual([updated.name, updated.address, updated.role_level], ['Asha Rao', 'Nashik', 'Manager']);

      assert.match(await asAdmin('generate_next_promoter_id'), /^BPVP\d{2,}$/);
      const tree = await asAdmin('get_promoter_hierarchy', { p_promoter_id: asha.id });
      assert.deepEqual([tree.id, tree.promoters_below, tree.children[0].id], [asha.id, 1, below.id]);
      const verdict = (who, parent) => asAdmin('validate_promoter_hierarchy', { p_promoter_id: who, p_parent_id: parent });
      assert.deepEqual(await verdict(below.id, asha.id), { valid: true, reason: null, depth: 2 });
      assert.equal((await verdict(asha.id, below.id)).valid, false);
    });

    test('PINs', async () => {
      const { id } = await quietPromoter(admin);
      const given = await asAdmin('admin_allocate_pins', { p_user_id: id, p_pins: 5, p_created_by: admin.id });
      assert.deepEqual(
        [given.action_type, given.pin_change_value, given.balance_before, given.balance_after, given.created_by],
        ['admin_allocation', 5, 0, 5, admin.id],
      );
      assert.match(given.transaction_id, /^BPV\d{8,}$/);
      const taken = await asAdmin('admin_deduct_pins', { p_user_id: id, p_pins: 2 });
      assert.deepEqual([taken.action_type, taken.pin_change_value, taken.balance_after], ['admin_deduction', -2, 3]);
      const more = { p_user_id: id, p_action_type: 'admin_allocation', p_pin_change_value: 10, p_created_by: admin.id };
      assert.equal((await asAdmin('execute_pin_transaction', more)).balance_after, 13);
      assert.equal(await asAdmin('get_pin_balance', { p_user_id: id }), 13);

      const customer = await quietCustomer(admin, id);
      const repeat = await asAdmin('deduct_pin_for_customer_creation', { p_promoter_id: id, p_customer_id: customer.id });
      assert.deepEqual([repeat.related_entity_id, repeat.pin_change_value], [customer.id, -1]);
      assert.equal(await asAdmin('get_pin_balance', { p_user_id: id }), 13);

      const asked = await asAdmin('create_pin_request', { p_promoter_id: id, p_pins: 4, p_note: 'for a fair' });
      assert.deepEqual([asked.status, asked.pins, asked.note], ['pending', 4, 'for a fair']);
      const decision = { p_request_id: asked.request_id, p_admin_id: admin.id, p_status: 'approved', p_notes: 'yes' };
      const decided = await asAdmin('process_pin_request', decision);
      assert.deepEqual([decided.status, decided.processed_by, decided.admin_notes], ['approved', admin.id, 'yes']);
      assert.equal(await asAdmin('get_pin_balance', { p_user_id: id }), 17);
    });

    test('customers and commissions', async () => {
      const { id } = await quietPromoter(admin);
      await allocate(admin, id, 1);
      const data = customerData({ phone: uniquePhone(), address: 'Thane', source: 'fair', metadata: { plan: 'gold' } });
      const customer = await asAdmin('create_customer_with_commission', { p_promoter_id: id, p_customer_data: data });
      assert.match(customer.customer_id, /^BPVC\d{2,}$/);
      assert.deepEqual(
        [customer.role, customer.email, customer.phone, customer.parent_promoter_id],
        ['customer', data.email, data.phone, id],
      );
      const updated = await asAdmin('update_customer_profile', { p_customer_id: customer.id, p_updates: { address: 'Surat' } });
      assert.equal(updated.address, 'Surat');
      const theirs = await asAdmin('get_customer_by_promoter', { p_promoter_id: id });
      assert.deepEqual(
        theirs.map((one) => one.id),
        [customer.id],
      );

      const shares = await asServer('distribute_affiliate_commission', {
        p_customer_id: customer.id,
        p_initiator_promoter_id: id,
      });
      assert.deepEqual(
        shares.map(({ level, amount, recipient_type: type }) => [level, amount, type]),
        [
          [1, 500, 'promoter'],
          [2, 100, 'admin'],
          [3, 100, 'admin'],
          [4, 100, 'admin'],
        ],
      );
      const summary = await asAdmin('get_promoter_commission_summary', { p_promoter_id: id });
      assert.deepEqual([summary.total_earned, summary.balance, summary.commission_count, summary.customers], [500, 500, 1, 1]);
      assert.deepEqual(summary.by_level, [{ level: 1, count: 1, amount: 500 }]);
      const all = await asAdmin('get_admin_commission_summary');
      assert.equal(all.total_commissions, all.promoter_commissions + all.unclaimed_commissions);
    });

    test('wallets and withdrawals', async () => {
      const { id } = await quietPromoter(admin);
      const wallet = await asServer('update_promoter_wallet', { p_promoter_id: id, p_amount: 750.5, p_operation: 'credit' });
      assert.deepEqual([wallet.promoter_id, wallet.balance, wallet.total_earned], [id, 750.5, 750.5]);
      const less = await asServer('update_promoter_wallet', { p_promoter_id: id, p_amount: 0.5, p_operation: 'debit' });
      assert.equal(less.balance, 750);
      const { admin_id: owner } = await asServer('update_admin_wallet', { p_amount: 1, p_operation: 'credit' });
      const [platform] = await sql('select admin_id from network.platform');
      assert.equal(owner, platform.admin_id);

      const asked = await asAdmin('create_withdrawal_request', { p_promoter_id: id, p_amount: 300, p_bank_details: BANK });
      assert.match(asked.request_id, /^BPVW\d{6,}$/);
      assert.deepEqual([asked.status, asked.amount, asked.bank_details.account_number], ['pending', 300, 'XXXXXXXX9012']);
      const decide = (status) =>
        asAdmin('process_withdrawal_request', {
          p_request_id: asked.id,
          p_admin_id: admin.id,
          p_status: status,
          p_notes: status,
        });
      assert.deepEqual([(await decide('approved')).status, (await decide('processed')).status], ['approved', 'processed']);
      const [last] = await asAdmin('get_withdrawal_history', { p_promoter_id: id });
      assert.deepEqual(
        [last.id, last.status, last.admin_notes, last.processed_by],
        [asked.id, 'processed', 'processed', admin.id],
      );
      const bank = await asAdmin('get_withdrawal_bank_details', { p_request_id: asked.request_id });
      assert.equal(bank.account_number, BANK.account_number);
      assert.equal(await balance(id), 450);
      assert.deepEqual(await asAdmin('check'), []);
    });
  });
}

test('a function that does not exist, or with other parameters, is a 404', async () => {
  await refused(admin.rpc('give_me_money'), 404, 'PGRST202');
  await refused(admin.rpc('get_pin_balance', { p_user: admin.id }), 404, 'PGRST202');
  await refused(admin.rpc('bootstrap_admin', { p_email: 'a@example.test' }), 404, 'PGRST202');
});

test('nothing but the functions of the interface can be called', async () => {
  const [{ names }] = await sql(`
    select array_agg(p.proname::text order by p.proname) as names from pg_catalog.pg_proc p
     where p.pronamespace = 'network'::regnamespace and p.prorettype <> 'trigger'::regtype
       and pg_catalog.has_function_privilege('authenticated', p.oid, 'execute') and p.proname !~ 'echo'`);
  assert.deepEqual(
    names,
    'admin_allocate_pins admin_deduct_pins archive_old_rows business_metrics cancel_customer check close_investment create_customer_with_commission create_investment create_pin_request create_savings_plan create_unified_promoter create_withdrawal_request deduct_pin_for_customer_creation execute_pin_transaction generate_next_promoter_id get_admin_commission_summary get_customer_by_promoter get_customer_portfolio get_period_summary get_pin_balance get_portfolio_history get_promoter_commission_summary get_promoter_hierarchy get_promoter_level get_promoter_pan get_tax_certificate get_withdrawal_bank_details get_withdrawal_history process_pin_request process_withdrawal_request promote_promoters promoters_below read_counters record_instalment record_valuation remove_tax_rule set_promoter_level set_promoter_pan set_tax_rule today update_customer_profile update_promoter_profile validate_promoter_hierarchy verify_payout_account'.split(
      ' ',
    ),
  );
});

test('reading functions answer to GET, so that a replica can serve them', async () => {
  const asha = await newPromoter(admin);
  const read = (name) => asha.rpc(name, { p_promoter_id: asha.id }, { get: true });
  assert.equal((await ok(read('get_promoter_hierarchy'))).id, asha.id);
  assert.equal((await ok(read('get_promoter_commission_summary'))).promoter_id, asha.id);
  assert.deepEqual(await ok(read('get_customer_by_promoter')), []);
  assert.deepEqual(await ok(read('get_withdrawal_history')), []);
  assert.equal(await ok(asha.rpc('get_pin_balance', { p_user_id: asha.id }, { get: true })), 0);
  await refused(admin.rpc('generate_next_promoter_id', {}, { get: true }), 405, '25006');
});
