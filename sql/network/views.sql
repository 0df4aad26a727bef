-- network: the wallets are views on the ledger, so they cannot disagree with it.

create view network.promoter_wallet with (security_invoker = true) as
select p.id as promoter_id,
       greatest(n.available - n.on_hold - n.debt, n.zero) as balance,
       n.posted + n.paid_out + n.tax - n.debt as total_earned,
       n.paid_out as total_withdrawn,
       earned.commissions::integer as commission_count,
       earned.last_at as last_commission_at,
       p.created_at,
       greatest(p.updated_at, earned.last_at) as updated_at,
       n.on_hold,
       n.debt,
       n.tax as tax_deducted
  from network.promoters p
  join ledger.balances wallet on wallet.account_id = p.wallet_account_id
  left join ledger.balances payout on payout.account_id = p.payout_account_id
  left join ledger.balances owed on owed.account_id = p.debt_account_id
 cross join lateral (
       -- A reversal counts against what it reverses, and has its time for being payable.
       select count(*) - 2 * count(c.reverses_id) as commissions,
              max(c.created_at) filter (where c.reverses_id is null) as last_at
         from network.commission_history c
        where c.recipient_id = p.id and c.recipient_type = 'promoter' and c.status = 'credited'
       ) earned
 cross join lateral (
       select coalesce(sum(c.amount), 0) as amount
         from network.affiliate_commissions c
        where c.recipient_id = p.id and c.recipient_type = 'promoter'
          and c.status = 'credited' and c.payable_at > now()) held
 cross join lateral (
       select coalesce(sum(d.tax), 0) as amount
         from network.tax_deductions d where d.promoter_id = p.id) tax
 cross join lateral (
       select backoffice.major(0, wallet.currency) as zero,
              backoffice.major(wallet.available, wallet.currency) as available,
              backoffice.major(wallet.posted, wallet.currency) as posted,
              backoffice.major(- coalesce(payout.posted, 0), wallet.currency) as paid_out,
              backoffice.major(coalesce(owed.posted, 0), wallet.currency) as debt,
              backoffice.major(0, wallet.currency) + tax.amount as tax,
              backoffice.major(0, wallet.currency) + held.amount as on_hold) n;
comment on view network.promoter_wallet is 'A promoter''s money, read from the ledger. Amounts are in major units (rupees).';
comment on column network.promoter_wallet.balance is 'What can be withdrawn: earned, less withdrawn, less what open requests hold, what is on hold, and a debt.';
comment on column network.promoter_wallet.total_earned is 'All credits less reversals and corrections.';
comment on column network.promoter_wallet.total_withdrawn is 'What processed withdrawals paid out, without the tax.';
comment on column network.promoter_wallet.commission_count is 'Commissions that stand; reversed ones do not count.';
comment on column network.promoter_wallet.on_hold is 'Commissions that are earned but not payable yet.';
comment on column network.promoter_wallet.debt is 'What the promoter owes back for reversed commissions; netted with the next withdrawal.';
comment on column network.promoter_wallet.tax_deducted is 'The tax that was deducted from withdrawals.';

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
       select count(*) - 2 * count(c.reverses_id) as commissions,
              coalesce(sum(c.amount), 0) as amount, max(c.created_at) as last_at
         from network.commission_history c
        where c.recipient_id = p.admin_id and c.recipient_type = 'admin' and c.status = 'credited'
       ) unclaimed;
comment on view network.admin_wallet is 'The platform''s own wallet: commissions that nobody claimed. Amounts are in major units (rupees).';
comment on column network.admin_wallet.commission_count is 'Commissions that stand; reversed ones do not count.';

create view network.open_withdrawals with (security_invoker = true) as
select r.id, r.request_id, r.promoter_id, r.amount, r.status, r.created_at, r.expected_by,
       r.expected_by <= now() as overdue,
       w.flags as review_flags, w.acknowledged_at as reviewed_at
  from network.withdrawal_requests r
  -- The policy of reviews lets only admins see one.
  left join network.withdrawal_reviews w on w.request_id = r.id and cardinality(w.flags) > 0
 where r.status in ('pending', 'approved');
comment on view network.open_withdrawals is 'Withdrawals that are neither rejected nor processed, and whether their time is over.';
comment on column network.open_withdrawals.overdue is 'Whether it should have been processed by now.';
comment on column network.open_withdrawals.review_flags is 'Why an admin must look at it; null where nothing was found, and for its promoter.';
comment on column network.open_withdrawals.reviewed_at is 'When an admin approved it in spite of that.';

create view network.transaction_counters with (security_invoker = true) as
select counter, prefix, sequence_name, last_number from network.read_counters();
comment on view network.transaction_counters is 'The counters behind the human numbers and how far they have come; for admins.';
