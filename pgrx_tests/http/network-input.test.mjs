// What the functions refuse: bad input by field, more than there is, and what was done before.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { SERVICE_KEY, client, request, sql, uniqueEmail, uniquePhone } from './support.mjs';
import {
  BANK,
  PASSWORD,
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
} from './network-support.mjs';

let admin, promoter, service;
before(async () => {
  admin = await newAdmin();
  promoter = await newPromoter(admin);
  service = client('network', SERVICE_KEY);
});

/** Each case: what differs from the good arguments, the SQLSTATE, and the field that the message names. */
async function refuseEach(who, name, good, cases) {
  for (const [change, code, field, status = 400] of cases) {
    await refused(who.rpc(name, { ...good, ...change }), status, code, field);
  }
}

const MISSING = '22004';
const BAD = '22023';

describe('bad input names its field', () => {
  test('promoters', async () => {
    const good = { p_name: 'Asha', p_email: uniqueEmail(), p_password: PASSWORD };
    await refuseEach(admin, 'create_unified_promoter', good, [
      [{ p_name: null }, MISSING, 'p_name'],
      [{ p_name: '  ' }, MISSING, 'p_name'],
      [{ p_name: 'x'.repeat(501) }, BAD, 'p_name'],
      [{ p_email: null }, MISSING, 'p_email'],
      [{ p_email: 'nobody' }, BAD, 'email'],
      [{ p_phone: '12345' }, BAD, 'phone'],
      [{ p_address: 'x'.repeat(501) }, BAD, 'p_address'],
      [{ p_parent_promoter_id: 'x' }, '22P02'],
      [{ p_parent_promoter_id: randomUUID() }, 'PT404', 'p_parent_promoter_id', 404],
      [{ p_parent_promoter_id: admin.id }, BAD, 'p_parent_promoter_id'],
      [{ p_password: 'short' }, 'PT422', undefined, 422],
      [{ p_email: promoter.profile.email }, '23505', 'email', 409],
      [{ p_phone: promoter.profile.phone }, '23505', 'phone', 409],
    ]);
    const who = { p_promoter_id: promoter.id };
    await refuseEach(admin, 'update_promoter_profile', who, [
      [{ p_updates: null }, MISSING, 'p_updates'],
      [{ p_updates: {} }, BAD, 'p_updates'],
      [{ p_updates: [] }, BAD, 'p_updates'],
      [{ p_updates: { pins: 100 } }, BAD, 'p_updates'],
      [{ p_updates: { name: '' } }, MISSING, 'p_updates.name'],
      [{ p_updates: { name: 7 } }, BAD, 'p_updates.name'],
      [{ p_updates: { status: 'Asleep' } }, BAD, 'p_updates.status'],
      [{ p_updates: { role_level: 'King' } }, BAD, 'p_updates.role_level'],
      [{ p_updates: { parent_promoter_id: promoter.id } }, 'PT409', undefined, 409],
      [{ p_promoter_id: null, p_updates: { name: 'A' } }, MISSING, 'p_promoter_id'],
      [{ p_promoter_id: randomUUID(), p_updates: { name: 'A' } }, 'PT404', 'p_promoter_id', 404],
      [{ p_promoter_id: admin.id, p_updates: { name: 'A' } }, BAD, 'p_promoter_id'],
    ]);
  });

  test('customers', async () => {
    await allocate(admin, promoter.id, 1);
    const data = (p_customer_data) => ({ p_customer_data });
    const customer = await quietCustomer(admin, promoter.id, { phone: uniquePhone() });
    await refuseEach(promoter, 'create_customer_with_commission', { p_promoter_id: promoter.id }, [
      [data(null), MISSING, 'p_customer_data'],
      [data('Ravi'), BAD, 'p_customer_data'],
      [data({ email: uniqueEmail() }), MISSING, 'p_customer_data.name'],
      [data({ name: 'Ravi' }), MISSING, 'p_customer_data.email or p_customer_data.phone'],
      [data(customerData({ role: 'admin' })), BAD, 'p_customer_data'],
      [data(customerData({ name: ['Ravi'] })), BAD, 'p_customer_data.name'],
      [data(customerData({ metadata: 'gold' })), BAD, 'p_customer_data.metadata'],
      [data(customerData({ id: 'x' })), BAD, 'p_customer_data.id'],
      [data(customerData({ email: customer.email })), '23505', 'email', 409],
      [data(customerData({ phone: customer.phone })), '23505', 'phone', 409],
    ]);
    await refuseEach(admin, 'update_customer_profile', { p_customer_id: customer.id }, [
      [{ p_updates: { pins: 1 } }, BAD, 'p_updates'],
      [{ p_updates: { status: 1 } }, BAD, 'p_updates.status'],
      [{ p_customer_id: promoter.id, p_updates: { name: 'A' } }, BAD, 'p_customer_id'],
      [{ p_customer_id: randomUUID(), p_updates: { name: 'A' } }, 'PT404', 'p_customer_id', 404],
    ]);
    assert.equal(await ok(promoter.rpc('get_pin_balance', { p_user_id: promoter.id })), 1);
  });

  test('PINs', async () => {
    const good = { p_user_id: promoter.id, p_action_type: 'admin_allocation', p_pin_change_value: 1 };
    await refuseEach(admin, 'execute_pin_transaction', good, [
      [{ p_user_id: null }, MISSING, 'p_user_id'],
      [{ p_action_type: null }, MISSING, 'p_action_type'],
      [{ p_action_type: 'gift' }, BAD, 'p_action_type'],
      [{ p_pin_change_value: null }, MISSING, 'p_pin_change_value'],
      [{ p_pin_change_value: 0 }, BAD, 'p_pin_change_value'],
      [{ p_pin_change_value: -1 }, BAD, 'p_pin_change_value'],
      [{ p_pin_change_value: 1, p_action_type: 'admin_deduction' }, BAD, 'p_pin_change_value'],
      [{ p_pin_change_value: 1.5 }, '22P02'],
      [{ p_pin_change_value: 3_000_000_000 }, '22003'],
      [{ p_user_id: randomUUID() }, 'PT404', 'p_user_id', 404],
      [{ p_user_id: admin.id }, BAD, 'p_user_id'],
    ]);
    for (const name of ['admin_allocate_pins', 'admin_deduct_pins']) {
      await refuseEach(admin, name, { p_user_id: promoter.id }, [
        [{ p_pins: null }, MISSING, 'p_pins'],
        [{ p_pins: 0 }, BAD, 'p_pins'],
        [{ p_pins: -5 }, BAD, 'p_pins'],
        [{ p_pins: 1_000_001 }, BAD, 'p_pins'],
      ]);
    }
    await refuseEach(promoter, 'create_pin_request', { p_promoter_id: promoter.id }, [
      [{ p_pins: 0 }, BAD, 'p_pins'],
      [{ p_pins: 10_001 }, BAD, 'p_pins'],
    ]);
    const decision = { p_request_id: 'BPVR999999', p_status: 'approved' };
    await refuseEach(admin, 'process_pin_request', decision, [
      [{}, 'PT404', undefined, 404],
      [{ p_status: 'processed' }, BAD, 'p_status'],
      [{ p_request_id: null }, MISSING, 'p_request_id'],
    ]);
  });

  test('withdrawals', async () => {
    await ok(service.rpc('update_promoter_wallet', { p_promoter_id: promoter.id, p_amount: 1000, p_operation: 'credit' }));
    const good = { p_promoter_id: promoter.id, p_amount: 500, p_bank_details: BANK };
    const bank = (change) => ({ p_bank_details: { ...BANK, ...change } });
    await refuseEach(promoter, 'create_withdrawal_request', good, [
      [{ p_promoter_id: null }, MISSING, 'p_promoter_id'],
      [{ p_amount: null }, MISSING, 'p_amount'],
      [{ p_amount: 0 }, BAD, 'p_amount'],
      [{ p_amount: -500 }, BAD, 'p_amount'],
      [{ p_amount: 99.99 }, BAD, 'p_amount'],
      [{ p_amount: 500.005 }, BAD, 'p_amount'],
      [{ p_amount: 'NaN' }, '22003', 'p_amount'],
      [{ p_amount: 'Infinity' }, '22003', 'p_amount'],
      [{ p_amount: 1e30 }, '22003', 'p_amount'],
      [{ p_amount: 'much' }, '22P02'],
      [{ p_bank_details: null }, MISSING, 'p_bank_details'],
      [{ p_bank_details: [] }, BAD, 'p_bank_details'],
      [bank({ swift: 'x' }), BAD, 'p_bank_details'],
      [bank({ account_holder_name: ' ' }), MISSING, 'p_bank_details.account_holder_name'],
      [bank({ account_number: '12345' }), BAD, 'p_bank_details.account_number'],
      [bank({ account_number: 123456789012 }), BAD, 'p_bank_details.account_number'],
      [bank({ ifsc_code: 'HDFC1001234' }), BAD, 'p_bank_details.ifsc_code'],
    ]);
    await refuseEach(admin, 'process_withdrawal_request', { p_request_id: 'BPVW999999', p_status: 'approved' }, [
      [{}, 'PT404', undefined, 404],
      [{ p_request_id: randomUUID() }, 'PT404', undefined, 404],
      [{ p_request_id: "' or true --" }, 'PT404', undefined, 404],
      [{ p_status: 'paid' }, BAD, 'p_status'],
      [{ p_status: null }, MISSING, 'p_status'],
    ]);
    await refuseEach(service, 'update_promoter_wallet', { p_promoter_id: promoter.id, p_amount: 1, p_operation: 'credit' }, [
      [{ p_amount: 0 }, BAD, 'p_amount'],
      [{ p_operation: 'give' }, BAD, 'p_operation'],
      [{ p_operation: 'debit', p_amount: 1_000_000 }, 'PT409', undefined, 409],
    ]);
  });

  test('every argument of every function may be NULL without a 5xx', async () => {
    const functions = await sql(`select p.proname as name, p.proargnames as arguments, p.pronargs as count
      from pg_catalog.pg_proc p where p.pronamespace = 'network'::regnamespace and p.prorettype <> 'trigger'::regtype
       and p.pronargs > 0 and p.proargnames[1] like 'p\\_%' and p.proname !~ 'echo'`);
    assert.ok(functions.length > 20);
    for (const { name, arguments: names, count } of functions) {
      const body = Object.fromEntries(names.slice(0, count).map((one) => [one, null]));
      const { status, body: answer } = await request(`/rpc/${name}`, { method: 'POST', body, key: SERVICE_KEY });
      assert.deepEqual([status, answer.code], [400, MISSING], name);
    }
  });

  test('bodies that are no JSON, and too many requests for rows', async () => {
    const headers = { 'content-type': 'application/json' };
    assert.equal((await request('/rpc/get_pin_balance', { method: 'POST', body: '{', headers, token: admin.token })).status, 400);
    assert.equal((await request('/rest/v1/profiles?limit=-1', { token: admin.token })).status, 416);
    assert.equal((await request('/rest/v1/profiles?select=nothing', { token: admin.token })).status, 400);
    assert.equal((await request('/rest/v1/nothing', { token: admin.token })).status, 404);
  });
});

