-- What people read. The views show what the caller may see of the tables.

create view ledger.balances with (security_invoker) as
select a.id as account_id, a.system, a.code, a.name, a.owner_id, a.currency, a.class,
       n.posted, n.held, n.posted - n.held as available
  from ledger.accounts a
  left join lateral (
        select sum(s.debits_posted) as debits, sum(s.credits_posted) as credits
          from ledger.account_stripes s
         where s.account_id = a.id and a.stripes > 0) striped on true
  -- A hold counts until its time, whether or not it has been swept since.
  left join lateral (
        select sum(h.amount - h.settled_amount) as amount
          from ledger.holds h
         where h.debit_account_id = a.id and a.debits_pending > 0
           and h.status = 'open' and h.expires_at <= statement_timestamp()) debit_expired on true
  left join lateral (
        select sum(h.amount - h.settled_amount) as amount
          from ledger.holds h
         where h.credit_account_id = a.id and a.credits_pending > 0
           and h.status = 'open' and h.expires_at <= statement_timestamp()) credit_expired on true
 cross join lateral (
        select a.debits_posted + coalesce(striped.debits, 0)::bigint as debits,
               a.credits_posted + coalesce(striped.credits, 0)::bigint as credits) total
 cross join lateral (
        select case when a.class in ('asset', 'expense') then total.debits - total.credits
                    else total.credits - total.debits end as posted,
               case when a.class in ('asset', 'expense')
                    then a.credits_pending - coalesce(credit_expired.amount, 0)::bigint
                    else a.debits_pending - coalesce(debit_expired.amount, 0)::bigint
                end as held) n;
comment on view ledger.balances is 'The balance of every account that the caller may see, in minor units, on the side that is normal for its class.';
comment on column ledger.balances.posted is 'What transfers add up to.';
comment on column ledger.balances.held is 'What open holds may still take; holds that have expired do not count.';
comment on column ledger.balances.available is 'Posted less held; an overdraft that the account may use is not counted in.';

create view ledger.entries with (security_invoker) as
select t.id as transfer_id, coalesce(t.journal_id, t.id) as journal_id, a.id as account_id,
       a.system as account_system, a.code as account_code, a.owner_id, 'debit' as direction,
       t.amount::bigint as amount, case when a.class in ('asset', 'expense') then t.amount else -t.amount end as change,
       a.currency, t.credit_account_id as counter_account_id, k.system, k.kind,
       coalesce(t.description, j.description) as description, coalesce(t.metadata, j.metadata) as metadata,
       coalesce(t.effective_at, t.recorded_at) as effective_at, t.recorded_at, t.hold_id, t.reverses_id
  from ledger.all_transfers t
  join ledger.accounts a on a.id = t.debit_account_id
  join ledger.transfer_kinds k on k.id = t.kind_id
  left join ledger.all_journals j on j.id = t.journal_id
union all
select t.id, coalesce(t.journal_id, t.id), a.id,
       a.system, a.code, a.owner_id, 'credit',
       t.amount::bigint, case when a.class in ('asset', 'expense') then -t.amount else t.amount end,
       a.currency, t.debit_account_id, k.system, k.kind,
       coalesce(t.description, j.description), coalesce(t.metadata, j.metadata),
       coalesce(t.effective_at, t.recorded_at), t.recorded_at, t.hold_id, t.reverses_id
  from ledger.all_transfers t
  join ledger.accounts a on a.id = t.credit_account_id
  join ledger.transfer_kinds k on k.id = t.kind_id
  left join ledger.all_journals j on j.id = t.journal_id;
comment on view ledger.entries is 'Both sides of every transfer, each as its account sees it; a caller sees the sides of accounts that they may see.';
comment on column ledger.entries.journal_id is 'The journal it was posted with; for a transfer on its own, that transfer.';
comment on column ledger.entries.direction is 'debit or credit.';
comment on column ledger.entries.change is 'What it adds to the balance of the account, on the side that is normal for its class.';
comment on column ledger.entries.counter_account_id is 'The account on the other side.';
comment on column ledger.entries.effective_at is 'The time it counts for.';
comment on column ledger.entries.recorded_at is 'When it was posted.';

