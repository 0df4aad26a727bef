// The books at the end: wallets, a statement, the trial balance, and the proof that they agree.

import { answer, chapter, expect, paise, rupees, table } from './tell.mjs';
import { elsewhere, psql } from './world.mjs';

export async function books(world) {
  chapter('7. The books');
  await showWallets(world);
  await showStatement(world.promoters.Dev);
  showTrialBalance();
  expect('ledger.check() finds nothing wrong', [], psql('select * from ledger.check()'));
  expect('network.check() finds nothing wrong', [], psql('select * from network.check()'));
}

async function showWallets(world) {
  const read = world.admin.from('promoter_wallet').select();
  const wallets = new Map(answer('the wallets', await read).map((wallet) => [wallet.promoter_id, wallet]));
  const rows = Object.values(world.promoters).map(({ id, number, name }) => {
    const { total_earned: earned, total_withdrawn: withdrawn, balance, commission_count: count } = wallets.get(id);
    return [`${number} ${name}`, count, rupees(earned), rupees(withdrawn), rupees(balance)];
  });
  const admin = answer('the admin wallet', await world.admin.from('admin_wallet').select().single());
  rows.push(['the admin', admin.commission_count, rupees(admin.total_commission_received), rupees(0), rupees(admin.balance)]);
  table('Wallets', ['wallet', 'commissions', 'earned', 'withdrawn', 'balance'], rows);

  const balances = Object.values(world.promoters).map(({ id }) => wallets.get(id).balance);
  expect(
    'The balances of Asha, Bharat, Chitra, Dev, Esha and the admin',
    [400, 800, 200, 500, 0, 300],
    [...balances, admin.balance],
  );
  const { total_commissions: total } = answer('the summary', await world.admin.rpc('get_admin_commission_summary'));
  expect('Four customers at ₹800', 3200, total);
}

/** The promoter reads it from the ledger, with the session of the network. */
async function showStatement({ name, number, client }) {
  const ledger = await elsewhere(client, 'ledger');
  const wallet = ledger.from('balances').select('account_id').like('code', 'wallet:%').single();
  const { account_id: account } = answer('the account', await wallet);
  const lines = answer('the statement', await ledger.rpc('statement', { p_account: account }));
  const rows = lines.map(({ recorded_at: at, kind, change, balance }) => [
    at.slice(0, 19).replace('T', ' '),
    kind,
    paise(change),
    paise(balance),
  ]);
  table(`Statement of ${number} ${name}`, ['time (UTC)', 'what', 'change', 'balance'], rows);
  expect(
    'The statement ends with what is in the wallet',
    [[500, 500, 500, -1000], 500],
    [lines.map(({ change }) => change / 100), lines.at(-1).balance / 100],
  );
}

function showTrialBalance() {
  const lines = psql(`
    select t.account_id, concat_ws(' ', t.name, p.promoter_id, p.name) as name, t.class,
           t.debits, t.credits, t.debit_balance, t.credit_balance
      from ledger.trial_balance('network') with ordinality as t
        (currency, account_id, system, code, name, class, debits, credits, debit_balance, credit_balance, place)
      left join ledger.accounts a on a.id = t.account_id
      left join network.profiles p on p.id = a.owner_id
     order by t.place`);
  const rows = lines.map((line) => [
    line.account_id ? line.name : 'Total',
    line.class,
    ...[line.debits, line.credits, line.debit_balance, line.credit_balance].map(paise),
  ]);
  table('Trial balance', ['account', 'class', 'debits', 'credits', 'debit balance', 'credit balance'], rows);
  const total = lines.at(-1);
  expect(
    'Debits equal credits',
    [paise(total.debits), paise(total.debit_balance)],
    [paise(total.credits), paise(total.credit_balance)],
  );
}
