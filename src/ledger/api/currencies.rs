//! Rates, exchanges and revaluations in SQL.

use crate::kernel::clock::clock;
use crate::kernel::error::{Error, Result, entry, required};
use crate::kernel::json::JsonArg;
use crate::kernel::money::Currency;
use crate::ledger::access;
use crate::ledger::accounts::left_on;
use crate::ledger::api::Reference;
use crate::ledger::api::transfers::by_hand;
use crate::ledger::exchange::{Asked, Exchanged, NewExchange, Remainder, exchange};
use crate::ledger::fraction::Fraction;
use crate::ledger::rates::{self, NewRate};
use crate::ledger::revaluation::{self, NewRevaluation};
use crate::ledger::store::currencies;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid, composite_type};

/// Sets the rate between two currencies from `p_at` on (now if left out): one major unit
/// of `p_base` is worth `p_numerator`/`p_denominator` of `p_quote`. For admins of the
/// ledger and the service role. Returns the rate, in lowest terms.
///
/// It serves in both directions. The same again changes nothing; another for the same time
/// counts in place of the first, which stays on record. 22023 an unknown currency, the
/// same twice, a number that is not above zero.
#[pg_extern(schema = "ledger", name = "set_rate", security_definer, requires = ["ledger_currencies"])]
#[search_path(pg_catalog, pg_temp)]
fn ledger_set_rate(
    p_base: Option<&str>,
    p_quote: Option<&str>,
    p_numerator: Option<i64>,
    p_denominator: default!(Option<i64>, 1),
    p_at: default!(Option<TimestampWithTimeZone>, "null"),
) -> Result<composite_type!('static, "ledger.rates"), ErrorReport> {
    entry(|| {
        access::require_admin()?;
        let id = rates::set(&NewRate {
            base: Currency::parse(required(p_base, "p_base")?, "p_base")?,
            quote: Currency::parse(required(p_quote, "p_quote")?, "p_quote")?,
            numerator: required(p_numerator, "p_numerator")?,
            denominator: required(p_denominator, "p_denominator")?,
            valid_from: p_at.unwrap_or_else(clock),
        })?;
        currencies::rate_row(id)
    })
}

/// A rate as a numerator and, if it is not 1, a denominator.
fn rate(numerator: Option<i64>, denominator: Option<i64>) -> Result<Option<Fraction>> {
    let Some(numerator) = numerator else {
        return match denominator {
            None => Ok(None),
            Some(_) => Err(Error::missing("p_rate_numerator")),
        };
    };
    for (field, number) in
        [("p_rate_numerator", numerator), ("p_rate_denominator", denominator.unwrap_or(1))]
    {
        if number <= 0 {
            return Err(Error::invalid(field, "must be above zero"));
        }
    }
    Ok(Fraction::new(numerator.into(), denominator.unwrap_or(1).into()))
}

/// An exchange as the function below gives it, with the balances that it left.
type ExchangeRow = (
    Uuid,
    i64,
    i64,
    String,
    i64,
    i64,
    String,
    AnyNumeric,
    AnyNumeric,
    TimestampWithTimeZone,
    TimestampWithTimeZone,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    bool,
);

fn exchange_row(new: &NewExchange<'_>) -> Result<ExchangeRow> {
    let Exchanged { posted, terms } = exchange(new)?;
    let posted = by_hand("exchange", posted)?;
    let debited = left_on(&posted, new.debit)?;
    let credited = left_on(&posted, new.credit)?;
    Ok((
        posted.journal_id,
        new.debit.0,
        terms.debit.minor,
        terms.debit.currency.to_string(),
        new.credit.0,
        terms.credit.minor,
        terms.credit.currency.to_string(),
        AnyNumeric::from(terms.rate.numerator()),
        AnyNumeric::from(terms.rate.denominator()),
        posted.effective_at.unwrap_or(posted.recorded_at),
        posted.recorded_at,
        debited.posted,
        debited.available,
        credited.posted,
        credited.available,
        posted.replayed,
    ))
}

