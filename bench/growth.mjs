// What a transfer costs where many are stored against where few are: the time of one, by turns in both.
//
// The few are in a database of their own beside the many, with the same accounts and the same kinds of transfers. Each
// round copies it anew from a template, so that it has as few in the last round as in the first, and then runs
// bench/transfer.sql in both, one after the other: what the machine does besides is the same for both. Every run is so
// many transfers, not so many seconds, because those of a run are stored, too.

import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';

// Packages are installed for the tests.
const pg = createRequire(new URL('../pgrx_tests/http/', import.meta.url))('pg');

export const FEW = 10_000;
/** How much longer a transfer may take among the many. */
const MOST = 1.25;
/** Clients, and how many transfers each of them makes in a run. */
const RUNS = [
  { clients: 1, each: 4000 },
  { clients: 8, each: 1000 },
];
const WARM_UP = 500;
const [TEMPLATE, COPY] = ['growth_template', 'growth_few'];

const address = (database) => process.env.DATABASE_URL.replace(/\/[^/]+$/, `/${database}`);
const middle = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const rounded = (number, digits) => Math.round(number * 10 ** digits) / 10 ** digits;

/** How many milliseconds a transfer of pgbench takes in a database, for each client. */
function time(url, base, clients, each) {
  const output = execFileSync(
    'pgbench',
    ['-n', '-M', 'prepared', '-c', clients, '-j', Math.min(2, clients), '-t', each, '-D', `base=${base}`, '-f', join(import.meta.dirname, 'transfer.sql'), url],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const failed = Number(/number of failed transactions: (\d+)/.exec(output)?.[1] ?? 0);
  const done = Number(/number of transactions actually processed: (\d+)/.exec(output)?.[1] ?? 0);
  if (failed > 0 || done !== clients * each) throw new Error(`transfer.sql: ${done} transactions done, ${failed} failed`);
  return (1000 * clients) / Number(/tps = ([\d.]+)/.exec(output)[1]);
}

/** A database with few transfers; `load(sql, transfers)` fills it. Nobody can connect to it, so that it can be copied. */
async function makeTemplate(sql, load) {
  // Of a run before: bin/up --fresh knows only its own.
  await sql(`drop database if exists ${TEMPLATE} with (force)`);
  await sql(`create database ${TEMPLATE}`);
  const client = new pg.Client({ connectionString: address(TEMPLATE) });
  await client.connect();
  const inside = async (text, params = []) => (await client.query(text, params)).rows;
  await inside('create extension backoffice');
  await load(inside, FEW);
  await client.end();
  await sql(`alter database ${TEMPLATE} allow_connections false`);
  await sql('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [TEMPLATE]);
}

/** The first account of transfer.sql; the same in both, as both were filled alike. */
async function firstAccount(sql) {
  const [{ id }] = await sql(`select min(id) as id from ledger.accounts where system = 'bench'`);
  return id;
}

/** One round: milliseconds of a transfer among the few and among the many, for each of RUNS. Every other begins with the many. */
async function round(sql, base, number) {
  await sql(`drop database if exists ${COPY} with (force)`);
  await sql(`create database ${COPY} template ${TEMPLATE}`);
  await sql('checkpoint');
  const urls = [['few', address(COPY)], ['many', process.env.DATABASE_URL]];
  if (number % 2 === 0) urls.reverse();
  // A first turn fills caches; it does not count.
  for (const [, url] of urls) time(url, base, 1, WARM_UP);
  return RUNS.map(({ clients, each }) => Object.fromEntries(urls.map(([where, url]) => [where, time(url, base, clients, each)])));
}

/** Measures; `transfers` are stored in the database of `sql(text, params)`, and `load` fills another like it. */
export async function growth(sql, load, transfers, rounds, tell = () => {}) {
  tell(`Making a ledger of ${FEW} transfers`);
  await makeTemplate(sql, load);
  const base = await firstAccount(sql);
  const measured = [];
  for (let number = 1; number <= rounds; number += 1) {
    tell(`Transfers among few and many, round ${number}`);
    measured.push(await round(sql, base, number));
  }
  return RUNS.map(({ clients }, run) => {
    const times = measured.map((of) => of[run]);
    const ratio = rounded(middle(times.map(({ few, many }) => many / few)), 3);
    return {
      name: `time of a transfer among ${transfers} against among ${FEW}, ${clients} client${clients > 1 ? 's' : ''}`,
      few_ms: rounded(middle(times.map(({ few }) => few)), 3),
      many_ms: rounded(middle(times.map(({ many }) => many)), 3),
      ratio,
      at_most: MOST,
      met: ratio <= MOST,
    };
  });
}
