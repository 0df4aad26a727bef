// A ticket is sold: Stripe tells of it by webhook, twice and in the wrong order, and the books have it once.

import { answer, chapter, dollars, expect } from '../tell.mjs';
import { balances, platform } from './money.mjs';
import { tell, ticket, transaction } from './stripe.mjs';

export async function sold(world) {
  const { Henry, Bina } = world.people;
  chapter('2. A ticket for $100.01');
  const charge = ticket('ch_demoOne', 10_001, Henry, Bina);
  world.charge = charge;
  const intent = { id: charge.payment_intent, object: 'payment_intent', amount_received: 10_001, currency: 'usd', latest_charge: charge.id };
  expect('Stripe tells of the payment before its charge', [200, 'parked'], await tell('payment_intent.succeeded', intent));
  expect('A stranger tells of a charge', [400, 'webhook_refused'], await tell('charge.succeeded', charge, { secret: 'whsec_of_a_stranger' }));
  const id = 'evt_demoCharge';
  expect('Stripe tells of the charge', [200, 'processed'], await tell('charge.succeeded', charge, { id }));
  expect('and once more', [200, 'duplicate'], await tell('charge.succeeded', charge, { id }));
  expect('Henry, Aida and Bela have their shares, to the cent', ['$70.01', '$20.00', '$10.00'], await balances(world));
  await showShares(world);
  const [owner, stranger] = await Promise.all(['Henry', 'Aida'].map((name) => world.people[name].client.from('charges').select('amount_cents')));
  expect('Henry sees the charge, and Aida only her share of it', [[{ amount_cents: 10_001 }], []], [answer('', owner), answer('', stranger)]);

  const settled = { ...charge, balance_transaction: transaction(charge.id, 10_001, 320) };
  expect('Stripe says what it kept', [200, 'processed'], await tell('charge.updated', settled));
  expect('The platform bears $3.20 of fees; the rest is at Stripe', ['$3.20', '$96.81'], [
    await platform(world, 'processing_fees'),
    await platform(world, 'stripe'),
  ]);
}

async function showShares(world) {
  const read = world.admin.client.from('charge_shares').select('party, user_id, amount_cents').order('position');
  const names = new Map(Object.values(world.people).map(({ id, name }) => [id, name]));
  const shares = answer('the shares', await read).map(({ party, user_id: id, amount_cents: cents }) => [names.get(id) ?? party, dollars(cents)]);
  expect('The admin sees how it was split', [['platform', '$0.00'], ['Henry', '$70.01'], ['Aida', '$20.00'], ['Bela', '$10.00']], shares);
}
