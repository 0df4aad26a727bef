// What bin/bench runs: measures in rounds, compares with a baseline of the same round, prints and checks.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean' },
    check: { type: 'boolean' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
  },
});
const { API_URL, DATABASE_URL, SERVICE_KEY } = process.env;
const folder = import.meta.dirname;
const work = mkdtempSync(join(tmpdir(), 'backoffice-bench-'));

const run = (command, args) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const sql = (text) => run('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', DATABASE_URL, '-c', text]).trim();
const say = (text) => options.json || process.stderr.write(text);

/** Transactions a second of a pgbench script, or of the builtin tpcb-like. */
function pgbench(script, clients) {
  const what = script ? ['-f', join(folder, script), '-D', `base=${base}`, '-D', `hot=${hot}`] : ['-b', 'tpcb-like'];
  const output = run('pgbench', [
    '-n', '-M', 'prepared', '-c', clients, '-j', Math.min(2, clients), '-T', options.seconds, ...what, DATABASE_URL,
  ]);
  const failed = Number(/number of failed transactions: (\d+)/.exec(output)?.[1] ?? 0);
  if (failed > 0) throw new Error(`${script}: ${failed} transactions failed`);
  return Number(/tps = ([\d.]+)/.exec(output)[1]);
}

/** Requests a second of an RPC through the gateway, by 16 clients that keep their connections. */
function rpc(name, body) {
  const script = join(work, `${name}.lua`);
  const headers = { 'Content-Type': 'application/json', apikey: SERVICE_KEY, Authorization: `Bearer ${SERVICE_KEY}` };
  const lines = Object.entries(headers).map(([key, value]) => `wrk.headers["${key}"] = "${value}"`);
  writeFileSync(script, ['wrk.method = "POST"', ...lines, body].join('\n'));
  const output = run('wrk', ['-t1', '-c16', `-d${options.seconds}s`, '-s', script, `${API_URL}/network/rest/v1/rpc/${name}`]);
  if (/Non-2xx|Socket errors/.test(output)) throw new Error(`${name}: ${output}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(output)[1]);
}

/** How many rows one call writes, those of triggers included. */
function rowsWritten(call) {
  const written = 'select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_xact_all_tables';
  return Number(sql(`begin; ${call}; ${written}; rollback`).split('\n').at(-1));
}

say('Preparing the data\n');
run('psql', ['-Xq', DATABASE_URL, '-f', join(folder, 'setup.sql')]);
run('pgbench', ['-i', '-q', '-s', '10', DATABASE_URL]);
const base = sql("select min(id) from ledger.accounts where system = 'bench' and code <> 'hot'");
const hot = sql("select id from ledger.accounts where system = 'bench' and code = 'hot'");
const ids = sql('select id from bench.promoters order by n').split('\n');
const promoters = `local ids = {${ids.map((id) => `"${id}"`)}}`;

const tpcb = (clients) => ({ name: `tpcb-like, ${clients} clients`, measure: () => pgbench(null, clients) });
const against = (baseline, name, measure, bar, note) => ({ name, baseline, measure, bar, note });
const nothing = { name: 'RPC that does nothing', measure: () => rpc('bench_nothing', 'wrk.body = "{}"') };
const [one, eight, many] = [tpcb(1), tpcb(8), tpcb(32)];
const transfers = (clients, baseline, bar) => [
  against(baseline, `ledger.transfer, uniform, ${clients} clients`, () => pgbench('transfer.sql', clients), bar),
  against(baseline, `ledger.transfer, one hot account, ${clients} clients`, () => pgbench('transfer_hot.sql', clients)),
];
const customer = `select network.create_customer_with_commission('${ids[0]}', '{"name": "B", "email": "b@bench.example"}')`;
const rows = rowsWritten(customer);
const measurements = [
  one, ...transfers(1, one),
  eight, ...transfers(8, eight, 1.5),
  against(eight, 'execute_pin_transaction, 8 clients', () => pgbench('pin_transaction.sql', 8), 1.0),
  against(eight, 'create_customer_with_commission, 8 clients', () => pgbench('create_customer.sql', 8), 0.35,
    `${rows} rows written`),
  many, ...transfers(32, many),
  nothing,
  against(nothing, 'execute_pin_transaction, RPC', () => rpc('execute_pin_transaction', `${promoters}
    request = function()
      return wrk.format(nil, nil, nil, '{"p_user_id": "' .. ids[math.random(#ids)] ..
        '", "p_action_type": "admin_allocation", "p_pin_change_value": 1, "p_created_by": null}')
    end`), 0.6),
];

// A first turn fills caches and plans; it does not count.
const middle = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
for (const item of measurements) item.rates = [];
for (let round = 1; round <= Number(options.rounds); round++) {
  sql('checkpoint');
  for (const item of measurements) {
    say(`Round ${round}: ${item.name}\x1b[K\r`);
    item.rates.push(item.measure());
  }
}
say('\x1b[K');
rmSync(work, { recursive: true });

const results = measurements.map(({ name, baseline, rates, bar, note }) => {
  const ratio = baseline && middle(rates.map((rate, round) => rate / baseline.rates[round]));
  return { name, rate: Math.round(middle(rates)), against: baseline?.name, ratio, bar, met: bar && ratio >= bar, note };
});
const problems = Number(sql('select (select count(*) from ledger.check()) + (select count(*) from network.check())'));
const machine = { cores: cpus().length, load: loadavg()[0], postgres: sql('show server_version') };

if (options.json) {
  console.log(JSON.stringify({ machine, seconds: options.seconds, rounds: options.rounds, results, problems }, null, 2));
} else {
  const width = Math.max(...results.map(({ name }) => name.length));
  for (const { name, rate, ratio, bar, met, note } of results) {
    const verdict = bar ? `  bar ${bar.toFixed(2)} ${met ? 'met' : 'MISSED'}` : '';
    const share = ratio ? `${ratio.toFixed(2)} ×` : '';
    console.log(`${name.padEnd(width)}  ${String(rate).padStart(7)}/s  ${share.padStart(7)}${verdict}${note ? `  (${note})` : ''}`);
  }
  console.log(`PostgreSQL ${machine.postgres}, ${machine.cores} cores; the books ${problems ? 'HAVE PROBLEMS' : 'balance'}.`);
}
if (problems || (options.check && results.some(({ met }) => met === false))) process.exitCode = 1;
