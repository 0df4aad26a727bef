// What the tests through the gateway share: addresses and keys, a superuser's SQL, clients, raw requests.

import { randomUUID, randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createClient } from '@supabase/supabase-js';
import pg from 'pg';

// bin/test sets the variables; a test started by hand uses the servers of the last bin/test, never those of bin/up.
const file = new URL('../../.local/test/env', import.meta.url);
if (!process.env.API_URL && existsSync(file)) {
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name) process.env[name] = value;
  }
}

export const { API_URL, ANON_KEY, SERVICE_KEY, DATABASE_URL } = process.env;
if (!API_URL || !DATABASE_URL) throw new Error('API_URL and DATABASE_URL are not set: run bin/test http');

/** The folder of the servers under test: their logs, and what else bin/ keeps of them. */
export const LOCAL = new URL(`${process.env.BACKOFFICE_LOCAL ?? '.local/test'}/`, new URL('../../', import.meta.url));

const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 4, allowExitOnIdle: true });
// An idle connection that its server ends is no error of a test.
pool.on('error', () => {});

/** Rows of a statement that a superuser runs. bigint and numeric come as strings. */
export async function sql(text, params = []) {
  return (await pool.query(text, params)).rows;
}

/** One connection for `work(query)`, in a transaction that is rolled back. */
export async function rolledBack(work) {
  const client = await pool.connect();
  try {
    await client.query('begin');
    return await work(async (text, params = []) => (await client.query(text, params)).rows);
  } finally {
    await client.query('rollback');
    client.release();
  }
}

/** A supabase-js client of a system; it keeps its session in memory. */
export function client(system = 'network', key = ANON_KEY) {
  return createClient(`${API_URL}/${system}`, key, {
    db: { schema: system },
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
  });
}

/** Makes PostgREST see functions and tables that a test created. */
export async function reloadSchema(isThere) {
  await sql(`notify pgrst, 'reload schema'`);
  for (let tries = 0; tries < 100; tries += 1) {
    if (await isThere()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('PostgREST did not reload its schema cache within 5 s');
}

/**
 * A raw request. `token` goes into Authorization, an object as body becomes JSON. Returns status, headers and body,
 * parsed where it is JSON.
 */
export async function request(path, { method = 'GET', headers = {}, body, token, key = ANON_KEY } = {}) {
  const json = body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array);
  const response = await fetch(`${API_URL}${path}`, {
    method,
    headers: {
      ...(key ? { apikey: key, authorization: `Bearer ${token ?? key}` } : {}),
      ...(json ? { 'content-type': 'application/json' } : {}),
      ...headers,
    },
    body: json ? JSON.stringify(body) : body,
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, body: isJson && text ? JSON.parse(text) : text };
}

/** Values that no other test uses. */
export const uniqueEmail = (name = 'person') => `${name}.${randomUUID()}@example.test`;
export const uniquePhone = () => `9${String(randomInt(1e9)).padStart(9, '0')}`;
