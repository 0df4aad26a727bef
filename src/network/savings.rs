//! Savings plans: an investment that is paid in instalments, each with its day.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::idempotency;
use crate::kernel::ids::new_id;
use crate::kernel::money::Money;
use crate::kernel::numeric;
use crate::network::error::NetworkError;
use crate::network::store::portfolio::{self as store, NewInvestment, Plan, Recorded};
use crate::network::{SYSTEM, period, portfolio};
use pgrx::datum::Date;
use pgrx::{AnyNumeric, Uuid};
use serde_json::json;

/// The most instalments of one plan: fifty years of months.
const MOST: i32 = 600;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frequency {
    Weekly,
    Monthly,
    Quarterly,
    Yearly,
}

impl Frequency {
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "weekly" => Ok(Frequency::Weekly),
            "monthly" => Ok(Frequency::Monthly),
            "quarterly" => Ok(Frequency::Quarterly),
            "yearly" => Ok(Frequency::Yearly),
            _ => Err(Error::invalid("p_frequency", "must be weekly, monthly, quarterly or yearly")),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Frequency::Weekly => "weekly",
            Frequency::Monthly => "monthly",
            Frequency::Quarterly => "quarterly",
            Frequency::Yearly => "yearly",
        }
    }

    /// Days and months from one instalment to the next.
    pub fn step(self) -> (i32, i32) {
        match self {
            Frequency::Weekly => (7, 0),
            Frequency::Monthly => (0, 1),
            Frequency::Quarterly => (0, 3),
            Frequency::Yearly => (0, 12),
        }
    }
}

/// What became of an instalment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Due,
    Paid,
    Missed,
    Cancelled,
}

impl Status {
    pub fn parse(text: &str) -> Option<Self> {
        [Status::Due, Status::Paid, Status::Missed, Status::Cancelled]
            .into_iter()
            .find(|status| status.as_str() == text)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Due => "due",
            Status::Paid => "paid",
            Status::Missed => "missed",
            Status::Cancelled => "cancelled",
        }
    }

    /// Whether `next` may be recorded: what was missed may still be paid; only an
    /// admin takes back what was recorded.
    pub fn may_become(self, next: Status, is_admin: bool) -> bool {
        match (self, next) {
            (Status::Due, Status::Paid | Status::Missed) | (Status::Missed, Status::Paid) => true,
            (Status::Paid, Status::Paid | Status::Due | Status::Missed)
            | (Status::Missed, Status::Due) => is_admin,
            _ => false,
        }
    }
}

/// What a caller may record, or 22023.
pub fn recordable(text: &str) -> Result<Status> {
    Status::parse(text)
        .filter(|status| *status != Status::Cancelled)
        .ok_or_else(|| Error::invalid("p_status", "must be paid, missed or due"))
}

/// A savings plan as the caller described it.
pub struct NewPlan<'a> {
    pub customer: Uuid,
    pub product: &'a str,
    pub amount: &'a AnyNumeric,
    pub instalments: i32,
    pub frequency: Frequency,
    pub first_due_on: Option<Date>,
    pub note: Option<&'a str>,
}

/// Records a plan with all its instalments; its id.
pub fn create(caller: &Caller, new: &NewPlan<'_>) -> Result<Uuid> {
    portfolio::require_recorder(caller, new.customer)?;
    let each = numeric::positive_money(new.amount, portfolio::currency()?, "p_instalment_amount")?;
    let total = total(each, new.instalments)?;
    let first = match new.first_due_on {
        Some(first) => period::day(first, "p_first_due_on")?,
        None => period::today()?,
    };
    let arguments = json!([
        new.customer.to_string(),
        new.product,
        each.minor,
        new.instalments,
        new.frequency.as_str(),
        new.first_due_on.map(|day| day.to_pg_epoch_days()),
        new.note
    ]);
    idempotency::once("network.create_savings_plan", &arguments, || {
        portfolio::require_room(new.customer)?;
        let id = new_id();
        store::insert(&NewInvestment {
            id,
            customer: new.customer,
            product: new.product,
            amount: numeric::major(total)?,
            plan: Some(Plan {
                amount: numeric::major(each)?,
                count: new.instalments,
                frequency: new.frequency,
            }),
            started_on: first,
            note: new.note,
            created_by: caller.person(),
        })?;
        Ok(id)
    })
}

