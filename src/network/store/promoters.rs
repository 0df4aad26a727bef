//! SQL of promoters, their places in the hierarchy, and the platform.

use crate::kernel::error::{Error, Result};
use crate::kernel::spi::{Query, Row};
use crate::ledger::AccountId;
use crate::network::hierarchy::Place;
use pgrx::Uuid;

static INSERT: Query = Query::write(
    "insert into network.promoters (id, ancestors, wallet_account_id) values ($1, $2, $3)",
);
static PLACE: Query = Query::read("select ancestors from network.promoters where id = $1");
static BELOW: Query = Query::read("select id from network.promoters where ancestors @> array[$1]");
static LOCK_PLACE: Query =
    Query::write("select ancestors from network.promoters where id = $1 for share");
static LOCK_HIERARCHY: Query =
    Query::write("select pg_catalog.pg_advisory_xact_lock('network.promoters'::regclass::bigint)");
static HEIGHT: Query = Query::read(
    "select coalesce(max(array_position(ancestors, $1)), 0)::bigint + 1
       from network.promoters where ancestors @> array[$1]",
);
static SET_PARENT: Query = Query::write(
    "update network.profiles set parent_promoter_id = $2, updated_at = now() where id = $1",
);
// Locked in id order first: an UPDATE gives no order, and promoters may be
// created below meanwhile, which shares the lock on their parent.
static LOCK_BRANCH: Query = Query::write(
    "select id from network.promoters
      where id = $1 or ancestors @> array[$1] order by id for update",
);
static MOVE: Query = Query::write(
    "update network.promoters
        set ancestors = ancestors[1:coalesce(array_position(ancestors, $1), 0)] || $2,
            updated_at = now()
      where id = $1 or ancestors @> array[$1]",
);
static WALLET: Query = Query::read(
    "select wallet_account_id, payout_account_id, debt_account_id
                   from network.promoters where id = $1",
);
static LOCK_WALLET: Query = Query::write(
    "select wallet_account_id, payout_account_id, debt_account_id
       from network.promoters where id = $1 for no key update",
);
static SET_DEBT: Query = Query::write(
    "update network.promoters set debt_account_id = $2, updated_at = now() where id = $1",
);
static SET_PAYOUT: Query = Query::write(
    "update network.promoters set payout_account_id = $2, updated_at = now() where id = $1",
);

/// Every promoter of the line below.
pub fn below(person: Uuid) -> Result<Vec<Uuid>> {
    BELOW.all(&[person.into()], |row| row.get(1))
}

pub fn insert(id: Uuid, ancestors: &[Uuid], wallet: AccountId) -> Result<()> {
    INSERT.run(&[id.into(), ancestors.to_vec().into(), wallet.0.into()])?;
    Ok(())
}

/// A promoter's place.
pub fn place(id: Uuid) -> Result<Place> {
    PLACE.one(&[id.into()], |row| Ok(Place { ancestors: row.get(1)? }))
}

/// A promoter's place, which stays as it is until the transaction ends.
pub fn lock_place(id: Uuid) -> Result<Place> {
    LOCK_PLACE.one(&[id.into()], |row| Ok(Place { ancestors: row.get(1)? }))
}

/// One move of a branch at a time.
pub fn lock_hierarchy() -> Result<()> {
    LOCK_HIERARCHY.run(&[])?;
    Ok(())
}

/// Locks a promoter and everybody below: nobody joins the branch meanwhile.
pub fn lock_branch(id: Uuid) -> Result<()> {
    LOCK_BRANCH.run(&[id.into()])?;
    Ok(())
}

/// How many promoters the longest line holds from this one down.
pub fn height_below(id: Uuid) -> Result<i64> {
    HEIGHT.one(&[id.into()], |row| row.get(1))
}

/// Puts a promoter under another parent, with everybody below.
pub fn move_branch(id: Uuid, parent: Option<Uuid>, line: &[Uuid]) -> Result<()> {
    SET_PARENT.run(&[id.into(), parent.into()])?;
    if MOVE.run(&[id.into(), line.to_vec().into()])? == 0 {
        return Err(Error::internal(format!("promoter {id} has no place")));
    }
    Ok(())
}

/// The accounts of a promoter in the ledger.
#[derive(Clone, Copy, Debug)]
pub struct Accounts {
    pub promoter: Uuid,
    pub wallet: AccountId,
    /// What was paid out, once there was a withdrawal.
    pub payout: Option<AccountId>,
    /// What the promoter owes back, once they did.
    pub debt: Option<AccountId>,
}

impl Accounts {
    fn read(promoter: Uuid, row: &Row<'_>) -> Result<Self> {
        let optional = |column| Ok::<_, Error>(row.opt(column)?.map(AccountId));
        let wallet = AccountId(row.get(1)?);
        Ok(Accounts { promoter, wallet, payout: optional(2)?, debt: optional(3)? })
    }
}

pub fn accounts(id: Uuid) -> Result<Accounts> {
    WALLET.one(&[id.into()], |row| Accounts::read(id, row))
}

/// The accounts of a promoter, whose money nobody else pays out or takes back
/// until the transaction ends.
pub fn lock_accounts(id: Uuid) -> Result<Accounts> {
    LOCK_WALLET.one(&[id.into()], |row| Accounts::read(id, row))
}

pub fn set_debt_account(id: Uuid, account: AccountId) -> Result<()> {
    SET_DEBT.run(&[id.into(), account.0.into()])?;
    Ok(())
}

pub fn set_payout_account(id: Uuid, account: AccountId) -> Result<()> {
    SET_PAYOUT.run(&[id.into(), account.0.into()])?;
    Ok(())
}
