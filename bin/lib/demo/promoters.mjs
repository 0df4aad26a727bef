// The first admin, and five generations of promoters.

import { answer, chapter, expect, refused } from './tell.mjs';
import { PASSWORD, elsewhere, psql, signIn } from './world.mjs';

const GENERATIONS = ['Asha', 'Bharat', 'Chitra', 'Dev', 'Esha'];

export const email = (name) => `${name.toLowerCase()}@example.com`;

/** Sets `world.admin` (a client) and `world.promoters` (by name: id, number, client). */
export async function promoters(world) {
  chapter('1. An admin, and a line of promoters');
  const [{ id }] = psql(`select backoffice.bootstrap_admin(:'email', :'password') as id`, {
    email: email('Admin'),
    password: PASSWORD,
  });
  world.admin = await signIn(email('Admin'));
  const own = answer('the admin reads', await world.admin.from('profiles').select('role').eq('id', id).single());
  expect('psql makes the first admin, who signs in over HTTP', { role: 'admin' }, own);

  world.promoters = {};
  let above = world.admin;
  for (const [index, name] of GENERATIONS.slice(0, 4).entries()) {
    above = await join(world, above, name, index + 1);
  }
  await fifth(world, above);
}

/** `above` brings a promoter, who then signs in by the new promoter id. */
async function join(world, above, name, generation) {
  const arguments_ = { p_name: name, p_email: email(name), p_password: PASSWORD, p_phone: `987650000${generation}` };
  const made = answer(`${name} joins`, await above.rpc('create_unified_promoter', arguments_));
  const place = generation === 1 ? 'at the top, brought by the admin' : `below ${GENERATIONS[generation - 2]}, who brings them`;
  expect(`${name} joins ${place}`, `BPVP0${generation}`, made.promoter_id);
  const client = await signIn(made.promoter_id);
  world.promoters[name] = { id: made.id, number: made.promoter_id, name, client };
  return client;
}

async function fifth(world, above) {
  const arguments_ = { p_name: 'Esha', p_email: email('Esha'), p_password: PASSWORD };
  refused('A fifth generation is one too many', 409, await above.rpc('create_unified_promoter', arguments_));

  const ops = await elsewhere(world.admin, 'ops');
  const setting = { p_system: 'network', p_key: 'max_depth', p_value: 5 };
  expect('The admin lets a line be five deep', 5, answer('a setting', await ops.rpc('set_setting', setting)));
  await join(world, above, 'Esha', 5);
}
