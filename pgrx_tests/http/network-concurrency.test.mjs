// Many clients at once: nothing is spent twice, and the books agree afterwards.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, test } from 'node:test';
import { SERVICE_KEY, client, sql, uniqueEmail } from './support.mjs';
import {
  BANK,
  allocate,
  balance,
  customerData,
  expectConsistent,
  newAdmin,
  newPromoter,
  ok,
  quietPromoter,
  signIn,
} from './network-support.mjs';

const CLIENTS = 8;

let admin;
before(async () => (admin = await newAdmin()));

/** The same person on several devices. */
const devices = (promoter) => Promise.all(Array.from({ length: CLIENTS }, () => signIn(promoter.profile.promoter_id)));

/** Every client makes `times` calls, one after the other; all answers. */
async function inParallel(clients, times, call) {
  const answers = await Promise.all(
    clients.map(async (one, number) => {
      const own = [];
      for (let i = 0; i < times; i += 1) own.push(await call(one, number, i));
      return own;
    }),
  );
  return answers.flat();
}

/** How many answers had each status. */
function statuses(answers) {
  const counts = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

test('20 PINs make exactly 20 customers', async () => {
  const asha = await newPromoter(admin);
  const bela = await newPromoter(asha);
  await allocate(admin, bela.id, 20);
  const answers = await inParallel(await devices(bela), 5, (one) =>
    one.rpc('create_customer_with_commission', { p_promoter_id: bela.id, p_customer_data: customerData() }),
  );
  assert.deepEqual(statuses(answers), { 200: 20, 409: 20 });
  assert.equal(await ok(bela.rpc('get_pin_balance', { p_user_id: bela.id })), 0);
  assert.deepEqual([await balance(bela.id), await balance(asha.id)], [10_000, 2_000]);
  assert.equal(new Set(answers.filter((one) => one.data).map((one) => one.data.customer_id)).size, 20);
  await expectConsistent();
});

test('withdrawals at once never take more than there is', async () => {
  const asha = await newPromoter(admin);
  const service = client('network', SERVICE_KEY);
  await ok(service.rpc('update_promoter_wallet', { p_promoter_id: asha.id, p_amount: 1000, p_operation: 'credit' }));
  const answers = await inParallel(await devices(asha), 3, (one) =>
    one.rpc('create_withdrawal_request', { p_promoter_id: asha.id, p_amount: 150, p_bank_details: BANK }),
  );
  assert.deepEqual(statuses(answers), { 200: 6, 409: 18 });
  assert.equal(await balance(asha.id), 100);
  await expectConsistent();

  // Two admins decide on each at once, one to approve and one to reject: one of them comes too late or is last.
  const asked = answers.filter((one) => one.data).map((one) => one.data);
  const decide = (one, p_status) => admin.rpc('process_withdrawal_request', { p_request_id: one.id, p_status });
  await Promise.all(asked.flatMap((one) => [decide(one, 'approved'), decide(one, 'rejected')]));
  await Promise.all(asked.flatMap((one) => [decide(one, 'processed'), decide(one, 'processed')]));
  const history = await ok(asha.rpc('get_withdrawal_history', { p_promoter_id: asha.id }));
  const processed = history.filter(({ status }) => status === 'processed').length;
  assert.equal(processed + history.filter(({ status }) => status === 'rejected').length, 6);
  assert.equal(await balance(asha.id), 1000 - processed * 150);
  await expectConsistent();
});

test('one key, one customer id, one invitation of each at once', async () => {
  const asha = await newPromoter(admin);
  await allocate(admin, asha.id, CLIENTS);
  const clients = await devices(asha);
  const data = customerData({ id: randomUUID() });
  const made = await inParallel(clients, 1, (one) =>
    one.rpc('create_customer_with_commission', { p_promoter_id: asha.id, p_customer_data: data }),
  );
  assert.deepEqual(statuses(made), { 200: CLIENTS });
  assert.equal(await balance(asha.id), 500);
  assert.equal(await ok(asha.rpc('get_pin_balance', { p_user_id: asha.id })), CLIENTS - 1);

  const key = randomUUID();
  const asked = await inParallel(clients, 1, (one) =>
    one
      .rpc('create_withdrawal_request', { p_promoter_id: asha.id, p_amount: 100, p_bank_details: BANK })
      .setHeader('Idempotency-Key', key),
  );
  assert.deepEqual(statuses(asked), { 200: CLIENTS });
  assert.equal(new Set(asked.map((one) => one.data.id)).size, 1);
  assert.equal(await balance(asha.id), 400);

  const email = uniqueEmail();
  const same = await inParallel(clients, 1, (one) =>
    one.rpc('create_customer_with_commission', { p_promoter_id: asha.id, p_customer_data: { name: 'Ravi', email } }),
  );
  assert.deepEqual(statuses(same), { 200: 1, 409: CLIENTS - 1 });
  await expectConsistent();
});

test('PINs come and go at once without a drift', async () => {
  const { id } = await quietPromoter(admin);
  await allocate(admin, id, 100);
  const answers = await inParallel(
    Array.from({ length: CLIENTS }, () => admin),
    6,
    (one, number) => one.rpc(number % 2 ? 'admin_deduct_pins' : 'admin_allocate_pins', { p_user_id: id, p_pins: 3 }),
  );
  assert.deepEqual(statuses(answers), { 200: 6 * CLIENTS });
  assert.equal(await ok(admin.rpc('get_pin_balance', { p_user_id: id })), 100);
  const [{ gaps }] = await sql(
    `select count(*) filter (where balance_before <> before) as gaps from (
       select balance_before, lag(balance_after, 1, 0) over (order by transaction_id) as before
         from network.pin_transactions where user_id = $1) t`,
    [id],
  );
  assert.equal(gaps, '0');
});

test('promoters are brought and moved at once, and the hierarchy stays one', async () => {
  const [asha, bela] = [await newPromoter(admin), await newPromoter(admin)];
  const brought = await inParallel(
    Array.from({ length: CLIENTS }, () => admin),
    3,
    (one, number) =>
      one.rpc('create_unified_promoter', {
        p_name: 'Chitra',
        p_email: uniqueEmail(),
        p_parent_promoter_id: number % 2 ? asha.id : bela.id,
      }),
  );
  assert.deepEqual(statuses(brought), { 200: 3 * CLIENTS });
  const ids = brought.map((one) => one.data.id);
  const move = (id, parent) =>
    admin.rpc('update_promoter_profile', { p_promoter_id: id, p_updates: { parent_promoter_id: parent } });
  // Asha below Bela and Bela below Asha cannot both be; nor can a circle.
  const opposite = await Promise.all([move(asha.id, bela.id), move(bela.id, asha.id)]);
  assert.deepEqual(statuses(opposite), { 200: 1, 409: 1 });
  const circle = await Promise.all(ids.slice(0, 6).map((id, i) => move(id, ids[(i + 1) % 6])));
  assert.ok(
    circle.every(({ status }) => status === 200 || status === 409),
    JSON.stringify(statuses(circle)),
  );
  assert.ok(circle.some(({ status }) => status === 409));
  await expectConsistent();
});
