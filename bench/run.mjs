// What bin/bench runs: measures in rounds, compares with a baseline of the same round, prints and checks.
import { execFileSync } from 'node:child_process';
import { createHmac, randomInt, randomUUID } from 'node:crypto';
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

const BATCH = 8190;
const BATCHES = 6;

/**
 * Transfers a second of one client that posts batches, each durable and with ids of the client's; the same with one
 * striped account in every transfer. The batches are written down before the clock starts.
 */
function batches(withHot) {
  const credit = withHot ? hot : `${base}::bigint + (d + 1 + (random() * 9997)::int) % 10000`;
  sql(`drop table if exists bench.batches;
    create table bench.batches as
    select n, jsonb_agg(jsonb_build_object('id', gen_random_uuid(), 'debit_account_id', ${base}::bigint + d,
                'credit_account_id', ${credit}, 'amount', 5, 'currency', 'INR')) as transfers
      from (select n, (random() * 9999)::int as d from generate_series(1, ${BATCHES}) n, generate_series(1, ${BATCH})) one
     group by n`);
  const file = join(work, 'batches.sql');
  const clock = 'select extract(epoch from clock_timestamp());';
  const call = (n) =>
    `select sum((result = 'ok')::int) from ledger.post_batch('bench', 'bench', (select transfers from bench.batches where n = ${n}));`;
  const calls = Array.from({ length: BATCHES }, (_, n) => call(n + 1));
  writeFileSync(file, [clock, ...calls, clock].join('\n'));
  const lines = run('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', DATABASE_URL, '-f', file]).trim().split('\n').map(Number);
  if (lines.slice(1, -1).some((count) => count !== BATCH)) throw new Error(`batches: ${lines}`);
  return (BATCH * BATCHES) / (lines.at(-1) - lines[0]);
}

/** Bytes on disk, indexes included, for each transfer that a measurement stores. */
const stored = { bytes: 0, rows: 0 };
function weighed(measure) {
  const [bytes, rows] = weigh();
  const rate = measure();
  const [bytesNow, rowsNow] = weigh();
  stored.bytes += bytesNow - bytes;
  stored.rows += rowsNow - rows;
  return rate;
}
const weigh = () => sql(`select pg_total_relation_size('ledger.transfers'), count(*) from ledger.transfers`).split('|').map(Number);

/** Requests a second of an RPC through the gateway, by 16 clients that keep their connections. */
function rpc(name, body) {
  const headers = { 'Content-Type': 'application/json', apikey: SERVICE_KEY, Authorization: `Bearer ${SERVICE_KEY}` };
  const lines = Object.entries(headers).map(([key, value]) => `wrk.headers["${key}"] = "${value}"`);
  return wrk(name, `/network/rest/v1/rpc/${name}`, ['wrk.method = "POST"', ...lines, body].join('\n'));
}