-- Numeric throughout: counters that somebody tampered with must not overflow here.
create view ledger.problems with (security_invoker) as
with posted as (
    select a.id as account_id, a.currency, a.max_overdraft, a.max_balance, a.stripes,
           a.frozen_at is not null as frozen, s.overdraft_share, s.balance_share,
           coalesce(s.overdrawn, 0) as overdrawn, coalesce(s.overfull, 0) as overfull,
           coalesce(s.frozen, 0) as frozen_stripes,
           a.class in ('asset', 'expense') as debit_normal,
           a.debits_posted + coalesce(s.debits, 0) as debits,
           a.credits_posted + coalesce(s.credits, 0) as credits,
           a.debits_pending::numeric as debits_pending, a.credits_pending::numeric as credits_pending,
           coalesce(s.stripes, 0) as stripe_rows
      from ledger.accounts a
      left join (select x.account_id, count(*) as stripes, sum(x.debits_posted) as debits,
                        sum(x.credits_posted) as credits,
                        sum(x.overdraft_share) as overdraft_share,
                        sum(x.balance_share) as balance_share,
                        count(*) filter (where n.net + x.overdraft_share < 0) as overdrawn,
                        count(*) filter (where n.net > x.balance_share) as overfull,
                        count(*) filter (where x.frozen) as frozen
                   from ledger.account_stripes x
                   join ledger.accounts o on o.id = x.account_id
                  cross join lateral (
                        select case when o.class in ('asset', 'expense')
                                    then x.debits_posted::numeric - x.credits_posted
                                    else x.credits_posted::numeric - x.debits_posted end as net) n
                  group by x.account_id) s on s.account_id = a.id),
moved as (
    select account_id, sum(debits) as debits, sum(credits) as credits
      from (select debit_account_id as account_id, sum(amount) as debits, 0::numeric as credits
              from ledger.all_transfers group by debit_account_id
            union all
            select credit_account_id, 0, sum(amount)
              from ledger.all_transfers group by credit_account_id) sides
     group by account_id),
held as (
    select account_id, sum(debits) as debits, sum(credits) as credits,
           sum(debits) filter (where not expired) as live_debits,
           sum(credits) filter (where not expired) as live_credits
      from (select debit_account_id as account_id, amount - settled_amount as debits, 0 as credits,
                   coalesce(expires_at <= statement_timestamp(), false) as expired
              from ledger.holds where status = 'open'
            union all
            select credit_account_id, 0, amount - settled_amount,
                   coalesce(expires_at <= statement_timestamp(), false)
              from ledger.holds where status = 'open') sides
     group by account_id)
select 'debits_posted' as problem, p.account_id, null::uuid as transfer_id,
       coalesce(m.debits, 0) as expected, p.debits as found,
       'the counter is not the sum of the transfers' as detail
  from posted p left join moved m using (account_id)
 where p.debits <> coalesce(m.debits, 0)
union all
select 'credits_posted', p.account_id, null, coalesce(m.credits, 0), p.credits,
       'the counter is not the sum of the transfers'
  from posted p left join moved m using (account_id)
 where p.credits <> coalesce(m.credits, 0)
union all
select 'debits_pending', p.account_id, null, coalesce(h.debits, 0), p.debits_pending,
       'the counter is not the sum of the open holds'
  from posted p left join held h using (account_id)
 where p.debits_pending <> coalesce(h.debits, 0)
union all
select 'credits_pending', p.account_id, null, coalesce(h.credits, 0), p.credits_pending,
       'the counter is not the sum of the open holds'
  from posted p left join held h using (account_id)
 where p.credits_pending <> coalesce(h.credits, 0)
union all
select 'currency_unbalanced', null, null, sum(p.debits), sum(p.credits),
       'debits and credits differ in ' || p.currency
  from posted p group by p.currency
having sum(p.debits) <> sum(p.credits)
union all
select 'limit', p.account_id, null, -p.max_overdraft, n.available,
       'less is available than the limit allows'
  from posted p left join held h using (account_id)
 cross join lateral (
       select case when p.debit_normal then p.debits - p.credits - coalesce(h.live_credits, 0)
                   else p.credits - p.debits - coalesce(h.live_debits, 0) end as available) n
 where n.available < -p.max_overdraft
union all
select 'limit', p.account_id, null, p.max_balance, n.reach,
       'the balance may come to more than the limit allows'
  from posted p left join held h using (account_id)
 cross join lateral (
       select case when p.debit_normal then p.debits - p.credits + coalesce(h.live_debits, 0)
                   else p.credits - p.debits + coalesce(h.live_credits, 0) end as reach) n
 where n.reach > p.max_balance
union all
select 'stripes', p.account_id, null, p.max_overdraft - n.held, p.overdraft_share,
       'the stripes may go further below zero than the account'
  from posted p left join held h using (account_id)
 cross join lateral (
       select coalesce(case when p.debit_normal then h.live_credits else h.live_debits end, 0) as held) n
 where p.stripes > 0
   and (p.overdraft_share > p.max_overdraft - n.held or p.overdrawn > 0
        or (p.overdraft_share is null) <> (p.max_overdraft is null))
