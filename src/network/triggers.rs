//! The network's triggers: thin, they only fetch what the work needs.

use crate::kernel::error::{Error, Result, required, trigger_entry};
use crate::kernel::restore::is_restoring;
use crate::network::store::profiles;
use crate::network::{commission, platform};
use pgrx::prelude::*;
use pgrx::{JsonB, PgTrigger, Uuid};
use std::convert::Infallible;

type Outcome<'a> = Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, Infallible>;

fn new_uuid(trigger: &PgTrigger<'_>, column: &str) -> Result<Uuid> {
    let new = trigger.new().ok_or_else(|| Error::internal("a row trigger without a row"))?;
    let value = new.get_by_name(column).map_err(|e| Error::internal(e.to_string()))?;
    required(value, column)
}

/// AFTER INSERT on network.customers, while the commission is pending: for rows that
/// came another way than through `create_customer_with_commission`.
#[pg_trigger(sql = false)]
fn network_distribute_commission<'a>(trigger: &'a PgTrigger<'a>) -> Outcome<'a> {
    trigger_entry(|| {
        let customer = new_uuid(trigger, "id")?;
        commission::distribute_pending(customer, new_uuid(trigger, "promoter_id")?)?;
        Ok(None)
    })
}

/// AFTER UPDATE on identity.users: the profile's copies follow.
#[pg_trigger(sql = false)]
fn network_copy_person<'a>(trigger: &'a PgTrigger<'a>) -> Outcome<'a> {
    trigger_entry(|| {
        profiles::copy_person(new_uuid(trigger, "id")?)?;
        Ok(None)
    })
}

/// BEFORE INSERT OR UPDATE on backoffice.settings: the rules that go beyond the
/// type of one setting.
#[pg_trigger(sql = false)]
fn network_check_setting<'a>(trigger: &'a PgTrigger<'a>) -> Outcome<'a> {
    trigger_entry(|| {
        let new = trigger.new().ok_or_else(|| Error::internal("a row trigger without a row"))?;
        let key: Option<String> =
            new.get_by_name("key").map_err(|e| Error::internal(e.to_string()))?;
        let value: Option<JsonB> =
            new.get_by_name("value").map_err(|e| Error::internal(e.to_string()))?;
        let (key, JsonB(value)) = (required(key, "key")?, required(value, "value")?);
        // What a dump holds was checked when it was set.
        if !is_restoring() {
            platform::check_setting(&key, &value)?;
        }
        Ok(Some(new))
    })
}
