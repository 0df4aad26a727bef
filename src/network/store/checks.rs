//! SQL that compares what is derived about money with what it follows from.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use crate::network::store::reports::Problem;

// Commissions that were reversed: the rows, the journals, the customers.
static REVERSALS: Query = Query::read(
    "select 'reversal', coalesce(a.customer_id, t.customer_id)::text,
            format('reversed are %s, in the ledger %s', coalesce(a.total, 0), coalesce(t.total, 0))
       from (select customer_id, - sum(amount) as total
               from network.commission_history
              where reverses_id is not null group by customer_id) a
       full join (
            -- The journal of a commission has its customer's id.
            select coalesce(first.journal_id, first.id) as customer_id,
                   sum(backoffice.major(x.amount, f.currency)) as total
              from network.platform f
              join ledger.all_transfers x on x.credit_account_id = f.commission_account_id
              join ledger.all_transfers first on first.id = x.reverses_id
             group by 1) t
         on t.customer_id = a.customer_id
      where a.total is distinct from t.total
     union all
     select 'reversal_row', c.id::text, 'it does not mirror the commission that it reverses'
       from network.commission_history c
       left join network.commission_history first on first.id = c.reverses_id
      where (c.reverses_id is null) <> (c.amount > 0)
         or (c.reverses_id is not null
             and (first.customer_id, first.initiator_promoter_id, first.recipient_id,
                  first.recipient_type, first.level, first.status, first.payable_at, first.amount,
                  first.reverses_id)
                 is distinct from
                 (c.customer_id, c.initiator_promoter_id, c.recipient_id, c.recipient_type,
                  c.level, c.status, c.payable_at, - c.amount, null::bigint))
     union all
     select 'cancellation', c.id::text,
            format('%s is %s, cancelled %s, %s shares stand', p.customer_id, p.status,
                   coalesce(x.cancelled_at::text, 'never'), s.standing)
       from network.customers c
       join network.profiles p on p.id = c.id
       left join network.cancellations x on x.customer_id = c.id
      cross join lateral (
            select count(*) filter (where a.reverses_id is null) - count(a.reverses_id) as standing,
                   count(a.reverses_id) as reversed
              from network.commission_history a
             where a.customer_id = c.id and a.status = 'credited') s
      where case when x.customer_id is null then s.reversed > 0
                 else s.standing > 0 or p.status = 'Active'
                   or (x.reversal_id is null) <> (s.reversed = 0) end",
);
// Every promoter's share, and that the accounts are the promoter's.
static WALLETS: Query = Query::read(
    "select 'wallet', p.id::text,
            format('commissions are %s, in the wallet %s', coalesce(a.total, 0), coalesce(t.total, 0))
       from network.promoters p
       left join (select recipient_id, sum(amount) as total
                    from network.commission_history
                   where recipient_type = 'promoter' and status = 'credited'
                   group by recipient_id) a on a.recipient_id = p.id
       left join (
            select m.wallet, sum(backoffice.major(m.amount, f.currency)) as total
              from network.platform f
             cross join lateral (
                   select x.credit_account_id as wallet, x.amount::bigint as amount
                     from ledger.all_transfers x where x.debit_account_id = f.commission_account_id
                    union all
                   select x.debit_account_id, - x.amount
                     from ledger.all_transfers x where x.credit_account_id = f.commission_account_id) m
             group by m.wallet) t on t.wallet = p.wallet_account_id
      where coalesce(a.total, 0) <> coalesce(t.total, 0)
     union all
     select 'account', p.id::text, format('account %s is not the promoter''s %s', x.id, x.kind)
       from network.promoters p
      cross join lateral (values ('wallet', p.wallet_account_id), ('paid_out', p.payout_account_id),
                                 ('debt', p.debt_account_id)) as x (kind, id)
      where x.id is not null and not exists (
            select from ledger.accounts a
             where a.id = x.id and a.owner_id = p.id and a.system = 'network'
               and a.code = x.kind || ':' || p.id)",
);
// The parts of each withdrawal against the ledger and the tax records.
static WITHDRAWALS: Query = Query::read(
    "select 'withdrawal', r.id::text,
            format('%s of %s: paid %s, tax %s, debt %s; in the ledger held %s, paid %s, tax %s, debt %s',
                   r.status, r.amount, r.paid_amount, r.tax_amount, r.debt_amount,
                   l.held, l.paid, l.tax, l.debt)
       from network.withdrawal_history r
       join (select * from network.withdrawal_holds union all
             select * from network.withdrawal_holds_archive) h on h.request_id = r.id
       join network.promoters p on p.id = r.promoter_id
      cross join network.platform f
      cross join lateral (
            select coalesce((select backoffice.major(o.amount - o.settled_amount, f.currency)
                               from ledger.holds o
                              where o.id = h.hold_id and o.status = 'open'), 0) as held,
                   coalesce((select backoffice.major(x.amount, f.currency)
                               from ledger.all_transfers x
                              where x.id = h.transfer_id and x.hold_id = h.hold_id), 0) as paid,
                   coalesce(d.tax, 0) as tax, coalesce(d.debt, 0) as debt
              from (select sum(backoffice.major(x.amount, f.currency))
                               filter (where a.code = 'tax_payable') as tax,
                           sum(backoffice.major(x.amount, f.currency))
                               filter (where a.id = p.debt_account_id) as debt
                      from ledger.all_transfers x
                      join ledger.accounts a on a.id = x.credit_account_id
                     where x.debit_account_id = p.wallet_account_id
                       and (x.journal_id = h.deductions_id
                            or (x.id = h.deductions_id and x.journal_id is null))) d) l
      where (l.held, l.paid, l.tax, l.debt) is distinct from
            case when r.status in ('pending', 'approved') then (r.amount, 0::numeric, 0::numeric, 0::numeric)
                 else (0::numeric, coalesce(r.paid_amount, 0), coalesce(r.tax_amount, 0),
                       coalesce(r.debt_amount, 0)) end
     union all
     select 'tax', coalesce(r.id, d.request_id)::text,
            format('tax %s of %s is recorded as %s of %s', r.tax_amount,
                   r.paid_amount + r.tax_amount, d.tax, d.gross)
       from (select id, promoter_id, paid_amount, tax_amount
               from network.withdrawal_history where status = 'processed') r
       full join network.tax_deductions d on d.request_id = r.id
      where coalesce(r.tax_amount, -1) <> coalesce(d.tax, 0)
         or (d.request_id is not null
             and (d.gross <> r.paid_amount + r.tax_amount or d.promoter_id <> r.promoter_id))
     union all
     select 'tax_payable', 'network',
            format('deducted is %s, in the ledger %s', deducted.total, posted.total)
       from (select coalesce(sum(tax), 0) as total from network.tax_deductions) deducted
      cross join (select coalesce(sum(backoffice.major(x.amount, a.currency)), 0) as total
                    from ledger.accounts a
                    join ledger.all_transfers x on x.credit_account_id = a.id
                    join ledger.transfer_kinds k on k.id = x.kind_id
                   where a.system = 'network' and a.code = 'tax_payable'
                     and k.kind = 'withdrawal_deduction') posted
      where deducted.total <> posted.total
     union all
     select 'review', w.request_id::text, format('%s without anybody having looked', r.status)
       from network.withdrawal_reviews w
       join network.withdrawal_history r on r.id = w.request_id
      where r.status in ('approved', 'processed')
        and cardinality(w.flags) > 0 and w.acknowledged_at is null",
);

/// What disagrees about reversals, wallets, withdrawals, debts and tax.
pub fn money() -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for query in [&REVERSALS, &WALLETS, &WITHDRAWALS] {
        problems.extend(query.all(&[], Problem::read)?);
    }
    Ok(problems)
}
