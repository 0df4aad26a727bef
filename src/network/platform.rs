//! The platform: the admin and the ledger accounts that stand for it.

use crate::kernel::error::Result;
use crate::kernel::money::Currency;
use crate::kernel::settings::{self, Settings};
use crate::ledger::{self, AccountId, Class, Limit, NewAccount};
use crate::network::SYSTEM;
use crate::network::error::NetworkError;
use crate::network::profile::{NewProfile, Role};
use crate::network::store::{platform as store, profiles};
use pgrx::Uuid;
use serde_json::Value;
use std::rc::Rc;

/// Stripes of the account that every commission debits.
const STRIPES: i32 = 16;

#[derive(Clone, Debug)]
pub struct Platform {
    /// The admin whose wallet gets what nobody claims.
    pub admin: Uuid,
    pub currency: Currency,
    pub wallet: AccountId,
    pub commission_account: AccountId,
    pub adjustment_account: AccountId,
}

/// The platform; 55000 while there is no admin.
pub fn load() -> Result<Rc<Platform>> {
    Ok(store::find()?.ok_or(NetworkError::NoPlatform)?)
}

/// Somebody got a role: an admin of the network needs a profile.
pub fn role_granted(person: Uuid, system: &str, role: &str) -> Result<()> {
    if role == "admin" && [SYSTEM, "*"].contains(&system) {
        admin_made(person)?;
    }
    Ok(())
}

/// A person became admin: they get a profile, and the first one the platform. A
/// promoter, or a customer whom somebody brought, stays what they are: what an
/// admin may do comes from the role, and their wallet must not be stranded.
pub fn admin_made(person: Uuid) -> Result<()> {
    if profiles::find(person)?.is_some() {
        profiles::make_admin(person)?;
    } else {
        profiles::insert(&NewProfile {
            id: person,
            role: Role::Admin,
            number: None,
            parent: None,
            address: None,
        })?;
    }
    // Whoever identity does not know gets no profile and cannot stand for the platform.
    if store::find()?.is_none() && profiles::find(person)?.is_some() {
        found(person)?;
    }
    Ok(())
}

fn found(admin: Uuid) -> Result<()> {
    let code: String = settings::get(SYSTEM, "currency")?;
    let currency = Currency::parse(&code, "network.currency")?;
    let open = |code, name, class, limit, owner, stripes| {
        ledger::open_account(&NewAccount {
            system: SYSTEM,
            code,
            name,
            currency,
            class,
            owner,
            limit,
            stripes,
        })
    };
    let wallet =
        open("admin_wallet", "Admin wallet", Class::Liability, Limit::NoOverdraft, None, 0)?;
    let commission =
        open("commissions", "Commissions", Class::Expense, Limit::None, None, STRIPES)?;
    let adjustment = open("adjustments", "Adjustments", Class::Expense, Limit::None, None, 0)?;
    store::insert(&Platform {
        admin,
        currency,
        wallet,
        commission_account: commission,
        adjustment_account: adjustment,
    })
}

/// Rules of the network's settings that go beyond the type of one: the currency
/// is fixed once there are wallets, and every level has an amount.
pub fn check_setting(key: &str, value: &Value) -> Result<()> {
    let settings = Settings::of(SYSTEM)?;
    match key {
        "currency" => check_currency(value.as_str().unwrap_or_default()),
        "commission_levels" => {
            let amounts: Vec<i64> = settings.get("commission_amounts")?;
            check_amounts(value.as_i64().unwrap_or_default() as usize, amounts.len())
        }
        "commission_amounts" => {
            let levels: i64 = settings.get("commission_levels")?;
            check_amounts(levels as usize, value.as_array().map_or(0, Vec::len))
        }
        _ => Ok(()),
    }
}

fn check_currency(code: &str) -> Result<()> {
    let currency = Currency::parse(code, "p_value")?;
    match store::find()? {
        Some(platform) if platform.currency != currency => Err(NetworkError::CurrencyFixed.into()),
        _ => Ok(()),
    }
}

/// `Err` unless there is an amount for each level.
pub fn check_amounts(levels: usize, amounts: usize) -> Result<()> {
    if amounts >= levels {
        return Ok(());
    }
    Err(NetworkError::AmountsMissing { levels, amounts }.into())
}
