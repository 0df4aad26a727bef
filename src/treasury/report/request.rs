//! Asking for a report: for oneself, or as an admin for whomever. The same again gives the
//! report there is, as long as it would say the same.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::treasury::SYSTEM;
use crate::treasury::error::TreasuryError;
use crate::treasury::report::parameters::Parameters;
use crate::treasury::report::{Format, Kind, Wanted, time_zone};
use crate::treasury::store::invoices;
use crate::treasury::store::reports as store;
use pgrx::Uuid;
use serde_json::Value;

/// So many reports of one person may wait at once.
const MOST_QUEUED: i64 = 50;

/// Queues a report unless there is one; its id.
pub fn request(
    caller: &Caller,
    kind: &str,
    format: &str,
    parameters: &Value,
    user: Option<Uuid>,
) -> Result<i64> {
    let kind = Kind::parse(kind, "p_type")?;
    let format = Format::parse(format, "p_format")?;
    let (user, parameters) = whose(caller, Parameters::parse(kind, parameters)?, user)?;
    time_zone()?;
    let wanted = Wanted { user, kind, format, parameters };
    let by = caller.person();
    if let Some(id) = unchanged(&wanted, by)? {
        return Ok(id);
    }
    if let Some(id) = store::queue(&wanted, by)? {
        if by.is_some() && store::count_queued(by)? > MOST_QUEUED {
            return Err(Error::conflict(format!(
                "{MOST_QUEUED} of your reports are waiting already"
            )));
        }
        return Ok(id);
    }
    let gone = || Error::internal("a queued report is not there");
    store::find_queued(&wanted, by)?.ok_or_else(gone)
}

/// The last one that was made of the same, where it would say the same now.
fn unchanged(wanted: &Wanted, by: Option<Uuid>) -> Result<Option<i64>> {
    let Some((id, version)) = store::last_done(wanted, by)? else { return Ok(None) };
    Ok((wanted.version()? == version).then_some(id))
}

/// Whose report it becomes, and the parameters with the charge looked up. 42501 where it
/// is somebody else's; PT404 for a charge that is none or not theirs.
fn whose(
    caller: &Caller,
    parameters: Parameters,
    user: Option<Uuid>,
) -> Result<(Option<Uuid>, Parameters)> {
    match parameters {
        Parameters::Invoice { charge } => {
            let (user, charge) = whose_invoice(caller, &charge, user)?;
            Ok((Some(user), Parameters::Invoice { charge: charge.to_string() }))
        }
        Parameters::Entries(entries) if entries.everybody => {
            caller.require_admin(SYSTEM)?;
            if user.is_some() {
                return Err(Error::invalid("p_user_id", "comes without p_params.everybody"));
            }
            Ok((None, Parameters::Entries(entries)))
        }
        parameters => {
            let user = user.or(caller.person()).ok_or_else(|| Error::missing("p_user_id"))?;
            require_user(caller, user)?;
            Ok((Some(user), parameters))
        }
    }
}

fn require_user(caller: &Caller, user: Uuid) -> Result<()> {
    caller.require_self_or_admin(SYSTEM, user, "p_user_id")?;
    if store::is_user(user)? {
        return Ok(());
    }
    Err(TreasuryError::UnknownUser { field: "p_user_id".to_owned(), id: user }.into())
}

/// An invoice is its seller's and its buyer's.
fn whose_invoice(caller: &Caller, charge: &str, user: Option<Uuid>) -> Result<(Uuid, Uuid)> {
    if let Some(user) = user {
        require_user(caller, user)?;
    }
    let unknown = || Error::not_found("charge", charge);
    let found = invoices::find_charge(charge)?.ok_or_else(unknown)?;
    let sides = [found.seller, found.buyer];
    let person = match user.or_else(|| caller.person().filter(|me| sides.contains(&Some(*me)))) {
        Some(user) => sides.contains(&Some(user)).then_some(user),
        None if caller.is_admin(SYSTEM)? => found.seller,
        None => None,
    };
    Ok((person.ok_or_else(unknown)?, found.id))
}
