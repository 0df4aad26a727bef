// An admin, a host, two artists and a buyer; the host's rule, and the accounts at Stripe to which they are paid.

import { answer, chapter, expect, refused } from '../tell.mjs';
import { PASSWORD, confirm, elsewhere, psql, signIn, visitor } from '../world.mjs';
import { SECRET, tell } from './stripe.mjs';

const ROLES = { Henry: 'host', Aida: 'artist', Bela: 'artist', Bina: 'buyer' };
const email = (name) => `${name.toLowerCase()}@example.com`;

/** Sets `world.admin` and `world.people` (by name: id, name, client, ledger, account). */
export async function people(world) {
  chapter('1. A host, two artists, a buyer, and a rule');
  const made = psql(`select backoffice.bootstrap_admin(:'email', :'password') as id`, { email: email('Admin'), password: PASSWORD });
  const client = await signIn(email('Admin'), 'treasury');
  world.admin = { id: made[0].id, client, ledger: await elsewhere(client, 'ledger'), ops: await elsewhere(client, 'ops') };
  const own = answer('the admin reads', await client.from('users').select('role').eq('id', made[0].id).single());
  expect('psql makes the first admin, who signs in over HTTP', { role: 'admin' }, own);
  world.people = {};
  for (const [name, role] of Object.entries(ROLES)) world.people[name] = await join(world, name, role);
  await rule(world);
  await accounts(world);
}

async function join(world, name, role) {
  const signUp = await visitor('treasury').auth.signUp({ email: email(name), password: PASSWORD, options: { data: { role: 'admin' } } });
  answer(`${name} signs up`, signUp);
  // The demo has no post office.
  confirm(email(name));
  const client = await signIn(email(name), 'treasury');
  const { id, role: first } = answer('own row', await client.from('users').select('id, role').single());
  expect(`${name} signs up and asks to be an admin`, 'buyer', first);
  if (role !== 'buyer') {
    answer(role, await world.admin.ops.rpc('grant_role', { p_person_id: id, p_system: 'treasury', p_role: role }));
    const read = client.from('users').select('role').single();
    expect(`The admin makes ${name} ${role === 'artist' ? 'an' : 'a'} ${role}`, role, answer('own row', await read).role);
  }
  return { id, name, client, ledger: await elsewhere(client, 'ledger') };
}

async function rule(world) {
  const { Henry, Aida, Bela, Bina } = world.people;
  const rules = [[Henry, 70], [Aida, 20], [Bela, 10]].map(([who, percent]) => ({ recipient_id: who.id, percent }));
  const data = { p_rule: { name: 'Tour', rules, is_default: true } };
  refused('Bina, who only buys, makes no rule', 403, await Bina.client.rpc('create_split_rule', data));
  const made = answer('the rule', await Henry.client.rpc('create_split_rule', data));
  expect('Henry splits what he sells 70/20/10 with Aida and Bela', [70, 20, 10], made.rules.map(({ percent }) => percent));
  const preview = { p_amount: 10_001, p_currency: 'USD', p_rule_id: made.id };
  const shares = answer('a preview', await Henry.client.rpc('preview_split', preview));
  expect('What $100.01 would become, in cents', [7001, 2000, 1000], shares.filter(({ party }) => party !== 'platform').map(({ share }) => share));
}

async function accounts(world) {
  const secret = { p_source: 'stripe', p_secret: SECRET, p_live: true };
  answer('the secret', await world.admin.ops.rpc('set_webhook_secret', secret));
  for (const name of ['Henry', 'Aida', 'Bela']) {
    const person = world.people[name];
    person.account = `acct_demo${name}`;
    const link = { p_user_id: person.id, p_stripe_account_id: person.account };
    answer('the link', await world.admin.client.rpc('link_stripe_account', link));
    const object = { id: person.account, object: 'account', charges_enabled: true, payouts_enabled: true, details_submitted: true };
    expect(`Stripe says that ${name} can be paid`, [200, 'processed'], await tell('account.updated', object, { account: person.account }));
    const read = person.client.from('stripe_accounts').select('onboarding_status').single();
    expect(`${name} reads it`, 'completed', answer('the account', await read).onboarding_status);
  }
}
