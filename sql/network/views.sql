-- network: the wallets are views on the ledger, so they cannot disagree with it.

create view network.promoter_wallet with (security_invoker = true) as
select p.id as promoter_id,
       backoffice.major(wallet.available, wallet.currency) as balance,
       backoffice.major(wallet.posted - coalesce(payout.posted, 0), wallet.currency) as total_earned,
       backoffice.major(- coalesce(payout.posted, 0), wallet.currency) as total_withdrawn,
       earned.commissions::integer as commission_count,
       earned.last_at as last_commission_at,
       p.created_at,
       greatest(p.updated_at, earned.last_at) as updated_at
  from network.promoters p
  join ledger.balances wallet on wallet.account_id = p.wallet_account_id
  left join ledger.balances payout on payout.account_id = p.payout_account_id
 cross join lateral (
       select count(*) as commissions, max(c.created_at) as last_at
         from network.commission_history c
        where c.recipient_id = p.id and c.recipient_type = 'promoter' and c.status = 'credited'
       ) earned;
comment on view network.promoter_wallet is 'A promoter''s money, read from the ledger. Amounts are in major units (rupees).';
comment on column network.promoter_wallet.balance is 'What can be withdrawn: earned, less withdrawn, less what open requests hold.';
comment on column network.promoter_wallet.total_earned is 'All credits less reversals and corrections.';
comment on column network.promoter_wallet.total_withdrawn is 'What processed withdrawals paid out.';

create view network.admin_wallet with (security_invoker = true) as
select p.admin_id,
       backoffice.major(wallet.available, wallet.currency) as balance,
       unclaimed.amount as total_commission_received,
       unclaimed.amount as unclaimed_commissions,
       unclaimed.commissions::integer as commission_count,
       p.created_at,
       greatest(p.created_at, unclaimed.last_at) as updated_at
  from network.platform p
  join ledger.balances wallet on wallet.account_id = p.wallet_account_id
 cross join lateral (
       select count(*) as commissions, coalesce(sum(c.amount), 0) as amount, max(c.created_at) as last_at
         from network.commission_history c
        where c.recipient_id = p.admin_id and c.recipient_type = 'admin' and c.status = 'credited'
       ) unclaimed;
comment on view network.admin_wallet is 'The platform''s own wallet: commissions that nobody claimed. Amounts are in major units (rupees).';

create view network.transaction_counters with (security_invoker = true) as
select counter, prefix, sequence_name, last_number from network.read_counters();
comment on view network.transaction_counters is 'The counters behind the human numbers and how far they have come; for admins.';
