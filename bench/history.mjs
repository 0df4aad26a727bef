#!/usr/bin/env node
// How long the ledger takes to look back: balances now and as of a time, pages of statements, the trial balance. And
// what another transfer costs among so many.
//
//   node bench/history.mjs [--json] [--check] [--transfers 10000000] [--repeat 1000] [--rounds 5]
//
// On servers of its own (.local/history) with an empty database it loads transfers of two years as a superuser, with
// counters that agree: `all` is in every one of them, `million` in every tenth, `dated` in another tenth, each of
// which counts for a day of its own; the others are spread over 10,000 accounts, and one in fifty counts for an earlier
// time. It makes the checkpoints as the job does, and then calls the functions for random accounts and times, with the
// clock of the server around each call. What counts against the bar is the median: the
// 95th percentile, printed beside it, is the machine's as much as the ledger's. At last it posts more transfers, here
// and where few are stored (bench/growth.mjs), for which pgbench must be in the PATH, as bin/bench puts it there.

import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { growth } from './growth.mjs';

const LOAD = `
create schema bench;
insert into ledger.transfer_kinds (system, kind) values ('bench', 'any');
select ledger.open_account('bench', 'a' || i, 'INR', 'asset') from generate_series(1, 10000) i;
select ledger.open_account('bench', code, 'INR', 'asset') from unnest(array['all', 'million', 'dated']) code;
`;

// Evenly over two years; the last is of an hour ago.
const INSERT = `
insert into ledger.transfers (id, debit_account_id, credit_account_id, amount, recorded_at, effective_at, kind_id)
select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(word, 1, 3) || '8' || substr(word, 4, 15))::uuid,
       case when n / 10 % 2 = 0 then hot else other end, case when n / 10 % 2 = 0 then other else hot end,
       1 + n % 1000, at,
       case when n % 10 = 1 then date_trunc('day', at) - interval '1 day' * (n / 10 % 3)
            when n % 50 in (2, 20) then at - interval '1 hour' * (1 + n / 50 % 1000) end,
       kind
  from (select n, md5(n::text) as word, hot, kind,
               $3::timestamptz + (n::float8 / $4) * interval '730 days' as at,
               case n % 10 when 0 then million when 1 then dated else first + (n::bigint * 7919 / 10) % 10000 end as other
          from generate_series($1::int, $2::int) n,
               (select (select min(id) from ledger.accounts where system = 'bench') as first,
                       (select id from ledger.accounts where system = 'bench' and code = 'all') as hot,
                       (select id from ledger.accounts where system = 'bench' and code = 'million') as million,
                       (select id from ledger.accounts where system = 'bench' and code = 'dated') as dated,
                       (select id from ledger.transfer_kinds where system = 'bench') as kind) ids) rows`;

const COUNTERS = `
update ledger.accounts a
   set debits_posted = s.debits, credits_posted = s.credits
  from (select id, sum(debits) as debits, sum(credits) as credits
          from (select debit_account_id as id, sum(amount) as debits, 0 as credits from ledger.transfers group by 1
                union all
                select credit_account_id, 0, sum(amount) from ledger.transfers group by 1) sides
         group by id) s
 where a.id = s.id`;

