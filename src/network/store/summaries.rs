//! SQL of summaries by period.

use crate::kernel::error::Result;
use crate::kernel::spi::{Query, Row};
use crate::network::period::Range;
use pgrx::datum::{Date, DatumWithOid, TimestampWithTimeZone};
use pgrx::{AnyNumeric, Uuid};

// The periods, each with the moment at which it begins and ends.
static PERIODS: Query = Query::read(
    "select x.first, x.last, x.first::timestamp at time zone $4, (x.last + 1)::timestamp at time zone $4
       from (select greatest(period::date, $1) as first,
                    least((period + ('1 ' || $3)::interval)::date - 1, $2) as last
               from generate_series(date_trunc($3, $1::timestamp), $2::timestamp,
                                    ('1 ' || $3)::interval) as period) x
      order by x.first",
);

/// `$1` and `$2` are the moments at which the first period begins and the last ends,
/// `$3` those at which each begins: looking a row's time up among them is far cheaper
/// than turning it into a day. The arguments limit each table to one promoter, or to
/// nobody.
macro_rules! summary {
    ($customers:literal, $profiles:literal, $commissions:literal, $pins:literal, $withdrawals:literal) => {
        concat!(
            "with customers as (
                select width_bucket(c.created_at, $3) as period, count(*) as number
                  from network.customers c
                 where c.created_at >= $1 and c.created_at < $2 and ", $customers, "
                 group by 1),
             promoters as (
                select width_bucket(p.created_at, $3) as period, count(*) as number
                  from network.profiles p
                 where p.role = 'promoter' and p.created_at >= $1 and p.created_at < $2 and ", $profiles, "
                 group by 1),
             commissions as (
                select width_bucket(a.created_at, $3) as period,
                       count(*) - 2 * count(a.reverses_id) as number, sum(a.amount) as amount
                  from network.commission_history a
                 where a.recipient_type = 'promoter' and a.status = 'credited'
                   and a.created_at >= $1 and a.created_at < $2 and ", $commissions, "
                 group by 1),
             pins as (
                select width_bucket(t.created_at, $3) as period,
                       sum(- t.pin_change_value) filter (where t.action_type = 'customer_creation') as used,
                       sum(t.pin_change_value) filter (where t.action_type <> 'customer_creation') as received
                  from network.pin_history t
                 where t.created_at >= $1 and t.created_at < $2 and ", $pins, "
                 group by 1),
             requested as (
                select width_bucket(w.created_at, $3) as period, sum(w.amount) as amount
                  from network.withdrawal_history w
                 where w.created_at >= $1 and w.created_at < $2 and ", $withdrawals, "
                 group by 1),
             paid as (
                select width_bucket(w.processed_at, $3) as period, sum(w.paid_amount) as amount
                  from network.withdrawal_history w
                 where w.status = 'processed' and w.processed_at >= $1 and w.processed_at < $2 and ",
            $withdrawals, "
                 group by 1)
             select coalesce(customers.number, 0), coalesce(promoters.number, 0),
                    coalesce(commissions.number, 0), coalesce(commissions.amount, 0),
                    coalesce(pins.used, 0), coalesce(pins.received, 0),
                    coalesce(requested.amount, 0), coalesce(paid.amount, 0)
               from generate_series(1, cardinality($3)) as period
               left join customers using (period)
               left join promoters using (period)
               left join commissions using (period)
               left join pins using (period)
               left join requested using (period)
               left join paid using (period)
              order by period"
        )
    };
}

static OF_PROMOTER: Query = Query::read(summary!(
    "c.promoter_id = $4",
    "p.parent_promoter_id = $4",
    "a.recipient_id = $4",
    "t.user_id = $4",
    "w.promoter_id = $4"
));
static OF_NETWORK: Query = Query::read(summary!("true", "true", "true", "true", "true"));

/// What happened in a period. Amounts are in major units.
pub struct Counts {
    pub customers: i64,
    pub promoters: i64,
    pub commission_count: i64,
    pub commissions: AnyNumeric,
    pub pins_used: i64,
    pub pins_received: i64,
    pub withdrawals_requested: AnyNumeric,
    pub withdrawals_paid: AnyNumeric,
}

/// From one day to another, and what happened.
pub type Period = (Date, Date, Counts);

fn counts(row: &Row<'_>) -> Result<Counts> {
    Ok(Counts {
        customers: row.get(1)?,
        promoters: row.get(2)?,
        commission_count: row.get(3)?,
        commissions: row.get(4)?,
        pins_used: row.get(5)?,
        pins_received: row.get(6)?,
        withdrawals_requested: row.get(7)?,
        withdrawals_paid: row.get(8)?,
    })
}

/// What a promoter, or the whole network, did in each period.
pub fn by_period(range: &Range, zone: &str, promoter: Option<Uuid>) -> Result<Vec<Period>> {
    type Moment = TimestampWithTimeZone;
    let args = [range.from.into(), range.to.into(), range.granularity.as_str().into(), zone.into()];
    let periods: Vec<(Date, Date, Moment, Moment)> =
        PERIODS.all(&args, |row| Ok((row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?;
    let (Some(first), Some(last)) = (periods.first(), periods.last()) else {
        return Ok(Vec::new());
    };
    let starts: Vec<Moment> = periods.iter().map(|period| period.2).collect();
    let mut args: Vec<DatumWithOid<'_>> = vec![first.2.into(), last.3.into(), starts.into()];
    let counts = match promoter {
        Some(promoter) => {
            args.push(promoter.into());
            OF_PROMOTER.all(&args, counts)?
        }
        None => OF_NETWORK.all(&args, counts)?,
    };
    Ok(periods.iter().zip(counts).map(|(period, counts)| (period.0, period.1, counts)).collect())
}
