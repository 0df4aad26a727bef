// Who sees which rows, and who may call what.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { ANON_KEY, SERVICE_KEY, client, request, sql, uniqueEmail } from './support.mjs';
import { BANK, customerData, newAdmin, newCustomer, newPromoter, ok, refused } from './network-support.mjs';

/** A line asha, bela, chitra (each below the one before) with a customer of chitra's; a stranger with one of theirs. */
const cast = {};
before(async () => {
  cast.admin = await newAdmin();
  cast.asha = await newPromoter(cast.admin);
  cast.bela = await newPromoter(cast.asha);
  cast.chitra = await newPromoter(cast.bela);
  cast.stranger = await newPromoter(cast.admin);
  cast.customer = await newCustomer(cast.admin, cast.chitra.id);
  cast.other = await newCustomer(cast.admin, cast.stranger.id);
  cast.anon = { id: null, ...visitor(ANON_KEY) };
  cast.service = { id: null, ...visitor(SERVICE_KEY) };
  await ok(cast.chitra.rpc('create_withdrawal_request', { p_promoter_id: cast.chitra.id, p_amount: 100, p_bank_details: BANK }));
  await ok(cast.chitra.rpc('create_pin_request', { p_promoter_id: cast.chitra.id, p_pins: 1 }));
});

const visitor = (key) => {
  const supabase = client('network', key);
  return { supabase, rpc: (...args) => supabase.rpc(...args), from: (name) => supabase.from(name) };
};

describe('rows', () => {
  const everybody = ['asha', 'bela', 'chitra', 'customer', 'other', 'stranger'];
  const promoters = 'asha bela chitra stranger';
  // The table, the column that says whose row it is, and whose rows these callers see:
  const callers = ['admin', 'service', 'asha', 'bela', 'chitra', 'customer', 'stranger'];
  const all = everybody.join(' ');
  const visible = [
    ['profiles', 'id', all, all, 'asha bela chitra', 'bela chitra', 'chitra customer', 'customer', 'other stranger'],
    ['promoters', 'id', promoters, promoters, 'asha bela chitra', 'bela chitra', 'chitra', '', 'stranger'],
    ['customers', 'id', 'customer other', 'customer other', '', '', 'customer', 'customer', 'other'],
    ['pin_transactions', 'user_id', 'chitra stranger', 'chitra stranger', '', '', 'chitra', '', 'stranger'],
    ['affiliate_commissions', 'recipient_id', promoters, promoters, 'asha', 'bela', 'chitra', '', 'stranger'],
    ['withdrawal_requests', 'promoter_id', 'chitra', 'chitra', '', '', 'chitra', '', ''],
    ['payout_accounts', 'promoter_id', 'chitra', 'chitra', '', '', 'chitra', '', ''],
    ['withdrawal_reviews', 'request_id', '', '', '', '', '', '', ''],
    ['open_withdrawals', 'promoter_id', 'chitra', 'chitra', '', '', 'chitra', '', ''],
    ['pin_requests', 'promoter_id', 'chitra', 'chitra', '', '', 'chitra', '', ''],
    ['promoter_wallet', 'promoter_id', promoters, promoters, 'asha', 'bela', 'chitra', '', 'stranger'],
  ];

  for (const [table, column, ...seen] of visible) {
    test(table, async () => {
      const ids = everybody.map((name) => cast[name].id);
      const names = Object.fromEntries(everybody.map((name) => [cast[name].id, name]));
      for (const [number, caller] of callers.entries()) {
        const rows = await ok(cast[caller].from(table).select(column).in(column, ids));
        assert.equal([...new Set(rows.map((row) => names[row[column]]))].sort().join(' '), seen[number], caller);
      }
      await refused(cast.anon.from(table).select(column), 401, '42501');
    });
  }

  test('of the platform only admins and servers see anything', async () => {
    for (const table of ['admin_wallet', 'platform', 'transaction_counters']) {
      for (const caller of ['asha', 'chitra', 'customer', 'stranger']) {
        assert.deepEqual(await ok(cast[caller].from(table).select()), [], `${caller} ${table}`);
      }
      for (const caller of ['admin', 'service']) assert.ok((await ok(cast[caller].from(table).select())).length > 0, caller);
      await refused(cast.anon.from(table).select(), 401, '42501');
    }
  });

  test('a promoter sees money of nobody below, nor anything of those above', async () => {
    assert.deepEqual(await ok(cast.asha.from('promoter_wallet').select('promoter_id').eq('promoter_id', cast.chitra.id)), []);
    assert.deepEqual(await ok(cast.chitra.from('profiles').select('id').in('id', [cast.asha.id, cast.bela.id])), []);
  });

  test('nobody writes a table', async () => {
    for (const caller of ['admin', 'chitra', 'customer', 'service']) {
      for (const [table, column] of visible) {
        const { id } = cast.chitra;
        await refused(
          cast[caller]
            .from(table)
            .update({ [column]: id })
            .eq(column, id),
          403,
          '42501',
        );
        await refused(cast[caller].from(table).delete().eq(column, id), 403, '42501');
        await refused(cast[caller].from(table).insert({ [column]: id }), 403, '42501');
      }
    }
    await refused(cast.anon.from('profiles').delete().eq('role', 'promoter'), 401, '42501');
  });

  test('what is not exposed is not there', async () => {
    for (const table of ['withdrawal_holds', 'users', 'role_grants']) {
      const { status } = await cast.chitra.from(table).select();
      assert.ok([403, 404].includes(status), `${table}: ${status}`);
    }
    for (const schema of ['identity', 'backoffice', 'auth_api']) {
      const { status } = await request(`/${schema}/rest/v1/users`, { token: cast.admin.token });
      assert.equal(status, 404);
    }
  });
});

