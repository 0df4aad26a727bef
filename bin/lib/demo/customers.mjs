// PINs, customers, and the commissions that flow up the line.

import { answer, chapter, expect, refused, rupees, table } from './tell.mjs';
import { psql } from './world.mjs';
import { email } from './promoters.mjs';

export async function customers(world) {
  const { Bharat, Chitra, Dev } = world.promoters;
  chapter('2. PINs: creating a customer costs one');
  await allocate(world, Dev, 3);
  await allocate(world, Bharat, 1);

  chapter('3. Customers, and ₹800 of commission for each');
  world.customers = {};
  await create(world, Dev, 'Ravi', { Dev: 500, Chitra: 100, Bharat: 100, Asha: 100 }, 'a full line shares it');
  await create(world, Bharat, 'Sita', { Bharat: 500, Asha: 100, admin: 200 }, 'what a short line leaves is the admin’s');
  await setStatus(world, Chitra, 'Inactive');
  await create(world, Dev, 'Tara', { Dev: 500, admin: 100, Bharat: 100, Asha: 100 }, 'Chitra’s share is the admin’s');
  await setStatus(world, Chitra, 'Active');
  await create(world, Dev, 'Uma', { Dev: 500, Chitra: 100, Bharat: 100, Asha: 100 }, 'Chitra earns again');
  const nobody = { p_promoter_id: Dev.id, p_customer_data: { name: 'Vik', email: email('Vik') } };
  refused('Dev has no PIN left for one more', 409, await Dev.client.rpc('create_customer_with_commission', nobody));
  await showCommissions(world);
}

async function allocate(world, promoter, pins) {
  const given = await world.admin.rpc('admin_allocate_pins', { p_user_id: promoter.id, p_pins: pins });
  const { balance_after: balance } = answer(`${promoter.name} is given PINs`, given);
  expect(`The admin gives ${promoter.name} ${pins === 1 ? 'a PIN' : `${pins} PINs`}`, pins, balance);
}

async function setStatus(world, promoter, status) {
  const arguments_ = { p_promoter_id: promoter.id, p_updates: { status } };
  const profile = answer(status, await world.admin.rpc('update_promoter_profile', arguments_));
  expect(`The admin makes ${promoter.name} ${status.toLowerCase()}`, status, profile.status);
}

/** A promoter makes a customer, without a password; the shares must be those of `shares`. */
async function create(world, promoter, name, shares, why) {
  const data = { name, email: email(name), address: 'Pune' };
  const arguments_ = { p_promoter_id: promoter.id, p_customer_data: data };
  const made = answer(`${name} is made`, await promoter.client.rpc('create_customer_with_commission', arguments_));
  world.customers[name] = { id: made.id, number: made.customer_id, name };
  expect(`${promoter.name} makes ${name} a customer: ${why}`, shares, await sharesOf(world, made.id));
}

/** Who got how much for a customer, as the admin reads it. */
async function sharesOf(world, customer) {
  const columns = 'level,amount,recipient_type,recipient:profiles!recipient_id(name)';
  const read = world.admin.from('affiliate_commissions').select(columns).eq('customer_id', customer).order('level');
  const shares = {};
  for (const { amount, recipient_type: type, recipient } of answer('the commissions', await read)) {
    const who = type === 'admin' ? 'admin' : recipient.name;
    shares[who] = (shares[who] ?? 0) + amount;
  }
  return shares;
}

async function showCommissions(world) {
  const columns =
    'transaction_id,level,amount,note,customer:profiles!customer_id(name),recipient:profiles!recipient_id(name,promoter_id)';
  const read = world.admin.from('affiliate_commissions').select(columns).order('id');
  const rows = answer('the commissions', await read).map(({ transaction_id: id, level, amount, note, customer, recipient }) => [
    id,
    customer.name,
    level,
    recipient.promoter_id ? `${recipient.promoter_id} ${recipient.name}` : 'the admin wallet',
    rupees(amount),
    note,
  ]);
  table('Commissions', ['transaction', 'customer', 'level', 'goes to', 'amount', 'note'], rows);
}

/** What somebody was sent, as only psql may read it: the demo has no post office. */
export function invitation(address) {
  const [message] = psql(
    `select template, payload->>'token_hash' as token from ops.outbox where recipient = :'address' order by id desc limit 1`,
    { address },
  );
  return message;
}