describe('more than there is', () => {
  test('a PIN balance never goes below zero', async () => {
    const { id } = await quietPromoter(admin);
    await allocate(admin, id, 2);
    await refused(admin.rpc('admin_deduct_pins', { p_user_id: id, p_pins: 3 }), 409, 'PT409');
    const creation = { p_user_id: id, p_action_type: 'customer_creation', p_pin_change_value: -3 };
    await refused(admin.rpc('execute_pin_transaction', creation), 409, 'PT409');
    assert.equal(await ok(admin.rpc('get_pin_balance', { p_user_id: id })), 2);
  });

  test('a withdrawal never exceeds what is available, what is held included', async () => {
    const asha = await newPromoter(admin);
    await quietCustomer(admin, asha.id);
    const bank = ownBank();
    const ask = (p_amount) => asha.rpc('create_withdrawal_request', { p_promoter_id: asha.id, p_amount, p_bank_details: bank });
    await refused(ask(500.01), 409, 'PT409');
    const first = await ok(ask(300));
    await refused(ask(200.01), 409, 'PT409');
    const second = await ok(ask(200));
    assert.equal(await balance(asha.id), 0);

    const decide = (one, p_status) => admin.rpc('process_withdrawal_request', { p_request_id: one.id, p_status });
    await refused(decide(first, 'processed'), 409, 'PT409');
    await ok(decide(first, 'approved'));
    await ok(decide(first, 'approved'));
    await ok(decide(first, 'processed'));
    await refused(decide(first, 'rejected'), 409, 'PT409');
    await ok(decide(second, 'rejected'));
    await refused(decide(second, 'approved'), 409, 'PT409');
    assert.equal(await balance(asha.id), 200);
    const wallet = await ok(asha.from('promoter_wallet').select().single());
    assert.deepEqual([wallet.total_earned, wallet.total_withdrawn], [500, 300]);
  });

  test('an inactive promoter brings nobody', async () => {
    const { id } = await quietPromoter(admin);
    await allocate(admin, id, 1);
    await ok(admin.rpc('update_promoter_profile', { p_promoter_id: id, p_updates: { status: 'Inactive' } }));
    const creation = { p_promoter_id: id, p_customer_data: customerData() };
    await refused(admin.rpc('create_customer_with_commission', creation), 409, 'PT409');
    const below = { p_name: 'Bela', p_email: uniqueEmail(), p_parent_promoter_id: id };
    await refused(admin.rpc('create_unified_promoter', below), 409, 'PT409');
  });
});

