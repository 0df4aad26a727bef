#!/usr/bin/env node
// A thousand clients at the gateway: how long they wait, and what of it is the way to the database and back.
//
//   node bench/load.mjs [--json] [--clients 1000] [--seconds 30] [--writes 0.1] [--only NAME]
//
// On servers of its own (.local/load) with an empty database it makes a hundred lines of four promoters, and then runs
//
//   nothing-pause   every client calls a function that does nothing, then waits 1 to 2 s as a person does
//   mixed-pause     the same with what promoters do: 9 of 10 requests read, 1 makes a customer with commissions
//   nothing-loop    every client asks again as soon as it has the answer
//   mixed-loop      the same with what promoters do
//
// In the loops the machine is always busy to the brim, whatever it can do: there a client waits for all the others, and
// the median is clients / throughput. They measure the throughput; the pauses measure what a thousand people feel.
// Servers, database and clients share the cores of this machine. Only 127.0.0.1 is asked.

import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { Client } from './http-client.mjs';

const SCENARIOS = [
  { name: 'nothing-pause', pause: [1000, 2000], mixed: false },
  { name: 'mixed-pause', pause: [1000, 2000], mixed: true },
  { name: 'nothing-loop', pause: null, mixed: false },
  { name: 'mixed-loop', pause: null, mixed: true },
];
const WARM_UP = 4000;
const LINES = 100;
const PASSWORD = 'a quiet river at dawn';

/** What promoters read. `me` is the promoter's id. */
const READS = [
  (me) => ['POST', '/network/rest/v1/rpc/get_pin_balance', { p_user_id: me }],
  (me) => ['GET', `/network/rest/v1/promoter_wallet?promoter_id=eq.${me}`],
  (me) => ['GET', `/network/rest/v1/profiles?id=eq.${me}`],
  (me) => ['GET', `/network/rest/v1/profiles?parent_promoter_id=eq.${me}&role=eq.customer&order=created_at.desc&limit=20`],
  (me) => ['GET', `/network/rest/v1/affiliate_commissions?recipient_id=eq.${me}&order=created_at.desc&limit=20`],
  (me) => ['GET', `/network/rest/v1/pin_transactions?user_id=eq.${me}&order=created_at.desc&limit=20`],
];

const NOTHING = () => ['POST', '/network/rest/v1/rpc/nothing', {}];

let made = 0;
const WRITE = (me) => [
  'POST',
  '/network/rest/v1/rpc/create_customer_with_commission',
  { p_promoter_id: me, p_customer_data: { name: 'Ravi', email: `customer.${process.pid}.${(made += 1)}@load.test` } },
];

/** Servers with a hundred promoters who signed in; the others of their lines earn commissions. */
async function prepare() {
  const { NO_LIMITS, ownServers } = await import('../pgrx_tests/http/own-servers.mjs');
  const servers = ownServers('load', NO_LIMITS);
  const { request, reloadSchema, sql } = await import('../pgrx_tests/http/support.mjs');
  await sql('select backoffice.bootstrap_admin($1, $2)', ['admin@load.test', PASSWORD]);
  // The same hundred people write all the time.
  await sql(`select backoffice.set_setting('identity', 'invites_per_minute', '100000'), backoffice.set_setting('identity', 'invites_per_day', '1000000')`);
  await sql(`create function network.nothing() returns void language sql as ''`);
  await sql('grant execute on function network.nothing() to authenticated');
  const promoters = [];
  for (let line = 0; line < LINES; line += 1) {
    let id = null;
    for (let level = 1; level <= 4; level += 1) {
      const password = level === 4 ? PASSWORD : null;
      [{ id }] = await sql('select id from network.create_unified_promoter($1, $2, $3, null, null, $4)', ['Asha', `${line}.${level}@load.test`, password, id]);
    }
    await sql('select network.admin_allocate_pins($1, 1000000)', [id]);
    const answer = await request('/network/auth/v1/token?grant_type=password', { method: 'POST', body: { email: `${line}.4@load.test`, password: PASSWORD } });
    promoters.push({ id, token: answer.body.access_token });
  }
  const [{ token }] = promoters;
  await reloadSchema(async () => (await request('/network/rest/v1/rpc/nothing', { method: 'POST', body: {}, token })).status < 300);
  await sql('vacuum analyze');
  return { servers, promoters, sql };
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const between = ([least, most]) => least + Math.random() * (most - least);
const any = (list) => list[Math.floor(Math.random() * list.length)];

/** The figures of a list of times in milliseconds. */
function figures(times) {
  const sorted = Float64Array.from(times).sort();
  const at = (share) => Math.round(10 * (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0)) / 10;
  return { requests: sorted.length, p50_ms: at(0.5), p95_ms: at(0.95), p99_ms: at(0.99), max_ms: at(1) };
}

/** Runs a scenario: what its clients measured after the warm-up. */
export async function run({ name, pause, mixed }, { promoters, clients, seconds, writes }) {
  const port = Number(new URL(process.env.API_URL).port);
  const load = loadavg()[0];
  const start = performance.now() + WARM_UP;
  const end = start + seconds * 1000;
  const times = { read: [], write: [] };
  const statuses = {};
  const one = async (number) => {
    const { id, token } = promoters[number % promoters.length];
    const client = new Client(port, token);
    await sleep(Math.random() * (pause ? pause[1] : WARM_UP / 2));
    while (performance.now() < end) {
      const kind = mixed && Math.random() < writes ? 'write' : 'read';
      const make = kind === 'write' ? WRITE : mixed ? any(READS) : NOTHING;
      const sent = performance.now();
      const status = await client.request(...make(id));
      const done = performance.now();
      if (sent >= start) {
        statuses[status] = (statuses[status] ?? 0) + 1;
        if (status !== 429) times[kind].push(done - sent);
      }
      // Told to come again in a second, a client does.
      if (status === 429) await sleep(1000);
      else if (pause) await sleep(between(pause));
    }
    client.close();
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => one(number)));
  const all = figures([...times.read, ...times.write]);
  const errors = Object.fromEntries(Object.entries(statuses).filter(([status]) => !/^2|429/.test(status)));
  return {
    scenario: name,
    clients,
    seconds,
    ...all,
    asked_to_wait: statuses[429] ?? 0,
    requests_per_second: Math.round(all.requests / seconds),
    statuses,
    errors,
    ...(mixed ? { reads: figures(times.read), writes: figures(times.write) } : {}),
    load_average: [load, loadavg()[0]],
  };
}

