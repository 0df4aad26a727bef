//! Balances as of a time, statements, the trial balance, and the proof of it all.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::Currency;
use crate::ledger::account::{AccountId, Side};
use crate::ledger::error::LedgerError;
use crate::ledger::journal::check_finite;
use crate::ledger::store;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::{AnyNumeric, Uuid};

/// By which of its two times a transfer is put in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    Recorded,
    Effective,
}

impl Basis {
    /// 22023 naming `field` for anything but `recorded` and `effective`.
    pub fn parse(text: &str, field: &str) -> Result<Self> {
        match text {
            "recorded" => Ok(Basis::Recorded),
            "effective" => Ok(Basis::Effective),
            _ => Err(Error::invalid(field, "must be effective or recorded")),
        }
    }
}

/// A place in the order of an account's transfers: at a time, and there after
/// the transfer with this id, or before all of that time.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub at: TimestampWithTimeZone,
    pub id: Option<Uuid>,
}

impl Place {
    fn before(at: TimestampWithTimeZone) -> Self {
        Place { at, id: None }
    }

    fn after_all_of(at: TimestampWithTimeZone) -> Self {
        Place { at, id: Some(Uuid::from_bytes([0xff; 16])) }
    }
}

/// What was posted to an account up to and with a time, in its normal direction.
pub fn balance_at(
    id: AccountId,
    at: TimestampWithTimeZone,
    basis: Basis,
) -> Result<(i64, Currency)> {
    let account = store::accounts::describe(id)?.ok_or(LedgerError::UnknownAccount(id))?;
    let posted = store::history::posted_until(id, basis, &Place::after_all_of(at))?;
    Ok((posted.posted(account.class.normal_side()), account.currency))
}

/// The most rows of one page of a statement.
const MOST_ROWS: i32 = 1000;

/// A part of a statement, as it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    pub basis: Basis,
    /// From this time on.
    pub from: Option<TimestampWithTimeZone>,
    /// Up to this time, without it.
    pub to: Option<TimestampWithTimeZone>,
    pub limit: i32,
    /// Only what comes after this transfer.
    pub after: Option<Uuid>,
}

/// A part of a statement, as it is read.
pub struct Page {
    pub basis: Basis,
    pub start: Place,
    pub until: TimestampWithTimeZone,
    pub limit: i64,
}

/// One side of a transfer, as the account sees it.
pub struct Entry {
    pub transfer_id: Uuid,
    pub journal_id: Uuid,
    pub recorded_at: TimestampWithTimeZone,
    pub effective_at: TimestampWithTimeZone,
    pub system: String,
    pub kind: String,
    pub description: Option<String>,
    pub is_debit: bool,
    pub amount: i64,
    pub counter_account: AccountId,
    pub hold_id: Option<Uuid>,
    pub reverses_id: Option<Uuid>,
}

/// A line of a statement.
pub struct StatementRow {
    pub entry: Entry,
    /// What it adds to the balance, in the account's normal direction.
    pub change: i64,
    /// The balance after it.
    pub balance: i64,
}

/// The transfers of an account in order of time, each with the balance after it.
///
/// PT404 unknown account, or `after` is no transfer of it; 22023 for a limit
/// outside 1 to 1000.
pub fn statement(id: AccountId, range: &Range) -> Result<Vec<StatementRow>> {
    if !(1..=MOST_ROWS).contains(&range.limit) {
        return Err(Error::invalid("p_limit", format!("must be from 1 to {MOST_ROWS}")));
    }
    let account = store::accounts::describe(id)?.ok_or(LedgerError::UnknownAccount(id))?;
    let start = start(id, range)?;
    let page = Page {
        basis: range.basis,
        start,
        until: range.to.unwrap_or_else(TimestampWithTimeZone::positive_infinity),
        limit: i64::from(range.limit),
    };
    let side = account.class.normal_side();
    let mut balance = None;
    let mut rows = Vec::new();
    for (entry, before) in store::history::page(id, &page)? {
        let balance = balance.get_or_insert_with(|| before.posted(side));
        let adds = entry.is_debit == (side == Side::Debit);
        let change = if adds { entry.amount } else { -entry.amount };
        *balance = balance.checked_add(change).ok_or(LedgerError::OutOfRange { account: id })?;
        rows.push(StatementRow { entry, change, balance: *balance });
    }
    Ok(rows)
}

/// Where a page starts: at the range's beginning, or after a transfer in it.
fn start(id: AccountId, range: &Range) -> Result<Place> {
    let first = Place::before(range.from.unwrap_or_else(TimestampWithTimeZone::negative_infinity));
    let Some(after) = range.after else { return Ok(first) };
    let place = store::reports::place_of(after, id, range.basis)?
        .ok_or_else(|| Error::not_found("transfer of the account", after))?;
    let earlier = place.at.into_inner() < first.at.into_inner();
    Ok(if earlier { first } else { place })
}

/// A line of the trial balance: an account, or the total of a currency.
pub struct TrialRow {
    pub account: Option<i64>,
    pub system: Option<String>,
    pub code: Option<String>,
    pub name: Option<String>,
    pub class: Option<String>,
    pub currency: String,
    pub debits: AnyNumeric,
    pub credits: AnyNumeric,
    /// Debits less credits where that is more than nothing; the other way round below.
    pub debit_balance: AnyNumeric,
    pub credit_balance: AnyNumeric,
}

/// What every account was debited and credited, and the total of each currency.
pub fn trial_balance(
    system: Option<&str>,
    at: Option<TimestampWithTimeZone>,
    basis: Basis,
) -> Result<Vec<TrialRow>> {
    check_finite("p_at", at.as_ref())?;
    match at {
        None => store::reports::trial_balance_now(system),
        Some(at) => trial_balance_at(system, at, basis, store::history::looks_up_accounts()?),
    }
}

/// The trial balance as of a time, in one of the two ways to the same answer: by looking
/// up each account's sums, or by adding up all transfers.
pub fn trial_balance_at(
    system: Option<&str>,
    at: TimestampWithTimeZone,
    basis: Basis,
    by_account: bool,
) -> Result<Vec<TrialRow>> {
    if by_account {
        store::history::trial_balance(system, basis, &Place::after_all_of(at))
    } else {
        store::reports::trial_balance_at(system, at, basis)
    }
}

/// Something in the books that is not as it must be.
pub struct Problem {
    pub problem: String,
    pub account: Option<i64>,
    pub transfer: Option<Uuid>,
    pub expected: Option<AnyNumeric>,
    pub found: Option<AnyNumeric>,
    pub detail: Option<String>,
}

/// Everything in the books that is not as it must be; nothing when all is well.
pub fn check() -> Result<Vec<Problem>> {
    store::reports::problems()
}