describe('repeats', () => {
  test('an Idempotency-Key makes a repeat return what the first call did', async () => {
    const { id } = await quietPromoter(admin);
    const key = randomUUID();
    const once = (pins, idempotencyKey = key) =>
      admin
        .rpc('execute_pin_transaction', { p_user_id: id, p_action_type: 'admin_allocation', p_pin_change_value: pins })
        .setHeader('Idempotency-Key', idempotencyKey);
    const first = await ok(once(5));
    assert.deepEqual(await ok(once(5)), first);
    await refused(once(6), 409, 'PT409');
    assert.equal((await ok(once(5, randomUUID()))).balance_after, 10);
    await refused(once(5, 'x'.repeat(201)), 400, BAD, 'Idempotency-Key');

    const credit = { p_promoter_id: id, p_amount: 400, p_operation: 'credit' };
    const credited = () => service.rpc('update_promoter_wallet', credit).setHeader('Idempotency-Key', key);
    await ok(credited());
    await ok(credited());
    const ask = () =>
      admin
        .rpc('create_withdrawal_request', { p_promoter_id: id, p_amount: 100, p_bank_details: BANK })
        .setHeader('Idempotency-Key', `${key} 2`);
    assert.equal((await ok(ask())).id, (await ok(ask())).id);
    assert.equal(await balance(id), 300);
  });

  test('a customer with an id of the caller’s own is made once', async () => {
    const { id } = await quietPromoter(admin);
    await allocate(admin, id, 2);
    const data = customerData({ id: randomUUID() });
    const create = (change = {}) =>
      admin.rpc('create_customer_with_commission', { p_promoter_id: id, p_customer_data: { ...data, ...change } });
    const first = await ok(create());
    assert.equal(first.id, data.id);
    assert.deepEqual(await ok(create()), first);
    await refused(create({ name: 'Another' }), 409, 'PT409');
    assert.equal(await ok(admin.rpc('get_pin_balance', { p_user_id: id })), 1);
    assert.equal(await balance(id), 500);

    const distribute = { p_customer_id: first.id, p_initiator_promoter_id: id };
    assert.equal((await ok(service.rpc('distribute_affiliate_commission', distribute))).length, 4);
    assert.equal(await balance(id), 500);
    await expectConsistent();
  });
});
