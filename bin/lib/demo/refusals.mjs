// What must not work.

import { createHmac } from 'node:crypto';
import { chapter, refused } from './tell.mjs';
import { bearer, signIn, visitor } from './world.mjs';

export async function refusals(world) {
  const { Asha, Chitra, Dev } = world.promoters;
  const { Ravi } = world.customers;
  chapter('6. What is refused');
  refused('A visitor reads the profiles', 401, await visitor().from('profiles').select());
  refused('A wrong password', 400, await visitor().auth.signInWithPassword({ email: Dev.number, password: 'a guess' }));
  refused('Dev gives himself PINs', 403, await Dev.client.rpc('admin_allocate_pins', { p_user_id: Dev.id, p_pins: 100 }));
  refused('Dev writes the table himself', 403, await Dev.client.from('profiles').update({ pins: 100 }).eq('id', Dev.id));
  refused(
    'Dev creates a customer in Chitra’s name',
    403,
    await Dev.client.rpc('create_customer_with_commission', asking(Chitra)),
  );
  refused(
    'Ravi, a customer, asks for Dev’s money',
    403,
    await Ravi.client.rpc('get_withdrawal_history', { p_promoter_id: Dev.id }),
  );
  refused(
    'The admin acts under another name',
    403,
    await world.admin.rpc('admin_allocate_pins', { p_user_id: Dev.id, p_pins: 1, p_created_by: Asha.id }),
  );
  refused('A token that somebody else signed', 401, await bearer(forged(Dev.id)).from('profiles').select());

  const client = await signIn(Dev.number);
  const { data } = await client.auth.getSession();
  await client.auth.signOut({ scope: 'local' });
  refused('A token whose session was ended', 401, await bearer(data.session.access_token).from('profiles').select());
}

const asking = (promoter) => ({ p_promoter_id: promoter.id, p_customer_data: { name: 'Vik', email: 'vik@example.com' } });

/** A token with all the right claims and a signature by the wrong key. */
function forged(person) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: person, role: 'service_role', exp: Math.floor(Date.now() / 1000) + 3600 };
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${text}.${createHmac('sha256', 'not the key of the server').update(text).digest('base64url')}`;
}
