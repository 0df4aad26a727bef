// The two ways into the system that the demo takes: supabase-js, as anybody installs it, and psql.

import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { answer } from './tell.mjs';

const require = createRequire(new URL('../../../pgrx_tests/http/package.json', import.meta.url));
const { createClient } = require('@supabase/supabase-js');

export const { API_URL, ANON_KEY, DATABASE_URL } = process.env;

/** The password of everybody in the story. */
export const PASSWORD = 'correct horse battery staple';

const memory = { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false };

/** A client of the network or another system, which nobody has signed in to yet. */
export function visitor(system = 'network') {
  return createClient(`${API_URL}/${system}`, ANON_KEY, { db: { schema: system }, auth: memory });
}

/** A client of the network that sends a token of one's own choice. */
export function bearer(token, system = 'network') {
  return createClient(`${API_URL}/${system}`, ANON_KEY, { db: { schema: system }, accessToken: async () => token });
}

/** A client with a session; `login` is an e-mail address, a phone, a promoter or a customer id. */
export async function signIn(login, system = 'network') {
  const client = visitor(system);
  answer(`${login} signs in`, await client.auth.signInWithPassword({ email: login, password: PASSWORD }));
  return client;
}

/** The same person's client of another system: one session is good for all. */
export async function elsewhere(client, system) {
  const { data } = await client.auth.getSession();
  return bearer(data.session.access_token, system);
}

/** Rows of a query that psql runs as the superuser; `:'name'` in it stands for a value of `values`. */
export const psql = (query, values = {}) =>
  JSON.parse(runPsql(`select coalesce(pg_catalog.json_agg(q), '[]') from (${query}) q;`, values));

/** Whoever has this address has clicked on the link that was sent to it. */
export function confirm(email) {
  runPsql(`update identity.users set email_confirmed_at = now() where email = :'email';`, { email });
}

function runPsql(input, values) {
  const { hostname, port, username, password, pathname } = new URL(DATABASE_URL);
  const variables = Object.entries(values).flatMap(([name, value]) => ['-v', `${name}=${value}`]);
  return execFileSync('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', ...variables], {
    input,
    env: {
      ...process.env,
      PGHOST: hostname,
      PGPORT: port,
      PGUSER: username,
      PGPASSWORD: decodeURIComponent(password),
      PGDATABASE: pathname.slice(1),
    },
    encoding: 'utf8',
  });
}
