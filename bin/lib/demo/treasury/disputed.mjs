// Another ticket, whose buyer has the bank take the money back: the dispute is lost.

import { answer, chapter, expect } from '../tell.mjs';
import { balances, platform } from './money.mjs';
import { now, tell, ticket, transaction } from './stripe.mjs';

export async function disputed(world) {
  const { Henry, Bina } = world.people;
  chapter('4. A ticket for $50.00, and a dispute that is lost');
  const charge = ticket('ch_demoTwo', 5_000, Henry, Bina);
  expect('Stripe tells of the charge', [200, 'processed'], await tell('charge.succeeded', charge));
  expect('Its shares are $35, $10 and $5', ['$84.01', '$24.00', '$12.00'], await balances(world));

  const dispute = {
    id: 'dp_demo', object: 'dispute', charge: charge.id, amount: 5_000, currency: 'usd', reason: 'fraudulent', status: 'needs_response',
    evidence_details: { due_by: now() + 7 * 86_400 }, balance_transactions: [],
  };
  expect('Stripe tells of a dispute', [200, 'processed'], await tell('charge.dispute.created', dispute));
  expect('That alone moves no money', ['$84.01', '$24.00', '$12.00'], await balances(world));
  const open = answer('open disputes', await world.admin.client.rpc('list_open_disputes'));
  expect('The admin finds it among the open ones', ['dp_demo'], open.map((row) => row.stripe_dispute_id));
  const note = { p_comment: { dispute_id: 'dp_demo', kind: 'evidence', comment: 'The ticket was scanned at the door.' } };
  expect('and notes evidence', 'evidence', answer('the note', await world.admin.client.rpc('comment_on_dispute', note)).kind);

  dispute.balance_transactions = [transaction(dispute.id, -5_000, 1_500)];
  for (const time of ['Stripe takes the money', 'and says so twice']) {
    expect(time, [200, 'processed'], await tell('charge.dispute.funds_withdrawn', dispute));
  }
  dispute.status = 'lost';
  expect('The dispute is lost', [200, 'processed'], await tell('charge.dispute.closed', dispute));
  expect('Each gives back their share', ['$49.01', '$14.00', '$7.00'], await balances(world));
  expect('The platform bears the fee of $15.00', '$15.00', await platform(world, 'dispute_fees'));
  const read = world.admin.client.from('disputes').select('status, withdrawn_cents, fee_cents').single();
  expect('The admin reads how it ended', { status: 'lost', withdrawn_cents: 5_000, fee_cents: 1_500 }, answer('the dispute', await read));
}
