//! Portfolios: what customers have invested and what it is worth. A record only:
//! the network does not hold this money, so nothing here moves any.
//!
//! Admins record everything. The promoter who brought a customer records that
//! customer's investments and instalments; what an investment is worth and that it
//! has ended is for admins, because a promoter would judge their own work.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::idempotency;
use crate::kernel::ids::new_id;
use crate::kernel::money::{Currency, Money};
use crate::kernel::numeric;
use crate::network::error::NetworkError;
use crate::network::period::{self, Range};
use crate::network::profile::{self, Role};
use crate::network::store::portfolio::{self as store, NewInvestment, NewValuation, Point};
use crate::network::store::profiles;
use crate::network::{SYSTEM, platform};
use pgrx::datum::Date;
use pgrx::{AnyNumeric, Uuid};
use serde_json::json;

/// The most investments of one customer; a portfolio is one answer.
const MOST: i64 = 1000;

/// An investment of a sum at once, as the caller described it.
pub struct LumpSum<'a> {
    pub customer: Uuid,
    pub product: &'a str,
    pub amount: &'a AnyNumeric,
    pub started_on: Option<Date>,
    pub note: Option<&'a str>,
}

/// Records an investment; its id.
pub fn invest(caller: &Caller, new: &LumpSum<'_>) -> Result<Uuid> {
    require_recorder(caller, new.customer)?;
    let amount = numeric::positive_money(new.amount, currency()?, "p_amount")?;
    let started_on = period::past_day(new.started_on, "p_started_on")?;
    let arguments = json!([
        new.customer.to_string(),
        new.product,
        amount.minor,
        new.started_on.map(|day| day.to_pg_epoch_days()),
        new.note
    ]);
    idempotency::once("network.create_investment", &arguments, || {
        require_room(new.customer)?;
        let id = new_id();
        store::insert(&NewInvestment {
            id,
            customer: new.customer,
            product: new.product,
            amount: numeric::major(amount)?,
            plan: None,
            started_on,
            note: new.note,
            created_by: caller.person(),
        })?;
        Ok(id)
    })
}

/// 42501 unless the caller is an admin or the active promoter who brought the customer.
pub fn require_recorder(caller: &Caller, customer: Uuid) -> Result<()> {
    if caller.is_admin(SYSTEM)? {
        profile::require(customer, Role::Customer, "p_customer_id")?;
        return Ok(());
    }
    let person = caller.require_person()?;
    let promoter = profiles::existing_customer(customer)?.and_then(|found| found.promoter);
    if promoter != Some(person) {
        return Err(Error::forbidden("only an admin or the customer's own promoter may do this"));
    }
    if !profile::find(person, "p_customer_id")?.active {
        return Err(Error::forbidden("an inactive promoter records nothing"));
    }
    Ok(())
}

/// 42501 unless the caller is the customer, their promoter, or an admin.
pub fn require_reader(caller: &Caller, customer: Uuid) -> Result<()> {
    if caller.is_admin(SYSTEM)? {
        profile::require(customer, Role::Customer, "p_customer_id")?;
        return Ok(());
    }
    let person = caller.require_person()?;
    let found = profiles::existing_customer(customer)?;
    if found.is_some_and(|found| person == customer || found.promoter == Some(person)) {
        return Ok(());
    }
    Err(Error::forbidden("p_customer_id: must be yourself or your customer"))
}

/// The customer's row is locked, so that two at once do not both find room.
pub fn require_room(customer: Uuid) -> Result<()> {
    profiles::lock(customer)?;
    if !profile::require(customer, Role::Customer, "p_customer_id")?.active {
        return Err(Error::conflict("p_customer_id: the customer is inactive"));
    }
    if store::count(customer)? >= MOST {
        return Err(Error::conflict(format!("a customer has at most {MOST} investments")));
    }
    Ok(())
}

pub fn currency() -> Result<Currency> {
    Ok(platform::load()?.currency)
}

