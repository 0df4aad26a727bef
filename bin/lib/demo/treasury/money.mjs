// What the story looks at again and again: what each has, and what the platform's accounts hold, read over HTTP.

import { answer, dollars } from '../tell.mjs';

/** What somebody has in dollars, as they read it themselves. */
export async function balanceOf(person) {
  const read = person.ledger.from('balances').select('posted').eq('code', `earnings:${person.id}:USD`).maybeSingle();
  return dollars(answer(`${person.name} reads the balance`, await read)?.posted ?? 0);
}

/** Henry's, Aida's and Bela's. */
export const balances = ({ people: { Henry, Aida, Bela } }) => Promise.all([Henry, Aida, Bela].map(balanceOf));

/** An account of the platform, as the admin reads it. */
export async function platform(world, code) {
  const read = world.admin.ledger.from('balances').select('posted').eq('code', `${code}:USD`).maybeSingle();
  return dollars(answer(code, await read)?.posted ?? 0);
}
