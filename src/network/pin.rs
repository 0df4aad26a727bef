//! PINs: what a promoter pays with for creating a customer.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::idempotency;
use crate::kernel::ids::new_id;
use crate::kernel::settings;
use crate::network::error::NetworkError;
use crate::network::profile::{self, Role};
use crate::network::store::numbers::{self, Counter};
use crate::network::store::pins::{self as store, NewTransaction};
use crate::network::{SYSTEM, number};
use pgrx::Uuid;
use serde_json::json;

/// The most PINs that one transaction moves.
const MOST: i32 = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    CustomerCreation,
    AdminAllocation,
    AdminDeduction,
}

impl Action {
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "customer_creation" => Ok(Action::CustomerCreation),
            "admin_allocation" => Ok(Action::AdminAllocation),
            "admin_deduction" => Ok(Action::AdminDeduction),
            _ => Err(Error::invalid(
                "p_action_type",
                "must be customer_creation, admin_allocation or admin_deduction",
            )),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Action::CustomerCreation => "customer_creation",
            Action::AdminAllocation => "admin_allocation",
            Action::AdminDeduction => "admin_deduction",
        }
    }

    /// An allocation adds, everything else takes away; never zero.
    fn check(self, change: i32) -> Result<()> {
        let rule = match self {
            Action::AdminAllocation if (1..=MOST).contains(&change) => return Ok(()),
            Action::AdminAllocation => "must be from 1 to 1000000 for an allocation",
            _ if (-MOST..=-1).contains(&change) => return Ok(()),
            _ => "must be from -1000000 to -1 for a deduction",
        };
        Err(Error::invalid("p_pin_change_value", rule))
    }

    fn note(self, change: i32) -> String {
        let pins = change.abs();
        let unit = if pins == 1 { "PIN" } else { "PINs" };
        match self {
            Action::CustomerCreation => format!("{pins} {unit} used to create a customer"),
            Action::AdminAllocation => format!("{pins} {unit} allocated by an admin"),
            Action::AdminDeduction => format!("{pins} {unit} deducted by an admin"),
        }
    }
}

/// A change of somebody's PINs.
pub struct Change {
    pub promoter: Uuid,
    pub action: Action,
    pub by: i32,
    pub created_by: Option<Uuid>,
    pub related: Option<Uuid>,
}

/// Makes a change and records it; the id of the record. The caller has been checked.
pub fn execute(change: &Change) -> Result<Uuid> {
    change.action.check(change.by)?;
    let Some((balance, active)) = store::change(change.promoter, change.by)? else {
        return Err(why_refused(change)?);
    };
    if change.action == Action::CustomerCreation && !active {
        return Err(NetworkError::Inactive { field: "p_promoter_id" }.into());
    }
    let id = new_id();
    store::insert(&NewTransaction {
        id,
        transaction_id: number::TRANSACTION.format(numbers::next(Counter::Transaction)?),
        promoter: change.promoter,
        action: change.action.as_str(),
        change: change.by,
        balance_after: balance,
        note: change.action.note(change.by),
        created_by: change.created_by,
        related: change.related,
    })?;
    Ok(id)
}

fn why_refused(change: &Change) -> Result<Error> {
    let profile = profile::require(change.promoter, Role::Promoter, "p_user_id")?;
    Ok(if change.by > 0 {
        NetworkError::TooManyPins.into()
    } else {
        NetworkError::TooFewPins { has: profile.pins, needs: -i64::from(change.by) }.into()
    })
}

/// `execute_pin_transaction`: checks who asks, then makes the change.
pub fn execute_for(
    caller: &Caller,
    promoter: Uuid,
    action: Action,
    by: i32,
    created_by: Option<Uuid>,
) -> Result<Uuid> {
    match action {
        Action::CustomerCreation => {
            caller.require_self_or_admin(SYSTEM, promoter, "p_user_id")?;
        }
        _ => caller.require_admin(SYSTEM)?,
    }
    let created_by = actor(caller, created_by, "p_created_by")?;
    let arguments = json!([promoter.to_string(), action.as_str(), by]);
    idempotency::once("network.execute_pin_transaction", &arguments, || {
        execute(&Change { promoter, action, by, created_by, related: None })
    })
}

/// Whom to record as the one who acts: a person only ever themselves, a server
/// or psql whomever it names.
pub fn actor(caller: &Caller, named: Option<Uuid>, field: &'static str) -> Result<Option<Uuid>> {
    let Some(person) = caller.person() else {
        if let Some(id) = named {
            profile::find(id, field)?;
        }
        return Ok(named);
    };
    match named {
        Some(other) if other != person => {
            Err(Error::forbidden(format!("{field}: must be yourself")))
        }
        _ => Ok(Some(person)),
    }
}

/// [`deduct_for_customer`] for one that is being made.
pub fn pay_for_customer(promoter: Uuid, customer: Uuid, created_by: Option<Uuid>) -> Result<Uuid> {
    let cost: i64 = settings::get(SYSTEM, "pins_per_customer")?;
    execute(&Change {
        promoter,
        action: Action::CustomerCreation,
        by: -(cost as i32),
        created_by,
        related: Some(customer),
    })
}

/// Takes the PINs that a customer costs, once for each customer.
pub fn deduct_for_customer(
    promoter: Uuid,
    customer: Uuid,
    created_by: Option<Uuid>,
) -> Result<Uuid> {
    if let Some((id, payer)) = store::for_customer(customer)? {
        if payer != promoter {
            return Err(Error::conflict("another promoter's PIN paid for this customer"));
        }
        return Ok(id);
    }
    pay_for_customer(promoter, customer, created_by)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_allocation_adds_and_everything_else_takes_away(change: i32) {
            let in_range = change != 0 && change.unsigned_abs() <= MOST as u32;
            prop_assert_eq!(
                Action::AdminAllocation.check(change).is_ok(), in_range && change > 0);
            prop_assert_eq!(
                Action::AdminDeduction.check(change).is_ok(), in_range && change < 0);
            prop_assert_eq!(
                Action::CustomerCreation.check(change).is_ok(), in_range && change < 0);
        }
    }

    #[test]
    fn an_unknown_action_is_refused() {
        assert!(Action::parse("gift").is_err());
        assert_eq!(Action::parse("admin_deduction").unwrap(), Action::AdminDeduction);
    }

    #[test]
    fn the_note_counts_in_words() {
        assert_eq!(Action::CustomerCreation.note(-1), "1 PIN used to create a customer");
        assert_eq!(Action::AdminAllocation.note(5), "5 PINs allocated by an admin");
    }
}
