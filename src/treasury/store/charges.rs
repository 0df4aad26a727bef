//! SQL of charges and their shares.

use crate::kernel::clock::transaction_start;
use crate::kernel::error::{Error, Result};
use crate::kernel::money::Currency;
use crate::kernel::rows::{self, Insert};
use crate::kernel::spi::{Query, Row};
use crate::treasury::charge::Charge;
use crate::treasury::standing::{Party, Share};
use pgrx::Uuid;

static LOCK: Query = Query::write(
    "select id, stripe_charge_id, amount_cents, currency, owner_id, buyer_id, split_rule_id,
            split_version, refunded_cents, reported_refunded_cents, disputed_cents, charged_at,
            planned_at, buyer_told_at, released_cents, captured_at
       from treasury.charges where stripe_charge_id = $1 for no key update",
);
static PEOPLE: Query = Query::read(
    "select (select id from treasury.users where id = $1),
            (select id from treasury.users where id = $2),
            (select id from treasury.stripe_accounts where stripe_account_id = $3)",
);
static APPEND: Insert = Insert::into(
    c"treasury",
    c"charges",
    &[
        "id",
        "stripe_charge_id",
        "payment_intent_id",
        "status",
        "amount_cents",
        "currency",
        "owner_id",
        "buyer_id",
        "buyer_told_at",
        "split_rule_id",
        "split_version",
        "refunded_cents",
        "reported_refunded_cents",
        "released_cents",
        "disputed_cents",
        "charged_at",
        "planned_at",
        "captured_at",
        "created_at",
    ],
)
.vouching(&["charges_status_check", "charges_amount_check", "charges_currency_check"]);
static APPEND_SHARES: Insert = Insert::into(
    c"treasury",
    c"charge_shares",
    &["charge_id", "position", "party", "user_id", "amount_cents"],
)
.vouching(&["charge_shares_party_check", "charge_shares_user_check", "charge_shares_amount_check"]);
static UPDATE: Query = Query::write(
    "update treasury.charges
        set status = case when $2 > 0 then 'captured' else status end, amount_cents = $2,
            owner_id = $3, buyer_id = $4, split_rule_id = $5, split_version = $6, planned_at = $7,
            buyer_told_at = $8, captured_at = $9
      where id = $1",
);
static SET_HEARD: Query = Query::write(
    "update treasury.charges set buyer_id = $2, buyer_told_at = $3, captured_at = $4 where id = $1",
);
static SET_SHARES: Query = Query::write(
    "with gone as (
        delete from treasury.charge_shares
         where charge_id = $1 and not position = any ($2::smallint[]))
     insert into treasury.charge_shares as s (charge_id, position, party, user_id, amount_cents)
     select $1, n.position, n.party, n.user_id, n.amount_cents
       from unnest($2::smallint[], $3::text[], $4::uuid[], $5::bigint[])
         as n (position, party, user_id, amount_cents)
     on conflict (charge_id, position) do update
        set party = excluded.party, user_id = excluded.user_id,
            amount_cents = excluded.amount_cents",
);
static SHARES: Query = Query::read(
    "select party, user_id, amount_cents from treasury.charge_shares
      where charge_id = $1 order by position",
);
static GIVE_BACK: Query = Query::write(
    "update treasury.charges set refunded_cents = $2, disputed_cents = $3 where id = $1",
);
static REPORT: Query = Query::write(
    "update treasury.charges
        set reported_refunded_cents = greatest(reported_refunded_cents, $2),
            released_cents = greatest(released_cents, $3)
      where id = $1",
);

// What the foreign keys say whose checks of inserts are off (finalize.sql), and that shares
// are exactly what was captured.
static BROKEN_RULES: Query = Query::read(
    "select rule, count(*), (array_agg(id order by id))[1] from (
        select 'a charge of a user who is not there' as rule, c.id from treasury.charges c
         where not exists (select from treasury.users u where u.id = c.owner_id)
           and c.owner_id is not null
        union all
        select 'a charge of a buyer who is not there', c.id from treasury.charges c
         where not exists (select from treasury.users u where u.id = c.buyer_id)
           and c.buyer_id is not null
        union all
        select 'a share of a charge that is not there', s.charge_id from treasury.charge_shares s
         where not exists (select from treasury.charges c where c.id = s.charge_id)
        union all
        select 'a share of a user who is not there', s.charge_id from treasury.charge_shares s
         where not exists (select from treasury.users u where u.id = s.user_id)
           and s.user_id is not null
        union all
        select 'shares that are not the amount of their charge', c.id
          from treasury.charges c left join treasury.charge_shares s on s.charge_id = c.id
         group by c.id having coalesce(sum(s.amount_cents), 0) <> c.amount_cents) broken
      group by rule order by rule",
);

/// The charge of an id at Stripe, which nobody else changes until the transaction ends.
pub fn lock(stripe_id: &str) -> Result<Option<Charge>> {
    LOCK.first(&[stripe_id.into()], to_charge)
}

