//! Revaluation: what the positions in other currencies are worth at a time.
//!
//! A position is what came in of a currency by exchange, less what went out. At the
//! rates they were exchanged at, the positions of a system are worth nothing together;
//! at the rates of another time they are worth the unrealised gain or loss. Posting it
//! moves it from the position of the reporting currency to an account of gains or
//! losses, so that at the same rates nothing is left.

use crate::kernel::caller;
use crate::kernel::clock::clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::ids::new_id;
use crate::kernel::money::{Currency, Money};
use crate::ledger::account::{AccountId, Class, check_text};
use crate::ledger::error::LedgerError;
use crate::ledger::exchange::{position, position_code};
use crate::ledger::fraction::{Fraction, Rounding};
use crate::ledger::journal::{Journal, Leg, check_finite};
use crate::ledger::posting::post;
use crate::ledger::rates;
use crate::ledger::report::Basis;
use crate::ledger::store::{self, currencies};
use crate::ledger::totals;
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;

/// The kind of the transfers that post a gain or a loss.
const KIND: &str = "revaluation";

/// A position and its worth.
#[derive(Clone, Debug)]
pub struct Valued {
    pub currency: Currency,
    /// Minor units of the currency.
    pub position: i128,
    pub rate: Fraction,
    pub valid_from: TimestampWithTimeZone,
    /// Minor units of the reporting currency.
    pub value: i128,
}

/// The positions of a system at a time, and what they are worth together: the
/// unrealised gain, or the loss if it is less than nothing.
pub struct Revaluation {
    pub positions: Vec<Valued>,
    pub gain: i128,
}

/// The worth of a position in minor units of the reporting currency, to the nearest.
pub fn value(position: i128, rate: Fraction, from: Currency, to: Currency) -> Result<i128> {
    rate.in_minor_units(from, to)
        .and_then(|rate| rate.of(position, Rounding::Nearest))
        .ok_or_else(|| Error::out_of_range("rate", format!("a value in {to} does not fit")))
}

/// PT404 where a rate is missing that a position needs.
pub fn revaluation(
    system: &str,
    at: Option<TimestampWithTimeZone>,
    reporting: Currency,
) -> Result<Revaluation> {
    check_text("p_system", system, 63)?;
    check_finite("p_at", at.as_ref())?;
    let at = at.unwrap_or_else(clock);
    let mut positions = Vec::new();
    let mut gain: i128 = 0;
    for total in totals::as_of(Some(system), at, Basis::Effective)? {
        let is_position =
            total.class == Class::Equity && total.code == position_code(total.currency);
        if !is_position || total.balance == 0 {
            continue;
        }
        let rate = rates::at(total.currency, reporting, at)?;
        let position = -total.balance;
        let value = value(position, rate.fraction, total.currency, reporting)?;
        gain = gain
            .checked_add(value)
            .ok_or_else(|| Error::out_of_range("p_currency", "the gain does not fit"))?;
        positions.push(Valued {
            currency: total.currency,
            position,
            rate: rate.fraction,
            valid_from: rate.valid_from,
            value,
        });
    }
    Ok(Revaluation { positions, gain })
}

/// A revaluation that is to be posted.
pub struct NewRevaluation<'a> {
    pub system: &'a str,
    pub at: TimestampWithTimeZone,
    pub reporting: Currency,
    /// The codes of the accounts for gains and for losses.
    pub gains: &'a str,
    pub losses: &'a str,
}

