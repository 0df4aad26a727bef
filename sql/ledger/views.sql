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
