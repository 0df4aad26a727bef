//! Closing the books of a system up to a time.

use crate::kernel::caller;
use crate::kernel::clock::clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::ids::new_id;
use crate::kernel::money::{Currency, Money};
use crate::ledger::account::{AccountId, Class, check_text};
use crate::ledger::demand;
use crate::ledger::journal::{Journal, Leg, MAX_LEGS, check_finite};
use crate::ledger::period::{Step, close_step, moment_before};
use crate::ledger::posting::post;
use crate::ledger::report::Basis;
use crate::ledger::store::{self, periods};
use crate::ledger::totals;
use crate::ops::audit::{self, Change};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::{Uuid, pg_sys};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The kind of closing entries; that of what undoes them is `reversal`.
pub const KIND: &str = "closing";

/// How often to look whether transactions that began in the period have ended: twenty
/// times in a second.
const LOOKS: usize = 200;

pub struct Close<'a> {
    pub system: &'a str,
    /// The first moment that stays open.
    pub until: TimestampWithTimeZone,
    /// The code of the equity account that income and expense go into.
    pub retained_earnings: Option<&'a str>,
    pub reason: Option<&'a str>,
}

/// Closes the books up to a time; the number of the closing. Again it changes nothing.
///
/// 22023 for a time that has not come; PT404 unknown system or account; PT409 where
/// the books are closed further already, or transactions that may have posted for the
/// period do not end.
pub fn close(close: &Close<'_>) -> Result<i32> {
    check(close)?;
    let micros = close.until.into_inner();
    let step =
        || close_step(periods::state(close.system)?.as_ref(), micros, close.retained_earnings);
    if let Step::Repeat(number) = step()? {
        return Ok(number);
    }
    // With nothing locked yet: nobody waits for us who may be waited for.
    wait_for_old_writers(close.until)?;
    periods::take(close.system)?;
    let number = match step()? {
        Step::Repeat(number) => return Ok(number),
        Step::Next(number) => number,
    };
    let journals = match close.retained_earnings {
        Some(code) => post_entries(close, code)?,
        None => Vec::new(),
    };
    periods::insert(&periods::NewPeriod {
        system: close.system,
        number,
        closed_until: Some(close.until),
        retained_earnings: close.retained_earnings,
        reason: close.reason,
        acted_by: caller::current().person(),
        // After everything that is in the period was recorded.
        acted_at: clock(),
    })?;
    for journal in &journals {
        periods::insert_closing(*journal, close.system, number, None)?;
    }
    record("close_period", close.system, number, Some(close.until), close.reason)?;
    Ok(number)
}

fn check(close: &Close<'_>) -> Result<()> {
    check_text("p_system", close.system, 63)?;
    check_finite("p_until", Some(&close.until))?;
    if let Some(reason) = close.reason {
        check_text("p_reason", reason, 1000)?;
    }
    if close.until.into_inner() > clock().into_inner() {
        return Err(Error::invalid("p_until", "must not be in the future"));
    }
    // SAFETY: reads a plain global of the backend.
    let old_snapshot = unsafe { pg_sys::XactIsoLevel } > pg_sys::XACT_READ_COMMITTED as i32;
    if close.retained_earnings.is_some() && old_snapshot {
        // It would not see all that the entries are about.
        return Err(Error::conflict("closing entries want a transaction at READ COMMITTED"));
    }
    if !periods::has_accounts(close.system)? {
        return Err(Error::not_found("system", close.system));
    }
    Ok(())
}

/// A posting that names no effective time counts from the clock, which it reads after it
/// has begun to write and in a transaction that began earlier still. So one that counts
/// before `until` is of a transaction that began by then; when those have ended, no
/// other comes.
fn wait_for_old_writers(until: TimestampWithTimeZone) -> Result<()> {
    let mut writers = Vec::new();
    for _ in 0..LOOKS {
        writers = periods::old_writers(until)?;
        if writers.is_empty() {
            return Ok(());
        }
        periods::sleep()?;
    }
    Err(Error::conflict("transactions that may have posted for the period still run")
        .detail(format!("processes or prepared transactions: {}", writers.join(", ")))
        .hint("Try again when they have ended, or close up to an earlier time."))
}

/// Carries what is on the accounts of income and expense at the end of the period into
/// retained earnings, at its last moment; the journals.
fn post_entries(close: &Close<'_>, code: &str) -> Result<Vec<Uuid>> {
    let at = moment_before(close.until)?;
    let base = store::accounts::find(close.system, code)?
        .ok_or_else(|| Error::not_found("account", format!("{} {code}", close.system)))?;
    let home = demand::check(base, Class::Equity, "p_retained_earnings")?;
    let mut retained = BTreeMap::from([(home, base)]);
    let mut legs = Vec::new();
    for row in totals::as_of(Some(close.system), at, Basis::Effective)? {
        if !matches!(row.class, Class::Income | Class::Expense) || row.balance == 0 {
            continue;
        }
        let account = match retained.get(&row.currency) {
            Some(account) => *account,
            None => {
                let account = retained_in(close.system, code, row.currency)?;
                retained.insert(row.currency, account);
                account
            }
        };
        legs.push(entry(row.account, account, row.balance, row.currency)?);
    }
    legs.chunks(MAX_LEGS).map(|legs| post_journal(close.system, legs, at)).collect()
}

/// Retained earnings in another currency than the account named has.
fn retained_in(system: &str, code: &str, currency: Currency) -> Result<AccountId> {
    let code = format!("{code}:{currency}");
    demand::open(system, &code, currency, Class::Equity, "p_retained_earnings")
}

/// The transfer that empties an account whose debits are so much more than its credits.
fn entry(
    account: AccountId,
    retained: AccountId,
    balance: i128,
    currency: Currency,
) -> Result<Leg> {
    let (debit, credit) = if balance > 0 { (retained, account) } else { (account, retained) };
    let minor = i64::try_from(balance.unsigned_abs()).map_err(|_| {
        Error::out_of_range("p_retained_earnings", "a balance does not fit 64 bits")
    })?;
    Ok(Leg { id: None, debit, credit, amount: Money::new(minor, currency) })
}

fn post_journal(system: &str, legs: &[Leg], at: TimestampWithTimeZone) -> Result<Uuid> {
    let posted = post(&Journal {
        id: Some(new_id()),
        system,
        kind: KIND,
        description: Some("Income and expense of the period, into retained earnings"),
        legs,
        effective_at: Some(at),
        metadata: None,
    })?;
    Ok(posted.journal_id)
}

/// What was done to the books of a system, for the log.
pub fn record(
    action: &str,
    system: &str,
    number: i32,
    until: Option<TimestampWithTimeZone>,
    reason: Option<&str>,
) -> Result<()> {
    let new: Map<String, Value> = Map::from_iter([
        ("closed_until".to_owned(), until.map(|until| until.to_string()).into()),
        ("reason".to_owned(), reason.into()),
    ]);
    audit::record(Change {
        action: action.to_owned(),
        table: "ledger.periods".to_owned(),
        record_id: Some(format!("{system},{number}")),
        old: None,
        new: Some(new.into()),
    })
}
