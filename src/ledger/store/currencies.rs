//! Statements on rates, exchanges and revaluations.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::{Currency, Money};
use crate::kernel::spi::{Query, Row};
use crate::ledger::account::AccountId;
use crate::ledger::exchange::{NewExchange, Remainder, Source, Stored, Terms};
use crate::ledger::fraction::Fraction;
use crate::ledger::journal::Posted;
use crate::ledger::rates::{NewRate, Rate};
use crate::ledger::revaluation::Valued;
use crate::ledger::store::accounts::currency;
use crate::ledger::totals::whole;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::{AllocatedByRust, AnyNumeric, Uuid};

static RATE_FROM: Query = Query::read_latest(
    "select id, numerator::numeric, denominator::numeric from ledger.rates
      where base = $1 and quote = $2 and valid_from = $3
      order by created_at desc, id desc limit 1",
);
// One look-up for each direction; the later one counts, of two at a time the direct one.
static RATE_AT: Query = Query::read_latest(
    "select r.numerator::numeric, r.denominator::numeric, r.valid_from, r.direct
       from ((select numerator, denominator, valid_from, created_at, true as direct
                from ledger.rates
               where base = $1 and quote = $2 and valid_from <= $3
               order by valid_from desc, created_at desc limit 1)
             union all
             (select numerator, denominator, valid_from, created_at, false
                from ledger.rates
               where base = $2 and quote = $1 and valid_from <= $3
               order by valid_from desc, created_at desc limit 1)) r
      order by r.valid_from desc, r.created_at desc, r.direct desc
      limit 1",
);
static INSERT_RATE: Query = Query::write(
    "insert into ledger.rates
        (id, base, quote, valid_from, numerator, denominator, created_by, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8)",
);
static RATE_ROW: Query = Query::write("select r from ledger.rates r where id = $1");
static LOCK_EXCHANGE: Query = Query::write(
    "select pg_catalog.pg_advisory_xact_lock(
        pg_catalog.hashtextextended('ledger exchange ' || $1::text, 0))",
);
static EXCHANGE: Query = Query::read_latest(
    "select system, debit_account_id, debit_currency, debit_amount, credit_account_id,
            credit_currency, credit_amount, numerator, denominator, rate_source, given, remainder
       from ledger.exchanges where journal_id = $1",
);
static INSERT_EXCHANGE: Query = Query::write(
    "insert into ledger.exchanges
        (journal_id, system, debit_account_id, debit_currency, debit_amount, credit_account_id,
         credit_currency, credit_amount, numerator, denominator, rate_source, given, remainder,
         recorded_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
);
static LOCK_REVALUATIONS: Query = Query::write(
    "select pg_catalog.pg_advisory_xact_lock(
        pg_catalog.hashtextextended('ledger revaluation ' || $1 || ' ' || $2, 0))",
);
static REVALUATION: Query = Query::read_latest(
    "select id, gains_account_id, losses_account_id from ledger.revaluations
      where system = $1 and currency = $2 and valued_at = $3",
);
static INSERT_REVALUATION: Query = Query::write(
    "insert into ledger.revaluations
        (id, system, currency, valued_at, gain, gains_account_id, losses_account_id, transfer_id,
         acted_by, recorded_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
);
static INSERT_LINE: Query = Query::write(
    "insert into ledger.revaluation_lines
        (revaluation_id, currency, position, numerator, denominator, value)
     values ($1, $2, $3, $4, $5, $6)",
);
static REVALUATION_ROW: Query = Query::write("select r from ledger.revaluations r where id = $1");

/// The rate that counts of those that begin at this very time.
pub fn rate_from(
    base: Currency,
    quote: Currency,
    valid_from: TimestampWithTimeZone,
) -> Result<Option<(Uuid, Fraction)>> {
    let args = [base.code().into(), quote.code().into(), valid_from.into()];
    RATE_FROM.first(&args, |row| Ok((row.get(1)?, fraction(row, 2)?)))
}

/// The rate in force at a time, in the direction asked for.
pub fn rate_at(base: Currency, quote: Currency, at: TimestampWithTimeZone) -> Result<Option<Rate>> {
    RATE_AT.first(&[base.code().into(), quote.code().into(), at.into()], |row| {
        let fraction = fraction(row, 1)?;
        let direct: bool = row.get(4)?;
        let fraction = if direct { fraction } else { fraction.inverse() };
        Ok(Rate { fraction, valid_from: row.get(3)? })
    })
}

pub fn insert_rate(
    id: Uuid,
    new: &NewRate,
    fraction: Fraction,
    by: Option<Uuid>,
    at: TimestampWithTimeZone,
) -> Result<()> {
    // In lowest terms they are no larger than they were given.
    let small = |number: i128| {
        i64::try_from(number).map_err(|_| Error::out_of_range("p_numerator", "does not fit"))
    };
    INSERT_RATE.run(&[
        id.into(),
        new.base.code().into(),
        new.quote.code().into(),
        new.valid_from.into(),
        small(fraction.numerator())?.into(),
        small(fraction.denominator())?.into(),
        by.into(),
        at.into(),
    ])?;
    Ok(())
}

pub fn rate_row(id: Uuid) -> Result<PgHeapTuple<'static, AllocatedByRust>> {
    RATE_ROW.one(&[id.into()], |row| row.get(1))
}

