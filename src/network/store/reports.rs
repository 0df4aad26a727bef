//! SQL of summaries and wallets. Amounts go into JSON as `numeric`, in SQL,
//! because a JSON number made in Rust would lose its trailing zeros.

use crate::kernel::error::Result;
use crate::kernel::spi::{Query, Row};
use crate::network::store::checks;
use crate::network::store::profiles::Record;
use pgrx::Uuid;

static PROMOTER_SUMMARY: Query = Query::read(
    "select json_build_object(
        'promoter_id', w.promoter_id,
        'currency', (select currency from network.platform),
        'balance', w.balance,
        'on_hold', w.on_hold,
        'next_payable_at', (
            select min(c.payable_at) from network.affiliate_commissions c
             where c.recipient_id = w.promoter_id and c.recipient_type = 'promoter'
               and c.status = 'credited' and c.payable_at > now() and c.reverses_id is null
               and not exists (select from network.commission_history r where r.reverses_id = c.id)),
        'debt', w.debt,
        'total_earned', w.total_earned,
        'total_withdrawn', w.total_withdrawn,
        'tax_deducted', w.tax_deducted,
        'total_reversed', backoffice.major(0, (select currency from network.platform)) - coalesce((
            select sum(c.amount) from network.commission_history c
             where c.recipient_id = w.promoter_id and c.recipient_type = 'promoter'
               and c.status = 'credited' and c.reverses_id is not null), 0),
        'commission_count', w.commission_count,
        'last_commission_at', w.last_commission_at,
        'customers', (select count(*) from network.customers c where c.promoter_id = w.promoter_id),
        'pins', (select pins from network.profiles p where p.id = w.promoter_id),
        'by_level', coalesce((
            select json_agg(json_build_object('level', l.level, 'count', l.count, 'amount', l.amount)
                            order by l.level)
              from (select level, count(*) - 2 * count(reverses_id) as count, sum(amount) as amount
                      from network.commission_history
                     where recipient_id = w.promoter_id and recipient_type = 'promoter'
                       and status = 'credited'
                     group by level) l), '[]'))::text
       from network.promoter_wallet w where w.promoter_id = $1",
);
static ADMIN_SUMMARY: Query = Query::read(
    "select json_build_object(
        'currency', (select currency from network.platform),
        'admin_wallet', (select to_json(w) from network.admin_wallet w),
        'total_commissions', coalesce(sum(t.amount), 0),
        'commission_count', coalesce(sum(t.count), 0),
        'promoter_commissions', coalesce(sum(t.amount) filter (where t.recipient_type = 'promoter'), 0),
        'unclaimed_commissions', coalesce(sum(t.amount) filter (where t.recipient_type = 'admin'), 0),
        'debts', (select backoffice.major(coalesce(sum(b.posted), 0)::bigint, f.currency)
                    from network.platform f
                    left join (network.promoters r
                               join ledger.balances b on b.account_id = r.debt_account_id) on true
                   group by f.currency),
        'tax_deducted', (select coalesce(sum(d.tax), 0) from network.tax_deductions d),
        'withdrawals', (select json_build_object(
            'pending', count(*) filter (where o.status = 'pending'),
            'approved', count(*) filter (where o.status = 'approved'),
            'overdue', count(*) filter (where o.overdue),
            'to_review', count(*) filter (where o.review_flags is not null and o.reviewed_at is null))
              from network.open_withdrawals o),
        'customers', (select count(*) from network.customers),
        'promoters', (select count(*) from network.promoters),
        'by_level', coalesce((
            select json_agg(json_build_object('level', l.level, 'count', l.count, 'amount', l.amount,
                                              'unclaimed', l.unclaimed) order by l.level)
              from (select level, count(*) - 2 * count(reverses_id) as count, sum(amount) as amount,
                           coalesce(sum(amount) filter (where recipient_type = 'admin'), 0) as unclaimed
                      from network.commission_history where status = 'credited'
                     group by level) l), '[]'))::text
       from (select recipient_type, count(*) - 2 * count(reverses_id) as count, sum(amount) as amount
               from network.commission_history where status = 'credited'
              group by recipient_type) t",
);
static PROMOTER_WALLET: Query =
    Query::read("select w from network.promoter_wallet w where promoter_id = $1");
