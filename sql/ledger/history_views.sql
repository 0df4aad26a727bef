-- Every interval between two checkpoints added up from the transfers, in one reading of them.
create view ledger.checkpoint_problems with (security_invoker) as
with sides as (
    select debit_account_id as account_id, recorded_at, effective_at, amount as debits, 0::numeric as credits
      from ledger.all_transfers
    union all
    select credit_account_id, recorded_at, effective_at, 0, amount
      from ledger.all_transfers),
recorded as (
    select account_id, max(at) as last,
           -- width_bucket counts what equals an edge as behind it.
           array_agg(at + interval '1 microsecond' order by at) as edges
      from ledger.checkpoints group by account_id),
effective as (
    select account_id, array_agg(at + interval '1 microsecond' order by at) as edges
      from ledger.dated_checkpoints group by account_id),
recorded_sums as (
    select s.account_id, width_bucket(s.recorded_at, r.edges) + 1 as n,
           sum(s.debits) as debits, sum(s.credits) as credits,
           sum(s.debits) filter (where s.effective_at is not null) as dated_debits,
           sum(s.credits) filter (where s.effective_at is not null) as dated_credits
      from sides s join recorded r on r.account_id = s.account_id
     where s.recorded_at <= r.last
     group by 1, 2),
effective_sums as (
    select s.account_id, width_bucket(s.effective_at, e.edges) + 1 as n,
           sum(s.debits) as debits, sum(s.credits) as credits, count(*) as entries
      from sides s join recorded r on r.account_id = s.account_id
      join effective e on e.account_id = s.account_id
     where s.recorded_at <= r.last and s.effective_at is not null
     group by 1, 2),
recorded_found as (
    select account_id, at, row_number() over w as n,
           debits::numeric - coalesce(lag(debits) over w, 0) as debits,
           credits::numeric - coalesce(lag(credits) over w, 0) as credits,
           coalesce(dated_debits, 0)::numeric - coalesce(lag(dated_debits) over w, 0) as dated_debits,
           coalesce(dated_credits, 0)::numeric - coalesce(lag(dated_credits) over w, 0) as dated_credits
      from ledger.checkpoints window w as (partition by account_id order by at)),
effective_found as (
    select account_id, at, row_number() over w as n,
           debits::numeric - coalesce(lag(debits) over w, 0) as debits,
           credits::numeric - coalesce(lag(credits) over w, 0) as credits,
           entries::numeric - coalesce(lag(entries) over w, 0) as entries
      from ledger.dated_checkpoints window w as (partition by account_id order by at))
select 'checkpoint' as problem, f.account_id, null::uuid as transfer_id,
       coalesce(s.debits, 0) - coalesce(s.credits, 0) as expected, f.debits - f.credits as found,
       'the checkpoint of ' || f.at || ' is not the sum of the transfers' as detail
  from recorded_found f left join recorded_sums s on s.account_id = f.account_id and s.n = f.n
 where (f.debits, f.credits, f.dated_debits, f.dated_credits)
    is distinct from (coalesce(s.debits, 0), coalesce(s.credits, 0),
                      coalesce(s.dated_debits, 0), coalesce(s.dated_credits, 0))
union all
select 'checkpoint', f.account_id, null,
       coalesce(s.debits, 0) - coalesce(s.credits, 0), f.debits - f.credits,
       'the dated checkpoint of ' || f.at || ' is not the sum of the transfers'
  from effective_found f left join effective_sums s on s.account_id = f.account_id and s.n = f.n
 where (f.debits, f.credits, f.entries)
    is distinct from (coalesce(s.debits, 0), coalesce(s.credits, 0), coalesce(s.entries, 0));
comment on view ledger.checkpoint_problems is 'Checkpoints that are not what the transfers add up to: no rows when all is well. Read by ledger.check().';