describe('functions', () => {
  test('what is for admins', async () => {
    const of = { p_user_id: cast.chitra.id };
    const request_ = { p_request_id: 'BPVW000001', p_status: 'approved' };
    for (const caller of ['chitra', 'asha', 'customer', 'stranger']) {
      const call = (name, arguments_) => refused(cast[caller].rpc(name, arguments_), 403, '42501');
      await call('admin_allocate_pins', { ...of, p_pins: 1 });
      await call('admin_deduct_pins', { ...of, p_pins: 1 });
      await call('execute_pin_transaction', { ...of, p_action_type: 'admin_allocation', p_pin_change_value: 1 });
      await call('process_pin_request', { ...request_, p_request_id: 'BPVR000001' });
      await call('process_withdrawal_request', request_);
      await call('get_withdrawal_bank_details', { p_request_id: 'BPVW000001' });
      await call('get_admin_commission_summary', {});
      await call('generate_next_promoter_id', {});
      await call('validate_promoter_hierarchy', { p_promoter_id: cast.chitra.id });
      await call('check', {});
      await call('cancel_customer', { p_customer_id: cast.customer.id, p_reason: 'x' });
      await call('get_promoter_pan', { p_promoter_id: cast.chitra.id });
      await call('verify_payout_account', { p_account_id: cast.chitra.id });
      await call('remove_tax_rule', { p_valid_from: '2020-04-01' });
      const rates = { p_rate_with_pan: 5, p_rate_without_pan: 20 };
      await call('set_tax_rule', { p_valid_from: '2020-04-01', p_section: '194H', ...rates });
    }
  });

  test('what is for servers', async () => {
    for (const caller of ['admin', 'chitra', 'customer']) {
      const call = (name, arguments_) => refused(cast[caller].rpc(name, arguments_), 403, '42501');
      await call('update_promoter_wallet', { p_promoter_id: cast.chitra.id, p_amount: 1, p_operation: 'credit' });
      await call('update_admin_wallet', { p_amount: 1, p_operation: 'credit' });
      await call('distribute_affiliate_commission', { p_customer_id: cast.customer.id, p_initiator_promoter_id: cast.chitra.id });
    }
  });

  test('what is for the promoter themselves', async () => {
    const of = { p_promoter_id: cast.chitra.id };
    const calls = {
      get_promoter_commission_summary: of,
      get_customer_by_promoter: of,
      get_withdrawal_history: of,
      set_promoter_pan: { ...of, p_pan: 'ABCPE1234F' },
      get_tax_certificate: { ...of, p_financial_year: '2026-27' },
      update_promoter_profile: { ...of, p_updates: { name: 'Mallory' } },
      create_customer_with_commission: { ...of, p_customer_data: customerData() },
      create_withdrawal_request: { ...of, p_amount: 100, p_bank_details: BANK },
      create_pin_request: { ...of, p_pins: 1 },
      deduct_pin_for_customer_creation: { ...of, p_customer_id: cast.customer.id },
    };
    for (const caller of ['stranger', 'customer', 'asha']) {
      for (const [name, arguments_] of Object.entries(calls)) {
        await refused(cast[caller].rpc(name, arguments_), 403, '42501', 'p_promoter_id');
      }
      await refused(cast[caller].rpc('get_pin_balance', { p_user_id: cast.chitra.id }), 403, '42501', 'p_user_id');
    }
  });

  test('what is for the line above', async () => {
    const tree = (caller) => cast[caller].rpc('get_promoter_hierarchy', { p_promoter_id: cast.chitra.id });
    for (const caller of ['asha', 'bela', 'chitra', 'admin', 'service'])
      assert.equal((await ok(tree(caller))).id, cast.chitra.id);
    for (const caller of ['stranger', 'customer']) await refused(tree(caller), 403, '42501', 'p_promoter_id');
    const above = cast.chitra.rpc('get_promoter_hierarchy', { p_promoter_id: cast.bela.id });
    await refused(above, 403, '42501', 'p_promoter_id');
  });

  test('who brings promoters where', async () => {
    const bring = (caller, parent) =>
      cast[caller].rpc('create_unified_promoter', { p_name: 'Dev', p_email: uniqueEmail(), p_parent_promoter_id: parent });
    assert.equal((await ok(bring('asha', cast.bela.id))).parent_promoter_id, cast.bela.id);
    assert.equal((await ok(bring('bela'))).parent_promoter_id, cast.bela.id);
    await refused(bring('stranger', cast.bela.id), 403, '42501', 'p_parent_promoter_id');
    await refused(bring('bela', cast.asha.id), 403, '42501', 'p_parent_promoter_id');
    await refused(bring('customer'), 403, '42501');
  });

  test('what a person may change of a profile', async () => {
    const customer = (caller, updates) =>
      cast[caller].rpc('update_customer_profile', { p_customer_id: cast.customer.id, p_updates: updates });
    assert.equal((await ok(customer('customer', { address: 'Thane' }))).address, 'Thane');
    assert.equal((await ok(customer('chitra', { address: 'Surat' }))).address, 'Surat');
    await refused(customer('chitra', { phone: '9876543210' }), 403, '42501', 'p_updates.phone');
    await refused(customer('customer', { status: 'Inactive' }), 403, '42501', 'p_updates.status');
    await refused(customer('stranger', { address: 'Goa' }), 403, '42501', 'p_customer_id');
    const promoter = (updates) =>
      cast.chitra.rpc('update_promoter_profile', { p_promoter_id: cast.chitra.id, p_updates: updates });
    assert.equal((await ok(promoter({ name: 'Chitra' }))).name, 'Chitra');
    for (const [key, value] of Object.entries({
      status: 'Inactive',
      role_level: 'Director',
      email: uniqueEmail(),
      parent_promoter_id: null,
    })) {
      await refused(promoter({ [key]: value }), 403, '42501', `p_updates.${key}`);
    }
    for (const key of ['role', 'pins', 'promoter_id']) await refused(promoter({ [key]: 'x' }), 400, '22023', 'p_updates');
  });

  test('nobody acts under another name', async () => {
    const { admin, asha, chitra } = cast;
    const pins = { p_user_id: chitra.id, p_pins: 1, p_created_by: asha.id };
    await refused(admin.rpc('admin_allocate_pins', pins), 403, '42501', 'p_created_by');
    await refused(admin.rpc('admin_deduct_pins', pins), 403, '42501', 'p_created_by');
    const change = { p_user_id: chitra.id, p_action_type: 'admin_allocation', p_pin_change_value: 1, p_created_by: asha.id };
    await refused(admin.rpc('execute_pin_transaction', change), 403, '42501', 'p_created_by');
    const decision = { p_admin_id: asha.id, p_status: 'approved' };
    await refused(
      admin.rpc('process_withdrawal_request', { p_request_id: 'BPVW000001', ...decision }),
      403,
      '42501',
      'p_admin_id',
    );
    await refused(admin.rpc('process_pin_request', { p_request_id: 'BPVR000001', ...decision }), 403, '42501', 'p_admin_id');
    // A server acts for people, so it may name one; but one that exists.
    assert.equal((await ok(cast.service.rpc('admin_allocate_pins', pins))).created_by, asha.id);
    await refused(
      cast.service.rpc('admin_allocate_pins', { ...pins, p_created_by: crypto.randomUUID() }),
      404,
      'PT404',
      'p_created_by',
    );
  });

  test('a visitor calls nothing', async () => {
    const [{ names }] = await sql(`select array_agg(distinct proname::text) as names from pg_catalog.pg_proc
      where pronamespace = 'network'::regnamespace and prorettype <> 'trigger'::regtype and proname !~ 'echo'`);
    for (const name of names) {
      const { status } = await request(`/rpc/${name}`, { method: 'POST', body: {} });
      assert.ok([401, 404].includes(status), `${name}: ${status}`);
    }
    await refused(cast.anon.rpc('get_pin_balance', { p_user_id: cast.chitra.id }), 401, '42501');
  });
});
