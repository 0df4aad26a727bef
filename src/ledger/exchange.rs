//! Exchange between two currencies: one journal of two transfers, each within its
//! currency, through an account of the system that holds the position in it.
//!
//! The debited account pays into the position of its currency; the position of the
//! other pays the credited account. So every currency balances by itself, and the
//! positions show what the business is short and long of.

use crate::kernel::clock::clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::money::{Currency, Money};
use crate::ledger::account::{AccountId, Class};
use crate::ledger::demand;
use crate::ledger::error::LedgerError;
use crate::ledger::fraction::{Fraction, Rounding};
use crate::ledger::journal::{Journal, Leg, Posted, check_effective, check_kind};
use crate::ledger::posting::post;
use crate::ledger::rates;
use crate::ledger::store::{self, currencies};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use serde_json::Value;

/// An exchange that is asked for.
#[derive(Clone, Debug)]
pub struct NewExchange<'a> {
    /// The caller's idempotency key; made here where there is none.
    pub id: Option<Uuid>,
    pub system: &'a str,
    pub kind: &'a str,
    pub debit: AccountId,
    pub credit: AccountId,
    pub asked: Asked,
    pub description: Option<&'a str>,
    pub metadata: Option<Value>,
    pub effective_at: Option<TimestampWithTimeZone>,
}

/// The amounts and the rate as the caller gave them: two amounts, or one and a rate,
/// or one and the rate that is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Minor units.
    pub debit: Option<i64>,
    pub credit: Option<i64>,
    /// Major units of the credited currency for one of the debited.
    pub rate: Option<Fraction>,
    pub remainder: Remainder,
}

/// Who has what is left where the rate leads to a part of a minor unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remainder {
    /// The business: an account gets no more, and pays no less.
    Position,
    /// Whose account it is: it gets no less, and pays no more.
    Account,
    /// Whoever is nearer; of two equally near amounts the even one.
    Nearest,
}

impl Remainder {
    const ALL: [Remainder; 3] = [Remainder::Position, Remainder::Account, Remainder::Nearest];

    pub fn as_str(self) -> &'static str {
        match self {
            Remainder::Position => "position",
            Remainder::Account => "account",
            Remainder::Nearest => "nearest",
        }
    }

    /// 22023 naming `field` for any other name.
    pub fn parse(text: &str, field: &str) -> Result<Self> {
        let found = Remainder::ALL.into_iter().find(|one| one.as_str() == text);
        found.ok_or_else(|| Error::invalid(field, "must be position, account or nearest"))
    }

    /// How an amount that the account gets is rounded, or one that it pays.
    fn rounding(self, gets: bool) -> Rounding {
        match (self, gets) {
            (Remainder::Nearest, _) => Rounding::Nearest,
            (Remainder::Position, true) | (Remainder::Account, false) => Rounding::Down,
            (Remainder::Position, false) | (Remainder::Account, true) => Rounding::Up,
        }
    }
}

/// Where the rate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Amounts,
    Given,
    Table,
}

impl Source {
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Amounts => "amounts",
            Source::Given => "given",
            Source::Table => "table",
        }
    }
}

/// What an exchange comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    pub debit: Money,
    pub credit: Money,
    pub rate: Fraction,
    pub source: Source,
}

impl Asked {
    /// Which amounts were given.
    pub fn given(&self) -> &'static str {
        match (self.debit, self.credit) {
            (Some(_), Some(_)) => "both",
            (Some(_), None) => "debit",
            _ => "credit",
        }
    }

    /// Where the rate comes from. 22004 where no amount is given, 22023 for one that
    /// is not above zero, or a rate beside two amounts.
    fn source(&self) -> Result<Source> {
        for (field, amount) in [("p_debit_amount", self.debit), ("p_credit_amount", self.credit)] {
            if amount.is_some_and(|amount| amount <= 0) {
                return Err(LedgerError::Amount { field: field.to_owned() }.into());
            }
        }
        match (self.debit, self.credit, self.rate) {
            (None, None, _) => Err(Error::missing("p_debit_amount")
                .hint("Give both amounts, or one of them and perhaps a rate.")),
            (Some(_), Some(_), Some(_)) => Err(Error::invalid(
                "p_rate_numerator",
                "two amounts say the rate; leave it or one of them out",
            )),
            (Some(_), Some(_), None) => Ok(Source::Amounts),
            (_, _, Some(_)) => Ok(Source::Given),
            (_, _, None) => Ok(Source::Table),
        }
    }

    /// The amounts and the rate; `table` finds the rate in force where none is given.
    pub fn terms(
        &self,
        from: Currency,
        to: Currency,
        table: impl FnOnce() -> Result<Fraction>,
    ) -> Result<Terms> {
        let too_large = || Error::out_of_range("p_rate_numerator", "the amounts do not fit");
        let source = self.source()?;
        let rate = match (self.rate, self.debit, self.credit) {
            (Some(rate), _, _) => rate,
            (None, Some(debit), Some(credit)) => {
                Fraction::of_amounts(debit, from, credit, to).ok_or_else(too_large)?
            }
            _ => table()?,
        };
        let minor = rate.in_minor_units(from, to).ok_or_else(too_large)?;
        let by = |rate: Fraction, amount: i64, gets| {
            let other = rate.of(amount.into(), self.remainder.rounding(gets));
            other.and_then(|other| i64::try_from(other).ok()).ok_or_else(too_large)
        };
        let (debit, credit) = match (self.debit, self.credit) {
            (Some(debit), Some(credit)) => (debit, credit),
            (Some(debit), None) => (debit, by(minor, debit, true)?),
            (None, credit) => {
                let credit = credit.unwrap_or_default();
                (by(minor.inverse(), credit, false)?, credit)
            }
        };
        for (amount, given, field) in [
            (debit, self.credit.is_some(), "p_credit_amount"),
            (credit, self.debit.is_some(), "p_debit_amount"),
        ] {
            if amount == 0 && given {
                let rule = "is too small: the rate makes nothing of it";
                return Err(Error::invalid(field, rule));
            }
        }
        Ok(Terms { debit: Money::new(debit, from), credit: Money::new(credit, to), rate, source })
    }
}