/// Keeps out the same exchange, until the transaction ends.
pub fn lock_exchange(id: Uuid) -> Result<()> {
    LOCK_EXCHANGE.run(&[id.into()]).map(drop)
}

pub fn exchange(id: Uuid) -> Result<Option<Stored>> {
    EXCHANGE.first(&[id.into()], |row| {
        let source = match row.get::<&str>(10)? {
            "amounts" => Source::Amounts,
            "given" => Source::Given,
            _ => Source::Table,
        };
        Ok(Stored {
            system: row.get(1)?,
            debit: AccountId(row.get(2)?),
            credit: AccountId(row.get(5)?),
            terms: Terms {
                debit: Money::new(row.get(4)?, currency(row, 3)?),
                credit: Money::new(row.get(7)?, currency(row, 6)?),
                rate: fraction(row, 8)?,
                source,
            },
            given: row.get(11)?,
            remainder: Remainder::parse(row.get(12)?, "remainder")?,
        })
    })
}

pub fn insert_exchange(new: &NewExchange<'_>, terms: &Terms, posted: &Posted) -> Result<()> {
    INSERT_EXCHANGE.run(&[
        posted.journal_id.into(),
        new.system.into(),
        new.debit.0.into(),
        terms.debit.currency.code().into(),
        terms.debit.minor.into(),
        new.credit.0.into(),
        terms.credit.currency.code().into(),
        terms.credit.minor.into(),
        AnyNumeric::from(terms.rate.numerator()).into(),
        AnyNumeric::from(terms.rate.denominator()).into(),
        terms.source.as_str().into(),
        new.asked.given().into(),
        new.asked.remainder.as_str().into(),
        posted.recorded_at.into(),
    ])?;
    Ok(())
}

/// Lets one at a time revalue a system in a currency, until the transaction ends.
pub fn lock_revaluations(system: &str, currency: Currency) -> Result<()> {
    LOCK_REVALUATIONS.run(&[system.into(), currency.code().into()]).map(drop)
}

/// A revaluation that was posted, as far as it can differ from a request.
pub struct Known {
    pub id: Uuid,
    pub gains: AccountId,
    pub losses: AccountId,
}

pub fn revaluation(
    system: &str,
    reporting: Currency,
    at: TimestampWithTimeZone,
) -> Result<Option<Known>> {
    REVALUATION.first(&[system.into(), reporting.code().into(), at.into()], |row| {
        Ok(Known { id: row.get(1)?, gains: AccountId(row.get(2)?), losses: AccountId(row.get(3)?) })
    })
}

pub struct StoredRevaluation<'a> {
    pub id: Uuid,
    pub system: &'a str,
    pub reporting: Currency,
    pub at: TimestampWithTimeZone,
    pub gain: i64,
    pub gains: AccountId,
    pub losses: AccountId,
    pub transfer: Option<Uuid>,
    pub acted_by: Option<Uuid>,
    pub recorded_at: TimestampWithTimeZone,
}

pub fn insert_revaluation(new: &StoredRevaluation<'_>) -> Result<()> {
    INSERT_REVALUATION.run(&[
        new.id.into(),
        new.system.into(),
        new.reporting.code().into(),
        new.at.into(),
        new.gain.into(),
        new.gains.0.into(),
        new.losses.0.into(),
        new.transfer.into(),
        new.acted_by.into(),
        new.recorded_at.into(),
    ])?;
    Ok(())
}

pub fn insert_revaluation_line(revaluation: Uuid, line: &Valued) -> Result<()> {
    INSERT_LINE.run(&[
        revaluation.into(),
        line.currency.code().into(),
        AnyNumeric::from(line.position).into(),
        AnyNumeric::from(line.rate.numerator()).into(),
        AnyNumeric::from(line.rate.denominator()).into(),
        AnyNumeric::from(line.value).into(),
    ])?;
    Ok(())
}

pub fn revaluation_row(id: Uuid) -> Result<PgHeapTuple<'static, AllocatedByRust>> {
    REVALUATION_ROW.one(&[id.into()], |row| row.get(1))
}

/// A fraction whose numbers are in this column and the next.
fn fraction(row: &Row<'_>, column: usize) -> Result<Fraction> {
    let number = |column| whole(&row.get::<AnyNumeric>(column)?);
    Fraction::new(number(column)?, number(column + 1)?)
        .ok_or_else(|| Error::internal("a stored rate is not above zero"))
}
