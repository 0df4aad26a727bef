//! SQL of levels.

use crate::kernel::error::Result;
use crate::kernel::ids::new_id;
use crate::kernel::numeric;
use crate::kernel::spi::{Query, Row};
use crate::network::level::{Facts, Level};
use pgrx::{AnyNumeric, JsonB, Uuid};
use serde_json::json;

static FACTS_OF: Query = Query::read(
    "select p.id, p.role_level::text, exists (select from network.level_overrides o where o.promoter_id = p.id),
            (select count(*) from network.profiles c
              where c.parent_promoter_id = p.id and c.role = 'customer' and c.status = 'Active'),
            (select count(*) from network.profiles c
              where c.parent_promoter_id = p.id and c.role = 'promoter' and c.status = 'Active'),
            (select coalesce(sum(a.amount), 0) from network.commission_history a
              where a.recipient_id = p.id and a.recipient_type = 'promoter' and a.status = 'credited'
                and ($2 is null or a.created_at >= now() - make_interval(days => $2)))
       from network.profiles p where p.id = $1",
);
// A page of promoters in the order of their ids. Whoever has an override is not
// asked; earnings are added up only where a rule counts them.
static PAGE: Query = Query::read(
    "with page as (
        select p.id, p.role_level from network.profiles p
         where p.role = 'promoter' and ($1 is null or p.id > $1)
           and not exists (select from network.level_overrides o where o.promoter_id = p.id)
         order by p.id limit $2)
     select page.id, page.role_level::text, false, coalesce(below.customers, 0), coalesce(below.promoters, 0),
            coalesce(earned.amount, 0)
       from page
       left join (
            select c.parent_promoter_id as id, count(*) filter (where c.role = 'customer') as customers,
                   count(*) filter (where c.role = 'promoter') as promoters
              from network.profiles c
             where c.parent_promoter_id in (select id from page) and c.status = 'Active'
             group by 1) below on below.id = page.id
       left join (
            select a.recipient_id as id, sum(a.amount) as amount
              from network.commission_history a
             where $4 and a.recipient_id in (select id from page)
               and a.recipient_type = 'promoter' and a.status = 'credited'
               and ($3 is null or a.created_at >= now() - make_interval(days => $3))
             group by 1) earned on earned.id = page.id
      order by page.id",
);
// One run at a time: two would lock the same rows in different orders.
static TRY_LOCK_RUN: Query = Query::write(
    "select pg_catalog.pg_try_advisory_xact_lock('network.level_changes'::regclass::bigint)",
);
// Whoever was changed or set by hand meanwhile is left alone.
static CHANGE: Query = Query::write(
    "with new as (
        select * from unnest($1, $2, $3, $4, $5) as new (change, id, was, becomes, facts)),
     changed as (
        update network.profiles p set role_level = new.becomes, updated_at = now()
          from new
         where p.id = new.id and p.role_level = new.was
           and not exists (select from network.level_overrides o where o.promoter_id = p.id)
        returning p.id)
     insert into network.level_changes (id, promoter_id, from_level, to_level, reason, facts)
     select new.change, new.id, new.was, new.becomes, 'rules', new.facts
       from new join changed on changed.id = new.id",
);
static LEVEL: Query =
    Query::write("select role_level::text from network.profiles where id = $1 for no key update");
static SET_LEVEL: Query =
    Query::write("update network.profiles set role_level = $2, updated_at = now() where id = $1");
static OVERRIDE: Query = Query::write(
    "insert into network.level_overrides as o (promoter_id, level, note, set_by)
     values ($1, $2, $3, $4)
     on conflict (promoter_id) do update
        set level = excluded.level, note = coalesce(excluded.note, o.note),
            set_by = excluded.set_by, set_at = now()
      where o.level <> excluded.level or o.note is distinct from coalesce(excluded.note, o.note)",
);
static RECORD: Query = Query::write(
    "insert into network.level_changes (id, promoter_id, from_level, to_level, reason, changed_by)
     values ($1, $2, $3, $4, 'admin', $5)",
);
static RELEASE: Query = Query::write("delete from network.level_overrides where promoter_id = $1");
static ENCODE: Query = Query::read(
    "select json_build_object(
        'promoter_id', $1, 'level', $2, 'set_by_hand', $3, 'earned_level', $4,
        'facts', json_build_object('active_customers', $5, 'active_promoters', $6,
                                   'earnings', $7, 'window_days', $8),
        'next', case when $9 is not null then json_build_object('level', $9,
                    'missing', json_strip_nulls(json_build_object(
                        'customers', $10, 'promoters', $11, 'earnings', $12))) end)::text",
);

