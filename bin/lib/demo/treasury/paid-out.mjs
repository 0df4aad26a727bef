// The nightly run pays everybody; what is risky waits for an admin.

import { answer, chapter, dollars, expect, refused, table } from '../tell.mjs';
import { balances } from './money.mjs';
import { tell, work } from './stripe.mjs';

export async function paidOut(world) {
  const { Henry, Aida, Bela } = world.people;
  chapter('5. Payday');
  const payable = answer('payable', await Henry.client.rpc('payable', { p_user_id: Henry.id, p_currency: 'USD' }).single());
  expect('A week must pass before what Henry earned can be paid out', [4_901, 0], [payable.earned, payable.payable]);
  const setting = { p_system: 'treasury', p_key: 'payout_hold_days', p_value: 0 };
  expect('The story cannot wait: the admin says no days', 0, answer('a setting', await world.admin.ops.rpc('set_setting', setting)));
  refused('Aida starts no run', 403, await Aida.client.rpc('run_payouts'));
  const run = answer('the run', await world.admin.client.rpc('run_payouts'));
  expect('The run pays three people', [3, { USD: 7_001 }], [run.payouts, run.totals]);
  expect('Nothing is left to ask for', ['$0.00', '$0.00', '$0.00'], await balances(world));
  const again = answer('the run again', await world.admin.client.rpc('run_payouts'));
  expect('The same again is the same run', [run.id, 3], [again.id, again.payouts]);
  await decide(world);

  const made = [];
  const paths = await work((path, params, account, newId) => {
    if (path === '/v1/transfers') return { id: newId('tr'), object: 'transfer', ...params };
    const object = { id: newId('po'), object: 'payout', status: 'pending', ...params };
    made.push([object, account]);
    return object;
  });
  expect('A worker asks Stripe: a transfer and a payout for each', [3, 3], [count(paths, '/v1/transfers'), count(paths, '/v1/payouts')]);
  for (const [object, account] of made) {
    for (const [type, status] of [['payout.paid', 'paid'], ['payout.updated', 'in_transit']]) {
      answerOf(await tell(type, { ...object, status }, { account }));
    }
  }
  const payouts = await Promise.all([Henry, Aida, Bela].map(async ({ name, client }) => {
    const row = answer('payout', await client.from('payouts').select('amount_cents, status, stripe_payout_id').single());
    return [name, dollars(row.amount_cents), row.status, row.stripe_payout_id];
  }));
  table('Payouts, as each reads their own', ['who', 'amount', 'status', 'at Stripe'], payouts);
  expect('All are paid, whatever Stripe told first', [['$49.01', 'paid'], ['$14.00', 'paid'], ['$7.00', 'paid']], payouts.map((row) => row.slice(1, 3)));
}

const count = (list, wanted) => list.filter((one) => one === wanted).length;
const answerOf = (came) => expect('Stripe tells how a payout stands', [200, 'processed'], came);

/** What the run left for an admin. */
async function decide(world) {
  const { client } = world.admin;
  const read = client.from('payouts').select('id, amount_cents, payout_risks(reasons)').eq('status', 'review');
  const waiting = answer('reviews', await read);
  const reasons = waiting.map((row) => [dollars(row.amount_cents), row.payout_risks.reasons.map(({ reason }) => reason)]);
  expect('Henry’s waits: a new account, a first payout, a lost dispute', [['$49.01', ['new_account', 'first_payout', 'disputes']]], reasons);
  for (const { id } of waiting) {
    const decided = await client.rpc('decide_payout', { p_payout_id: id, p_approve: true, p_note: 'Known for years' });
    expect('The admin lets it go, with a note', 'pending', answer('decision', decided).status);
  }
}
