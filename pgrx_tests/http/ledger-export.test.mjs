// The books as a file, through the gateway; beancount itself checks the export and finds the same balances.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ANON_KEY, API_URL, SERVICE_KEY, client, sql } from './support.mjs';
import { newAdmin, ok } from './network-support.mjs';

const BEANCOUNT = fileURLToPath(new URL('../../.local/beancount', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'export-'));
after(() => rmSync(folder, { recursive: true }));

const shop = `shop-${randomUUID().slice(0, 8)}`;
const other = `other-${randomUUID().slice(0, 8)}`;

/** Accounts, journals, holds, reversals, several currencies, and texts that a file may stumble over. */
before(async () => {
  const open = (code, currency, kind, more = '', system = shop) =>
    sql(`select ledger.open_account($1, $2, $3, $4${more}) as id`, [system, code, currency, kind]).then(([{ id }]) => id);
  await open('bank', 'INR', 'asset');
  await open('wallet:asha/1', 'INR', 'liability', `, p_max_overdraft => 0, p_name => 'Asha''s "wallet" \\ 1'`);
  await open('wallet asha 1', 'INR', 'liability');
  await open('wallet_asha_1', 'INR', 'liability');
  await open('sales', 'INR', 'income', ', p_stripes => 4');
  await open('₹ फीस', 'INR', 'expense');
  await open('---', 'INR', 'equity');
  await open('till', 'JPY', 'asset');
  await open('yen.sales', 'JPY', 'income');
  await open('dinar', 'KWD', 'asset');
  await open('dinar-sales', 'KWD', 'income');
  await open('unused', 'INR', 'asset');
  const foreign = await open('cash', 'INR', 'asset', '', other);
  await open('capital', 'INR', 'equity', '', other);
  const post = (debit, credit, amount, more = '') =>
    sql(`select transfer_id as id from ledger.transfer($1, $2, $3, $4 ${more})`, [shop, debit, credit, amount]).then(([{ id }]) => id);
  await post('bank', 'wallet:asha/1', 100000, `, p_effective_at => '2024-02-29 23:30+00', p_description => e'a "quoted" \\\\ text\\nand a line\\t; not a comment'`);
  await post('bank', 'wallet asha 1', 12345, `, p_effective_at => '2024-03-01 00:00+00', p_description => '=cmd|x'`);
  await post('bank', 'wallet_asha_1', 1, `, p_metadata => '{"note": "\\"x\\""}'`);
  await post('bank', '---', 9007199254740993n);
  const back = await post('wallet:asha/1', 'sales', 2500);
  await sql(`select ledger.reverse_transfer($1, 'came back')`, [back]);
  for (let n = 1; n <= 9; n += 1) await post('wallet:asha/1', 'sales', n * 11, `, p_effective_at => '2024-03-0${n} 12:00+00'`);
  await sql(`select ledger.post_journal($1, 'sale', '[{"debit": "wallet:asha/1", "credit": "sales", "amount": 100},
    {"debit": "₹ फीस", "credit": "bank", "amount": 5}, {"debit": "till", "credit": "yen.sales", "amount": 777},
    {"debit": "dinar", "credit": "dinar-sales", "amount": 1234567}]')`, [shop]);
  await post('till', 'yen.sales', 3);
  await sql(`select ledger.settle(hold_id, 40) from ledger.hold($1, 'wallet:asha/1', 'sales', 100)`, [shop]);
  await sql(`select ledger.transfer($1, p_amount => 77, p_debit_account_id => $2::bigint,
      p_credit_account_id => (select id from ledger.accounts where system = $1 and code = 'bank'))`, [shop, foreign]);
  await sql(`select ledger.transfer($1, 'cash', 'capital', 5)`, [other]);
  await sql(`select ledger.close_account(id) from ledger.accounts where system = $1 and code = 'unused'`, [shop]);
});

/** What beancount makes of a text: bean-check's verdict, and what the API finds. */
function check(text) {
  const file = join(folder, `${randomUUID()}.beancount`);
  writeFileSync(file, text);
  const env = { ...process.env, PYTHONPATH: BEANCOUNT, PYTHONDONTWRITEBYTECODE: '1' };
  const run = (...args) => spawnSync('python3', args, { env, encoding: 'utf8', maxBuffer: 2 ** 28 });
  const verdict = run(join(BEANCOUNT, 'bin/bean-check'), '--no-cache', file);
  const script = fileURLToPath(new URL('check_beancount.py', import.meta.url));
  const found = run(script, file);
  assert.equal(found.status, 0, found.stderr);
  return { status: verdict.status, complaints: verdict.stderr, ...JSON.parse(found.stdout) };
}

const exported = async (args) => {
  const rows = await sql(`select ledger.export(${args}) as line`);
  return `${rows.map(({ line }) => line).join('\n')}\n`;
};

/** Debits less credits of each account as the ledger has them, in minor units. */
async function balances(condition, params) {
  const rows = await sql(
    `select account_id as id, code, currency, case when class in ('asset', 'expense') then posted else -posted end as minor
       from ledger.balances b where ${condition}`,
    params,
  );
  assert.ok(rows.length > 0);
  return rows;
}

const EXPONENTS = { INR: 2, JPY: 0, KWD: 3 };

/** An amount as beancount prints it, in minor units. */
function minor(text, currency) {
  const [whole, part = ''] = text.replace('-', '').split('.');
  assert.ok(part.length <= EXPONENTS[currency]);
  const digits = BigInt(whole + part.padEnd(EXPONENTS[currency], '0'));
  return text.startsWith('-') ? -digits : digits;
}

