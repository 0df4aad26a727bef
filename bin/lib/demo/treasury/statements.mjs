// The statement of each person, read from the ledger with their own session, and the books of the platform.

import { answer, chapter, dollars, expect, table } from '../tell.mjs';
import { psql } from '../world.mjs';
import { platform } from './money.mjs';

const LINES = {
  Henry: ['$70.01', '-$21.00', '$35.00', '-$35.00', '-$49.01'],
  Aida: ['$20.00', '-$6.00', '$10.00', '-$10.00', '-$14.00'],
  Bela: ['$10.00', '-$3.00', '$5.00', '-$5.00', '-$7.00'],
};
const KINDS = ['stripe_charge', 'refund', 'stripe_charge', 'dispute', 'payout'];

export async function statements(world) {
  chapter('6. What everybody reads of it');
  for (const [name, changes] of Object.entries(LINES)) await statement(world.people[name], changes);
  expect('Stripe kept $3.20 and $15.00, which the platform owes it', ['$3.20', '$15.00', '-$18.20'], [
    await platform(world, 'processing_fees'),
    await platform(world, 'dispute_fees'),
    await platform(world, 'stripe'),
  ]);
  showTrialBalance();
  expect('ledger.check() finds nothing wrong', [], psql('select * from ledger.check()'));
}

async function statement({ id, name, ledger }, changes) {
  const account = answer('the account', await ledger.from('balances').select('account_id').eq('code', `earnings:${id}:USD`).single());
  const lines = answer('the statement', await ledger.rpc('statement', { p_account: account.account_id }));
  const rows = lines.map(({ recorded_at: at, kind, change, balance }) => [at.slice(0, 19).replace('T', ' '), kind, dollars(change), dollars(balance)]);
  table(`Statement of ${name}`, ['time (UTC)', 'what', 'change', 'balance'], rows);
  expect(`${name}’s statement, from the first sale to the payout`, [KINDS, changes, '$0.00'], [
    rows.map((row) => row[1]),
    rows.map((row) => row[2]),
    rows.at(-1)[3],
  ]);
}

function showTrialBalance() {
  const lines = psql(`
    select t.account_id, concat_ws(' of ', t.name, u.email) as name, t.class, t.debits, t.credits, t.debit_balance, t.credit_balance
      from ledger.trial_balance('treasury') with ordinality as t
        (currency, account_id, system, code, name, class, debits, credits, debit_balance, credit_balance, place)
      left join ledger.accounts a on a.id = t.account_id
      left join identity.users u on u.id = a.owner_id
     where t.debits > 0 or t.credits > 0
     order by t.place`);
  const rows = lines.map((line) => [
    line.account_id ? line.name : 'Total',
    line.class,
    ...[line.debits, line.credits, line.debit_balance, line.credit_balance].map(dollars),
  ]);
  table('Trial balance', ['account', 'class', 'debits', 'credits', 'debit balance', 'credit balance'], rows);
  const total = lines.at(-1);
  expect('Debits equal credits', [dollars(total.debits), dollars(total.debit_balance)], [dollars(total.credits), dollars(total.credit_balance)]);
}
