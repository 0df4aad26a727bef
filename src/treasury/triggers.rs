//! The treasury's triggers: thin, they only fetch what the work needs.

use crate::kernel::caller;
use crate::kernel::error::{Error, Result, required, trigger_entry};
use crate::kernel::restore::is_restoring;
use crate::treasury::store::users;
use crate::treasury::{platform_fee, second};
use pgrx::prelude::*;
use pgrx::{PgTrigger, Uuid};
use std::convert::Infallible;

type Outcome<'a> = Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, Infallible>;

/// AFTER UPDATE on identity.users: the user's copy of the address follows.
#[pg_trigger(sql = false)]
fn treasury_copy_person<'a>(trigger: &'a PgTrigger<'a>) -> Outcome<'a> {
    trigger_entry(|| {
        users::copy_person(uuid(trigger, "id")?)?;
        Ok(None)
    })
}

/// AFTER INSERT, UPDATE or DELETE on backoffice.role_grants: whoever gets a role in the
/// treasury is a user, and the copy of the highest role follows.
#[pg_trigger(sql = false)]
fn treasury_copy_roles<'a>(trigger: &'a PgTrigger<'a>) -> Outcome<'a> {
    trigger_entry(|| {
        // A dump has the users, as they were.
        if !is_restoring() {
            users::copy_roles(uuid(trigger, "person_id")?, trigger.new().is_some())?;
        }
        Ok(None)
    })
}

/// AFTER INSERT or UPDATE on backoffice.settings: the fee holds from now on.
#[pg_trigger(sql = false)]
fn treasury_keep_fee<'a>(_trigger: &'a PgTrigger<'a>) -> Outcome<'a> {
    trigger_entry(|| {
        if !is_restoring() {
            platform_fee::keep()?;
        }
        Ok(None)
    })
}

/// BEFORE INSERT or UPDATE on backoffice.settings: who may change the rule of two persons.
#[pg_trigger(sql = false)]
fn treasury_check_setting<'a>(trigger: &'a PgTrigger<'a>) -> Outcome<'a> {
    trigger_entry(|| {
        if !is_restoring() {
            second::check_setting(&caller::current())?;
        }
        Ok(trigger.new())
    })
}

/// A column of the row as it is now, or was before it was deleted.
fn uuid(trigger: &PgTrigger<'_>, column: &str) -> Result<Uuid> {
    let row = trigger.new().or_else(|| trigger.old());
    let row = row.ok_or_else(|| Error::internal("a row trigger without a row"))?;
    required(row.get_by_name(column).map_err(|e| Error::internal(e.to_string()))?, column)
}
