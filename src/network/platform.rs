//! The platform: the admin and the ledger accounts that stand for it.

use crate::kernel::error::Result;
use crate::kernel::money::Currency;
use crate::kernel::settings;
use crate::ledger::{self, AccountId, Class, Limit, NewAccount};
use crate::network::SYSTEM;
use crate::network::error::NetworkError;
use crate::network::profile::{NewProfile, Role};
use crate::network::store::{platform as store, profiles};
use pgrx::Uuid;

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
pub fn load() -> Result<Platform> {
    Ok(store::find()?.ok_or(NetworkError::NoPlatform)?)
}

/// A person became admin: they get a profile, and the first one the platform.
pub fn admin_made(person: Uuid) -> Result<()> {
    match profiles::find(person)? {
        Some(profile) if profile.role == Role::Admin => {}
        Some(_) => profiles::make_admin(person)?,
        None => profiles::insert(&NewProfile {
            id: person,
            role: Role::Admin,
            number: None,
            parent: None,
            address: None,
        })?,
    }
    if store::find()?.is_none() {
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