union all
select 'stripes', p.account_id, null, p.max_balance - n.expected, p.balance_share,
       'the stripes may grow further than the account'
  from posted p left join held h using (account_id)
 cross join lateral (
       select coalesce(case when p.debit_normal then h.live_debits else h.live_credits end, 0) as expected) n
 where p.stripes > 0
   and (p.balance_share > p.max_balance - n.expected or p.overfull > 0
        or (p.balance_share is null) <> (p.max_balance is null))
union all
select 'stripes', p.account_id, null, case when p.frozen then p.stripes else 0 end, p.frozen_stripes,
       'the stripes are not frozen as the account is'
  from posted p
 where p.stripes > 0 and p.frozen_stripes <> case when p.frozen then p.stripes else 0 end
union all
select 'stripes', p.account_id, null, p.stripes, p.stripe_rows, 'rows of stripes are missing or too many'
  from posted p
 where p.stripes <> p.stripe_rows
union all
select 'unknown_account', t.debit_account_id, t.id, null, null, 'a transfer debits an account that does not exist'
  from ledger.all_transfers t
 where not exists (select from ledger.accounts a where a.id = t.debit_account_id)
union all
select 'unknown_account', t.credit_account_id, t.id, null, null, 'a transfer credits an account that does not exist'
  from ledger.all_transfers t
 where not exists (select from ledger.accounts a where a.id = t.credit_account_id)
union all
select 'currency_mixed', t.debit_account_id, t.id, null, null, 'a transfer goes from ' || d.currency || ' to ' || c.currency
  from ledger.all_transfers t
  join ledger.accounts d on d.id = t.debit_account_id
  join ledger.accounts c on c.id = t.credit_account_id
 where d.currency <> c.currency
union all
select 'archived_twice', t.debit_account_id, t.id, null, t.amount, 'the archive has a transfer with this id, too'
  from ledger.transfers t
 where exists (select from ledger.transfers_archive a where a.id = t.id)
union all
select 'unknown_kind', null, t.id, null, null, 'a transfer has a kind that does not exist'
  from ledger.all_transfers t
 where not exists (select from ledger.transfer_kinds k where k.id = t.kind_id)
union all
select 'unknown_journal', null, t.id, null, null, 'a transfer belongs to a journal that does not exist'
  from ledger.all_transfers t
 where t.journal_id is not null
   and not exists (select from ledger.all_journals j where j.id = t.journal_id)
union all
select 'empty_journal', null, null, null, null, 'no transfer belongs to journal ' || j.id
  from ledger.all_journals j
 where not exists (select from ledger.all_transfers t where t.journal_id = j.id)
union all
select 'hold', h.debit_account_id, null, coalesce(s.amount, 0), h.settled_amount,
       'the settled amount is not the sum of the transfers that settle hold ' || h.id
  from ledger.holds h
  left join (select hold_id, sum(amount) as amount from ledger.all_transfers
              where hold_id is not null group by hold_id) s on s.hold_id = h.id
 where h.settled_amount <> coalesce(s.amount, 0)
union all
select 'hold', t.debit_account_id, t.id, null, null, 'a transfer settles a hold that does not exist or has other accounts'
  from ledger.all_transfers t
 where t.hold_id is not null
   and not exists (select from ledger.holds h
                    where h.id = t.hold_id and h.debit_account_id = t.debit_account_id
                      and h.credit_account_id = t.credit_account_id)
union all
select 'reversal', t.debit_account_id, t.id, null, t.amount, 'a reversal does not mirror the transfer that it names'
  from ledger.all_transfers t
 where t.reverses_id is not null
   and not exists (select from ledger.all_transfers o
                    where o.id = t.reverses_id and o.debit_account_id = t.credit_account_id
                      and o.credit_account_id = t.debit_account_id and o.amount >= t.amount)
union all
select 'reversal', o.debit_account_id, o.id, o.amount, r.amount, 'more of a transfer is reversed than it moved'
  from (select reverses_id, sum(amount) as amount from ledger.all_transfers
         where reverses_id is not null group by reverses_id) r
  join ledger.all_transfers o on o.id = r.reverses_id
 where r.amount > o.amount
union all
select 'unknown_journal', null, k.journal_id, null, null, 'a key names a journal that does not exist'
  from ledger.journal_keys k
 where not exists (select from ledger.all_journals j where j.id = k.journal_id)
   and not exists (select from ledger.all_transfers t where t.id = k.journal_id);
comment on view ledger.problems is 'Everything in the books that is not as it must be: no rows when all is well. Read by ledger.check().';
