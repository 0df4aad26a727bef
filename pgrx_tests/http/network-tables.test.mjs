// Reading tables: the documents' literal paths, filters, order, embedding, pages, one row.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { SERVICE_KEY, request, uniqueEmail } from './support.mjs';
import {
  PASSWORD,
  allocate,
  customerData,
  newAdmin,
  newPromoter,
  ok,
  quietCustomer,
  quietPromoter,
  refused,
} from './network-support.mjs';

let admin, asha;
const customers = [];
before(async () => {
  admin = await newAdmin();
  asha = await newPromoter(admin);
  for (let i = 0; i < 5; i += 1) customers.push(await quietCustomer(admin, asha.id, { name: `Ravi ${i}` }));
});

const get = async (path, who = admin) => {
  const { status, headers, body } = await request(path, typeof who === 'string' ? { key: who } : { token: who.token });
  assert.ok(status === 200 || status === 206, `${path}: ${status} ${JSON.stringify(body)}`);
  return { headers, body };
};

describe('literal paths', () => {
  for (const place of ['/network/rest/v1', '/rest/v1', '']) {
    test(`GET ${place}/profiles/{id}/pins`, async () => {
      assert.equal((await get(`${place}/profiles/${asha.id}/pins`, asha)).body, 0);
      await allocate(admin, asha.id, 2);
      assert.equal((await get(`${place}/profiles/${asha.id}/pins`)).body, 2);
      await ok(admin.rpc('admin_deduct_pins', { p_user_id: asha.id, p_pins: 2 }));
      assert.equal((await request(`${place}/profiles/${asha.id}/pins`)).status, 401);
      assert.equal((await request(`${place}/profiles/${crypto.randomUUID()}/pins`, { token: asha.token })).status, 403);
      assert.equal((await request(`${place}/profiles/${crypto.randomUUID()}/pins`, { token: admin.token })).status, 404);
      assert.equal((await request(`${place}/profiles/BPVP01/pins`, { token: admin.token })).status, 404);
    });

    test(`GET ${place}/pin_transactions?user_id=eq.…&order=created_at.desc`, async () => {
      const { body } = await get(`${place}/pin_transactions?user_id=eq.${asha.id}&order=created_at.desc`, asha);
      assert.ok(body.length >= 10);
      const times = body.map((row) => row.created_at);
      assert.deepEqual(times, [...times].sort().reverse());
      assert.deepEqual([...new Set(body.map((row) => row.user_id))], [asha.id]);
    });

    test(`GET ${place}/profiles?role=eq.promoter&select=*`, async () => {
      const { body } = await get(`${place}/profiles?role=eq.promoter&select=*`);
      assert.ok(body.some((row) => row.id === asha.id));
      assert.ok(body.every((row) => row.role === 'promoter'));
      assert.deepEqual(
        Object.keys(body[0]),
        'id email name phone role promoter_id customer_id parent_promoter_id role_level status address pins created_at updated_at'.split(
          ' ',
        ),
      );
      assert.deepEqual(
        (await get(`${place}/profiles?role=eq.promoter&select=*`, asha)).body.map((row) => row.id),
        [asha.id],
      );
    });

    test(`GET ${place}/rpc/get_promoter_hierarchy and PUT ${place}/rpc/update_promoter_profile`, async () => {
      const { body } = await get(`${place}/rpc/get_promoter_hierarchy?p_promoter_id=${asha.id}`, asha);
      assert.deepEqual([body.id, body.customers], [asha.id, 5]);
      const updates = { p_promoter_id: asha.id, p_updates: { address: `Nashik, by ${place || '/'}` } };
      const put = await request(`${place}/rpc/update_promoter_profile`, { method: 'PUT', body: updates, token: asha.token });
      assert.deepEqual([put.status, put.body.address], [200, updates.p_updates.address]);
    });
  }

  test("the document's columns are there", async () => {
    const columns = async (table) => Object.keys((await get(`/rest/v1/${table}?limit=1`, SERVICE_KEY)).body[0]);
    const has = async (table, names) => {
      const found = await columns(table);
      assert.deepEqual(
        names.filter((name) => !found.includes(name)),
        [],
        table,
      );
    };
    await has(
      'pin_transactions',
      'id transaction_id user_id action_type pin_change_value balance_before balance_after note created_by related_entity_id created_at updated_at'.split(
        ' ',
      ),
    );
    await has(
      'affiliate_commissions',
      'id customer_id initiator_promoter_id recipient_id recipient_type level amount status transaction_id note created_at updated_at'.split(
        ' ',
      ),
    );
    await has(
      'promoter_wallet',
      'promoter_id balance total_earned total_withdrawn commission_count last_commission_at created_at updated_at'.split(' '),
    );
    await has(
      'admin_wallet',
      'admin_id balance total_commission_received unclaimed_commissions commission_count created_at updated_at'.split(' '),
    );
    const bank = { account_holder_name: 'A', account_number: '123456789012', ifsc_code: 'HDFC0001234' };
    await ok(asha.rpc('create_withdrawal_request', { p_promoter_id: asha.id, p_amount: 100, p_bank_details: bank }));
    await has(
      'withdrawal_requests',
      'id request_id promoter_id amount status bank_details admin_notes processed_by processed_at created_at updated_at'.split(
        ' ',
      ),
    );
  });
});

