//! Statements on the stripes of accounts.

use crate::kernel::error::Result;
use crate::kernel::spi::{Query, Row};
use crate::ledger::account::{Account, AccountId, Change, Counters};
use crate::ledger::escrow::{Shares, Stripe};
use crate::ledger::store::accounts;

static LOCK_ONE: Query = Query::write(
    "select stripe, debits_posted::bigint, credits_posted::bigint, overdraft_share, balance_share,
            frozen
       from ledger.account_stripes where account_id = $1 and stripe = $2
        for no key update",
);
static LOCK_ALL: Query = Query::write(
    "select stripe, debits_posted::bigint, credits_posted::bigint, overdraft_share, balance_share,
            frozen
       from ledger.account_stripes where account_id = $1
      order by stripe
        for no key update",
);
// Takes a snapshot of its own: it sees what was committed while a lock was waited for.
static READ_ACCOUNT: Query = Query::write(
    "select id, currency, class, max_overdraft, closed_at is not null, stripes,
            debits_posted::bigint, credits_posted::bigint, debits_pending::bigint,
            credits_pending::bigint, max_balance, frozen_at is not null
       from ledger.accounts
      where id = $1",
);
static ADD: Query = Query::write(
    "update ledger.account_stripes
        set debits_posted = debits_posted + $3, credits_posted = credits_posted + $4
      where account_id = $1 and stripe = $2",
);
static DEAL: Query = Query::write(
    "update ledger.account_stripes s
        set overdraft_share = d.overdraft, balance_share = d.balance, frozen = $5
       from unnest($2::smallint[], $3::bigint[], $4::bigint[]) as d (stripe, overdraft, balance)
      where s.account_id = $1 and s.stripe = d.stripe
        and (s.overdraft_share, s.balance_share, s.frozen)
            is distinct from (d.overdraft, d.balance, $5)",
)
.generic();

/// A stripe, locked; nothing where the account was closed.
pub fn lock_one(id: AccountId, stripe: i16) -> Result<Option<Stripe>> {
    LOCK_ONE.first(&[id.0.into(), stripe.into()], row)
}

/// All stripes of an account in order, locked.
pub fn lock_all(id: AccountId) -> Result<Vec<Stripe>> {
    LOCK_ALL.all(&[id.0.into()], row)
}

/// The account's row as it is now, with the counters of the row.
pub fn read_account(id: AccountId) -> Result<Option<Account>> {
    READ_ACCOUNT.first(&[id.0.into()], accounts::account)
}

/// Adds to the counters of a stripe that is locked.
pub fn add(id: AccountId, stripe: i16, posted: &Change) -> Result<()> {
    let args =
        [id.0.into(), stripe.into(), posted.debits_posted.into(), posted.credits_posted.into()];
    ADD.run(&args)?;
    Ok(())
}

/// Writes what the stripes of an account may do, as it was dealt to them.
pub fn deal(account: &Account, stripes: &[Stripe]) -> Result<()> {
    let column = |of: fn(&Shares) -> Option<i64>| {
        stripes.iter().map(|stripe| of(&stripe.shares)).collect::<Vec<_>>()
    };
    DEAL.run(&[
        account.id.0.into(),
        stripes.iter().map(|stripe| stripe.number).collect::<Vec<_>>().into(),
        column(|shares| shares.overdraft).into(),
        column(|shares| shares.balance).into(),
        account.frozen.into(),
    ])?;
    Ok(())
}

fn row(row: &Row<'_>) -> Result<Stripe> {
    Ok(Stripe {
        number: row.get(1)?,
        counters: Counters {
            debits_posted: row.get(2)?,
            credits_posted: row.get(3)?,
            ..Counters::default()
        },
        shares: Shares { overdraft: row.opt(4)?, balance: row.opt(5)? },
        frozen: row.get(6)?,
    })
}
