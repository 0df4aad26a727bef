// A dump gives back every row, and no business runs again on the way in; bin/restore does it and verifies.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { emptyTables, treasuryActivity } from './restore-treasury.mjs';
import { sql } from './support.mjs';
import { BANK, allocate, newAdmin, newCustomer, newPromoter, ok, quietCustomer, quietPromoter } from './network-support.mjs';

const { DATABASE_URL } = process.env;
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const name = `restored_${randomUUID().slice(0, 8)}`;
const restored = DATABASE_URL.replace(/\/[^/]+$/, `/${name}`);
const folder = mkdtempSync(join(tmpdir(), 'restore-'));
const files = { plain: join(folder, 'dump.sql'), custom: join(folder, 'dump.custom') };

function run(program, args, input) {
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8', maxBuffer: 2 ** 30 });
  assert.equal(status, 0, `${program}: ${stderr}`);
  return stdout;
}

const psql = (statement) => run('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', restored, '-c', statement]).trim();

// pg_cron can be in one database of a server only, and its schedule is not what a dump is for. Newer versions of
// pg_dump guard their output with a word that is random.
const dump = (database) => run('pg_dump', ['-e', 'backoffice', '-d', database]).replace(/^\\(un)?restrict .*$/gm, '');

/** Lines that one text has more often than the other, the first ten of them. */
function differences(one, other) {
  const counts = new Map();
  for (const line of one.split('\n')) counts.set(line, (counts.get(line) ?? 0) + 1);
  for (const line of other.split('\n')) counts.set(line, (counts.get(line) ?? 0) - 1);
  return [...counts].filter(([, count]) => count !== 0).map(([line, count]) => `${count > 0 ? '-' : '+'} ${line}`).slice(0, 10);
}

/** Something of everything that the systems write. */
async function activity() {
  const admin = await newAdmin();
  const promoter = await newPromoter(admin);
  const below = await newPromoter(promoter);
  await newCustomer(admin, below.id);
  for (let i = 0; i < 3; i += 1) await quietCustomer(admin, promoter.id, { metadata: { 'odd "key"': 'tab\there\nand a line \\.' } });
  await ok(below.rpc('create_pin_request', { p_promoter_id: below.id, p_pins: 2, p_note: 'please' }));
  await withdrawals(admin, promoter);
  await cancellationAndTax(admin, promoter);
  await allocate(admin, promoter.id, 1);
  await archivedRows(promoter.id, randomUUID());
  await people(admin);
  await ledger();
  await treasuryActivity();
  await sql(`select backoffice.set_setting('ops', 'outbox_retry_seconds', '45')`);
  const messages = await sql(`select id from ops.claim_outbox('email', 3, 60, 'w')`);
  if (messages.length > 1) {
    await sql('select ops.complete_outbox($1, $2)', [messages[0].id, 'w']);
    await sql('select ops.fail_outbox($1, $2, $3)', [messages[1].id, 'no such mailbox', 'w']);
  }
}

async function withdrawals(admin, promoter) {
  for (const steps of [[], ['approved'], ['approved', 'processed'], ['rejected']]) {
    const request = await ok(
      promoter.rpc('create_withdrawal_request', { p_promoter_id: promoter.id, p_amount: 100, p_bank_details: BANK }),
    );
    for (const status of steps) {
      await ok(admin.rpc('process_withdrawal_request', { p_request_id: request.id, p_status: status }));
    }
  }
}

async function cancellationAndTax(admin, promoter) {
  const gone = await quietCustomer(admin, promoter.id);
  await ok(admin.rpc('cancel_customer', { p_customer_id: gone.id, p_reason: 'moved away' }));
  await ok(admin.rpc('set_promoter_pan', { p_promoter_id: promoter.id, p_pan: 'ABCPE1234F' }));
  await sql(`select network.set_tax_rule('2099-04-01', '194H', 5, 20, 20000)`);
}

async function people(admin) {
  const gone = await quietPromoter(admin);
  await allocate(admin, gone.id, 1);
  await sql('select identity.erase_person($1)', [gone.id]);
  const { supabase } = await newPromoter(admin);
  await ok(supabase.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'phone' }));
  await ok(supabase.auth.updateUser({ data: { city: 'Pune ₹ 😀' } }));
}