function wrk(name, path, text) {
  const script = join(work, `${name}.lua`);
  writeFileSync(script, text);
  const output = run('wrk', ['-t1', '-c16', `-d${options.seconds}s`, '-s', script, `${API_URL}${path}`]);
  if (/Non-2xx|Socket errors/.test(output)) throw new Error(`${name}: ${output}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(output)[1]);
}

/** Webhooks a second through the gateway: each is another charge, and all are signed before the clock starts. */
function webhooks() {
  const count = 3000 * Number(options.seconds);
  const now = Math.floor(Date.now() / 1000);
  const lines = Array.from({ length: count }, (_, n) => {
    // Ids of Stripe begin with their time.
    const id = `${Date.now().toString(16)}${String(n).padStart(7, '0')}${randomUUID().replaceAll('-', '')}`;
    const object = {
      id: `ch_${id}`, object: 'charge', amount: 10001, amount_captured: 10001, amount_refunded: 0, captured: true, paid: true,
      status: 'succeeded', currency: 'usd', created: now, payment_intent: `pi_${id}`, balance_transaction: `txn_${id}`,
      billing_details: { email: 'buyer@example.com', name: 'A Buyer' }, description: 'Ticket',
      receipt_url: `https://pay.stripe.com/receipts/${id}`, metadata: { owner_id: hosts[randomInt(hosts.length)], order: id },
    };
    const body = JSON.stringify({
      id: `evt_${id}`, object: 'event', api_version: '2025-02-24.acacia', created: now, livemode: true, pending_webhooks: 1,
      type: 'charge.succeeded', data: { object },
    });
    return `${createHmac('sha256', 'whsec_of_the_benchmark').update(`${now}.${body}`).digest('hex')} ${body}`;
  });
  const file = join(work, 'webhooks.txt');
  writeFileSync(file, lines.join('\n'));
  // A webhook that was taken before would cost less.
  return wrk('webhooks', '/api/stripe/webhook', `
    local lines = {}
    for line in io.lines("${file}") do lines[#lines + 1] = line end
    local n = 0
    local headers = {["Content-Type"] = "application/json; charset=utf-8"}
    request = function()
      n = n + 1
      if n > #lines then error("more webhooks are needed") end
      headers["Stripe-Signature"] = "t=${now},v1=" .. lines[n]:sub(1, 64)
      return wrk.format("POST", nil, headers, lines[n]:sub(66))
    end
    response = function(status, _, body)
      if not body:find('"processed"', 1, true) then error(status .. " " .. body) end
    end`);
}

/** How many rows one call writes, those of triggers included. */
function rowsWritten(call) {
  const written = 'select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_xact_all_tables';
  return Number(sql(`begin; ${call}; ${written}; rollback`).split('\n').at(-1));
}

/** Seconds that a run takes which pays ten thousand people: who is payable, risk, posting and requests. */
function payoutRun() {
  run('psql', ['-Xq', DATABASE_URL, '-f', join(folder, 'payouts.sql')]);
  const begun = performance.now();
  // One call looks at so many accounts. Who was paid for by the webhooks has earnings too, but no account at Stripe.
  const call = () => sql('select finished_at is not null from treasury.run_payouts()');
  for (let calls = 1; call() !== 't'; calls += 1) if (calls === 10) throw new Error('the payout run does not end');
  const seconds = (performance.now() - begun) / 1000;
  const paid = sql("select count(*) from treasury.payouts where stripe_account_id like 'acct_bench%'");
  if (paid !== '10000') throw new Error(`payout run: ${paid} of 10000 accounts were paid`);
  return seconds;
}

say('Preparing the data\n');
run('psql', ['-Xq', DATABASE_URL, '-f', join(folder, 'setup.sql')]);
run('pgbench', ['-i', '-q', '-s', '10', DATABASE_URL]);
const base = sql("select min(id) from ledger.accounts where system = 'bench' and code <> 'hot'");
const hot = sql("select id from ledger.accounts where system = 'bench' and code = 'hot'");
const ids = sql('select id from bench.promoters order by n').split('\n');
const hosts = sql('select id from bench.hosts').split('\n');
const promoters = `local ids = {${ids.map((id) => `"${id}"`)}}`;

const tpcb = (clients) => ({ name: `tpcb-like, ${clients} clients`, measure: () => pgbench(null, clients) });
const compared = (baseline, name, measure, bar, note) => ({ name, baseline, measure, bar, note });
const nothing = { name: 'RPC that does nothing', measure: () => rpc('bench_nothing', 'wrk.body = "{}"') };
const [one, eight, many] = [tpcb(1), tpcb(8), tpcb(32)];
const uniform = (clients, baseline, bar) =>
  compared(baseline, `ledger.transfer, uniform, ${clients} clients`, () => weighed(() => pgbench('transfer.sql', clients)), bar);
const withHot = (clients, baseline, bar) =>
  compared(baseline, `ledger.transfer, one hot account, ${clients} clients`, () => pgbench('transfer_hot.sql', clients), bar);
