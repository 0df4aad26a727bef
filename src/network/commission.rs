//! Commissions: who gets how much for a new customer.
//!
//! [`shares`] is the rule, on plain values. [`distribute`] walks up the line in
//! one statement, posts one journal to the ledger, and writes one row for each
//! share. It runs once for each customer; a repeat returns what exists.

use crate::kernel::clock::days_after_start;
use crate::kernel::error::{Error, Result};
use crate::kernel::money::{Currency, Money};
use crate::kernel::settings::Settings;
use crate::ledger::{self, AccountId, Journal, Leg};
use crate::network::error::NetworkError;
use crate::network::platform::{self, Platform};
use crate::network::store::commissions::{self as store, NewCommission};
use crate::network::store::numbers::{self, Counter};
use crate::network::{SYSTEM, number};
use crate::ops::audit::{self, Change};
use pgrx::Uuid;
use serde_json::{Map, Value, json};

/// A promoter on the way up, the creator first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upline {
    pub id: Uuid,
    pub active: bool,
    pub wallet: AccountId,
}

/// What happens with the share of an inactive promoter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InactiveShare {
    /// The admin wallet gets it.
    Admin,
    /// The next active promoter above gets it.
    NextActive,
}

/// The amounts of a commission in minor units, the creator's first.
#[derive(Clone, Debug)]
pub struct Plan {
    pub amounts: Vec<i64>,
    pub inactive: InactiveShare,
}

/// One level's share; no recipient means the admin wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    pub level: i32,
    pub amount: i64,
    pub recipient: Option<Upline>,
    pub note: String,
}

impl Plan {
    /// The plan in force.
    pub fn load(settings: &Settings) -> Result<Plan> {
        let levels = settings.get::<i64>("commission_levels")? as usize;
        let mut amounts: Vec<i64> = settings.get("commission_amounts")?;
        platform::check_amounts(levels, amounts.len())?;
        amounts.truncate(levels);
        let inactive = match settings.get::<String>("inactive_share")?.as_str() {
            "next_active" => InactiveShare::NextActive,
            _ => InactiveShare::Admin,
        };
        Ok(Plan { amounts, inactive })
    }

    /// How many levels it pays.
    pub fn levels(&self) -> i64 {
        self.amounts.len() as i64
    }
}

/// Divides a commission: exactly one share for each level, and their sum is the
/// plan's sum whatever the line looks like.
pub fn shares(line: &[Upline], plan: &Plan) -> Vec<Share> {
    let mut above = line.iter();
    let mut shares = Vec::with_capacity(plan.amounts.len());
    for (index, &amount) in plan.amounts.iter().enumerate() {
        let level = index as i32 + 1;
        let next = match plan.inactive {
            InactiveShare::Admin => above.next(),
            InactiveShare::NextActive => above.find(|one| one.active),
        };
        let (recipient, note) = match next {
            Some(one) if one.active => (Some(one.clone()), format!("Level {level} commission")),
            Some(_) => (None, format!("Level {level} commission, promoter inactive")),
            None => (None, format!("Level {level} commission, nobody to claim it")),
        };
        shares.push(Share { level, amount, recipient, note });
    }
    shares
}

/// Pays the commission for a customer whose row says so already. The caller has been
/// checked, and has made sure that nobody else pays for the same customer meanwhile.
pub fn distribute(customer: Uuid, initiator: Uuid) -> Result<()> {
    let settings = Settings::of(SYSTEM)?;
    let plan = Plan::load(&settings)?;
    let platform = platform::load()?;
    let currency = platform.currency;
    let line = store::line_above(initiator, plan.levels(), plan.inactive)?;
    let shares = shares(&line, &plan);
    post(customer, &platform, currency, &shares)?;
    let hold_days = settings.get::<i64>("commission_hold_days")?;
    record(customer, initiator, &platform, hold_days, &shares)
}

/// Pays the commission for a customer whose row is pending.
pub fn distribute_pending(customer: Uuid, initiator: Uuid) -> Result<()> {
    distribute(customer, initiator)?;
    store::mark_distributed(customer)
}

fn post(customer: Uuid, platform: &Platform, currency: Currency, shares: &[Share]) -> Result<()> {
    let legs: Vec<Leg> = shares
        .iter()
        .map(|share| Leg {
            id: None,
            debit: platform.commission_account,
            credit: share.recipient.as_ref().map_or(platform.wallet, |one| one.wallet),
            amount: Money::new(share.amount, currency),
        })
        .collect();
    // The customer's id is the journal's: the ledger itself refuses a second one.
    ledger::post(&Journal {
        id: Some(customer),
        system: SYSTEM,
        kind: "commission",
        description: None,
        legs: &legs,
        effective_at: None,
        metadata: None,
    })?;
    Ok(())
}

const TABLE: &str = "network.affiliate_commissions";

/// What the log says of a commission: its shares together, under the customer's id.
fn logged(initiator: Uuid, rows: &[NewCommission]) -> Map<String, Value> {
    let shares = rows.iter().map(|row| {
        json!({
            "id": row.id,
            "level": row.level,
            "recipient_id": row.recipient.to_string(),
            "amount": row.amount.to_string(),
            "transaction_id": row.transaction_id,
        })
    });
    Map::from_iter([
        ("initiator_promoter_id".to_owned(), initiator.to_string().into()),
        ("shares".to_owned(), shares.collect()),
    ])
}