/** Runs a call so many times with random values; how long each took in the server, in milliseconds. */
const MEASURE = `
create function bench.measure(kind text, code text, basis text, repeat integer) returns float8[] language plpgsql as $f$
declare
    first bigint := (select min(id) from ledger.accounts where system = 'bench');
    account bigint := (select id from ledger.accounts a where system = 'bench' and a.code = measure.code);
    since timestamptz := (select min(recorded_at) from ledger.transfers);
    started timestamptz;
    moment timestamptz;
    cursor_id uuid;
    times float8[];
begin
    for n in 1 .. repeat loop
        if code is null then account := first + (random() * 9999)::integer; end if;
        moment := since + random() * interval '730 days';
        if kind = 'cursor' then
            select t.id into cursor_id from ledger.transfers t
             where t.debit_account_id = account and t.recorded_at >= moment order by t.recorded_at limit 1;
            continue when cursor_id is null;
        end if;
        started := clock_timestamp();
        case kind
            when 'now' then perform * from ledger.balance(account);
            when 'past' then perform * from ledger.balance(account, moment, basis);
            when 'page' then perform * from ledger.statement(account, moment, null, 100, null, basis);
            when 'range' then perform * from ledger.statement(account, moment, moment + interval '1 day', 100, null, basis);
            when 'cursor' then perform * from ledger.statement(account, null, null, 100, cursor_id, basis);
            when 'trial' then perform * from ledger.trial_balance('bench', moment, basis);
        end case;
        times := times || extract(epoch from clock_timestamp() - started)::float8 * 1000;
    end loop;
    return times;
end $f$`;

const ACCOUNTS = [null, 'million', 'all', 'dated'];

/** What is measured: name, arguments of bench.measure, and the bar in milliseconds. */
function measurements() {
  const list = ACCOUNTS.map((code) => ({ kind: 'now', code, basis: null, bar: 0.2 }));
  for (const basis of ['effective', 'recorded']) {
    for (const code of ACCOUNTS) list.push({ kind: 'past', code, basis, bar: 2 });
    for (const code of ACCOUNTS.slice(1)) for (const kind of ['page', 'range', 'cursor']) list.push({ kind, code, basis, bar: 10 });
    list.push({ kind: 'trial', code: null, basis, bar: null });
  }
  return list;
}

const NAMES = {
  now: 'balance now', past: 'balance as of a time', page: 'statement page from a time', range: 'statement of a day',
  cursor: 'statement page after a transfer', trial: 'trial balance as of a time',
};

const seconds = async (work) => {
  const start = performance.now();
  const rows = await work();
  return [Math.round(performance.now() - start) / 1000, rows];
};

/** Fills an empty database; `sql(text, params)` runs a superuser's statement. */
export async function load(sql, transfers, tell = () => {}) {
  for (const statement of LOAD.split(';').filter((text) => text.trim())) await sql(statement);
  const start = new Date(Date.now() - 730 * 86_400_000 - 3_600_000);
  const step = 500_000;
  for (let first = 1; first <= transfers; first += step) {
    const last = Math.min(first + step - 1, transfers);
    await sql(INSERT, [first, last, start, transfers]);
    tell(`Loading: ${last} transfers`);
  }
  await sql(COUNTERS);
  await sql('vacuum analyze ledger.transfers');
  await sql('vacuum analyze ledger.accounts');
  await sql(MEASURE);
}

/** Makes the checkpoints of what was loaded, and measures. */
export async function measure(sql, transfers, repeat, tell = () => {}) {
  tell('Making checkpoints');
  // Nothing is complete while a transaction of before runs, that of an autovacuum too: then it comes to nothing yet.
  const make = async () => {
    for (let tries = 0; tries < 120; tries += 1) {
      const [{ made }] = await sql('select ledger.make_checkpoints() as made');
      if (made.checkpoints > 0) return made;
      await sql('select pg_sleep(0.5)');
    }
    throw new Error('no checkpoints can be made: a transaction does not end');
  };
  const [checkpoints, made] = await seconds(make);
  const [again] = await seconds(() => sql('select ledger.make_checkpoints(true)'));
  await sql('vacuum analyze ledger.checkpoints');
  await sql('vacuum analyze ledger.dated_checkpoints');
  const [sizes] = await sql(`select pg_total_relation_size('ledger.checkpoints') + pg_total_relation_size('ledger.dated_checkpoints') as checkpoints,
    pg_total_relation_size('ledger.transfers') as transfers`);
  const results = [];
  for (const { kind, code, basis, bar } of measurements()) {
    const name = [NAMES[kind], code ? `of ${code}` : kind === 'trial' ? '' : 'of any account', basis].filter(Boolean).join(', ');
    tell(name);
    const runs = kind === 'trial' ? 3 : repeat;
    // A first turn fills caches and plans; it does not count.
    const call = 'select bench.measure($1, $2, $3, $4) as times';
    await sql(call, [kind, code, basis, kind === 'trial' ? 1 : 20]);
    const [{ times }] = await sql(call, [kind, code, basis, runs]);
    const sorted = Float64Array.from(times).sort();
    const at = (share) => Math.round(1000 * sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]) / 1000;
    results.push({ name, p50_ms: at(0.5), p95_ms: at(0.95), max_ms: at(1), bar_ms: bar, met: bar === null ? null : at(0.5) < bar });
  }
  tell('Checking the books');
  const [check, problems] = await seconds(() => sql('select * from ledger.check()'));
  return {
    transfers, cores: cpus().length, checkpoint_seconds: checkpoints, checkpoint_again_seconds: again, check_seconds: check,
    made, bytes_of_transfers: Math.round(sizes.transfers / transfers), bytes_of_checkpoints: Math.round((100 * sizes.checkpoints) / transfers) / 100,
    problems: problems.length, results,
  };
}

