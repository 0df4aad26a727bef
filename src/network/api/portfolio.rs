//! Portfolios and savings plans of customers.

use crate::kernel::caller;
use crate::kernel::error::{entry, required};
use crate::kernel::input::free_text;
use crate::kernel::json::JsonText;
use crate::network::period::{self, Granularity};
use crate::network::portfolio::{self, LumpSum};
use crate::network::savings::{self, Frequency, NewPlan};
use crate::network::store::portfolio as store;
use pgrx::datum::Date;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid, composite_type};

/// Today in the time zone of the setting network.time_zone.
#[pg_extern(
    schema = "network",
    name = "today",
    stable,
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_today() -> Result<Date, ErrorReport> {
    entry(period::today)
}

/// Records that customer `p_customer_id` invested `p_amount` (rupees) in `p_product`
/// on `p_started_on` (today). A record only, no money moves. For admins and the
/// customer's own active promoter. With an `Idempotency-Key` header a repeat changes
/// nothing. Returns the investment. 22023/22004 bad input, PT404 unknown profile (to
/// admins), PT409 inactive customer, 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "create_investment",
    security_definer,
    requires = ["network_portfolio"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_create_investment(
    p_customer_id: Option<Uuid>,
    p_product: Option<&str>,
    p_amount: Option<AnyNumeric>,
    p_started_on: default!(Option<Date>, "null"),
    p_note: default!(Option<&str>, "null"),
) -> Result<composite_type!('static, "network.investments"), ErrorReport> {
    entry(|| {
        let new = LumpSum {
            customer: required(p_customer_id, "p_customer_id")?,
            product: required(free_text(p_product, "p_product")?, "p_product")?,
            amount: &required(p_amount, "p_amount")?,
            started_on: p_started_on,
            note: free_text(p_note, "p_note")?,
        };
        store::row(portfolio::invest(&caller::current(), &new)?)
    })
}

/// Records a savings plan of customer `p_customer_id`: `p_instalments` (1 to 600)
/// instalments of `p_instalment_amount` (rupees), `p_frequency` weekly, monthly,
/// quarterly or yearly, the first due on `p_first_due_on` (today). For admins and the
/// customer's own active promoter; repeats and errors as create_investment. Returns
/// the investment.
#[pg_extern(
    schema = "network",
    name = "create_savings_plan",
    security_definer,
    requires = ["network_portfolio"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_create_savings_plan(
    p_customer_id: Option<Uuid>,
    p_product: Option<&str>,
    p_instalment_amount: Option<AnyNumeric>,
    p_instalments: Option<i32>,
    p_frequency: default!(Option<&str>, "'monthly'"),
    p_first_due_on: default!(Option<Date>, "null"),
    p_note: default!(Option<&str>, "null"),
) -> Result<composite_type!('static, "network.investments"), ErrorReport> {
    entry(|| {
        let new = NewPlan {
            customer: required(p_customer_id, "p_customer_id")?,
            product: required(free_text(p_product, "p_product")?, "p_product")?,
            amount: &required(p_instalment_amount, "p_instalment_amount")?,
            instalments: required(p_instalments, "p_instalments")?,
            frequency: Frequency::parse(required(p_frequency, "p_frequency")?)?,
            first_due_on: p_first_due_on,
            note: free_text(p_note, "p_note")?,
        };
        store::row(savings::create(&caller::current(), &new)?)
    })
}

/// Records what became of instalment `p_number` of a savings plan: `p_status` paid
/// (on `p_paid_on`, today; `p_amount`, what was due) or missed. What was missed may
/// still be paid; an admin also corrects what was recorded, back to due. For admins
/// and the customer's own active promoter. The same again changes nothing. Returns the
/// instalment. 22023 bad input, PT404 no such plan or instalment, PT409 recorded
/// otherwise or closed, 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "record_instalment",
    security_definer,
    requires = ["network_portfolio"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_record_instalment(
    p_investment_id: Option<Uuid>,
    p_number: Option<i32>,
    p_status: default!(Option<&str>, "'paid'"),
    p_paid_on: default!(Option<Date>, "null"),
    p_amount: default!(Option<AnyNumeric>, "null"),
) -> Result<composite_type!('static, "network.instalments"), ErrorReport> {
    entry(|| {
        let record = savings::Record {
            investment: required(p_investment_id, "p_investment_id")?,
            number: required(p_number, "p_number")?,
            status: savings::recordable(required(p_status, "p_status")?)?,
            paid_on: p_paid_on,
            amount: p_amount.as_ref(),
        };
        savings::record(&caller::current(), &record)?;
        store::instalment_row(record.investment, record.number)
    })
}

/// Records that an investment was worth `p_value` (rupees) at the end of
/// `p_valued_on` (today). The same day again replaces the value. For admins. Returns
/// the valuation. 22023 bad input, PT404 unknown investment, PT409 closed, 42501 not
/// allowed.
#[pg_extern(
    schema = "network",
    name = "record_valuation",
    security_definer,
    requires = ["network_portfolio"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_record_valuation(
    p_investment_id: Option<Uuid>,
    p_value: Option<AnyNumeric>,
    p_valued_on: default!(Option<Date>, "null"),
    p_note: default!(Option<&str>, "null"),
) -> Result<composite_type!('static, "network.valuations"), ErrorReport> {
    entry(|| {
        let id = required(p_investment_id, "p_investment_id")?;
        let value = required(p_value, "p_value")?;
        let note = free_text(p_note, "p_note")?;
        let day = portfolio::value(&caller::current(), id, &value, p_valued_on, note)?;
        store::valuation_row(id, day)
    })
}

/// Ends an investment: the customer got back `p_value` (rupees) on `p_closed_on`
/// (today). Instalments that are still due are cancelled. For admins. The same again
/// changes nothing. Returns the investment. 22023 bad input, PT404 unknown investment,
/// PT409 closed otherwise, 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "close_investment",
    security_definer,
    requires = ["network_portfolio"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_close_investment(
    p_investment_id: Option<Uuid>,
    p_value: Option<AnyNumeric>,
    p_closed_on: default!(Option<Date>, "null"),
) -> Result<composite_type!('static, "network.investments"), ErrorReport> {
    entry(|| {
        let id = required(p_investment_id, "p_investment_id")?;
        let value = required(p_value, "p_value")?;
        portfolio::close(&caller::current(), id, &value, p_closed_on)?;
        store::row(id)
    })
}

/// The portfolio of customer `p_customer_id`: what is invested, what it is worth, the
/// gain, the next instalment, what is overdue, and each investment. Amounts in rupees.
/// For the customer, their promoter, and admins. PT404 unknown profile (to admins),
/// 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "get_customer_portfolio",
    stable,
    security_definer,
    requires = ["network_portfolio"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_get_customer_portfolio(p_customer_id: Option<Uuid>) -> Result<JsonText, ErrorReport> {
    entry(|| {
        let customer = required(p_customer_id, "p_customer_id")?;
        portfolio::summary(&caller::current(), customer).map(JsonText)
    })
}

/// What the portfolio of customer `p_customer_id` was worth at the end of each day,
/// week or month (`p_granularity`) from `p_from` (the first investment) to `p_to`
/// (today): what was paid in, the value, the gain. At most 400 rows. For the customer,
/// their promoter, and admins. 22023 bad input, PT404 unknown profile (to admins),
/// 42501 not allowed.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "network",
    name = "get_portfolio_history",
    stable,
    security_definer,
    requires = ["network_portfolio"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_get_portfolio_history(
    p_customer_id: Option<Uuid>,
    p_from: default!(Option<Date>, "null"),
    p_to: default!(Option<Date>, "null"),
    p_granularity: default!(Option<&str>, "'month'"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(day, Date),
            name!(invested, AnyNumeric),
            name!(value, AnyNumeric),
            name!(gain, AnyNumeric),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        let customer = required(p_customer_id, "p_customer_id")?;
        let granularity = Granularity::parse(required(p_granularity, "p_granularity")?)?;
        let points = portfolio::history(&caller::current(), customer, p_from, p_to, granularity)?;
        Ok(TableIterator::new(points.into_iter().map(|point| {
            let gain = point.value.clone() - point.invested.clone();
            (point.day, point.invested, point.value, gain)
        })))
    })
}
