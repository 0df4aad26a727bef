//! SQL of the accounts at Stripe.

use crate::kernel::error::Result;
use crate::kernel::rows::Record;
use crate::kernel::spi::{Query, Row};
use crate::treasury::stripe_account::Account;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::{JsonB, Uuid};
use serde_json::json;

static LINK: Query = Query::write(
    "insert into treasury.stripe_accounts (id, stripe_account_id) values ($1, $2)
     on conflict do nothing",
);
static IS_LINKED: Query = Query::read_latest(
    "select exists (select from treasury.stripe_accounts where id = $1 and stripe_account_id = $2)",
);
static OWNER: Query =
    Query::read_latest("select id from treasury.stripe_accounts where stripe_account_id = $1");
static FIND: Query = Query::read_latest(
    "select stripe_account_id, details_submitted, payouts_enabled, charges_enabled, requirements
       from treasury.stripe_accounts where id = $1",
);
static DETAILS_CHANGED: Query = Query::write(
    "update treasury.stripe_accounts
        set payout_details_changed_at = greatest(payout_details_changed_at, $2), updated_at = now()
      where stripe_account_id = $1",
);
static LOCK: Query = Query::write(
    "select id, event_at, live, details_submitted, payouts_enabled, charges_enabled, requirements
       from treasury.stripe_accounts where stripe_account_id = $1 for no key update",
);
static HOLD: Query =
    Query::write("select 1 from treasury.stripe_accounts where id = $1 for no key update");
static APPLY: Query = Query::write(
    "update treasury.stripe_accounts
        set onboarding_status = $2, details_submitted = $3, payouts_enabled = $4,
            charges_enabled = $5, requirements = $6, event_at = $7, live = coalesce($8, live),
            updated_at = now()
      where id = $1",
);
static ROW: Query = Query::read_latest("select a from treasury.stripe_accounts a where id = $1");

/// Whether the account is the person's now and was nobody's before.
pub fn link(person: Uuid, account: &str) -> Result<bool> {
    Ok(LINK.run(&[person.into(), account.into()])? > 0)
}

pub fn is_linked(person: Uuid, account: &str) -> Result<bool> {
    IS_LINKED.one(&[person.into(), account.into()], |row| row.get(1))
}

/// What is known of an account.
pub struct Known {
    pub user: Uuid,
    pub event_at: Option<TimestampWithTimeZone>,
    pub live: Option<bool>,
    pub account: Account,
}

/// Keeps the row as it is until the transaction ends.
pub fn lock(account: &str) -> Result<Option<Known>> {
    LOCK.first(&[account.into()], |row| {
        let account = read_account(row, 4)?;
        Ok(Known { user: row.get(1)?, event_at: row.opt(2)?, live: row.opt(3)?, account })
    })
}

/// Keeps a person's as it is, so that what they do goes on one by one.
pub fn hold(person: Uuid) -> Result<()> {
    HOLD.run(&[person.into()])?;
    Ok(())
}

/// What is kept of an account, in four columns from this one on.
pub fn read_account(row: &Row<'_>, first: usize) -> Result<Account> {
    let JsonB(requirements) = row.get(first + 3)?;
    let object = json!({
        "details_submitted": row.get::<bool>(first)?,
        "payouts_enabled": row.get::<bool>(first + 1)?,
        "charges_enabled": row.get::<bool>(first + 2)?,
        "requirements": requirements,
    });
    Account::parse("stripe_accounts", &object)
}

/// Whose an account is.
pub fn owner(account: &str) -> Result<Option<Uuid>> {
    OWNER.first(&[account.into()], |row| row.get(1))
}

/// The account of a person.
pub fn find(person: Uuid) -> Result<Option<(String, Account)>> {
    FIND.first(&[person.into()], |row| Ok((row.get(1)?, read_account(row, 2)?)))
}

/// Notes down that payouts go elsewhere since; whether somebody has the account.
pub fn details_changed(account: &str, at: TimestampWithTimeZone) -> Result<bool> {
    Ok(DETAILS_CHANGED.run(&[account.into(), at.into()])? > 0)
}

pub fn apply(
    user: Uuid,
    new: &Account,
    at: TimestampWithTimeZone,
    live: Option<bool>,
) -> Result<()> {
    APPLY.run(&[
        user.into(),
        new.status().as_str().into(),
        new.details_submitted.into(),
        new.payouts_enabled.into(),
        new.charges_enabled.into(),
        JsonB(new.requirements()).into(),
        at.into(),
        live.into(),
    ])?;
    Ok(())
}

pub fn row(user: Uuid) -> Result<Record> {
    ROW.one(&[user.into()], |row| row.get(1))
}