/** All of it. */
export async function bench(sql, { transfers = 10_000_000, repeat = 1000, rounds = 5 } = {}, tell = () => {}) {
  const [loaded] = await seconds(() => load(sql, transfers, tell));
  const measured = await measure(sql, transfers, repeat, tell);
  const grown = await growth(sql, load, transfers, rounds, tell);
  tell('Checking the books again');
  const again = await sql('select * from ledger.check()');
  return { load_seconds: loaded, ...measured, problems: measured.problems + again.length, growth: grown };
}

/** The lines of a table. */
function print(result) {
  const width = Math.max(...[...result.results, ...result.growth].map(({ name }) => name.length));
  const figure = (number) => number.toFixed(3).padStart(9);
  for (const { name, p50_ms: p50, p95_ms: p95, max_ms: max, bar_ms: bar, met } of result.results) {
    const verdict = bar === null ? '' : `  bar ${bar} ${met ? 'met' : 'MISSED'}`;
    console.log(`${name.padEnd(width)}  p50 ${figure(p50)}  p95 ${figure(p95)}  max ${figure(max)} ms${verdict}`);
  }
  for (const { name, few_ms: few, many_ms: many, ratio, at_most: most, met } of result.growth) {
    console.log(`${name.padEnd(width)}  ${figure(many)}  of ${figure(few)} ms  ${ratio.toFixed(2)} ×  bar at most ${most} ${met ? 'met' : 'MISSED'}`);
  }
  console.log(`${result.transfers} transfers of ${result.bytes_of_transfers} bytes; ${result.made.checkpoints} checkpoints in ${result.checkpoint_seconds} s, ${result.bytes_of_checkpoints} bytes for each transfer.`);
  console.log(`All accounts looked through again in ${result.checkpoint_again_seconds} s; ledger.check() in ${result.check_seconds} s; problems: ${result.problems}.`);
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { values } = parseArgs({
    options: { json: { type: 'boolean' }, check: { type: 'boolean' }, transfers: { type: 'string' }, repeat: { type: 'string' }, rounds: { type: 'string' } },
  });
  const numbers = Object.fromEntries(['transfers', 'repeat', 'rounds'].filter((name) => values[name]).map((name) => [name, Number(values[name])]));
  const { ownServers } = await import('../pgrx_tests/http/own-servers.mjs');
  const servers = ownServers('history');
  const { sql } = await import('../pgrx_tests/http/support.mjs');
  try {
    const result = await bench(sql, numbers, (text) => values.json || process.stderr.write(`${text}\x1b[K\r`));
    if (values.json) console.log(JSON.stringify(result, null, 2));
    else print(result);
    if (result.problems || (values.check && [...result.results, ...result.growth].some(({ met }) => met === false))) process.exitCode = 1;
  } finally {
    servers.stop();
  }
}