/// An exchange as it is stored.
#[derive(Clone, Debug)]
pub struct Stored {
    pub system: String,
    pub debit: AccountId,
    pub credit: AccountId,
    pub terms: Terms,
    pub given: String,
    pub remainder: Remainder,
}

impl Stored {
    /// The part of a request that differs from this.
    fn difference(&self, new: &NewExchange<'_>) -> Result<Option<&'static str>> {
        let asked = &new.asked;
        let other = |given: Option<i64>, stored: Money| given.is_some_and(|g| g != stored.minor);
        let differs = [
            ("system", self.system != new.system),
            ("debit", self.debit != new.debit),
            ("credit", self.credit != new.credit),
            ("debit_amount", other(asked.debit, self.terms.debit)),
            ("credit_amount", other(asked.credit, self.terms.credit)),
            ("amounts", self.given != asked.given()),
            ("rate", self.terms.source != asked.source()?),
            ("rate", asked.rate.is_some_and(|rate| rate != self.terms.rate)),
            ("remainder", self.remainder != asked.remainder),
        ];
        Ok(differs.into_iter().find_map(|(name, differs)| differs.then_some(name)))
    }
}

/// What was exchanged, now or when the same request came first.
pub struct Exchanged {
    pub posted: Posted,
    pub terms: Terms,
}

/// Exchanges one currency for another. The same id with the same content again gives
/// what is stored, also when the rate in force is another now.
///
/// 22023 for accounts of one currency or amounts that are not above zero; PT404 for an
/// unknown account or no rate in force; PT409 and 22003 as for any journal.
pub fn exchange(new: &NewExchange<'_>) -> Result<Exchanged> {
    check_kind(new.system, new.kind)?;
    check_effective(new.effective_at.as_ref())?;
    new.asked.source()?;
    if let Some(id) = new.id {
        // The same request at the same time must not find another rate.
        currencies::lock_exchange(id)?;
        if let Some(stored) = currencies::exchange(id)? {
            return repeat(new, id, &stored);
        }
    }
    let currency = |id| -> Result<Currency> {
        let found = store::accounts::describe(id)?;
        Ok(found.ok_or(LedgerError::UnknownAccount(id))?.currency)
    };
    let (from, to) = (currency(new.debit)?, currency(new.credit)?);
    if from == to {
        let rule = "must be an account of another currency than p_debit";
        return Err(Error::invalid("p_credit", rule).detail(format!("both have {from}")));
    }
    let when = new.effective_at.unwrap_or_else(clock);
    let terms = new.asked.terms(from, to, || Ok(rates::at(from, to, when)?.fraction))?;
    let posted = post_terms(new, &terms)?;
    if posted.replayed {
        let id = posted.journal_id.to_string();
        let field = "id".to_owned();
        return Err(LedgerError::Differs { what: "journal", id, field }.into());
    }
    currencies::insert_exchange(new, &terms, &posted)?;
    Ok(Exchanged { posted, terms })
}

fn repeat(new: &NewExchange<'_>, id: Uuid, stored: &Stored) -> Result<Exchanged> {
    if let Some(field) = stored.difference(new)? {
        let field = field.to_owned();
        return Err(LedgerError::Differs { what: "exchange", id: id.to_string(), field }.into());
    }
    // The journal compares what is left: kind, times, description and metadata.
    Ok(Exchanged { posted: post_terms(new, &stored.terms)?, terms: stored.terms })
}

fn post_terms(new: &NewExchange<'_>, terms: &Terms) -> Result<Posted> {
    let into = position(new.system, terms.debit.currency)?;
    let out_of = position(new.system, terms.credit.currency)?;
    let leg = |debit, credit, amount| Leg { id: None, debit, credit, amount };
    post(&Journal {
        id: new.id,
        system: new.system,
        kind: new.kind,
        description: new.description,
        legs: &[leg(new.debit, into, terms.debit), leg(out_of, new.credit, terms.credit)],
        effective_at: new.effective_at,
        metadata: new.metadata.clone(),
    })
}

/// The account of a system that holds its position in a currency: `position:USD`.
pub fn position(system: &str, currency: Currency) -> Result<AccountId> {
    let code = position_code(currency);
    demand::open(system, &code, currency, Class::Equity, &code)
}

pub fn position_code(currency: Currency) -> String {
    format!("position:{currency}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::error::sqlstate;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code, "currency").unwrap()
    }

    fn asked(debit: Option<i64>, credit: Option<i64>, rate: Option<(i128, i128)>) -> Asked {
        let rate = rate.map(|(n, d)| Fraction::new(n, d).unwrap());
        Asked { debit, credit, rate, remainder: Remainder::Position }
    }

    /// Rupees for dollars; 3/250 in the table.
    fn terms(asked: Asked) -> Result<(i64, i64)> {
        let table = || Ok(Fraction::new(3, 250).unwrap());
        let terms = asked.terms(currency("INR"), currency("USD"), table)?;
        Ok((terms.debit.minor, terms.credit.minor))
    }

    #[test]
    fn two_amounts_make_the_rate() {
        let both = asked(Some(100_000), Some(1_200), None);
        let terms = both
            .terms(currency("INR"), currency("USD"), || panic!("the table is not asked"))
            .unwrap();
        assert_eq!((terms.rate, terms.source), (Fraction::new(3, 250).unwrap(), Source::Amounts));
    }

    #[test]
    fn what_is_left_goes_to_whom_the_rule_says() {
        // 10.00 at one third is 3.33 and a third of a cent.
        let third = Some((1, 3));
        let of = |remainder, debit, credit| {
            terms(Asked { remainder, ..asked(debit, credit, third) }).unwrap()
        };
        assert_eq!(of(Remainder::Position, Some(1000), None), (1000, 333));
        assert_eq!(of(Remainder::Account, Some(1000), None), (1000, 334));
        assert_eq!(of(Remainder::Nearest, Some(1000), None), (1000, 333));
        // To get 3.34 at three halves costs 2.22 and two thirds of a cent.
        let back = |remainder| {
            let rate = Some((3, 2));
            terms(Asked { remainder, ..asked(None, Some(334), rate) }).unwrap()
        };
        assert_eq!(back(Remainder::Position), (223, 334));
        assert_eq!(back(Remainder::Account), (222, 334));
        assert_eq!(back(Remainder::Nearest), (223, 334));
    }

    #[test]
    fn the_rate_in_force_serves_where_none_is_given() {
        assert_eq!(terms(asked(Some(100_000), None, None)).unwrap(), (100_000, 1_200));
        assert_eq!(terms(asked(None, Some(1_200), None)).unwrap(), (100_000, 1_200));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let code = |asked| terms(asked).unwrap_err().sqlstate;
        assert_eq!(code(asked(None, None, None)), sqlstate::NULL_VALUE);
        assert_eq!(code(asked(None, None, Some((1, 2)))), sqlstate::NULL_VALUE);
        assert_eq!(code(asked(Some(1), Some(1), Some((1, 1)))), sqlstate::INVALID);
        assert_eq!(code(asked(Some(0), None, None)), sqlstate::INVALID);
        assert_eq!(code(asked(Some(5), Some(-1), None)), sqlstate::INVALID);
        // One paisa is no cent.
        assert_eq!(code(asked(Some(1), None, None)), sqlstate::INVALID);
        assert_eq!(code(asked(Some(i64::MAX), None, Some((2, 1)))), sqlstate::OUT_OF_RANGE);
        assert_eq!(code(asked(Some(7), None, Some((i128::MAX, 1)))), sqlstate::OUT_OF_RANGE);
    }

    proptest! {
        #[test]
        fn the_position_never_loses_by_rounding(
            amount in 1..=1_000_000_000_000_i64, n in 1..=1_000_000_i64, d in 1..=1_000_000_i64,
            given_debit: bool
        ) {
            let (n, d) = (i128::from(n), i128::from(d));
            let request = match given_debit {
                true => asked(Some(amount), None, Some((n, d))),
                false => asked(None, Some(amount), Some((n, d))),
            };
            if let Ok((debit, credit)) = terms(request) {
                // What was paid is worth at least what was got, by less than one unit more.
                let (paid, got) = (i128::from(debit) * n, i128::from(credit) * d);
                prop_assert!(paid >= got);
                let unit = if given_debit { d } else { n };
                prop_assert!(paid - got < unit);
                for remainder in [Remainder::Account, Remainder::Nearest] {
                    let (other_debit, other_credit) =
                        terms(Asked { remainder, ..request }).unwrap_or((debit, credit));
                    prop_assert!(other_debit <= debit && other_credit >= credit);
                    prop_assert!(debit - other_debit <= 1 && other_credit - credit <= 1);
                }
            }
        }
    }
}