function compare(found, rows) {
  const byId = new Map(Object.values(found.balances).map((account) => [account.id, account]));
  for (const { id, code, currency, minor: ours } of rows) {
    const account = byId.get(String(id));
    assert.equal(account?.code, code);
    const theirs = account.amounts[currency] ?? '0';
    assert.equal(minor(theirs, currency), BigInt(ours), `${code} ${currency}`);
    assert.deepEqual(Object.keys(account.amounts).filter((one) => one !== currency), []);
  }
}

describe('beancount', () => {
  test('bean-check accepts the export of a system, and its balances are ours', async () => {
    const found = check(await exported(`'${shop}', 'beancount'`));
    assert.deepEqual([found.status, found.complaints, found.errors], [0, '', []]);
    const rows = await balances('b.system = $1', [shop]);
    assert.equal(rows.length, 12);
    compare(found, rows);
    // One for each account of the system, none for the one of another whose transfers are not all there.
    assert.equal(found.assertions, 12);
    assert.equal(Object.keys(found.balances).length, 13);
    assert.ok(found.narrations.includes('a "quoted" \\ text\nand a line\t; not a comment'));
  });

  test('the whole ledger is accepted too', async () => {
    const found = check(await exported(`null, 'beancount', p_limit => 100000`));
    assert.deepEqual([found.status, found.errors], [0, []]);
    compare(found, await balances('b.system = any ($1)', [[shop, other]]));
  });

  test('a month has the balances before it, and ends with those after it', async () => {
    const text = await exported(`'${shop}', 'beancount', '2024-03-01', '2024-03-05', 'Asia/Kolkata'`);
    const found = check(text);
    assert.deepEqual([found.status, found.complaints, found.errors], [0, '', []]);
    // The transfer of 29 February, 23:30 UTC, is one of March in India: nothing was before.
    assert.match(text, /2024-03-05 balance \S+:Wallet:Asha:1 -998\.90 ~ 0 INR/);
    const rest = await exported(`'${shop}', 'beancount', '2024-03-05', p_time_zone => 'Asia/Kolkata'`);
    assert.match(rest, /2024-03-05 \* "Opening balances"/);
    const whole = check(rest);
    assert.deepEqual([whole.status, whole.errors], [0, []]);
    compare(whole, await balances('b.system = $1', [shop]));
  });

  test('it does check: an amount that was changed is found', async () => {
    const text = await exported(`'${shop}', 'beancount'`);
    const changed = text.replace(/(\n  Assets:\S+:Bank )1000\.00( INR)/, '$11000.01$2');
    assert.notEqual(changed, text);
    const found = check(changed);
    assert.notEqual(found.status, 0);
    assert.ok(found.errors.length >= 2);
  });

  test('holds have not moved: they are comments', async () => {
    const text = await exported(`'${shop}', 'beancount'`);
    assert.match(text, /\n; hold \S+: 0\.60 INR from \S+:Wallet:Asha:1 to \S+:Sales\n/);
  });
});

describe('through the gateway', () => {
  const fetchFile = (args, token, accept = '*/*') =>
    fetch(`${API_URL}/ledger/rest/v1/rpc/export_file?${new URLSearchParams(args)}`, {
      headers: { apikey: ANON_KEY, authorization: `Bearer ${token}`, accept },
    });

  test('a file has its media type and its name', async () => {
    for (const [format, type] of [['csv', 'text/csv'], ['jsonl', 'application/x-ndjson'], ['beancount', 'text/plain']]) {
      const answer = await fetchFile({ p_system: shop, p_format: format }, SERVICE_KEY);
      assert.equal(answer.status, 200, await answer.text());
      assert.equal(answer.headers.get('content-type'), `${type}; charset=utf-8`);
      assert.equal(answer.headers.get('content-disposition'), `attachment; filename="${shop}.${format}"`);
    }
  });

  test('a beancount file is accepted as it comes', async () => {
    const answer = await fetchFile({ p_system: shop, p_format: 'beancount' }, SERVICE_KEY);
    assert.deepEqual(check(await answer.text()).errors, []);
  });

  test('the CSV is RFC 4180, and no cell is a formula', async () => {
    const body = await (await fetchFile({ p_system: shop }, SERVICE_KEY, 'text/csv')).text();
    assert.match(body, /^transfer_id,journal_id,/);
    assert.match(body, /,'=cmd\|x,/);
    assert.match(body, /"a ""quoted"" \\ text\nand a line\t; not a comment"/);
    assert.ok(body.endsWith('\r\n'));
  });

  test('lines come through supabase-js, page after page', async () => {
    const ledger = client('ledger', SERVICE_KEY);
    const all = await ok(ledger.rpc('export', { p_system: shop, p_format: 'jsonl' }));
    const pages = [];
    for (let after = null; ; ) {
      const page = await ok(ledger.rpc('export', { p_system: shop, p_format: 'jsonl', p_limit: 5, p_after: after }));
      if (page.length === 0) break;
      pages.push(...page);
      after = JSON.parse(page.at(-1)).transfer_id;
    }
    assert.deepEqual(pages, all);
    assert.ok(all.length > 15);
  });

  test('it is for admins of the ledger and servers', async () => {
    const anon = await fetchFile({ p_system: shop }, ANON_KEY);
    assert.equal(anon.status, 401);
    const admin = await newAdmin();
    const sees = await fetchFile({ p_system: shop }, admin.token);
    assert.equal(sees.status, 200);
    await sql(`select backoffice.grant_role($1, 'network', 'admin'), backoffice.revoke_role($1, '*', 'admin')`, [admin.id]);
    const refused = await fetchFile({ p_system: shop }, admin.token);
    assert.equal(refused.status, 403);
  });
});
