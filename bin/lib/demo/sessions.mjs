// Who signs in how, and sees what.

import { answer, chapter, expect } from './tell.mjs';
import { PASSWORD, signIn, visitor } from './world.mjs';
import { email } from './promoters.mjs';
import { invitation } from './customers.mjs';

export async function sessions(world) {
  const { Asha, Dev } = world.promoters;
  chapter('4. Everybody sees what is theirs');
  await fourWays(Dev);
  expect(
    'Dev sees himself, the promoter he brought, and his customers',
    ['Dev', 'Esha', 'Ravi', 'Tara', 'Uma'],
    await names(Dev.client),
  );
  expect(
    'Asha sees her whole line of promoters, but not their customers',
    ['Asha', 'Bharat', 'Chitra', 'Dev', 'Esha'],
    await names(Asha.client),
  );
  const commissions = answer('Dev’s commissions', await Dev.client.from('affiliate_commissions').select('amount'));
  expect(
    'Dev sees his own commissions and no others',
    [500, 500, 500],
    commissions.map(({ amount }) => amount),
  );
  const tree = answer('the hierarchy', await Asha.client.rpc('get_promoter_hierarchy', { p_promoter_id: Asha.id }));
  expect('Asha’s hierarchy: four promoters below her, four customers', [4, 4], [tree.promoters_below, tree.branch_customers]);
  await invited(world);
}

async function fourWays(promoter) {
  const ways = { 'promoter id': promoter.number, 'e-mail address': email(promoter.name), phone: '9876500004' };
  for (const [way, login] of Object.entries(ways)) {
    const client = await signIn(login);
    const { data } = await client.auth.getUser();
    const read = client.from('profiles').select('name').eq('id', data.user.id).single();
    expect(`Dev signs in with his ${way} ${login}`, 'Dev', answer('his profile', await read).name);
  }
}

async function names(client) {
  return answer('profiles', await client.from('profiles').select('name').order('name')).map(({ name }) => name);
}

/** A customer who was made without a password chooses one with the token of the invitation. */
async function invited(world) {
  const { Ravi } = world.customers;
  const { template, token } = invitation(email('Ravi'));
  expect('Ravi’s invitation waits in the outbox', 'invite', template);
  const client = visitor();
  answer('Ravi comes in', await client.auth.verifyOtp({ type: 'invite', token_hash: token }));
  answer('Ravi chooses a password', await client.auth.updateUser({ password: PASSWORD }));
  Ravi.client = await signIn(Ravi.number);
  expect(`Ravi takes it up, signs in as ${Ravi.number} and sees himself only`, ['Ravi'], await names(Ravi.client));
}