fn to_charge(row: &Row<'_>) -> Result<Charge> {
    let currency: String = row.get(4)?;
    let rule: Option<i64> = row.opt(7)?;
    Ok(Charge {
        id: row.get(1)?,
        stripe_id: row.get(2)?,
        captured: row.get(3)?,
        currency: Currency::parse(&currency, "charges.currency")?,
        owner: row.opt(5)?,
        buyer: row.opt(6)?,
        rule: rule.zip(row.opt(8)?),
        refunded: row.get(9)?,
        reported: row.get(10)?,
        disputed: row.get(11)?,
        charged_at: row.get(12)?,
        planned_at: row.get(13)?,
        buyer_at: row.opt(14)?,
        released: row.get(15)?,
        captured_at: row.opt(16)?,
    })
}

/// Which of those that a charge names are there.
pub struct People {
    pub owner: Option<Uuid>,
    pub buyer: Option<Uuid>,
    /// Whose the connected account is.
    pub linked: Option<Uuid>,
}

pub fn people(owner: Option<Uuid>, buyer: Option<Uuid>, account: Option<&str>) -> Result<People> {
    PEOPLE.one(&[owner.into(), buyer.into(), account.into()], |row| {
        Ok(People { owner: row.opt(1)?, buyer: row.opt(2)?, linked: row.opt(3)? })
    })
}

/// Columns of shares, for unnest.
type Columns = (Vec<i16>, Vec<&'static str>, Vec<Option<Uuid>>, Vec<i64>);

fn columns(shares: &[Share]) -> Columns {
    (
        (0..shares.len() as i16).collect(),
        shares.iter().map(|share| share.party.as_str()).collect(),
        shares.iter().map(|share| share.party.person()).collect(),
        shares.iter().map(|share| share.amount).collect(),
    )
}

/// Stores a new charge with its shares.
pub fn insert(charge: &Charge, intent: Option<&str>, shares: &[Share]) -> Result<()> {
    APPEND.run([[
        charge.id.into(),
        charge.stripe_id.as_str().into(),
        intent.into(),
        if charge.captured > 0 { "captured" } else { "authorized" }.into(),
        charge.captured.into(),
        charge.currency.code().into(),
        charge.owner.into(),
        charge.buyer.into(),
        charge.buyer_at.into(),
        charge.rule.map(|(rule, _)| rule).into(),
        charge.rule.map(|(_, version)| version).into(),
        0_i64.into(),
        0_i64.into(),
        0_i64.into(),
        0_i64.into(),
        charge.charged_at.into(),
        charge.planned_at.into(),
        charge.captured_at.into(),
        transaction_start().into(),
    ]])?;
    APPEND_SHARES.run(shares.iter().enumerate().map(|(position, share)| {
        [
            charge.id.into(),
            (position as i16).into(),
            share.party.as_str().into(),
            share.party.person().into(),
            share.amount.into(),
        ]
    }))?;
    rows::command_done();
    Ok(())
}

/// Stores what is captured of a charge and whose it is, and how it is split then.
pub fn update(charge: &Charge, shares: &[Share]) -> Result<()> {
    UPDATE.run(&[
        charge.id.into(),
        charge.captured.into(),
        charge.owner.into(),
        charge.buyer.into(),
        charge.rule.map(|(rule, _)| rule).into(),
        charge.rule.map(|(_, version)| version).into(),
        charge.planned_at.into(),
        charge.buyer_at.into(),
        charge.captured_at.into(),
    ])?;
    set_shares(charge.id, shares)
}

/// Stores what moves nothing: who paid, and since when it is captured.
pub fn set_heard(charge: &Charge) -> Result<()> {
    SET_HEARD.run(&[
        charge.id.into(),
        charge.buyer.into(),
        charge.buyer_at.into(),
        charge.captured_at.into(),
    ])?;
    Ok(())
}

fn set_shares(id: Uuid, shares: &[Share]) -> Result<()> {
    let (positions, parties, people, amounts) = columns(shares);
    SET_SHARES.run(&[
        id.into(),
        positions.into(),
        parties.into(),
        people.into(),
        amounts.into(),
    ])?;
    Ok(())
}

/// In their order.
pub fn shares(id: Uuid) -> Result<Vec<Share>> {
    SHARES.all(&[id.into()], |row| {
        let (party, person): (String, Option<Uuid>) = (row.get(1)?, row.opt(2)?);
        let unknown = || Error::internal(format!("a share of a {party} that is none"));
        Ok(Share { party: Party::stored(&party, person).ok_or_else(unknown)?, amount: row.get(3)? })
    })
}

pub fn give_back(id: Uuid, refunded: i64, disputed: i64) -> Result<()> {
    GIVE_BACK.run(&[id.into(), refunded.into(), disputed.into()])?;
    Ok(())
}

/// Notes down what Stripe says is refunded and released, if it never said more.
pub fn report(id: Uuid, refunded: i64, released: i64) -> Result<()> {
    REPORT.run(&[id.into(), refunded.into(), released.into()])?;
    Ok(())
}

/// Which rule is broken, how often, and for which charge first.
pub fn broken_rules() -> Result<Vec<(String, i64, Uuid)>> {
    BROKEN_RULES.all(&[], |row| Ok((row.get(1)?, row.get(2)?, row.get(3)?)))
}