static ADMIN_WALLET: Query = Query::read("select w from network.admin_wallet w");
static COMMISSIONS_OF: Query = Query::read(
    "select row(c.*)::network.affiliate_commissions
       from network.commission_history c where customer_id = $1 order by level, id",
);
// Every fact that is kept twice, or derived, against what it follows from.
static CHECK: Query = Query::read(
    "select 'pins', p.id::text,
            format('pins is %s, its transactions sum to %s', p.pins, coalesce(t.total, 0))
       from network.profiles p
       left join (select user_id, sum(pin_change_value) as total
                    from network.pin_history group by user_id) t on t.user_id = p.id
      where p.pins <> coalesce(t.total, 0)
     union all
     select 'ancestors', r.id::text, 'ancestors do not follow from the parents'
       from network.promoters r
       join network.profiles p on p.id = r.id
       left join network.promoters parent on parent.id = p.parent_promoter_id
      where r.ancestors is distinct from
            case when p.parent_promoter_id is null then '{}'
                 else p.parent_promoter_id || parent.ancestors end
     union all
     select 'person', p.id::text, 'e-mail, phone or name differ from the person''s'
       from network.profiles p join identity.users u on u.id = p.id
      where (p.email, p.phone, p.name) is distinct from (u.email, u.phone, u.name)
     union all
     select 'commission', c.id::text, format('status is %s', c.commission_status)
       from network.customers c
      where (c.commission_status = 'distributed') <> exists (
            select from network.commission_history a where a.customer_id = c.id)
     union all
     select 'ledger', coalesce(a.customer_id, t.journal_id)::text,
            format('commissions are %s, the journal %s', coalesce(a.total, 0), coalesce(t.total, 0))
       from (select customer_id, sum(amount) as total
               from network.commission_history
              where status = 'credited' and reverses_id is null group by customer_id) a
       full join (
            -- A journal of one transfer is that transfer.
            select coalesce(x.journal_id, x.id) as journal_id,
                   sum(backoffice.major(amount, f.currency)) as total
              from ledger.all_transfers x, network.platform f
             where x.debit_account_id = f.commission_account_id group by 1) t
         on t.journal_id = a.customer_id
      where a.total is distinct from t.total
     union all
     select 'reference', x.id, format('%s names no %s', x.column_name, x.names)
       from (select a.id::text, 'customer_id' as column_name, 'customer' as names
               from network.affiliate_commissions a
              where not exists (select from network.customers c where c.id = a.customer_id)
             union all
             select a.id::text, 'initiator_promoter_id or recipient_id', 'profile'
               from network.affiliate_commissions a
              where not exists (select from network.profiles p where p.id = a.initiator_promoter_id)
                 or not exists (select from network.profiles p where p.id = a.recipient_id)
             union all
             select t.id::text, 'user_id', 'profile' from network.pin_transactions t
              where not exists (select from network.profiles p where p.id = t.user_id)
             union all
             select c.id::text, 'promoter_id', 'promoter' from network.customers c
              where c.promoter_id is not null
                and not exists (select from network.promoters r where r.id = c.promoter_id)
             union all
             select p.id::text, 'parent_promoter_id', 'profile' from network.profiles p
              where p.parent_promoter_id is not null
                and not exists (select from network.profiles o where o.id = p.parent_promoter_id)) x",
);

pub fn promoter_summary(promoter: Uuid) -> Result<String> {
    PROMOTER_SUMMARY.one(&[promoter.into()], |row| row.get(1))
}

pub fn admin_summary() -> Result<String> {
    ADMIN_SUMMARY.one(&[], |row| row.get(1))
}

pub fn promoter_wallet(promoter: Uuid) -> Result<Record> {
    PROMOTER_WALLET.one(&[promoter.into()], |row| row.get(1))
}

pub fn admin_wallet() -> Result<Record> {
    ADMIN_WALLET.one(&[], |row| row.get(1))
}

pub fn commissions_of(customer: Uuid) -> Result<Vec<Record>> {
    COMMISSIONS_OF.all(&[customer.into()], |row| row.get(1))
}

/// A fact that does not agree with what it follows from.
pub struct Problem {
    pub rule: String,
    pub record_id: String,
    pub problem: String,
}

impl Problem {
    pub fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Problem { rule: row.get(1)?, record_id: row.get(2)?, problem: row.get(3)? })
    }
}

pub fn check() -> Result<Vec<Problem>> {
    let mut problems = CHECK.all(&[], Problem::read)?;
    problems.extend(checks::money()?);
    Ok(problems)
}