fn record(
    customer: Uuid,
    initiator: Uuid,
    platform: &Platform,
    hold_days: i64,
    shares: &[Share],
) -> Result<()> {
    let payable_at = (hold_days > 0).then(|| days_after_start(hold_days));
    let ids = numbers::take(Counter::Commission, shares.len())?;
    let numbers = numbers::take(Counter::Transaction, shares.len())?;
    let rows = shares.iter().zip(ids.into_iter().zip(numbers));
    let rows: Vec<_> = rows
        .map(|(share, (id, transaction))| NewCommission {
            id,
            recipient: share.recipient.as_ref().map_or(platform.admin, |one| one.id),
            is_promoter: share.recipient.is_some(),
            level: share.level,
            amount: Money::new(share.amount, platform.currency),
            transaction_id: number::TRANSACTION.format(transaction),
            note: share.note.clone(),
        })
        .collect();
    let change = Change {
        action: "INSERT".to_owned(),
        table: TABLE.to_owned(),
        record_id: Some(customer.to_string()),
        old: None,
        new: Some(logged(initiator, &rows).into()),
    };
    audit::record_as_one(TABLE, change, || store::insert(customer, initiator, payable_at, &rows))
}

/// Pays the commission for a customer whose trigger has not done so yet; a
/// repeat changes nothing.
pub fn distribute_once(customer: Uuid, initiator: Uuid) -> Result<()> {
    let (promoter, status) = store::lock_customer(customer)?
        .ok_or(NetworkError::NotACustomer { field: "p_customer_id" })?;
    if promoter != Some(initiator) {
        let rule = "must be the promoter who brought the customer";
        return Err(Error::invalid("p_initiator_promoter_id", rule));
    }
    if status == "pending" { distribute_pending(customer, initiator) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::ids::new_id;
    use proptest::prelude::*;

    fn line(active: &[bool]) -> Vec<Upline> {
        active
            .iter()
            .enumerate()
            .map(|(i, &active)| Upline { id: new_id(), active, wallet: AccountId(i as i64) })
            .collect()
    }

    fn plan(inactive: InactiveShare) -> Plan {
        Plan { amounts: vec![50_000, 10_000, 10_000, 10_000], inactive }
    }

    fn wallets(shares: &[Share]) -> Vec<Option<i64>> {
        shares.iter().map(|share| share.recipient.as_ref().map(|one| one.wallet.0)).collect()
    }

    #[test]
    fn a_full_line_gets_everything() {
        let shares = shares(&line(&[true; 4]), &plan(InactiveShare::Admin));
        assert_eq!(wallets(&shares), [Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!(shares[0].amount, 50_000);
    }

    #[test]
    fn what_a_short_line_does_not_claim_goes_to_the_admin() {
        let shares = shares(&line(&[true, true]), &plan(InactiveShare::Admin));
        assert_eq!(wallets(&shares), [Some(0), Some(1), None, None]);
    }

    #[test]
    fn an_inactive_promoters_share_goes_to_the_admin() {
        let shares = shares(&line(&[true, false, true, true]), &plan(InactiveShare::Admin));
        assert_eq!(wallets(&shares), [Some(0), None, Some(2), Some(3)]);
    }

    #[test]
    fn or_to_the_next_active_promoter_where_the_setting_says_so() {
        let line = line(&[true, false, true, true, true]);
        let shares = shares(&line, &plan(InactiveShare::NextActive));
        assert_eq!(wallets(&shares), [Some(0), Some(2), Some(3), Some(4)]);
    }

    proptest! {
        #[test]
        fn every_level_is_paid_once_and_the_sum_never_changes(
            active in prop::collection::vec(any::<bool>(), 0..12),
            amounts in prop::collection::vec(1i64..1_000_000, 1..5),
            next_active: bool,
        ) {
            let inactive =
                if next_active { InactiveShare::NextActive } else { InactiveShare::Admin };
            let total: i64 = amounts.iter().sum();
            let levels = amounts.len() as i32;
            let shares = shares(&line(&active), &Plan { amounts, inactive });
            prop_assert_eq!(shares.iter().map(|share| share.amount).sum::<i64>(), total);
            let paid: Vec<i32> = shares.iter().map(|share| share.level).collect();
            prop_assert_eq!(paid, (1..=levels).collect::<Vec<_>>());
        }

        #[test]
        fn nobody_inactive_and_nobody_twice_is_paid(
            active in prop::collection::vec(any::<bool>(), 0..12), next_active: bool,
        ) {
            let inactive =
                if next_active { InactiveShare::NextActive } else { InactiveShare::Admin };
            let shares = shares(&line(&active), &plan(inactive));
            let mut paid: Vec<_> = shares.iter().filter_map(|share| share.recipient.clone()).collect();
            prop_assert!(paid.iter().all(|one| one.active));
            let count = paid.len();
            paid.dedup_by_key(|one| one.wallet.0);
            prop_assert_eq!(paid.len(), count);
        }
    }
}
