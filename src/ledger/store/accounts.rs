//! Statements on accounts and their stripes.

use crate::kernel::error::Result;
use crate::kernel::money::Currency;
use crate::kernel::spi::{Query, Row};
use crate::ledger::account::{Account, AccountId, Change, Class, Counters, Limit, NewAccount};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use std::collections::BTreeMap;

static OPEN: Query = Query::write(
    "insert into ledger.accounts
        (system, code, name, currency, class, owner_id, max_overdraft, stripes, parent_id,
         max_balance)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict (system, code) do nothing
     returning id",
);
static OPEN_STRIPES: Query = Query::write(
    "insert into ledger.account_stripes (account_id, stripe)
     select $1, n from generate_series(0, $2 - 1) n",
);
static FIND: Query = Query::read("select id from ledger.accounts where system = $1 and code = $2");
static FIND_ALL: Query = Query::read(
    "select a.id from unnest($2::text[]) with ordinality as c (code, n)
       left join ledger.accounts a on a.system = $1 and a.code = c.code
      order by c.n",
)
.generic();
// A plain read might use a snapshot from before the insert that found the code
// taken; this one, and what is read after it, does not.
static FIND_TAKEN: Query =
    Query::write("select id from ledger.accounts where system = $1 and code = $2 for key share");
static DESCRIBE: Query = Query::read(
    "select currency, class, owner_id, max_overdraft, stripes, closed_at is not null, system,
            parent_id, max_balance, frozen_at
       from ledger.accounts where id = $1",
);
static CLOSE: Query = Query::write(
    "update ledger.accounts a
        set closed_at = clock_timestamp(), updated_at = clock_timestamp(), stripes = 0,
            debits_posted = a.debits_posted + $2, credits_posted = a.credits_posted + $3
      where id = $1 and closed_at is null",
);
static LOCK_STRIPES: Query = Query::write(
    "select debits_posted::bigint, credits_posted::bigint from ledger.account_stripes
      where account_id = $1
      order by stripe
        for update",
);
static DROP_STRIPES: Query =
    Query::write("delete from ledger.account_stripes where account_id = $1");
// Sorted before they are locked: every posting locks in the same order.
static LOCK: Query = Query::write(
    "select id, currency, class, max_overdraft, closed_at is not null, stripes,
            debits_posted::bigint, credits_posted::bigint, debits_pending::bigint,
            credits_pending::bigint, max_balance, frozen_at is not null
       from ledger.accounts
      where id = any($1) and (stripes = 0 or $2)
      order by id
        for no key update",
)
.generic();
static READ: Query = Query::read(
    "select id, currency, class, max_overdraft, closed_at is not null, stripes,
            debits_posted::bigint, credits_posted::bigint, debits_pending::bigint,
            credits_pending::bigint, max_balance, frozen_at is not null
       from ledger.accounts
      where id = any($1)",
)
.generic();
static TRY_LOCK: Query = Query::write(
    "select id from ledger.accounts where id = any($1) order by id for no key update skip locked",
);
static SUM_STRIPES: Query = Query::read(
    "select coalesce(sum(debits_posted), 0)::bigint, coalesce(sum(credits_posted), 0)::bigint
       from ledger.account_stripes where account_id = $1",
);
static CHANGE: Query = Query::write(
    "update ledger.accounts a
        set debits_posted = a.debits_posted + c.debits_posted,
            credits_posted = a.credits_posted + c.credits_posted,
            debits_pending = a.debits_pending + c.debits_pending,
            credits_pending = a.credits_pending + c.credits_pending,
            updated_at = clock_timestamp()
       from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
            as c (id, debits_posted, credits_posted, debits_pending, credits_pending)
      where a.id = c.id",
)
.generic();
// Nothing is posted to these accounts until the transaction ends.
static LOCK_OWNED: Query = Query::write(
    "select id from ledger.accounts where owner_id = $1 order by id for no key update",
);
// What was paid out to somebody shows as an asset below zero, for good.
static UNSETTLED: Query = Query::read(
    "select b.code from ledger.balances b
      where b.owner_id = $1
        and (b.held <> 0 or (b.class = 'asset' and b.posted > 0)
             or (b.class <> 'asset' and b.posted <> 0))
      order by b.account_id",
);

/// The code of an account of a person with money in it, if there is one.
pub fn unsettled(person: Uuid) -> Result<Option<String>> {
    LOCK_OWNED.run(&[person.into()])?;
    UNSETTLED.first(&[person.into()], |row| row.get(1))
}

/// The id of the new account, or nothing where the code is taken.
pub fn open(new: &NewAccount<'_>, parent: Option<AccountId>) -> Result<Option<AccountId>> {
    let args = [
        new.system.into(),
        new.code.into(),
        new.name.into(),
        new.currency.code().into(),
        new.class.as_str().into(),
        new.owner.into(),
        new.limit.max_overdraft().into(),
        new.stored_stripes().into(),
        parent.map(|id| id.0).into(),
        new.limit.max_balance().into(),
    ];
    let id: Option<i64> = OPEN.first(&args, |row| row.get(1))?;
    if let Some(id) = id
        && new.stored_stripes() > 0
    {
        OPEN_STRIPES.run(&[id.into(), i32::from(new.stored_stripes()).into()])?;
    }
    Ok(id.map(AccountId))
}

