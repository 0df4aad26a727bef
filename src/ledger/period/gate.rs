//! What a posting passes that names the time it counts for.

use crate::kernel::error::Result;
use crate::ledger::account::AccountId;
use crate::ledger::error::LedgerError;
use crate::ledger::store::periods;
use pgrx::datum::TimestampWithTimeZone;

/// PT409 where the books of one of the accounts are closed at the effective time.
/// Until the transaction ends nobody closes them. To be called before the accounts
/// are locked; free of charge where there is no effective time.
pub fn admit(
    effective_at: Option<TimestampWithTimeZone>,
    accounts: impl IntoIterator<Item = AccountId>,
) -> Result<()> {
    let Some(at) = effective_at else { return Ok(()) };
    match first_open(accounts)? {
        Some((system, until)) if at.into_inner() < until.into_inner() => {
            Err(LedgerError::PeriodClosed {
                system,
                until: until.to_string(),
                asked: at.to_string(),
            }
            .into())
        }
        _ => Ok(()),
    }
}

/// The system among those of the accounts whose books are closed furthest, and the
/// first moment that is open in it: it stays so until the transaction ends.
pub fn first_open(
    accounts: impl IntoIterator<Item = AccountId>,
) -> Result<Option<(String, TimestampWithTimeZone)>> {
    let mut ids: Vec<i64> = accounts.into_iter().map(|id| id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    let systems = periods::share(ids)?;
    periods::furthest(systems)
}
