//! Payout accounts.

use crate::kernel::caller;
use crate::kernel::error::{entry, required};
use crate::network::store::payout_accounts as store;
use crate::network::{SYSTEM, payout_account};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Uuid, composite_type};

/// Says that bank account `p_account_id` (a row of payout_accounts) is its promoter's,
/// or with `p_verified` false that it is no longer known to be. For admins; again it
/// changes nothing. Returns the row. PT404 unknown account, 42501 not an admin.
#[pg_extern(
    schema = "network",
    name = "verify_payout_account",
    security_definer,
    requires = ["network_payout_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_verify_payout_account(
    p_account_id: Option<Uuid>,
    p_verified: default!(Option<bool>, "true"),
) -> Result<composite_type!('static, "network.payout_accounts"), ErrorReport> {
    entry(|| {
        let caller = caller::current();
        caller.require_admin(SYSTEM)?;
        let account = required(p_account_id, "p_account_id")?;
        payout_account::verify(&caller, account, required(p_verified, "p_verified")?)?;
        store::row(account)
    })
}
