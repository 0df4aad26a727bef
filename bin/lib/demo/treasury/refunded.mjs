// The buyer gets a part back: asked for here, made at Stripe, told of twice.

import { answer, chapter, expect, refused } from '../tell.mjs';
import { balances } from './money.mjs';
import { tell, work } from './stripe.mjs';

export async function refunded(world) {
  const { Bina, Aida } = world.people;
  chapter('3. Bina gets $30.00 back');
  const asked = { p_refund: { charge_id: world.charge.id, amount_cents: 3_000, reason: 'One of us is ill' } };
  refused('Aida asks for a refund of what she did not pay', 403, await Aida.client.rpc('request_refund', asked));
  const refund = answer('the refund', await Bina.client.rpc('request_refund', asked));
  expect('Bina asks for a refund, which waits for Stripe', ['pending', 3_000], [refund.status, refund.amount_cents]);
  const more = { p_refund: { charge_id: world.charge.id, amount_cents: 7_002 } };
  refused('More than is left', 409, await Bina.client.rpc('request_refund', more));

  let object;
  const paths = await work((_, params, account, newId) => {
    object = { id: newId('re'), object: 'refund', currency: 'usd', status: 'succeeded', ...params };
    return object;
  });
  expect('A worker asks Stripe, which does it', ['/v1/refunds'], paths);
  expect('Stripe tells of it', [200, 'processed'], await tell('refund.created', object));
  const charge = { ...world.charge, amount_refunded: 3_000 };
  expect('and once more, as it is seen from the charge', [200, 'processed'], await tell('charge.refunded', charge));
  expect('Each gives back their part of it, once', ['$49.01', '$14.00', '$7.00'], await balances(world));
  const row = answer('the refund', await Bina.client.from('refunds').select('status, amount_cents').single());
  expect('Bina reads what became of it', { status: 'succeeded', amount_cents: 3_000 }, row);
}