/// Posts the unrealised gain or loss, once for each system, currency and time; the id of
/// the revaluation. Again it gives the first one.
///
/// 22023 for a time that has not come, or an account that is neither income nor expense
/// or has another currency; PT404 unknown account, or a rate is missing; PT409 where the
/// period is closed, or it was posted with other accounts.
pub fn revalue(new: &NewRevaluation<'_>) -> Result<Uuid> {
    check_text("p_system", new.system, 63)?;
    check_finite("p_at", Some(&new.at))?;
    if new.at.into_inner() > clock().into_inner() {
        return Err(Error::invalid("p_at", "must not be in the future"));
    }
    let gains = result_account(new, new.gains, "p_gains")?;
    let losses = result_account(new, new.losses, "p_losses")?;
    currencies::lock_revaluations(new.system, new.reporting)?;
    if let Some(stored) = currencies::revaluation(new.system, new.reporting, new.at)? {
        let differs = |field: &str| LedgerError::Differs {
            what: "revaluation",
            id: stored.id.to_string(),
            field: field.to_owned(),
        };
        return match () {
            () if stored.gains != gains => Err(differs("gains").into()),
            () if stored.losses != losses => Err(differs("losses").into()),
            () => Ok(stored.id),
        };
    }
    let found = revaluation(new.system, Some(new.at), new.reporting)?;
    let gain = i64::try_from(found.gain)
        .map_err(|_| Error::out_of_range("p_currency", "the gain does not fit 64 bits"))?;
    let transfer = post_gain(new, gain, gains, losses)?;
    let id = new_id();
    currencies::insert_revaluation(&currencies::StoredRevaluation {
        id,
        system: new.system,
        reporting: new.reporting,
        at: new.at,
        gain,
        gains,
        losses,
        transfer,
        acted_by: caller::current().person(),
        recorded_at: clock(),
    })?;
    for line in &found.positions {
        currencies::insert_revaluation_line(id, line)?;
    }
    Ok(id)
}

fn result_account(new: &NewRevaluation<'_>, code: &str, field: &str) -> Result<AccountId> {
    let id = store::accounts::find(new.system, code)?
        .ok_or_else(|| Error::not_found("account", format!("{} {code}", new.system)))?;
    let found = store::accounts::describe(id)?.ok_or(LedgerError::UnknownAccount(id))?;
    if !matches!(found.class, Class::Income | Class::Expense) {
        return Err(Error::invalid(field, "must be an account of the class income or expense"));
    }
    if found.currency != new.reporting {
        return Err(Error::invalid(field, format!("must have the currency {}", new.reporting)));
    }
    Ok(id)
}

fn post_gain(
    new: &NewRevaluation<'_>,
    gain: i64,
    gains: AccountId,
    losses: AccountId,
) -> Result<Option<Uuid>> {
    if gain == 0 {
        return Ok(None);
    }
    let position = position(new.system, new.reporting)?;
    let (debit, credit) = if gain > 0 { (position, gains) } else { (losses, position) };
    let minor = gain
        .checked_abs()
        .ok_or_else(|| Error::out_of_range("p_currency", "the loss does not fit 64 bits"))?;
    let amount = Money::new(minor, new.reporting);
    let posted = post(&Journal {
        id: None,
        system: new.system,
        kind: KIND,
        description: Some("Unrealised gain or loss on positions in other currencies"),
        legs: &[Leg { id: None, debit, credit, amount }],
        effective_at: Some(new.at),
        metadata: None,
    })?;
    Ok(posted.transfer_ids.first().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code, "currency").unwrap()
    }

    #[test]
    fn a_position_is_worth_its_rate() {
        let rate = |n, d| Fraction::new(n, d).unwrap();
        let (inr, usd, jpy) = (currency("INR"), currency("USD"), currency("JPY"));
        assert_eq!(value(-1_200, rate(333, 4), usd, inr).unwrap(), -99_900);
        // 1000 yen at 0.56 rupees; 5 cents at 150 yen are 7.5 yen, which is 8.
        assert_eq!(value(1_000, rate(14, 25), jpy, inr).unwrap(), 56_000);
        assert_eq!(value(5, rate(150, 1), usd, jpy).unwrap(), 8);
        assert!(value(i128::MAX, rate(3, 2), usd, inr).is_err());
    }

    proptest! {
        /// Exchanged at a rate and valued at the same, nothing is gained or lost but the
        /// parts of a unit that rounding gave to the position.
        #[test]
        fn at_the_rate_of_the_exchange_nothing_is_gained(
            amount in 1..=1_000_000_000_i64, n in 1..=100_000_i64, d in 1..=100_000_i64
        ) {
            let (inr, usd) = (currency("INR"), currency("USD"));
            let rate = Fraction::new(n.into(), d.into()).unwrap();
            let bought = rate.of(amount.into(), Rounding::Down).unwrap();
            let worth = value(-bought, rate.inverse(), usd, inr).unwrap();
            let gain = i128::from(amount) + worth;
            let unit = i128::from(d) / i128::from(n) + 1;
            prop_assert!((0..=unit).contains(&gain), "{gain}");
        }
    }
}