/// A promoter's level and what counts for it.
pub struct Standing {
    pub promoter: Uuid,
    pub level: Level,
    pub set_by_hand: bool,
    pub facts: Facts,
}

fn standing(row: &Row<'_>) -> Result<Standing> {
    Ok(Standing {
        promoter: row.get(1)?,
        level: Level::parse(&row.get::<String>(2)?, "role_level")?,
        set_by_hand: row.get(3)?,
        facts: Facts {
            customers: row.get(4)?,
            promoters: row.get(5)?,
            earnings: numeric::to_decimal(&row.get::<AnyNumeric>(6)?, "earnings")?,
        },
    })
}

pub fn facts_of(promoter: Uuid, window_days: Option<i64>) -> Result<Standing> {
    FACTS_OF.one(&[promoter.into(), window_days.map(|days| days as i32).into()], standing)
}

/// Promoters after `after` by id, but those whose level an admin set.
pub fn page(
    after: Option<Uuid>,
    most: i64,
    window_days: Option<i64>,
    earnings: bool,
) -> Result<Vec<Standing>> {
    let days = window_days.map(|days| days as i32);
    PAGE.all(&[after.into(), most.into(), days.into(), earnings.into()], standing)
}

/// Whether no other run holds the lock.
pub fn try_lock_run() -> Result<bool> {
    TRY_LOCK_RUN.one(&[], |row| row.get(1))
}

/// A change that the rules ask for.
pub struct Changed<'a> {
    pub promoter: Uuid,
    pub from: Level,
    pub to: Level,
    pub facts: &'a Facts,
}

/// Writes the changes with their history; how many were still right.
pub fn change(changes: &[Changed<'_>]) -> Result<usize> {
    if changes.is_empty() {
        return Ok(0);
    }
    let text = |level: fn(&Changed<'_>) -> Level| -> Vec<String> {
        changes.iter().map(|one| level(one).as_str().to_owned()).collect()
    };
    let facts = |one: &Changed<'_>| {
        JsonB(json!({
            "active_customers": one.facts.customers,
            "active_promoters": one.facts.promoters,
            "earnings": one.facts.earnings.to_string(),
        }))
    };
    CHANGE.run(&[
        changes.iter().map(|_| new_id()).collect::<Vec<_>>().into(),
        changes.iter().map(|one| one.promoter).collect::<Vec<_>>().into(),
        text(|one| one.from).into(),
        text(|one| one.to).into(),
        changes.iter().map(facts).collect::<Vec<_>>().into(),
    ])
}

/// Sets a level by hand, with its history where it changes.
pub fn set(promoter: Uuid, level: Level, note: Option<&str>, by: Option<Uuid>) -> Result<()> {
    let was: String = LEVEL.one(&[promoter.into()], |row| row.get(1))?;
    OVERRIDE.run(&[promoter.into(), level.as_str().into(), note.into(), by.into()])?;
    if was != level.as_str() {
        SET_LEVEL.run(&[promoter.into(), level.as_str().into()])?;
        RECORD.run(&[
            new_id().into(),
            promoter.into(),
            was.as_str().into(),
            level.as_str().into(),
            by.into(),
        ])?;
    }
    Ok(())
}

/// Gives a level back to the rules; it stays until they say otherwise.
pub fn release(promoter: Uuid) -> Result<()> {
    RELEASE.run(&[promoter.into()])?;
    Ok(())
}

/// What a caller is told about a level.
pub struct Answer {
    pub promoter: Uuid,
    pub level: Level,
    pub set_by_hand: bool,
    pub earned: Level,
    pub customers: i64,
    pub promoters: i64,
    pub earnings: AnyNumeric,
    pub window_days: Option<i64>,
    pub next: Option<Level>,
    pub missing_customers: Option<i64>,
    pub missing_promoters: Option<i64>,
    pub missing_earnings: Option<AnyNumeric>,
}

pub fn encode(answer: &Answer) -> Result<String> {
    let args = [
        answer.promoter.into(),
        answer.level.as_str().into(),
        answer.set_by_hand.into(),
        answer.earned.as_str().into(),
        answer.customers.into(),
        answer.promoters.into(),
        answer.earnings.clone().into(),
        answer.window_days.into(),
        answer.next.map(Level::as_str).into(),
        answer.missing_customers.into(),
        answer.missing_promoters.into(),
        answer.missing_earnings.clone().into(),
    ];
    ENCODE.one(&args, |row| row.get(1))
}
