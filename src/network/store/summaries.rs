//! SQL of summaries by period.

use crate::kernel::error::Result;
use crate::kernel::spi::{Query, Row};
use crate::network::period::Range;
use pgrx::datum::{Date, DatumWithOid};
use pgrx::{AnyNumeric, Uuid};

/// `$1` first and `$2` last day, `$3` the granularity, `$4` the time zone. The
/// arguments limit each table to one promoter, or to nobody.
macro_rules! summary {
    ($customers:literal, $profiles:literal, $commissions:literal, $pins:literal, $withdrawals:literal) => {
        concat!(
            "with periods as (
                select period::date as start, (period + ('1 ' || $3)::interval)::date - 1 as finish
                  from generate_series(date_trunc($3, $1::timestamp), $2::timestamp,
                                       ('1 ' || $3)::interval) as period),
             customers as (
                select date_trunc($3, c.created_at at time zone $4)::date as start, count(*) as number
                  from network.customers c
                 where c.created_at >= $1::timestamp at time zone $4
                   and c.created_at < ($2 + 1)::timestamp at time zone $4 and ", $customers, "
                 group by 1),
             promoters as (
                select date_trunc($3, p.created_at at time zone $4)::date as start, count(*) as number
                  from network.profiles p
                 where p.role = 'promoter'
                   and p.created_at >= $1::timestamp at time zone $4
                   and p.created_at < ($2 + 1)::timestamp at time zone $4 and ", $profiles, "
                 group by 1),
             commissions as (
                select date_trunc($3, a.created_at at time zone $4)::date as start, count(*) as number,
                       sum(a.amount) as amount
                  from network.commission_history a
                 where a.recipient_type = 'promoter' and a.status = 'credited'
                   and a.created_at >= $1::timestamp at time zone $4
                   and a.created_at < ($2 + 1)::timestamp at time zone $4 and ", $commissions, "
                 group by 1),
             pins as (
                select date_trunc($3, t.created_at at time zone $4)::date as start,
                       sum(- t.pin_change_value) filter (where t.action_type = 'customer_creation') as used,
                       sum(t.pin_change_value) filter (where t.action_type <> 'customer_creation') as received
                  from network.pin_history t
                 where t.created_at >= $1::timestamp at time zone $4
                   and t.created_at < ($2 + 1)::timestamp at time zone $4 and ", $pins, "
                 group by 1),
             requested as (
                select date_trunc($3, w.created_at at time zone $4)::date as start, sum(w.amount) as amount
                  from network.withdrawal_history w
                 where w.created_at >= $1::timestamp at time zone $4
                   and w.created_at < ($2 + 1)::timestamp at time zone $4 and ", $withdrawals, "
                 group by 1),
             paid as (
                select date_trunc($3, w.processed_at at time zone $4)::date as start, sum(w.amount) as amount
                  from network.withdrawal_history w
                 where w.status = 'processed'
                   and w.processed_at >= $1::timestamp at time zone $4
                   and w.processed_at < ($2 + 1)::timestamp at time zone $4 and ", $withdrawals, "
                 group by 1)
             select greatest(x.start, $1), least(x.finish, $2),
                    coalesce(customers.number, 0), coalesce(promoters.number, 0),
                    coalesce(commissions.number, 0), coalesce(commissions.amount, 0),
                    coalesce(pins.used, 0), coalesce(pins.received, 0),
                    coalesce(requested.amount, 0), coalesce(paid.amount, 0)
               from periods x
               left join customers using (start)
               left join promoters using (start)
               left join commissions using (start)
               left join pins using (start)
               left join requested using (start)
               left join paid using (start)
              order by x.start"
        )
    };
}

static OF_PROMOTER: Query = Query::read(summary!(
    "c.promoter_id = $5",
    "p.parent_promoter_id = $5",
    "a.recipient_id = $5",
    "t.user_id = $5",
    "w.promoter_id = $5"
));
static OF_NETWORK: Query = Query::read(summary!("true", "true", "true", "true", "true"));

/// What happened from one day to another. Amounts are in major units.
pub struct Period {
    pub start: Date,
    pub end: Date,
    pub customers: i64,
    pub promoters: i64,
    pub commission_count: i64,
    pub commissions: AnyNumeric,
    pub pins_used: i64,
    pub pins_received: i64,
    pub withdrawals_requested: AnyNumeric,
    pub withdrawals_paid: AnyNumeric,
}

fn period(row: &Row<'_>) -> Result<Period> {
    Ok(Period {
        start: row.get(1)?,
        end: row.get(2)?,
        customers: row.get(3)?,
        promoters: row.get(4)?,
        commission_count: row.get(5)?,
        commissions: row.get(6)?,
        pins_used: row.get(7)?,
        pins_received: row.get(8)?,
        withdrawals_requested: row.get(9)?,
        withdrawals_paid: row.get(10)?,
    })
}

fn args<'a>(range: &Range, zone: &'a str) -> Vec<DatumWithOid<'a>> {
    vec![range.from.into(), range.to.into(), range.granularity.as_str().into(), zone.into()]
}

pub fn of_promoter(range: &Range, zone: &str, promoter: Uuid) -> Result<Vec<Period>> {
    let mut args = args(range, zone);
    args.push(promoter.into());
    OF_PROMOTER.all(&args, period)
}

pub fn of_network(range: &Range, zone: &str) -> Result<Vec<Period>> {
    OF_NETWORK.all(&args(range, zone), period)
}