/// Exchanges one currency for another in one journal: debits `p_debit` by
/// `p_debit_amount` and credits `p_credit` by `p_credit_amount`, minor units of the
/// currency that each account has, through the accounts `position:USD` and so on, equity
/// of `p_system` that is opened when it is needed. For the service role.
///
/// Of the amounts one may be left out: it follows from the rate
/// `p_rate_numerator`/`p_rate_denominator` (major units of the credited currency for one
/// of the debited), or from the rate in force. What is left of a minor unit stays with
/// `p_remainder`: position (the business), account, or nearest. The same `p_id` with the
/// same content again gives what is stored. 22004 no amount; 22023 not above zero, too
/// small, a rate beside two amounts, accounts of one currency; 22003 out of range; PT404
/// unknown account, no rate; PT409 as for ledger.post_journal.
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
#[pg_extern(schema = "ledger", name = "exchange", security_definer, requires = ["ledger_currencies"])]
#[search_path(pg_catalog, pg_temp)]
fn ledger_exchange(
    p_system: Option<&str>,
    p_debit: default!(Option<&str>, "null"),
    p_credit: default!(Option<&str>, "null"),
    p_debit_amount: default!(Option<i64>, "null"),
    p_credit_amount: default!(Option<i64>, "null"),
    p_rate_numerator: default!(Option<i64>, "null"),
    p_rate_denominator: default!(Option<i64>, "null"),
    p_remainder: default!(Option<&str>, "'position'"),
    p_kind: default!(Option<&str>, "'exchange'"),
    p_id: default!(Option<Uuid>, "null"),
    p_description: default!(Option<&str>, "null"),
    p_metadata: default!(Option<JsonArg>, "null"),
    p_effective_at: default!(Option<TimestampWithTimeZone>, "null"),
    p_debit_account_id: default!(Option<i64>, "null"),
    p_credit_account_id: default!(Option<i64>, "null"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(journal_id, Uuid),
            name!(debit_account_id, i64),
            name!(debit_amount, i64),
            name!(debit_currency, String),
            name!(credit_account_id, i64),
            name!(credit_amount, i64),
            name!(credit_currency, String),
            name!(rate_numerator, AnyNumeric),
            name!(rate_denominator, AnyNumeric),
            name!(effective_at, TimestampWithTimeZone),
            name!(recorded_at, TimestampWithTimeZone),
            name!(debit_posted, Option<i64>),
            name!(debit_available, Option<i64>),
            name!(credit_posted, Option<i64>),
            name!(credit_available, Option<i64>),
            name!(replayed, bool),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_service()?;
        let system = required(p_system, "p_system")?;
        let debit = Reference { code: p_debit, id: p_debit_account_id, field: "p_debit" };
        let credit = Reference { code: p_credit, id: p_credit_account_id, field: "p_credit" };
        let new = NewExchange {
            id: p_id,
            system,
            kind: required(p_kind, "p_kind")?,
            debit: debit.find(system)?,
            credit: credit.find(system)?,
            asked: Asked {
                debit: p_debit_amount,
                credit: p_credit_amount,
                rate: rate(p_rate_numerator, p_rate_denominator)?,
                remainder: Remainder::parse(required(p_remainder, "p_remainder")?, "p_remainder")?,
            },
            description: p_description,
            metadata: JsonArg::optional(p_metadata, "p_metadata")?,
            effective_at: p_effective_at,
        };
        Ok(TableIterator::once(exchange_row(&new)?))
    })
}

/// What the positions of `p_system` in other currencies are worth in `p_currency`, now or
/// at `p_at`, at the rates of that time: a row for each position and, without currency, a
/// last one whose value is the unrealised gain (a loss if below zero). For admins of the
/// system or of the ledger, and the service role.
///
/// Positions and values are minor units, values to the nearest; rates are major units of
/// `p_currency` for one of the row's. 22004, 22023 bad input; PT404 a rate is missing;
/// 22003 a value that does not fit.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "revaluation",
    stable,
    security_definer,
    requires = ["ledger_currencies"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_revaluation(
    p_system: Option<&str>,
    p_at: default!(Option<TimestampWithTimeZone>, "null"),
    p_currency: default!(Option<&str>, "null"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(currency, Option<String>),
            name!(position, Option<AnyNumeric>),
            name!(rate_numerator, Option<AnyNumeric>),
            name!(rate_denominator, Option<AnyNumeric>),
            name!(rate_from, Option<TimestampWithTimeZone>),
            name!(value, AnyNumeric),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_books(p_system)?;
        let system = required(p_system, "p_system")?;
        let reporting = Currency::parse(required(p_currency, "p_currency")?, "p_currency")?;
        let found = revaluation::revaluation(system, p_at, reporting)?;
        let lines = found.positions.into_iter().map(|line| {
            (
                Some(line.currency.to_string()),
                Some(AnyNumeric::from(line.position)),
                Some(AnyNumeric::from(line.rate.numerator())),
                Some(AnyNumeric::from(line.rate.denominator())),
                Some(line.valid_from),
                AnyNumeric::from(line.value),
            )
        });
        let gain = (None, None, None, None, None, AnyNumeric::from(found.gain));
        Ok(TableIterator::new(lines.chain(std::iter::once(gain))))
    })
}

/// Posts the unrealised gain or loss that ledger.revaluation shows for `p_at`: between
/// the position of `p_currency` and `p_gains`, or `p_losses` (the same if left out), codes
/// of income or expense accounts of `p_system` in that currency. For admins of the ledger
/// and the service role. Once for each time: again it gives the first. Returns the
/// revaluation.
///
/// 22004, 22023 bad input, or a time that has not come; PT404 unknown account, or a rate
/// is missing; PT409 a closed period, or it was posted with other accounts.
#[pg_extern(schema = "ledger", name = "revalue", security_definer, requires = ["ledger_currencies"])]
#[search_path(pg_catalog, pg_temp)]
fn ledger_revalue(
    p_system: Option<&str>,
    p_at: Option<TimestampWithTimeZone>,
    p_currency: Option<&str>,
    p_gains: Option<&str>,
    p_losses: default!(Option<&str>, "null"),
) -> Result<composite_type!('static, "ledger.revaluations"), ErrorReport> {
    entry(|| {
        access::require_admin()?;
        let gains = required(p_gains, "p_gains")?;
        let id = revaluation::revalue(&NewRevaluation {
            system: required(p_system, "p_system")?,
            at: required(p_at, "p_at")?,
            reporting: Currency::parse(required(p_currency, "p_currency")?, "p_currency")?,
            gains,
            losses: p_losses.unwrap_or(gains),
        })?;
        currencies::revaluation_row(id)
    })
}
