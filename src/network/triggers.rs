//! The network's triggers: thin, they only fetch what the work needs.

use crate::kernel::error::{Error, Result, required, trigger_entry};
use crate::network::commission;
use crate::network::error::NetworkError;
use crate::network::store::{platform, profiles};
use pgrx::prelude::*;
use pgrx::{PgTrigger, Uuid};
use std::convert::Infallible;

type Outcome<'a> = Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, Infallible>;

fn new_uuid(trigger: &PgTrigger<'_>, column: &str) -> Result<Uuid> {
    let new = trigger.new().ok_or_else(|| Error::internal("a row trigger without a row"))?;
    let value = new.get_by_name(column).map_err(|e| Error::internal(e.to_string()))?;
    required(value, column)
}

/// AFTER INSERT on network.customers, while the commission is pending.
#[pg_trigger(sql = false)]
fn network_distribute_commission<'a>(trigger: &'a PgTrigger<'a>) -> Outcome<'a> {
    trigger_entry(|| {
        let customer = new_uuid(trigger, "id")?;
        commission::distribute(customer, new_uuid(trigger, "promoter_id")?)?;
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

/// BEFORE INSERT OR UPDATE on backoffice.settings, for network.currency: valid,
/// and not once there are wallets.
#[pg_trigger(sql = false)]
fn network_refuse_currency_change<'a>(trigger: &'a PgTrigger<'a>) -> Outcome<'a> {
    trigger_entry(|| {
        let new = trigger.new().ok_or_else(|| Error::internal("a row trigger without a row"))?;
        let value: Option<pgrx::JsonB> =
            new.get_by_name("value").map_err(|e| Error::internal(e.to_string()))?;
        let code = value.and_then(|json| json.0.as_str().map(str::to_owned)).unwrap_or_default();
        let currency = crate::kernel::money::Currency::parse(&code, "p_value")?;
        match platform::find()? {
            Some(platform) if platform.currency != currency => {
                Err(NetworkError::CurrencyFixed.into())
            }
            _ => Ok(Some(new)),
        }
    })
}
