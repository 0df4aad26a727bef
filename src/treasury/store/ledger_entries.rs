//! SQL of the ledger's entries. Both statements read from each account's own index, newest
//! first, so that they cost what they show and not what the books hold.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use crate::treasury::ledger_entry::Wanted;
use pgrx::Uuid;
use pgrx::datum::{DatumWithOid, TimestampWithTimeZone};

/// Id, user, amount, currency, type, event_source, reference, time.
pub type Row =
    (i64, Option<Uuid>, i64, String, String, String, Option<String>, TimestampWithTimeZone);

/// The sides of one account's transfers from $3 to $4, with what comes behind.
macro_rules! sides {
    ($tail:literal) => {
        concat!(
            "(select t.id, t.debit_account_id as account_id, 'debit' as type, t.amount::bigint as amount,
                     t.recorded_at, t.kind_id, t.journal_id, t.metadata
                from ledger.all_transfers t
               where t.debit_account_id = a.id and t.recorded_at >= coalesce($3, '-infinity')
                 and t.recorded_at < coalesce($4, 'infinity') ",
            $tail,
            ") union all
             (select t.id, t.credit_account_id, 'credit', t.amount::bigint,
                     t.recorded_at, t.kind_id, t.journal_id, t.metadata
                from ledger.all_transfers t
               where t.credit_account_id = a.id and t.recorded_at >= coalesce($3, '-infinity')
                 and t.recorded_at < coalesce($4, 'infinity') ",
            $tail,
            ")"
        )
    };
}

/// The page of `found`, as the view treasury.ledger_entries shows it.
macro_rules! shown {
    () => {
        "select ('x' || substr(md5(e.id || ':' || e.type), 1, 16))::bit(64)::bigint & 9007199254740991,
                a.owner_id, e.amount, a.currency, e.type,
                case when k.kind = 'stripe_charge' and a.owner_id is not null then 'split' else k.kind end,
                coalesce(e.metadata, j.metadata) ->> 'reference', e.recorded_at
           from (select * from found order by recorded_at desc, id desc, type limit $5 offset $6) e
           join ledger.accounts a on a.id = e.account_id
           join ledger.transfer_kinds k on k.id = e.kind_id
           left join ledger.all_journals j on j.id = e.journal_id
          order by e.recorded_at desc, e.id desc, e.type"
    };
}

static OF_USER: Query = Query::read(concat!(
    "with found as (
        select s.* from ledger.accounts a cross join lateral (",
    sides!("order by t.recorded_at desc, t.id desc limit $5 + $6"),
    ") s where a.owner_id = $1 and a.system = 'treasury' and ($2 is null or a.currency = $2))",
    shown!()
));
// Nearly every transfer touches an account of the platform, and those are few. As many
// entries as are wanted are not older than the last of theirs; so nothing that is older
// need be looked for in the accounts of people, who are many.
static OF_ALL: Query = Query::read(concat!(
    "with newest as (
        select s.recorded_at from ledger.accounts a cross join lateral (",
    sides!("order by t.recorded_at desc limit $5 + $6"),
    ") s where a.system = 'treasury' and a.owner_id is null and ($2 is null or a.currency = $2)
         order by s.recorded_at desc limit $5 + $6),
    since as materialized (
        select case when count(*) < $5 + $6 then '-infinity' else min(recorded_at) end as at from newest),
    found as (
        select s.* from ledger.accounts a cross join lateral (",
    sides!("and t.recorded_at >= (select at from since)"),
    ") s where a.system = 'treasury' and ($1 is null or a.owner_id = $1) and ($2 is null or a.currency = $2))",
    shown!()
));

/// The entries of somebody's earnings.
pub fn of_user(user: Uuid, wanted: &Wanted) -> Result<Vec<Row>> {
    rows(&OF_USER, Some(user), wanted)
}

/// The entries of all accounts.
pub fn of_all(wanted: &Wanted) -> Result<Vec<Row>> {
    rows(&OF_ALL, None, wanted)
}

fn rows(query: &Query, user: Option<Uuid>, wanted: &Wanted) -> Result<Vec<Row>> {
    let args: [DatumWithOid<'_>; 6] = [
        user.into(),
        wanted.currency.as_ref().map(|currency| currency.code()).into(),
        wanted.from.into(),
        wanted.to.into(),
        wanted.limit.into(),
        wanted.offset.into(),
    ];
    query.all(&args, |row| {
        Ok((
            row.get(1)?,
            row.opt(2)?,
            row.get(3)?,
            row.get(4)?,
            row.get(5)?,
            row.get(6)?,
            row.opt(7)?,
            row.get(8)?,
        ))
    })
}
