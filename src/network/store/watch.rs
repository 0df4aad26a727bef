//! SQL of the network's metrics. Those of a period read tables, those for
//! Prometheus only what is small or indexed.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use crate::ops::watch::period::Period;

static OVERDUE: Query = Query::read(
    "select count(*) from network.withdrawal_requests
      where status in ('pending', 'approved')
        and created_at < now() - make_interval(days => (
            select coalesce(s.value, d.default_value)::text::integer
              from backoffice.setting_definitions d
              left join backoffice.settings s on s.system = d.system and s.key = d.key
             where d.system = 'network' and d.key = 'withdrawal_processing_days'))",
);
static OPEN: Query = Query::read(
    "select status::text, count(*), sum(amount)::float8 from network.withdrawal_requests
      where status in ('pending', 'approved') group by status order by status",
);
static NUMBERS: Query = Query::read(
    "select 'promoter', case when is_called then last_value else 0 end from network.promoter_id_sequence
     union all
     select 'customer', case when is_called then last_value else 0 end from network.customer_id_sequence
     union all
     select 'transaction', case when is_called then last_value else 0 end from network.transaction_id_sequence
     union all
     select 'request', case when is_called then last_value else 0 end from network.request_id_sequence",
);
static MONEY: Query = Query::read(
    "select b.code, backoffice.major(b.posted, b.currency)::float8
       from network.platform p
       join ledger.balances b
         on b.account_id in (p.wallet_account_id, p.commission_account_id, p.adjustment_account_id)
      order by 1",
);
static BUSINESS: Query = Query::read(
    "select json_build_object(
        'period', json_build_object('from', $1::timestamptz, 'to', $2::timestamptz),
        'currency', (select currency from network.platform),
        'commissions', (select json_build_object(
                'count', count(*), 'amount', coalesce(sum(amount), 0),
                'to_promoters', coalesce(sum(amount) filter (where recipient_type = 'promoter'), 0),
                'unclaimed', coalesce(sum(amount) filter (where recipient_type = 'admin'), 0),
                'promoters_paid', count(distinct recipient_id) filter (where recipient_type = 'promoter'))
            from network.affiliate_commissions
           where status = 'credited' and created_at >= $1 and created_at < $2),
        'pins', (select json_build_object(
                'allocated', coalesce(sum(pin_change_value) filter (where action_type = 'admin_allocation'), 0),
                'deducted', coalesce(-sum(pin_change_value) filter (where action_type = 'admin_deduction'), 0),
                'used', coalesce(-sum(pin_change_value) filter (where action_type = 'customer_creation'), 0),
                'promoters_using', count(distinct user_id) filter (where action_type = 'customer_creation'))
            from network.pin_transactions where created_at >= $1 and created_at < $2),
        'customers', (select json_build_object(
                'new', count(*) filter (where created_at >= $1 and created_at < $2),
                'total', count(*) filter (where created_at < $2))
            from network.customers),
        'customers_by_source', (select coalesce(json_agg(json_build_object('source', source, 'new', n)
                                                order by n desc, source), '[]')
            from (select source, count(*) as n from network.customers
                   where created_at >= $1 and created_at < $2
                   group by source order by 2 desc, 1 limit 20) s),
        'promoters', (select json_build_object(
                'new', count(*) filter (where created_at >= $1 and created_at < $2),
                'total', count(*) filter (where created_at < $2),
                'active', count(*) filter (where created_at < $2 and status = 'Active'))
            from network.profiles where role = 'promoter'),
        'withdrawals', (select json_build_object(
                'requested', count(*) filter (where created_at >= $1 and created_at < $2),
                'requested_amount', coalesce(sum(amount) filter (where created_at >= $1 and created_at < $2), 0),
                'processed', count(*) filter (where status = 'processed'
                                                and processed_at >= $1 and processed_at < $2),
                'processed_amount', coalesce(sum(amount) filter (where status = 'processed'
                                                and processed_at >= $1 and processed_at < $2), 0),
                'open_now', count(*) filter (where status in ('pending', 'approved')))
            from network.withdrawal_requests where created_at < $2),
        -- The row keeps its last decision only; the audit log has each.
        'withdrawal_approval', (select json_build_object(
                'approved', count(*) filter (where status = 'approved'),
                'rejected', count(*) filter (where status = 'rejected'),
                'mean_hours', round(avg(hours)::numeric, 2),
                'median_hours', round((percentile_cont(0.5) within group (order by hours))::numeric, 2),
                'slowest_hours', round(max(hours)::numeric, 2))
            from (select a.new_values->>'status' as status,
                         extract(epoch from a.at - r.created_at)::float8 / 3600 as hours
                    from network.withdrawal_requests r
                    join ops.audit_logs a on a.record_id = r.id::text
                   where r.updated_at >= $1 and a.at >= $1 and a.at < $2
                     and a.table_name = 'network.withdrawal_requests' and a.action = 'UPDATE'
                     and a.old_values->>'status' = 'pending'
                     and a.new_values->>'status' in ('approved', 'rejected')) decided),
        'pin_request_approval', (select json_build_object(
                'approved', count(*) filter (where status = 'approved'),
                'rejected', count(*) filter (where status = 'rejected'),
                'mean_hours', round((avg(extract(epoch from processed_at - created_at)) / 3600)::numeric, 2))
            from network.pin_requests where processed_at >= $1 and processed_at < $2),
        'engagement', (select json_build_object(
                'people', p.people, 'signed_in', s.people,
                'signed_in_share', round(s.people::numeric / nullif(p.people, 0), 4),
                'promoters_with_new_customers', c.promoters,
                'promoters_with_new_customers_share', round(c.promoters::numeric / nullif(p.promoters, 0), 4))
            from (select count(*) as people, count(*) filter (where role = 'promoter') as promoters
                    from network.profiles where created_at < $2) p,
                 (select count(distinct x.user_id) as people
                    from identity.sessions x join network.profiles f on f.id = x.user_id
                   where x.created_at < $2 and x.refreshed_at >= $1) s,
                 (select count(distinct promoter_id) as promoters from network.customers
                   where created_at >= $1 and created_at < $2) c))::text",
);

/// Open withdrawals that have waited for longer than they should.
pub fn overdue_withdrawals() -> Result<i64> {
    OVERDUE.one(&[], |row| row.get(1))
}

/// Status, number and amount of what waits for an admin.
pub fn open_withdrawals() -> Result<Vec<(String, i64, f64)>> {
    OPEN.all(&[], |row| Ok((row.get(1)?, row.get(2)?, row.get(3)?)))
}

/// How far the counters have come.
pub fn numbers() -> Result<Vec<(String, f64)>> {
    NUMBERS.all(&[], |row| Ok((row.get(1)?, row.get::<i64>(2)? as f64)))
}

/// The platform's accounts and their balances.
pub fn money() -> Result<Vec<(String, f64)>> {
    MONEY.all(&[], |row| Ok((row.get(1)?, row.get(2)?)))
}

/// The business metrics of a period, as JSON.
pub fn business(period: &Period) -> Result<String> {
    BUSINESS.one(&[period.from.into(), period.to.into()], |row| row.get(1))
}
