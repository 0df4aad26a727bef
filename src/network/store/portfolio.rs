//! SQL of investments, instalments and valuations.

use crate::kernel::error::{Error, Result};
use crate::kernel::spi::Query;
use crate::network::period::Range;
use crate::network::savings::{Frequency, Status};
use crate::network::store::profiles::Record;
use pgrx::datum::Date;
use pgrx::{AnyNumeric, Uuid};

static COUNT: Query =
    Query::read("select count(*) from network.investments where customer_id = $1");
static INSERT: Query = Query::write(
    "insert into network.investments (id, customer_id, kind, product, amount, instalment_amount,
        instalment_count, frequency, started_on, note, created_by)
     values ($1, $2, case when $5 is null then 'lump_sum' else 'savings_plan' end, $3, $4, $5, $6, $7,
             $8, $9, $10)",
);
// Counted from the first day, so that the end of a month stays one: 31 January, 28 February, 31 March.
static INSERT_INSTALMENTS: Query = Query::write(
    "insert into network.instalments (investment_id, number, customer_id, due_on, amount)
     select v.id, n + 1, v.customer_id,
            (v.started_on + make_interval(days => $2 * n, months => $3 * n))::date, v.instalment_amount
       from network.investments v, generate_series(0, v.instalment_count - 1) as n
      where v.id = $1",
);
static LOCK: Query = Query::write(
    "select customer_id, status = 'closed', started_on
       from network.investments where id = $1 for update",
);
static ROW: Query = Query::read("select v from network.investments v where id = $1");
static INSTALMENT: Query = Query::read(
    "select status, paid_on, paid_amount from network.instalments
      where investment_id = $1 and number = $2",
);
static RECORD: Query = Query::write(
    "update network.instalments
        set status = $3, paid_on = $4,
            paid_amount = case when $3 = 'paid' then coalesce($5, paid_amount, amount) end,
            recorded_by = $6, recorded_at = now()
      where investment_id = $1 and number = $2",
);
static INSTALMENT_ROW: Query =
    Query::read("select i from network.instalments i where investment_id = $1 and number = $2");
static SET_VALUATION: Query = Query::write(
    "insert into network.valuations as v (investment_id, valued_on, customer_id, value, note, recorded_by)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (investment_id, valued_on) do update
        set value = excluded.value, note = excluded.note, recorded_by = excluded.recorded_by,
            updated_at = now()
      where (v.value, v.note) is distinct from (excluded.value, excluded.note)",
);
static VALUATION_ROW: Query =
    Query::read("select v from network.valuations v where investment_id = $1 and valued_on = $2");
static CLOSE: Query = Query::write(
    "update network.investments
        set status = 'closed', closed_on = $2, closing_value = $3, updated_at = now()
      where id = $1",
);
static CANCEL_REST: Query = Query::write(
    "update network.instalments set status = 'cancelled'
      where investment_id = $1 and status = 'due'",
);
static IS_CLOSED_AS: Query = Query::read(
    "select closing_value = $2 and closed_on = coalesce($3, closed_on)
       from network.investments where id = $1",
);
static FIRST_DAY: Query =
    Query::read("select min(started_on) from network.investments where customer_id = $1");
static SUMMARY: Query = Query::read(
    "select json_build_object(
        'customer_id', $1,
        'currency', (select currency from network.platform),
        'as_of', $2,
        'invested', coalesce(sum(p.invested) filter (where p.status = 'active'), 0),
        'current_value', coalesce(sum(p.current_value) filter (where p.status = 'active'), 0),
        'gain', coalesce(sum(p.gain) filter (where p.status = 'active'), 0),
        'realised_gain', coalesce(sum(p.gain) filter (where p.status = 'closed'), 0),
        'active', count(*) filter (where p.status = 'active'),
        'closed', count(*) filter (where p.status = 'closed'),
        'next_instalment', (
            select json_build_object('investment_id', i.investment_id, 'number', i.number,
                                     'due_on', i.due_on, 'amount', i.amount)
              from network.instalments i
             where i.customer_id = $1 and i.status = 'due' and i.due_on >= $2
             order by i.due_on, i.investment_id, i.number limit 1),
        'overdue', json_build_object('count', coalesce(sum(p.overdue_instalments), 0),
                                     'amount', coalesce(sum(p.overdue_amount), 0)),
        'investments', coalesce(json_agg(p order by p.started_on, p.investment_id), '[]'))::text
       from network.portfolio p where p.customer_id = $1",
);
static HISTORY: Query = Query::read(
    "select points.day, coalesce(sum(at.invested), 0), coalesce(sum(at.value), 0)
       from (select least((period + ('1 ' || $4)::interval)::date - 1, $3) as day
               from generate_series(date_trunc($4, $2::timestamp), $3::timestamp,
                                    ('1 ' || $4)::interval) as period) points
       left join network.investments v on v.customer_id = $1 and v.started_on <= points.day
            and (v.closed_on is null or v.closed_on > points.day)
       left join lateral (
            select x.valued_on, x.value from network.valuations x
             where x.investment_id = v.id and x.valued_on <= points.day
             order by x.valued_on desc limit 1) last on true
       left join lateral (
            select sum(i.paid_amount) as invested,
                   sum(i.paid_amount) filter (where i.paid_on > last.valued_on) as since
              from network.instalments i
             where i.investment_id = v.id and i.paid_on <= points.day) paid on v.kind = 'savings_plan'
       left join lateral (
            select case v.kind when 'lump_sum' then v.amount else coalesce(paid.invested, 0) end as invested
            ) sums on v.id is not null
       left join lateral (
            select sums.invested,
                   case when last.valued_on is null then sums.invested
                        else last.value + coalesce(paid.since, 0) end as value) at on true
      group by points.day order by points.day",
);