/// All instalments together; 22023 for a wrong count, 22003 for too much.
fn total(each: Money, count: i32) -> Result<Money> {
    if !(1..=MOST).contains(&count) {
        return Err(Error::invalid("p_instalments", format!("must be from 1 to {MOST}")));
    }
    let minor = each.minor.checked_mul(i64::from(count));
    let too_large = || Error::out_of_range("p_instalment_amount", "the plan's amount is too large");
    Ok(Money::new(minor.ok_or_else(too_large)?, each.currency))
}

/// What became of one instalment, as the caller says.
pub struct Record<'a> {
    pub investment: Uuid,
    pub number: i32,
    pub status: Status,
    pub paid_on: Option<Date>,
    pub amount: Option<&'a AnyNumeric>,
}

/// Records an instalment as paid or missed. The same again changes nothing.
pub fn record(caller: &Caller, record: &Record<'_>) -> Result<()> {
    let investment = portfolio::lock_for(caller, record.investment)?;
    let paid = record.status == Status::Paid;
    if !paid && (record.paid_on.is_some() || record.amount.is_some()) {
        return Err(Error::invalid("p_paid_on and p_amount", "are for what was paid"));
    }
    let paid_on = paid.then(|| period::past_day(record.paid_on, "p_paid_on")).transpose()?;
    let amount = record
        .amount
        .map(|amount| numeric::positive_money(amount, portfolio::currency()?, "p_amount"))
        .transpose()?;
    let was = store::instalment(record.investment, record.number)?.ok_or_else(|| {
        NetworkError::UnknownRequest { what: "instalment", key: record.number.to_string() }
    })?;
    let amount = amount.map(numeric::major).transpose()?;
    if was.status == record.status && is_same(&was, record.paid_on, amount.as_ref()) {
        return Ok(());
    }
    portfolio::require_open(&investment, "changed")?;
    if !was.status.may_become(record.status, caller.is_admin(SYSTEM)?) {
        let (is, to) = (was.status.as_str().to_owned(), record.status.as_str().to_owned());
        return Err(NetworkError::WrongState { what: "instalment", is, to }.into());
    }
    store::record(&Recorded {
        investment: record.investment,
        number: record.number,
        status: record.status,
        paid_on,
        amount,
        by: caller.person(),
    })
}

/// What a repeat leaves out, it does not want to change.
fn is_same(was: &store::Instalment, paid_on: Option<Date>, amount: Option<&AnyNumeric>) -> bool {
    let days = |day: Date| day.to_pg_epoch_days();
    paid_on.is_none_or(|day| was.paid_on.map(days) == Some(days(day)))
        && amount.is_none_or(|amount| was.paid_amount.as_ref() == Some(amount))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Status; 4] = [Status::Due, Status::Paid, Status::Missed, Status::Cancelled];

    #[test]
    fn a_promoter_only_moves_forward() {
        let steps: Vec<_> = ALL
            .iter()
            .flat_map(|from| ALL.iter().map(move |to| (*from, *to)))
            .filter(|(from, to)| from.may_become(*to, false))
            .collect();
        assert_eq!(
            steps,
            [
                (Status::Due, Status::Paid),
                (Status::Due, Status::Missed),
                (Status::Missed, Status::Paid),
            ]
        );
    }

    #[test]
    fn nobody_leaves_or_reaches_cancelled_by_recording() {
        for one in ALL {
            assert!(!Status::Cancelled.may_become(one, true));
            assert!(!one.may_become(Status::Cancelled, true));
        }
        assert!(recordable("cancelled").is_err());
        assert!(recordable("paid off").is_err());
    }

    proptest! {
        #[test]
        fn a_plan_is_worth_exactly_its_instalments(minor in 1i64.., count in -10i32..1000) {
            let inr = crate::kernel::money::Currency::parse("INR", "currency").unwrap();
            let exact = i128::from(minor) * i128::from(count);
            let fits = (1..=MOST).contains(&count) && exact <= i128::from(i64::MAX);
            match total(Money::new(minor, inr), count) {
                Ok(total) => prop_assert!(fits && i128::from(total.minor) == exact),
                Err(_) => prop_assert!(!fits),
            }
        }
    }
}
