// Reconciliation through the gateway, by several at once, and against input that wants to take for ever.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';
import pg from 'pg';
import { DATABASE_URL, SERVICE_KEY, client, sql, uniqueEmail } from './support.mjs';
import { PASSWORD, ok, refused } from './network-support.mjs';

const service = client('ledger', SERVICE_KEY);

/** Two accounts of a system of their own, and so many transfers of an amount in January 2025. */
async function books(amounts) {
  const system = `r${randomUUID().slice(0, 8)}`;
  const [{ bank, sales }] = await sql(
    `select ledger.open_account($1, 'bank', 'INR', 'asset') as bank, ledger.open_account($1, 'sales', 'INR', 'income') as sales`,
    [system],
  );
  const legs = amounts.map((amount) => ({ debit_account_id: Number(bank), credit_account_id: Number(sales), amount }));
  for (let i = 0; i < legs.length; i += 5000) {
    await sql(`select ledger.post_journal($1, 'sale', $2, p_effective_at => '2025-01-10 12:00+00')`, [system, JSON.stringify(legs.slice(i, i + 5000))]);
  }
  return { system, bank };
}

async function statement(bank, amounts, reference = 'january') {
  const rows = amounts.map((amount) => ({ date: '2025-01-10', amount }));
  const [{ id }] = await sql('select statement_id as id from ledger.import_statement($1, $2, p_rows => $3)', [bank, reference, JSON.stringify(rows)]);
  return id;
}

describe('an admin', () => {
  let ledger, person, accounts;
  before(async () => {
    const email = uniqueEmail('admin');
    await sql('select backoffice.bootstrap_admin($1, $2)', [email, PASSWORD]);
    ledger = client('ledger');
    const { session } = await ok(ledger.auth.signInWithPassword({ email, password: PASSWORD }));
    person = session.user.id;
    accounts = await books([100, 250, 999]);
  });

  test('imports a file, looks, matches, and confirms the rest', async () => {
    const csv = 'date,amount,description\n2025-01-10,1.00,one\n2025-01-12,2.50,two\n2025-01-12,9.98,nearly\n';
    const imported = await ok(ledger.rpc('import_statement', { p_account: accounts.bank, p_reference: 'r', p_csv: csv, p_options: { opening_balance: '0' } }));
    assert.deepEqual([imported[0].lines, imported[0].closing_balance], [3, 1348]);
    const id = imported[0].statement_id;
    const dry = await ok(ledger.rpc('reconcile', { p_statement_id: id, p_dry_run: true }));
    assert.deepEqual(dry.map((row) => row.outcome), ['matched', 'matched', 'unmatched_line', 'unmatched_transfer']);
    assert.equal((await ok(ledger.from('matches').select().eq('statement_id', id))).length, 0);
    const done = await ok(ledger.rpc('reconcile', { p_statement_id: id }));
    const [line, transfer] = [done[2].line_ids, done[3].transfer_ids];
    await refused(ledger.rpc('confirm_match', { p_statement_id: id, p_line_ids: line, p_transfer_ids: transfer }), 400, '22023', 'p_tolerance');
    await ok(ledger.rpc('confirm_match', { p_statement_id: id, p_line_ids: line, p_transfer_ids: transfer, p_tolerance: 1, p_note: 'rounded' }));
    const matches = await ok(ledger.from('matches').select('kind, matched_by, match_lines(line_id)').eq('statement_id', id).order('kind'));
    assert.deepEqual(matches.map((one) => [one.kind, one.matched_by, one.match_lines.length]), [
      ['automatic', person, 1], ['automatic', person, 1], ['manual', person, 1],
    ]);
    const proof = Object.fromEntries((await ok(ledger.rpc('reconciliation', { p_statement_id: id }))).map((row) => [row.item, row.amount]));
    assert.deepEqual([proof.closing_difference, proof.differences_of_matches, proof.unexplained], [1, 1, 0]);
    await refused(ledger.rpc('import_statement', { p_account: accounts.bank, p_reference: 'r', p_csv: `${csv}2025-01-13,1,more\n` }), 409, 'PT409');
    await refused(ledger.rpc('import_statement', { p_account: accounts.bank, p_reference: 's', p_csv: `${csv}2025-02-30,1,more\n` }), 400, '22023', 'p_csv line 5, date');
  });
});

describe('at the same time', () => {
  test('the same statement is stored once', async () => {
    const { bank } = await books([1]);
    const rows = [{ date: '2025-01-10', amount: 1 }];
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => ok(service.rpc('import_statement', { p_account: bank, p_reference: 'same', p_rows: rows }))),
    );
    assert.equal(new Set(answers.map(([row]) => row.statement_id)).size, 1);
    assert.equal(answers.filter(([row]) => !row.replayed).length, 1);
    const [{ count }] = await sql('select count(*) from ledger.external_lines where statement_id = $1', [answers[0][0].statement_id]);
    assert.equal(count, '1');
  });

  test('no transfer is matched twice, whoever reconciles which statement', async () => {
    const amounts = Array.from({ length: 200 }, (_, n) => 1000 + n);
    const { bank } = await books(amounts);
    const ids = [await statement(bank, amounts, 'a'), await statement(bank, amounts, 'b'), await statement(bank, amounts, 'c')];
    const answers = await Promise.all([...ids, ...ids].map((id) => ok(service.rpc('reconcile', { p_statement_id: id }))));
    const matched = answers.flat().filter((row) => row.outcome === 'matched');
    assert.equal(matched.length, 200);
    assert.equal(new Set(matched.flatMap((row) => row.transfer_ids)).size, 200);
    for (const id of ids) {
      const [{ amount }] = await sql(`select amount from ledger.reconciliation($1) where item = 'unexplained'`, [id]);
      assert.equal(amount, '0');
    }
  });
});

test('a statement_timeout ends a search that wants to take for ever', async () => {
  const { bank } = await books(Array.from({ length: 4000 }, (_, n) => 300_000 + 2 * n));
  const id = await statement(bank, Array.from({ length: 4000 }, () => 1_000_001), 'sums');
  const other = await statement(bank, Array.from({ length: 4000 }, (_, n) => 1_000_001 + n), 'pairs');
  const rules = '{"days": 60, "amount_tolerance": 9000000, "minimum_score": 0}';
  const connection = new pg.Client({ connectionString: DATABASE_URL });
  await connection.connect();
  try {
    await connection.query('set statement_timeout = 150');
    const started = Date.now();
    await assert.rejects(connection.query('select ledger.reconcile($1, $2, true)', [other, rules]), { code: '57014' });
    assert.ok(Date.now() - started < 3000);
    await connection.query('set statement_timeout = 0');
    const { rows } = await connection.query(`select outcome from ledger.reconcile($1, '{"max_group": 6, "days": 60}', true) where outcome in ('matched', 'incomplete')`, [id]);
    assert.deepEqual(rows, [{ outcome: 'incomplete' }]);
  } finally {
    await connection.end();
  }
});