describe('embedding', () => {
  test('a profile with its customer and its promoter', async () => {
    const [first] = customers;
    const row = await ok(asha.from('profiles').select('*,customers(*)').eq('id', first.id).single());
    assert.deepEqual([row.id, row.customers.promoter_id, row.customers.commission_status], [first.id, asha.id, 'distributed']);
    const withParent = asha.from('profiles').select('name,parent:parent_promoter_id(promoter_id)').eq('id', first.id).single();
    assert.equal((await ok(withParent)).parent.promoter_id, asha.profile.promoter_id);
    const withBelow = await ok(asha.from('profiles').select('below:profiles!parent_promoter_id(id)').eq('id', asha.id).single());
    assert.deepEqual(withBelow.below.map((one) => one.id).sort(), customers.map((one) => one.id).sort());
  });

  test('commissions with the names of customer and recipient', async () => {
    const columns = 'level,amount,customer:profiles!customer_id(name),recipient:profiles!recipient_id(promoter_id)';
    const rows = await ok(asha.from('affiliate_commissions').select(columns).order('id'));
    assert.deepEqual(
      rows.map((row) => [row.level, row.amount, row.customer.name, row.recipient.promoter_id]),
      customers.map(({ name }) => [1, 500, name, asha.profile.promoter_id]),
    );
  });

  test('what a caller may not see is not embedded', async () => {
    const bela = await newPromoter(asha);
    const row = await ok(bela.from('profiles').select('name,parent:parent_promoter_id(name)').single());
    assert.deepEqual(row, { name: 'Asha', parent: null });
  });

  test('a function’s result can be cut and embedded like a table', async () => {
    await allocate(admin, asha.id, 1);
    const arguments_ = { p_promoter_id: asha.id, p_customer_data: customerData() };
    const made = asha.rpc('create_customer_with_commission', arguments_).select('role,parent:parent_promoter_id(promoter_id)');
    assert.deepEqual(await ok(made), { role: 'customer', parent: { promoter_id: asha.profile.promoter_id } });
    const theirs = asha
      .rpc('get_customer_by_promoter', { p_promoter_id: asha.id }, { get: true })
      .select('name,customers(source)')
      .limit(2);
    assert.deepEqual(await ok(theirs), [
      { name: 'Ravi 0', customers: { source: 'promoter' } },
      { name: 'Ravi 1', customers: { source: 'promoter' } },
    ]);
  });
});

describe('pages and single rows', () => {
  test('a page says where it is and how many there are', async () => {
    const page = (from, to) =>
      asha.from('profiles').select('id', { count: 'exact' }).eq('role', 'customer').order('created_at').range(from, to);
    const [first, second] = [await page(0, 1), await page(2, 3)];
    assert.deepEqual(
      [...first.data, ...second.data].map((row) => row.id),
      customers.slice(0, 4).map((one) => one.id),
    );
    assert.ok(first.count >= 5);
    const beyond = await page(100, 110);
    assert.deepEqual([beyond.status, beyond.error?.code], [416, 'PGRST103']);
  });

  test('functions that return rows page as well', async () => {
    const all = await ok(asha.rpc('get_customer_by_promoter', { p_promoter_id: asha.id }));
    const some = await ok(asha.rpc('get_customer_by_promoter', { p_promoter_id: asha.id }).range(1, 2));
    assert.deepEqual(some, all.slice(1, 3));
  });

  test('.single() needs one row, .maybeSingle() at most one', async () => {
    assert.equal((await ok(asha.from('profiles').select('id').eq('id', asha.id).single())).id, asha.id);
    await refused(asha.from('profiles').select('id').single(), 406, 'PGRST116');
    await refused(asha.from('profiles').select('id').eq('id', admin.id).single(), 406, 'PGRST116');
    assert.equal(await ok(asha.from('profiles').select('id').eq('id', admin.id).maybeSingle()), null);
    const wallet = await ok(asha.from('promoter_wallet').select('total_earned').single());
    assert.ok(wallet.total_earned >= 2500);
  });

  test('filters on every kind of column', async () => {
    const numbers = customers.map((one) => one.customer_id);
    assert.equal((await ok(admin.from('profiles').select('id').in('customer_id', numbers))).length, 5);
    assert.equal((await ok(admin.from('profiles').select('id').ilike('name', 'ravi%').in('customer_id', numbers))).length, 5);
    const today = new Date(Date.now() - 3600e3).toISOString();
    assert.ok(
      (await ok(asha.from('affiliate_commissions').select('id').gte('created_at', today).gte('amount', 500))).length >= 5,
    );
    assert.equal((await ok(asha.from('affiliate_commissions').select('id').eq('status', 'failed'))).length, 0);
  });
});

test('names that only just fit, and texts in every script', async () => {
  const name = 'आशा 🌺 Ó Súilleabháin '.padEnd(200, 'x');
  const made = await ok(admin.rpc('create_unified_promoter', { p_name: name, p_email: uniqueEmail(), p_password: PASSWORD }));
  assert.equal(made.name, name);
  const customer = await quietCustomer(admin, (await quietPromoter(admin)).id, {
    name: 'रवि',
    metadata: { नोट: ['a', 1.5, null] },
  });
  const row = await ok(
    admin.from('customers').select('metadata,profiles!customers_id_fkey(name)').eq('id', customer.id).single(),
  );
  assert.deepEqual(row, { metadata: { नोट: ['a', 1.5, null] }, profiles: { name: 'रवि' } });
});