/// The investment, kept as it is until the transaction ends, if the caller is one
/// of those who record it. To anybody but an admin an unknown one looks like
/// somebody else's.
pub fn lock_for(caller: &Caller, investment: Uuid) -> Result<store::Investment> {
    let found = store::lock(investment)?;
    match found {
        Some(found) => require_recorder(caller, found.customer).map(|()| found),
        None if caller.is_admin(SYSTEM)? => Err(unknown(investment)),
        None => Err(Error::forbidden("only an admin or the customer's own promoter may do this")),
    }
}

fn unknown(investment: Uuid) -> Error {
    NetworkError::UnknownRequest { what: "investment", key: investment.to_string() }.into()
}

/// Refuses what an investment that has ended does not allow.
pub fn require_open(investment: &store::Investment, to: &str) -> Result<()> {
    if !investment.closed {
        return Ok(());
    }
    let (is, to) = ("closed".to_owned(), to.to_owned());
    Err(NetworkError::WrongState { what: "investment", is, to }.into())
}

/// What an investment was worth on a day. The same day again replaces the value.
pub fn value(
    caller: &Caller,
    investment: Uuid,
    value: &AnyNumeric,
    valued_on: Option<Date>,
    note: Option<&str>,
) -> Result<Date> {
    caller.require_admin(SYSTEM)?;
    let worth = worth(value)?;
    let day = period::past_day(valued_on, "p_valued_on")?;
    let found = lock_for(caller, investment)?;
    require_open(&found, "valued again")?;
    require_since_start(day, &found, "p_valued_on")?;
    store::set_valuation(&NewValuation {
        investment,
        customer: found.customer,
        day,
        value: numeric::major(worth)?,
        note,
        by: caller.person(),
    })?;
    Ok(day)
}

/// Ends an investment: what the customer got back, and when. The same again changes nothing.
pub fn close(
    caller: &Caller,
    investment: Uuid,
    value: &AnyNumeric,
    closed_on: Option<Date>,
) -> Result<()> {
    caller.require_admin(SYSTEM)?;
    let worth = numeric::major(worth(value)?)?;
    let day = period::past_day(closed_on, "p_closed_on")?;
    let found = lock_for(caller, investment)?;
    if found.closed {
        let asked = closed_on.map(|_| day);
        return if store::is_closed_as(investment, worth, asked)? {
            Ok(())
        } else {
            require_open(&found, "closed differently")
        };
    }
    require_since_start(day, &found, "p_closed_on")?;
    store::close(investment, worth, day)
}

/// An amount that may be zero: an investment can be lost.
fn worth(value: &AnyNumeric) -> Result<Money> {
    let money = Money::from_major(numeric::to_decimal(value, "p_value")?, currency()?, "p_value")?;
    if money.minor < 0 {
        return Err(Error::invalid("p_value", "must not be below zero"));
    }
    Ok(money)
}

fn require_since_start(day: Date, investment: &store::Investment, field: &str) -> Result<()> {
    if day.to_pg_epoch_days() < investment.started_on.to_pg_epoch_days() {
        return Err(Error::invalid(field, "must not be before the investment started"));
    }
    Ok(())
}

/// The portfolio as one answer.
pub fn summary(caller: &Caller, customer: Uuid) -> Result<String> {
    require_reader(caller, customer)?;
    store::summary(customer, period::today()?)
}

/// What the portfolio was worth at the end of each period; from the first
/// investment until today unless the caller says otherwise.
pub fn history(
    caller: &Caller,
    customer: Uuid,
    from: Option<Date>,
    to: Option<Date>,
    granularity: period::Granularity,
) -> Result<Vec<Point>> {
    require_reader(caller, customer)?;
    let to = period::past_day(to, "p_to")?;
    let from = match from {
        Some(from) => period::day(from, "p_from")?,
        None => match store::first_day(customer)? {
            Some(first) if first.to_pg_epoch_days() <= to.to_pg_epoch_days() => first,
            _ => to,
        },
    };
    store::history(customer, &Range::new(from, to, granularity)?)
}