const [uniform8, uniform32] = [uniform(8, eight, 2.0), uniform(32, many, 2.5)];
const batch = { name: `ledger.post_batch of ${BATCH}, transfers`, measure: () => batches(false), floor: 70000 };
const customer = `select network.create_customer_with_commission('${ids[0]}', '{"name": "B", "email": "b@bench.example"}')`;
const rows = rowsWritten(customer);
const measurements = [
  one, uniform(1, one), withHot(1, one),
  eight, uniform8, withHot(8, eight),
  compared(uniform8, 'ledger.post_journal of six legs, 8 clients', () => pgbench('journal.sql', 8), 0.6),
  compared(eight, 'execute_pin_transaction, 8 clients', () => pgbench('pin_transaction.sql', 8), 1.0),
  compared(eight, 'create_customer_with_commission, 8 clients', () => pgbench('create_customer.sql', 8), 0.5,
    `${rows} rows written`),
  compared(eight, 'charge webhook with a four-way split, 8 clients', () => pgbench('charge_webhook.sql', 8), 0.4),
  many, uniform32, withHot(32, uniform32, 0.8),
  batch,
  compared(batch, 'the same with a hot account', () => batches(true), 0.9),
  nothing,
  compared(nothing, 'execute_pin_transaction, RPC', () => rpc('execute_pin_transaction', `${promoters}
    request = function()
      return wrk.format(nil, nil, nil, '{"p_user_id": "' .. ids[math.random(#ids)] ..
        '", "p_action_type": "admin_allocation", "p_pin_change_value": 1, "p_created_by": null}')
    end`), 0.6),
  compared(nothing, 'charge webhook with a four-way split, RPC', webhooks, 0.5),
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

const results = measurements.map(({ name, baseline, rates, bar, floor, note }) => {
  const ratio = baseline && middle(rates.map((rate, round) => rate / baseline.rates[round]));
  const rate = Math.round(middle(rates));
  const met = bar ? ratio >= bar : floor && rate >= floor;
  return { name, rate, against: baseline?.name, ratio, bar, floor, met, note };
});
const bytes = Math.round(stored.bytes / stored.rows);
results.push({ name: 'bytes on disk for each transfer', bytes, most: 260, met: bytes <= 260 });
say('Payout run\n');
const seconds = payoutRun();
results.push({ name: 'payout run of 10,000 accounts, seconds', seconds, most: 20, met: seconds <= 20 });
const problems = Number(sql('select (select count(*) from ledger.check()) + (select count(*) from network.check())'));
const machine = { cores: cpus().length, load: loadavg()[0], postgres: sql('show server_version') };

if (options.json) {
  console.log(JSON.stringify({ machine, seconds: options.seconds, rounds: options.rounds, results, problems }, null, 2));
} else {
  const width = Math.max(...results.map(({ name }) => name.length));
  for (const { name, rate, bytes: size, seconds: took, against, ratio, bar, floor, most, met, note } of results) {
    const wanted = bar?.toFixed(2) ?? floor ?? (most && `at most ${most}`);
    const verdict = wanted ? `  bar ${wanted} ${met ? 'met' : 'MISSED'}` : '';
    const share = ratio ? `${ratio.toFixed(2)} ×` : '';
    const figure = `${String(size ?? took?.toFixed(2) ?? rate).padStart(7)}${rate ? '/s' : '  '}`;
    const of = against && !against.startsWith('tpcb') ? ` of ${against}` : '';
    console.log(`${name.padEnd(width)}  ${figure}  ${share.padStart(7)}${of}${verdict}${note ? `  (${note})` : ''}`);
  }
  console.log(`PostgreSQL ${machine.postgres}, ${machine.cores} cores; the books ${problems ? 'HAVE PROBLEMS' : 'balance'}.`);
}
if (problems || (options.check && results.some(({ met }) => met === false))) process.exitCode = 1;
