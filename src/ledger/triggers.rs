//! Triggers of the ledger's tables.

use crate::kernel::error::{Error, Result, SqlState, trigger_entry};
use crate::ledger::account::{AccountId, Class, Limit, StoredShape};
use pgrx::prelude::*;
use std::convert::Infallible;

const CHECK_VIOLATION: SqlState = SqlState::new("23514");

/// `ledger.check_account()`: BEFORE INSERT, and UPDATE of what postings never
/// change. In place of CHECK constraints, which would cost every posting.
#[pg_trigger(sql = false)]
fn ledger_check_account<'a>(
    trigger: &'a pgrx::PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, Infallible> {
    trigger_entry(|| {
        let misused = || Error::internal("ledger.check_account: misused");
        let row = trigger.new().ok_or_else(misused)?;
        check(&row).map_err(|e| Error { sqlstate: CHECK_VIOLATION, ..e })?;
        Ok(Some(row))
    })
}

fn check(row: &PgHeapTuple<'_, AllocatedByPostgres>) -> Result<()> {
    let required = |name: &str| Error::missing(name);
    let text = |name: &str| -> Result<String> {
        row.get_by_name::<String>(name).ok().flatten().ok_or_else(|| required(name))
    };
    let number = |name: &str| row.get_by_name::<i64>(name).ok().flatten();
    Class::parse(&text("class")?, "class")?;
    StoredShape {
        id: number("id").map(AccountId),
        parent: number("parent_id").map(AccountId),
        currency: &text("currency")?,
        limit: Limit::stored(number("max_overdraft"), number("max_balance")),
        stripes: row.get_by_name::<i16>("stripes").ok().flatten().unwrap_or_default(),
    }
    .validate()
}