pub fn find(system: &str, code: &str) -> Result<Option<AccountId>> {
    Ok(FIND.first(&[system.into(), code.into()], |row| row.get(1))?.map(AccountId))
}

/// One for each code, in their order.
pub fn find_all(system: &str, codes: Vec<String>) -> Result<Vec<Option<AccountId>>> {
    FIND_ALL.all(&[system.into(), codes.into()], |row| Ok(row.opt(1)?.map(AccountId)))
}

/// The account whose code an insert found taken just now.
pub fn find_taken(system: &str, code: &str) -> Result<Option<AccountId>> {
    Ok(FIND_TAKEN.first(&[system.into(), code.into()], |row| row.get(1))?.map(AccountId))
}

/// What an account was opened as.
pub struct Description {
    pub currency: Currency,
    pub class: Class,
    pub owner: Option<Uuid>,
    pub limit: Limit,
    pub stripes: i16,
    pub closed: bool,
    pub system: String,
    pub parent: Option<AccountId>,
    pub frozen_at: Option<TimestampWithTimeZone>,
}

pub fn describe(id: AccountId) -> Result<Option<Description>> {
    DESCRIBE.first(&[id.0.into()], |row| {
        Ok(Description {
            currency: currency(row, 1)?,
            class: Class::parse(row.get::<&str>(2)?, "class")?,
            owner: row.opt(3)?,
            limit: Limit::stored(row.opt(4)?, row.opt(9)?),
            stripes: row.get(5)?,
            closed: row.get(6)?,
            system: row.get(7)?,
            parent: row.opt(8)?.map(AccountId),
            frozen_at: row.opt(10)?,
        })
    })
}

/// The posted counters of all stripes together, each locked.
pub fn lock_all_stripes(id: AccountId) -> Result<Counters> {
    let stripes = LOCK_STRIPES.all(&[id.0.into()], posted_counters)?;
    Ok(stripes.iter().fold(Counters::default(), |sum, stripe| Counters {
        // At most 64 numbers below 2^56.
        debits_posted: sum.debits_posted + stripe.debits_posted,
        credits_posted: sum.credits_posted + stripe.credits_posted,
        ..sum
    }))
}

/// Closes an account and moves what its stripes counted into its row. A posting
/// that waits for one of the stripes finds it gone.
pub fn close(id: AccountId, stripes: &Counters) -> Result<()> {
    DROP_STRIPES.run(&[id.0.into()])?;
    CLOSE.run(&[id.0.into(), stripes.debits_posted.into(), stripes.credits_posted.into()])?;
    Ok(())
}

/// Locks accounts in id order until the end of the transaction. Rows of striped
/// accounts are locked only where `whole` says so: postings do not touch them.
pub fn lock(ids: &[AccountId], whole: bool) -> Result<Vec<Account>> {
    LOCK.all(&[numbers(ids).into(), whole.into()], account)
}

/// Accounts as they are, without a lock.
pub fn read(ids: &[AccountId]) -> Result<Vec<Account>> {
    READ.all(&[numbers(ids).into()], account)
}

/// Locks those accounts that nobody else has locked; never waits.
pub fn try_lock(ids: &[AccountId]) -> Result<Vec<AccountId>> {
    TRY_LOCK.all(&[numbers(ids).into()], |row| Ok(AccountId(row.get(1)?)))
}

/// The posted counters of all stripes together.
pub fn sum_stripes(id: AccountId) -> Result<Counters> {
    SUM_STRIPES.one(&[id.0.into()], posted_counters)
}

/// Adds to the counters in the rows of accounts that are locked.
pub fn change(changes: &BTreeMap<AccountId, Change>) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Change) -> i64| changes.values().map(of).collect::<Vec<i64>>();
    let ids: Vec<i64> = changes.keys().map(|id| id.0).collect();
    CHANGE.run(&[
        ids.into(),
        column(|change| change.debits_posted).into(),
        column(|change| change.credits_posted).into(),
        column(|change| change.debits_pending).into(),
        column(|change| change.credits_pending).into(),
    ])?;
    Ok(())
}

fn numbers(ids: &[AccountId]) -> Vec<i64> {
    ids.iter().map(|id| id.0).collect()
}

fn posted_counters(row: &Row<'_>) -> Result<Counters> {
    Ok(Counters { debits_posted: row.get(1)?, credits_posted: row.get(2)?, ..Counters::default() })
}

/// An account from the columns that the statements above name, in their order.
pub fn account(row: &Row<'_>) -> Result<Account> {
    Ok(Account {
        id: AccountId(row.get(1)?),
        currency: currency(row, 2)?,
        class: Class::parse(row.get::<&str>(3)?, "class")?,
        limit: Limit::stored(row.opt(4)?, row.opt(11)?),
        closed: row.get(5)?,
        frozen: row.get(12)?,
        stripes: row.get(6)?,
        counters: Counters {
            debits_posted: row.get(7)?,
            credits_posted: row.get(8)?,
            debits_pending: row.get(9)?,
            credits_pending: row.get(10)?,
        },
        expired: 0,
        expired_expected: 0,
    })
}

pub fn currency(row: &Row<'_>, column: usize) -> Result<Currency> {
    Currency::parse(row.get::<&str>(column)?, "currency")
}