/** A statement of the bank with a match and one that was undone. */
async function statement(system) {
  const [{ id }] = await sql(`select statement_id as id from ledger.import_statement((select id from ledger.accounts where system = $1 and code = 'cash'),
    'today', p_rows => jsonb_build_array(jsonb_build_object('date', current_date, 'amount', 7), jsonb_build_object('date', current_date, 'amount', 40)))`, [system]);
  await sql('select ledger.reconcile($1)', [id]);
  await sql(`select ledger.unmatch((select min(match_id::text)::uuid from ledger.match_lines join ledger.external_lines l on l.id = line_id where l.statement_id = $1), 'wrong')`, [id]);
}

async function ledger() {
  const system = `shop${randomUUID().slice(0, 8)}`;
  await sql(`select ledger.open_account($1, 'cash', 'INR', 'asset', p_stripes => 4), ledger.open_account($1, 'sales', 'INR', 'income')`, [system]);
  const hold = () => sql(`select hold_id from ledger.hold($1, 'cash', 'sales', 100)`, [system]).then(([row]) => row.hold_id);
  await sql('select ledger.release($1)', [await hold()]);
  await sql('select ledger.settle($1, 40)', [await hold()]);
  await hold();
  const [{ id }] = await sql(`select transfer_id as id from ledger.transfer($1, 'cash', 'sales', 7, 'sale')`, [system]);
  await sql('select ledger.reverse_transfer($1, $2)', [id, 'mistake']);
  await accounting(system);
  await statement(system);
  await sql(`select backoffice.set_setting('ledger', 'seal_delay_seconds', '0')`);
  await sql('select ledger.seal()');
}

async function accounting(system) {
  await sql(`select ledger.open_account($1, 'dollars', 'USD', 'asset'), ledger.open_account($1, 'earnings', 'INR', 'equity')`, [system]);
  await sql(`select ledger.transfer($1, 'cash', 'sales', 9, p_effective_at => '2024-01-15')`, [system]);
  await sql(`select ledger.close_period($1, '2024-02-01', 'earnings')`, [system]);
  await sql(`select ledger.post_late($1, 'late', '[{"debit": "cash", "credit": "sales", "amount": 5}]', '2024-01-20')`, [system]);
  await sql(`select ledger.reopen_period($1, '2024-01-01', 'a bill was missing')`, [system]);
  await sql(`select ledger.set_rate('USD', 'INR', 83, 1, '2024-01-01')`);
  await sql(`select ledger.exchange($1, 'cash', 'dollars', p_credit_amount => 10, p_effective_at => '2024-02-10')`, [system]);
  await sql(`select ledger.set_rate('USD', 'INR', 84, 1, '2024-02-20')`);
  await sql(`select ledger.revalue($1, '2024-03-01', 'INR', 'sales')`, [system]);
}

before(async () => {
  await activity();
  await sql(`create database ${name}`);
});

after(async () => {
  await sql(`drop database if exists ${name} with (force)`);
  rmSync(folder, { recursive: true, force: true });
});

/** A customer of two years ago with a savings plan, whose PIN and commissions are in the archive. */
async function archivedRows(promoter, word) {
  const data = `{"name": "D", "email": "old-${word}@example.test"}`;
  const [{ id }] = await sql(`select id from network.create_customer_with_commission('${promoter}', '${data}')`);
  await sql(`begin; set local session_replication_role = replica;
    update network.pin_transactions set created_at = created_at - interval '2 years' where related_entity_id = '${id}';
    update network.affiliate_commissions set created_at = created_at - interval '2 years' where customer_id = '${id}';
    commit`);
  const setting = (value) => sql("select backoffice.set_setting('network', 'archive_months', $1)", [value]);
  await setting('12');
  await sql('select network.archive_old_rows()');
  await setting('null');
  const [plan] = await sql(`select id from network.create_savings_plan('${id}', 'Saver', 10, 3)`);
  await sql(`select network.record_instalment('${plan.id}', 1)`);
  await sql(`select network.record_valuation('${plan.id}', 11)`);
  await sql(`select network.set_promoter_level('${promoter}', 'Manager')`);
}


