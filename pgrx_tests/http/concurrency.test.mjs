// Everything at once through the gateway, by more clients than PostgREST has connections: exact sums, no deadlock.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, test } from 'node:test';
import { SERVICE_KEY, client, request, sql } from './support.mjs';
import { BANK, PASSWORD, allocate, balance, customerData, expectConsistent, newAdmin, newPromoter, ok, post } from './network-support.mjs';

const CLIENTS = 32;

let admin, service;
before(async () => {
  admin = await newAdmin();
  service = client('network', SERVICE_KEY);
});

/** `count` calls, CLIENTS of them at any time; all answers. */
async function atOnce(count, call) {
  const answers = [];
  let next = 0;
  const one = async () => {
    for (let number = next++; number < count; number = next++) answers.push(await call(number));
  };
  await Promise.all(Array.from({ length: CLIENTS }, one));
  return answers;
}

/** How many answers had each status. */
function statuses(answers) {
  const counts = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** Runs `work`, during which no two transactions may block each other for good. */
async function withoutDeadlock(work) {
  const deadlocks = async () => {
    // What a backend counted is reported when it is idle, at the latest after a second.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    return (await sql('select deadlocks from pg_stat_database where datname = current_database()'))[0].deadlocks;
  };
  const earlier = await deadlocks();
  await work();
  assert.equal(await deadlocks(), earlier, 'deadlocks (40P01)');
}

test('customers of one promoter, and withdrawals from the same wallets meanwhile', async () => {
  await withoutDeadlock(async () => {
    // A line of four; customers of the last pay all of them 500, 100, 100 and 100.
    const line = [await newPromoter(admin)];
    while (line.length < 4) line.push(await newPromoter(line.at(-1)));
    const [top, , , last] = line;
    await allocate(admin, last.id, 60);
    const answers = await atOnce(180, (number) => {
      // 80 times a customer for 60 PINs, and 50 withdrawals each of those who earn most and least.
      if (number % 9 < 4) return post('/rpc/create_customer_with_commission', { p_promoter_id: last.id, p_customer_data: customerData() }, last);
      const who = number % 2 ? last : top;
      return post('/rpc/create_withdrawal_request', { p_promoter_id: who.id, p_amount: 100, p_bank_details: BANK }, who);
    });
    assert.deepEqual(Object.keys(statuses(answers)).filter((status) => !['200', '409'].includes(status)), []);
    assert.equal(await ok(last.rpc('get_pin_balance', { p_user_id: last.id })), 0);
    for (const [index, promoter] of line.entries()) {
      const [{ held }] = await sql('select coalesce(sum(amount), 0)::int as held from network.withdrawal_requests where promoter_id = $1', [promoter.id]);
      assert.equal((await balance(promoter.id)) + held, index === 3 ? 30_000 : 6_000);
      assert.ok((await balance(promoter.id)) >= 0);
    }
    const [{ customers }] = await sql('select count(*)::int as customers from network.customers where promoter_id = $1', [last.id]);
    assert.equal(customers, 60);
    await expectConsistent();
  });
});

test('one wallet, more clients than it has money for', async () => {
  await withoutDeadlock(async () => {
    const asha = await newPromoter(admin);
    await ok(service.rpc('update_promoter_wallet', { p_promoter_id: asha.id, p_amount: 2500, p_operation: 'credit' }));
    const answers = await atOnce(64, () =>
      post('/rpc/create_withdrawal_request', { p_promoter_id: asha.id, p_amount: 100, p_bank_details: BANK }, asha),
    );
    assert.deepEqual(statuses(answers), { 200: 25, 409: 39 });
    assert.equal(await balance(asha.id), 0);
    // Decided upon by everybody at once, each request by three: pays out once or gives back once. With a note: the
    // bank account is that of others, too, so that each is reviewed.
    const asked = answers.filter(({ data }) => data).map(({ data }) => data.id);
    const decisions = await atOnce(75, (number) =>
      admin.rpc('process_withdrawal_request', { p_request_id: asked[number % 25], p_status: ['approved', 'rejected', 'processed'][Math.floor(number / 25)], p_notes: 'looked at' }),
    );
    assert.deepEqual(Object.keys(statuses(decisions)).filter((status) => !['200', '409'].includes(status)), []);
    const [{ rejected }] = await sql(`select count(*)::int as rejected from network.withdrawal_requests where promoter_id = $1 and status = 'rejected'`, [asha.id]);
    assert.equal(await balance(asha.id), rejected * 100);
    await expectConsistent();
  });
});

test('transfers in circles between few accounts', async () => {
  await withoutDeadlock(async () => {
    const system = `circle-${randomUUID().slice(0, 8)}`;
    const codes = ['a', 'b', 'c', 'd'];
    const ledger = client('ledger', SERVICE_KEY);
    for (const code of [...codes, 'bank']) {
      await ok(ledger.rpc('open_account', { p_system: system, p_code: code, p_currency: 'INR', p_class: 'liability', p_max_overdraft: code === 'bank' ? null : 0 }));
    }
    const transfer = (p_debit, p_credit, p_amount) => ledger.rpc('transfer', { p_system: system, p_debit, p_credit, p_amount });
    for (const code of codes) await ok(transfer('bank', code, 50));
    const moves = await atOnce(400, (number) => transfer(codes[number % 4], codes[(number + 1 + (Math.floor(number / 4) % 3)) % 4], 1 + (number % 30)));
    assert.deepEqual(Object.keys(statuses(moves)).filter((status) => !['200', '409'].includes(status)), []);
    const rows = await sql('select code, posted::int from ledger.balances where system = $1 order by code', [system]);
    assert.ok(rows.every(({ code, posted }) => code === 'bank' || posted >= 0), JSON.stringify(rows));
    assert.equal(rows.reduce((sum, { posted }) => sum + posted, 0), 0);
    const [{ count }] = await sql('select count(*)::int from ledger.transfers t join ledger.accounts a on a.id = t.debit_account_id where a.system = $1', [system]);
    assert.equal(count, 4 + statuses(moves)[200]);
    await expectConsistent();
  });
});

test('one refresh token, asked for by everybody: a pair for each, all of one session', async () => {
  await withoutDeadlock(async () => {
    const asha = await newPromoter(admin);
    const signedIn = await request('/network/auth/v1/token?grant_type=password', {
      method: 'POST',
      body: { email: asha.profile.email, password: PASSWORD },
    });
    const { refresh_token } = signedIn.body;
    const refresh = (token) => request('/network/auth/v1/token?grant_type=refresh_token', { method: 'POST', body: { refresh_token: token } });
    const answers = await atOnce(CLIENTS, () => refresh(refresh_token));
    assert.deepEqual(statuses(answers), { 200: CLIENTS });
    const children = new Set(answers.map(({ body }) => body.refresh_token));
    const session = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString()).session_id;
    const sessions = new Set(answers.map(({ body }) => session(body.access_token)));
    assert.deepEqual([children.size, sessions.size], [CLIENTS, 1]);
    const [made] = await sql(
      `select count(*)::int as tokens, count(*) filter (where used_at is not null)::int as used
         from identity.refresh_tokens where session_id = $1`,
      [...sessions],
    );
    assert.deepEqual(made, { tokens: 1 + CLIENTS, used: 1 });
    // Each of them goes on.
    assert.deepEqual(statuses(await atOnce(CLIENTS, (number) => refresh([...children][number]))), { 200: CLIENTS });
  });
});
