//! SQL of forgetting. The append-only tables let the one statement through that empties
//! the columns it names.

use crate::kernel::error::Result;
use crate::kernel::personal::erasing;
use crate::kernel::spi::Query;
use crate::ops::audit::{self, Change};

/// Empties up to so many rows that are older than so many years, which count from the end
/// of the row's own; how many.
type Purge = fn(i64, i64) -> Result<usize>;

pub const OF_TAX_LAW: &[(&str, Purge)] = &[
    ("adjustments", adjustments),
    ("overrides", overrides),
    ("refunds", refunds),
    ("dispute_comments", dispute_comments),
    ("buyers", buyers),
    ("tax_profiles", tax_profiles),
];

static ADJUSTMENTS: Query = Query::write(
    "update treasury.adjustments set reason = null, note = null
      where id in (select id from treasury.adjustments
                    where created_at < date_trunc('year', now()) - make_interval(years => $1) and status <> 'waiting'
                      and (reason is not null or note is not null)
                    order by created_at limit $2 for update skip locked)",
);
static OVERRIDES: Query = Query::write(
    "update treasury.overrides set reason = null, note = null
      where id in (select id from treasury.overrides
                    where created_at < date_trunc('year', now()) - make_interval(years => $1) and status <> 'waiting'
                      and (reason is not null or note is not null)
                    order by created_at limit $2 for update skip locked)",
);
static REFUNDS: Query = Query::write(
    "update treasury.refunds set reason = null, failure_reason = null
      where id in (select id from treasury.refunds
                    where created_at < date_trunc('year', now()) - make_interval(years => $1)
                      and (reason is not null or failure_reason is not null)
                    order by id limit $2 for update skip locked)",
);
static DISPUTE_COMMENTS: Query = Query::write(
    "update treasury.dispute_comments set body = '[forgotten]'
      where id in (select id from treasury.dispute_comments
                    where created_at < date_trunc('year', now()) - make_interval(years => $1) and body <> '[forgotten]'
                    order by id limit $2 for update skip locked)",
);
// Who bought is a person's own history as long as there is the person.
static BUYERS: Query = Query::write(
    "update treasury.charges set buyer_id = null
      where id in (select c.id from treasury.charges c
                     join identity.erasures e on e.person_id = c.buyer_id
                    where c.charged_at < date_trunc('year', now()) - make_interval(years => $1)
                    limit $2 for update of c skip locked)",
);
// Of whoever was erased while tax law still looked at what they sold, bought or got.
static TAX_PROFILES: Query = Query::write(
    "delete from treasury.tax_profiles
      where user_id in (
            select p.user_id from treasury.tax_profiles p
              join identity.erasures e on e.person_id = p.user_id
             where not exists (select from treasury.charges c
                                where (c.owner_id = p.user_id or c.buyer_id = p.user_id)
                                  and c.charged_at >= date_trunc('year', now()) - make_interval(years => $1))
               and not exists (select from treasury.charge_shares s
                                 join treasury.charges c on c.id = s.charge_id
                                where s.user_id = p.user_id
                                  and c.charged_at >= date_trunc('year', now()) - make_interval(years => $1))
             limit $2 for update of p skip locked)",
);

fn run(query: &Query, age: i64, most: i64) -> Result<usize> {
    query.run(&[i32::try_from(age).unwrap_or(i32::MAX).into(), most.into()])
}

fn adjustments(years: i64, most: i64) -> Result<usize> {
    erasing("treasury.adjustments", &["reason", "note"], || run(&ADJUSTMENTS, years, most))
}

fn overrides(years: i64, most: i64) -> Result<usize> {
    erasing("treasury.overrides", &["reason", "note"], || run(&OVERRIDES, years, most))
}

fn refunds(years: i64, most: i64) -> Result<usize> {
    run(&REFUNDS, years, most)
}

fn dispute_comments(years: i64, most: i64) -> Result<usize> {
    erasing("treasury.dispute_comments", &["body"], || run(&DISPUTE_COMMENTS, years, most))
}

fn buyers(years: i64, most: i64) -> Result<usize> {
    run(&BUYERS, years, most)
}

fn tax_profiles(years: i64, most: i64) -> Result<usize> {
    // What is forgotten must not be remembered by the log.
    let line = Change {
        action: "PURGE".to_owned(),
        table: "treasury.tax_profiles".to_owned(),
        record_id: None,
        old: None,
        new: None,
    };
    audit::record_as_one("treasury.tax_profiles", line, || run(&TAX_PROFILES, years, most))
}