/// The instalments of a new investment.
pub struct Plan {
    pub amount: AnyNumeric,
    pub count: i32,
    pub frequency: Frequency,
}

/// An investment to be written.
pub struct NewInvestment<'a> {
    pub id: Uuid,
    pub customer: Uuid,
    pub product: &'a str,
    pub amount: AnyNumeric,
    /// `None` for a sum at once.
    pub plan: Option<Plan>,
    pub started_on: Date,
    pub note: Option<&'a str>,
    pub created_by: Option<Uuid>,
}

pub fn count(customer: Uuid) -> Result<i64> {
    COUNT.one(&[customer.into()], |row| row.get(1))
}

/// Writes an investment with all its instalments.
pub fn insert(new: &NewInvestment<'_>) -> Result<()> {
    let plan = new.plan.as_ref();
    INSERT.run(&[
        new.id.into(),
        new.customer.into(),
        new.product.into(),
        new.amount.clone().into(),
        plan.map(|plan| plan.amount.clone()).into(),
        plan.map(|plan| plan.count).into(),
        plan.map(|plan| plan.frequency.as_str()).into(),
        new.started_on.into(),
        new.note.into(),
        new.created_by.into(),
    ])?;
    if let Some(plan) = plan {
        let (days, months) = plan.frequency.step();
        INSERT_INSTALMENTS.run(&[new.id.into(), days.into(), months.into()])?;
    }
    Ok(())
}

/// What the rules need to know of an investment, locked.
pub struct Investment {
    pub customer: Uuid,
    pub closed: bool,
    pub started_on: Date,
}

pub fn lock(id: Uuid) -> Result<Option<Investment>> {
    LOCK.first(&[id.into()], |row| {
        Ok(Investment { customer: row.get(1)?, closed: row.get(2)?, started_on: row.get(3)? })
    })
}

pub fn row(id: Uuid) -> Result<Record> {
    ROW.one(&[id.into()], |row| row.get(1))
}

/// What has been recorded of an instalment.
pub struct Instalment {
    pub status: Status,
    pub paid_on: Option<Date>,
    pub paid_amount: Option<AnyNumeric>,
}

pub fn instalment(investment: Uuid, number: i32) -> Result<Option<Instalment>> {
    INSTALMENT.first(&[investment.into(), number.into()], |row| {
        let status: String = row.get(1)?;
        let status = Status::parse(&status)
            .ok_or_else(|| Error::internal(format!("unknown status {status}")))?;
        Ok(Instalment { status, paid_on: row.opt(2)?, paid_amount: row.opt(3)? })
    })
}

/// What is to be recorded; no amount stands for what was due.
pub struct Recorded {
    pub investment: Uuid,
    pub number: i32,
    pub status: Status,
    pub paid_on: Option<Date>,
    pub amount: Option<AnyNumeric>,
    pub by: Option<Uuid>,
}

pub fn record(new: &Recorded) -> Result<()> {
    RECORD.run(&[
        new.investment.into(),
        new.number.into(),
        new.status.as_str().into(),
        new.paid_on.into(),
        new.amount.clone().into(),
        new.by.into(),
    ])?;
    Ok(())
}

pub fn instalment_row(investment: Uuid, number: i32) -> Result<Record> {
    INSTALMENT_ROW.one(&[investment.into(), number.into()], |row| row.get(1))
}

/// A valuation to be written.
pub struct NewValuation<'a> {
    pub investment: Uuid,
    pub customer: Uuid,
    pub day: Date,
    pub value: AnyNumeric,
    pub note: Option<&'a str>,
    pub by: Option<Uuid>,
}

pub fn set_valuation(new: &NewValuation<'_>) -> Result<()> {
    SET_VALUATION.run(&[
        new.investment.into(),
        new.day.into(),
        new.customer.into(),
        new.value.clone().into(),
        new.note.into(),
        new.by.into(),
    ])?;
    Ok(())
}

pub fn valuation_row(investment: Uuid, day: Date) -> Result<Record> {
    VALUATION_ROW.one(&[investment.into(), day.into()], |row| row.get(1))
}

/// Ends an investment and cancels what is still due.
pub fn close(id: Uuid, value: AnyNumeric, day: Date) -> Result<()> {
    CLOSE.run(&[id.into(), day.into(), value.into()])?;
    CANCEL_REST.run(&[id.into()])?;
    Ok(())
}

/// Whether it was closed with this value, and on this day if one is given.
pub fn is_closed_as(id: Uuid, value: AnyNumeric, day: Option<Date>) -> Result<bool> {
    IS_CLOSED_AS.one(&[id.into(), value.into(), day.into()], |row| row.get(1))
}

pub fn first_day(customer: Uuid) -> Result<Option<Date>> {
    FIRST_DAY.one(&[customer.into()], |row| row.opt(1))
}

pub fn summary(customer: Uuid, today: Date) -> Result<String> {
    SUMMARY.one(&[customer.into(), today.into()], |row| row.get(1))
}

/// What a portfolio was worth at the end of a day.
pub struct Point {
    pub day: Date,
    pub invested: AnyNumeric,
    pub value: AnyNumeric,
}

pub fn history(customer: Uuid, range: &Range) -> Result<Vec<Point>> {
    let args =
        [customer.into(), range.from.into(), range.to.into(), range.granularity.as_str().into()];
    HISTORY
        .all(&args, |row| Ok(Point { day: row.get(1)?, invested: row.get(2)?, value: row.get(3)? }))
}
