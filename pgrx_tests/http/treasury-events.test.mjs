// Events of the treasury: who listens learns by ids what was charged, given back, disputed and paid out, and then changed.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import pg from 'pg';
import { sql } from './support.mjs';
import { charge, expectNothingBroken, listen, newPerson, tell, unique } from './treasury-support.mjs';

expectNothingBroken();

const listener = new pg.Client({ connectionString: process.env.DATABASE_URL });
let heard = [];
listener.on('notification', ({ payload }) => heard.push(JSON.parse(payload)));

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let seller;

/** What was heard of a table for the seller, once it is as much as is wanted. */
async function of(table, wanted) {
  const found = () => heard.filter((one) => one.system === 'treasury' && one.table === table && one.user_id === seller.id);
  for (const end = Date.now() + 20_000; Date.now() < end && found().length < wanted; ) await sleep(20);
  await sleep(300);
  return found().map(({ event, id }) => [event, id]);
}

before(async () => {
  await listen();
  await listener.connect();
  await listener.query('listen backoffice');
  seller = await newPerson('host');
});
beforeEach(() => (heard = []));
after(() => listener.end());

const idOf = async (table, column, value) => String((await sql(`select id from treasury.${table} where ${column} = $1`, [value]))[0].id);

test('a charge, its refund and its dispute are told, and what becomes of them', async () => {
  const [sold, back, taken] = [unique('ch'), unique('re'), unique('dp')];
  await tell('charge.succeeded', charge(5000, { owner_id: seller.id }, { id: sold }));
  assert.deepEqual(await of('charges', 1), [['INSERT', await idOf('charges', 'stripe_charge_id', sold)]]);

  const refund = { id: back, charge: sold, amount: 100, currency: 'usd', metadata: {} };
  await tell('refund.created', { ...refund, status: 'pending' });
  const number = await idOf('refunds', 'stripe_refund_id', back);
  assert.deepEqual(await of('refunds', 1), [['UPDATE', number]]);
  await tell('refund.updated', { ...refund, status: 'succeeded' });
  assert.deepEqual(await of('refunds', 2), [['UPDATE', number], ['UPDATE', number]]);

  const dispute = { id: taken, charge: sold, amount: 100, currency: 'usd', evidence_details: {}, balance_transactions: [] };
  await tell('charge.dispute.created', { ...dispute, status: 'needs_response' });
  const dp = await idOf('disputes', 'stripe_dispute_id', taken);
  assert.deepEqual(await of('disputes', 1), [['UPDATE', dp]]);
  await tell('charge.dispute.updated', { ...dispute, status: 'under_review' });
  assert.deepEqual(await of('disputes', 2), [['UPDATE', dp], ['UPDATE', dp]]);
});

test('a payout is told to whom it goes to', async () => {
  const account = `acct_${seller.id.replaceAll('-', '')}`;
  await sql('select treasury.link_stripe_account($1, $2)', [seller.id, account]);
  const payout = { id: unique('po'), amount: 700, currency: 'usd', method: 'standard', metadata: {} };
  await tell('payout.created', { ...payout, status: 'in_transit' }, { account });
  const id = await idOf('payouts', 'stripe_payout_id', payout.id);
  assert.deepEqual(await of('payouts', 1), [['UPDATE', id]]);
  await tell('payout.paid', { ...payout, status: 'paid' }, { account });
  assert.deepEqual(await of('payouts', 2), [['UPDATE', id], ['UPDATE', id]]);
});

test('an event has ids and nothing else', async () => {
  await tell('charge.succeeded', charge(5000, { owner_id: seller.id }));
  await of('charges', 1);
  const [one] = heard.filter(({ table }) => table === 'charges');
  assert.deepEqual(Object.keys(one).toSorted(), ['event', 'id', 'system', 'table', 'user_id']);
});