/** All scenarios, each with the share of its time that the function that does nothing takes. */
export async function bench({ clients = 1000, seconds = 30, writes = 0.1, only } = {}, tell = () => {}) {
  const { servers, promoters, sql } = await prepare();
  try {
    const results = [];
    for (const scenario of SCENARIOS.filter(({ name }) => !only || name === only)) {
      const result = await run(scenario, { promoters, clients, seconds, writes });
      results.push(result);
      tell(result);
    }
    const find = (name) => results.find((result) => result.scenario === name);
    const shares = {};
    for (const kind of ['pause', 'loop']) {
      const [nothing, mixed] = [find(`nothing-${kind}`), find(`mixed-${kind}`)];
      if (!nothing || !mixed) continue;
      const share = (figure) => Math.round((100 * nothing[figure]) / mixed[figure]) / 100;
      shares[kind] = { p50: share('p50_ms'), p99: share('p99_ms'), time_each: Math.round((100 * mixed.requests_per_second) / nothing.requests_per_second) / 100 };
    }
    const problems = (await sql('select problem from ledger.check() union all select problem from network.check()')).length;
    return { cores: cpus().length, results, share_of_doing_nothing: shares, problems_in_the_books: problems };
  } finally {
    servers.stop();
  }
}

const pad = (value, width) => String(value).padStart(width);

function line(result) {
  const errors = Object.entries(result.errors).map(([status, count]) => `${count} × ${status}`).join(', ') || 'none';
  return [
    result.scenario.padEnd(14), pad(result.requests, 9), pad(result.requests_per_second, 7), pad(result.p50_ms, 9), pad(result.p95_ms, 9),
    pad(result.p99_ms, 9), pad(result.max_ms, 9), pad(result.asked_to_wait, 7), pad(result.load_average.map((load) => load.toFixed(1)).join(' → '), 12), `  ${errors}`,
  ].join(' ');
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { values } = parseArgs({
    options: { json: { type: 'boolean' }, clients: { type: 'string' }, seconds: { type: 'string' }, writes: { type: 'string' }, only: { type: 'string' } },
  });
  const numbers = Object.fromEntries(['clients', 'seconds', 'writes'].filter((name) => values[name]).map((name) => [name, Number(values[name])]));
  if (!values.json) console.log('scenario        requests     r/s    p50 ms    p95 ms    p99 ms    max ms     429     load avg   errors');
  const result = await bench({ ...numbers, only: values.only }, (one) => values.json || console.log(line(one)));
  if (values.json) console.log(JSON.stringify(result, null, 2));
  else {
    for (const [kind, share] of Object.entries(result.share_of_doing_nothing)) {
      console.log(`${kind}: doing nothing takes ${share.p50} of the median and ${share.p99} of the 99th percentile of the mix`);
    }
    console.log(`problems in the books: ${result.problems_in_the_books}`);
  }
}