test('a dump of a restored dump is the same dump', async () => {
  const first = dump(DATABASE_URL);
  run('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-d', restored], first);
  const second = dump(restored);
  // Megabytes of text are no message: the lines that only one of the two has are.
  assert.deepEqual(differences(first, second), []);
  assert.ok(Number(psql('select count(*) from network.affiliate_commissions')) >= 4);
  assert.ok(Number(psql('select count(*) from network.affiliate_commissions_archive')) >= 4);
  assert.deepEqual(await emptyTables(async (query) => psql(query)), []);
  assert.equal(psql('select count(*) from network.check()'), '0');
  assert.equal(psql('select count(*) from ledger.check()'), '0');
  assert.ok(Number(psql('select count(*) from ledger.seal_blocks')) > 0);
  assert.equal(psql('select count(*) from ledger.verify()'), '0');
});

describe('bin/restore', () => {
  const local = '.local/test-restored';
  const keys = join(resolve(root, process.env.BACKOFFICE_LOCAL ?? '.local/test'), 'keys');
  const env = { ...process.env, BACKOFFICE_LOCAL: local, BACKOFFICE_PORT: '19600' };

  /** A script of bin/, without blocking this process; its status and what it said. */
  async function script(program, ...args) {
    const child = spawn(join(root, 'bin', program), args, { env });
    let said = '';
    child.stdout.on('data', (data) => (said += data));
    child.stderr.on('data', (data) => (said += data));
    const status = await new Promise((done) => child.on('close', done));
    return { status, said };
  }

  const purge = async () => {
    await script('down', '--purge', '--quiet');
  };

  /** Every table and sequence of ours: number of rows and a hash, or where it stands. Asked of the server, not of a dump. */
  async function state(connection) {
    const client = new pg.Client(connection);
    await client.connect();
    try {
      const { rows } = await client.query(`
        select c.oid::regclass::text as name, c.relkind as kind
          from pg_class c join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
          join pg_extension e on e.oid = d.refobjid and e.extname = 'backoffice'
         -- What was seen in pg_cron and which transactions ran is not dumped: it says nothing about another server.
         where c.relkind in ('r', 'S') and c.oid not in ('ops.job_schedules'::regclass, 'ledger.checkpoint_progress'::regclass)
        union
        select s.oid::regclass::text, 'S' from pg_class s join pg_namespace n on n.oid = s.relnamespace
         where s.relkind = 'S' and n.nspname = 'ledger' order by 1`);
      const found = {};
      for (const { name: thing, kind } of rows) {
        const { rows: [one] } = await client.query(
          kind === 'S'
            ? `select last_value || ' ' || is_called as state from ${thing}`
            : `select count(*) || ' ' || coalesce(md5(string_agg(t::text, E'\\n' order by t::text collate "C")), '') as state from ${thing} t`,
        );
        found[thing] = one.state;
      }
      return found;
    } finally {
      await client.end();
    }
  }

  /** How to reach the other cluster. */
  function other(database) {
    const port = /^PG_PORT=(\d+)$/m.exec(readFileSync(join(root, local, 'ports'), 'utf8'))[1];
    const password = readFileSync(join(root, local, 'keys/superuser.password'), 'utf8').trim();
    return { host: '127.0.0.1', port: Number(port), user: 'postgres', password, database };
  }

  // A job that runs after the dump would make its own difference.
  const jobsRun = (active) => sql('update cron.job set active = $1', [active]);

  before(async () => {
    await purge();
    await jobsRun(false);
    run('pg_dump', ['-d', DATABASE_URL, '-f', files.plain]);
    run('pg_dump', ['-d', DATABASE_URL, '-Fc', '-f', files.custom]);
  });
  after(async () => {
    await jobsRun(true);
    await purge();
    rmSync(join(root, local), { recursive: true, force: true });
  });

  test('without the root key of the dumped server it says that secrets do not open', async () => {
    const { status, said } = await script('restore', files.plain);
    assert.equal(status, 1, said);
    assert.match(said, /As in the dump: \d+ tables/);
    assert.match(said, /secrets .* do not open: the root key is not that of the dumped server/);
    await purge();
  });

  test('a plain dump is restored into a fresh cluster, table by table and sequence by sequence', async () => {
    const original = await state({ connectionString: DATABASE_URL });
    const { status, said } = await script('restore', '--keys', keys, files.plain);
    assert.equal(status, 0, said);
    assert.match(said, /As in the dump: \d+ tables with \d+ rows, [1-9]\d* sequences/);
    assert.match(said, /ledger\.check\(\): clean/);
    assert.match(said, /network\.check\(\): clean/);
    const copy = await state(other('backoffice'));
    assert.ok(Object.keys(original).length > 35);
    assert.deepEqual(copy, original);
    for (const table of ['network.withdrawal_requests', 'identity.erasures', 'identity.factors', 'ledger.holds']) {
      assert.notEqual(Number(original[table].split(' ')[0]), 0, table);
    }
  });

  test('a custom dump is restored by several connections at once', async () => {
    const original = await state({ connectionString: DATABASE_URL });
    const { status, said } = await script('restore', '--jobs', '2', files.custom, 'in_parallel');
    assert.equal(status, 0, said);
    assert.deepEqual(await state(other('in_parallel')), original);
  });

  test('into a server that the environment names, in one transaction', async () => {
    const { host, port, user, password } = other('');
    const libpq = { PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password };
    const { status, stderr } = spawnSync(join(root, 'bin/restore'), ['--server', files.custom, 'elsewhere'], {
      env: { ...env, ...libpq },
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
  });

  test('nothing that exists is overwritten, and what is no whole dump is refused', async () => {
    const again = await script('restore', files.plain);
    assert.deepEqual([again.status, /the database backoffice exists/.test(again.said)], [1, true], again.said);
    const part = join(folder, 'part.sql');
    run('pg_dump', ['-d', DATABASE_URL, '-t', 'network.profiles', '-f', part]);
    const refused = await script('restore', part, 'part');
    assert.deepEqual([refused.status, /has no extension backoffice/.test(refused.said)], [1, true], refused.said);
  });

  test('a dump that breaks off leaves no database', async () => {
    const broken = join(folder, 'broken.sql');
    const text = readFileSync(files.plain, 'utf8');
    writeFileSync(broken, text.replace(/^(COPY network\.profiles .*\n)/m, '$1not a row\n'));
    const { status, said } = await script('restore', broken, 'broken');
    assert.equal(status, 1, said);
    const client = new pg.Client(other('postgres'));
    await client.connect();
    const { rowCount } = await client.query(`select from pg_database where datname = 'broken'`);
    await client.end();
    assert.equal(rowCount, 0);
  });

  test('a lost, a doubled, a changed row and a sequence that stands elsewhere are found', () => {
    const text = readFileSync(files.plain, 'latin1');
    const digest = (input) => run('node', [join(root, 'bin/lib/restore/digest.mjs')], Buffer.from(input, 'latin1'));
    const compare = (other) => {
      const paths = ['one', 'two'].map((file) => join(folder, file));
      writeFileSync(paths[0], digest(text));
      writeFileSync(paths[1], digest(other));
      return spawnSync('node', [join(root, 'bin/lib/restore/compare.mjs'), ...paths], { encoding: 'utf8' });
    };
    const first = /^(COPY ledger\.transfers .*\n)(.*\n)/m;
    for (const [what, changed, said] of [
      ['lost', text.replace(first, '$1'), /table ledger\.transfers: \d+ rows in the dump, \d+ restored/],
      ['doubled', text.replace(first, '$1$2$2'), /table ledger\.transfers: \d+ rows/],
      ['changed', text.replace(first, '$1x$2'), /table ledger\.transfers: rows differ/],
      ['sequence', text.replace(/setval\('network\.promoter_id_sequence', /, '$&1'), /sequence network\.promoter_id_sequence/],
    ]) {
      const { status, stderr } = compare(changed);
      assert.equal(status, 1, what);
      assert.match(stderr, said);
    }
    assert.equal(compare(text).status, 0);
  });
});
