//! SQL of split rules and their versions.

use crate::kernel::error::Result;
use crate::kernel::money::Currency;
use crate::kernel::rows::Record;
use crate::kernel::spi::{Query, Row};
use crate::treasury::ownership::Owner;
use crate::treasury::rule::Rules;
use crate::treasury::split_rule::SplitRule;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::{AnyNumeric, JsonB, Uuid};
use serde_json::Value;

// Also of rules that were deleted.
static OWNER: Query =
    Query::read("select owner_id from treasury.split_rule_versions where rule_id = $1 limit 1");
// Of the platform there is no row to lock.
static LOCK_OWNER: Query = Query::write(
    "select pg_advisory_xact_lock(hashtextextended('treasury.split_rules ' || coalesce($1::text, ''), 0))",
);
// What follows the lock must see what was committed while it was waited for.
static NEXT_MOMENT: Query = Query::read_latest(
    "select greatest(clock_timestamp(), max(valid_from)) from treasury.split_rule_versions
      where owner_id = $1 or ($1 is null and owner_id is null)",
);
static COUNT: Query = Query::read_latest(
    "select count(*) from treasury.split_rules
      where owner_id = $1 or ($1 is null and owner_id is null)",
);
static FIND: Query = Query::read_latest(
    "select name, rules, is_default, currency from treasury.split_rules where id = $1",
);
static INSERT: Query = Query::write(
    "insert into treasury.split_rules (owner_id, name, rules, is_default, currency)
     values ($1, $2, $3, $4, $5) returning id",
);
static UPDATE: Query = Query::write(
    "update treasury.split_rules
        set name = $2, rules = $3, is_default = $4, currency = $5, updated_at = now()
      where id = $1",
);
static CLEAR_DEFAULT: Query = Query::write(
    "update treasury.split_rules set is_default = false, updated_at = now()
      where (owner_id = $1 or ($1 is null and owner_id is null))
        and currency is not distinct from $2 and is_default and id is distinct from $3
     returning id",
);
static ADD_VERSION: Query = Query::write(
    "insert into treasury.split_rule_versions
        (id, rule_id, version, owner_id, currency, rules, is_default, valid_from, made_by)
     select $1, r.id, 1 + coalesce((select max(v.version) from treasury.split_rule_versions v
                                     where v.rule_id = r.id), 0),
            r.owner_id, r.currency, r.rules, r.is_default, $3, $4
       from treasury.split_rules r where r.id = $2",
);
static END: Query = Query::write(
    "with gone as (delete from treasury.split_rules r where r.id = $2 returning r.*)
     insert into treasury.split_rule_versions
        (id, rule_id, version, owner_id, currency, rules, is_default, valid_from, made_by)
     select $1, g.id, 1 + (select max(v.version) from treasury.split_rule_versions v
                            where v.rule_id = g.id),
            g.owner_id, g.currency, null, false, $3, $4
       from gone g",
);
static LAST_VERSION: Query = Query::read_latest(
    "select id from treasury.split_rule_versions where rule_id = $1 order by version desc limit 1",
);
static OF_VERSION: Query = Query::read_latest(
    "select r from treasury.split_rules r
       join treasury.split_rule_versions v on v.rule_id = r.id where v.id = $1",
);
static VERSION: Query =
    Query::read_latest("select v from treasury.split_rule_versions v where v.id = $1");
static LIST: Query =
    Query::read("select r from treasury.split_rules r where owner_id = $1 order by id");
static ALL: Query = Query::read("select r from treasury.split_rules r order by id");
// The last version of each rule until then; of those that were a default the owner's own
// before the platform's, and the one for the currency before the one for all.
static IN_FORCE: Query = Query::read(
    "select w from (
        select distinct on (rule_id) * from treasury.split_rule_versions
         where (owner_id = $1 or owner_id is null) and valid_from <= $3
         order by rule_id, version desc) v
       join treasury.split_rule_versions w on w.id = v.id
      where v.is_default and (v.currency = $2 or v.currency is null)
      order by v.owner_id nulls last, v.currency nulls last limit 1",
);
// The same for whoever splits by it. A function that a webhook runs sees what was
// committed while it waited for a lock.
static VERSION_IN_FORCE: Query = Query::read_latest(
    "select v.rule_id, v.version, v.owner_id, v.rules from (
        select distinct on (rule_id) * from treasury.split_rule_versions
         where (owner_id = $1 or owner_id is null) and valid_from <= $3
         order by rule_id, version desc) v
      where v.is_default and (v.currency = $2 or v.currency is null)
      order by v.owner_id nulls last, v.currency nulls last limit 1",
);
static VERSION_AT: Query = Query::read_latest(
    "select v.rule_id, v.version, v.owner_id, v.rules from (
        select * from treasury.split_rule_versions
         where rule_id = $1 and valid_from <= $3
         order by version desc limit 1) v
      where v.rules is not null and (v.currency = $2 or v.currency is null)",
);
static VERSION_OF: Query = Query::read_latest(
    "select rule_id, version, owner_id, rules from treasury.split_rule_versions
      where rule_id = $1 and version = $2 and rules is not null",
);
// Every list contains the empty one.
static SHARES_OF: Query = Query::read(
    "select r.id, r.name, r.owner_id, nullif(s ->> 'recipient_id', 'owner')::uuid, r.currency,
            r.is_default, (s ->> 'percent')::numeric, (s ->> 'fixed')::bigint,
            (s ->> 'minimum')::bigint, r.updated_at
       from treasury.split_rules r cross join lateral jsonb_array_elements(r.rules) s
      where r.rules @> case when $1 is null then '[]'
                            else jsonb_build_array(jsonb_build_object('recipient_id', $1::uuid)) end
        and ($1 is null or s ->> 'recipient_id' = $1::text)
      order by r.id",
);

/// The owner of a rule that is or was there.
pub fn owner(rule: i64) -> Result<Option<Owner>> {
    OWNER.first(&[rule.into()], |row| row.opt(1))
}

pub fn lock_owner(owner: Owner) -> Result<()> {
    LOCK_OWNER.run(&[owner.into()])?;
    Ok(())
}

pub fn next_moment(owner: Owner) -> Result<TimestampWithTimeZone> {
    NEXT_MOMENT.one(&[owner.into()], |row| row.get(1))
}

pub fn count(owner: Owner) -> Result<i64> {
    COUNT.one(&[owner.into()], |row| row.get(1))
}

/// The rule and the JSON that its rules are kept as.
pub fn find(rule: i64) -> Result<Option<(SplitRule, Value)>> {
    FIND.first(&[rule.into()], |row| {
        let JsonB(stored) = row.get(2)?;
        let currency = currency(row, 4)?;
        let found = SplitRule {
            name: row.get(1)?,
            rules: Rules::parse("rules", &stored, currency)?,
            is_default: row.get(3)?,
            currency,
        };
        Ok((found, stored))
    })
}

fn currency(row: &Row<'_>, column: usize) -> Result<Option<Currency>> {
    let code: Option<String> = row.opt(column)?;
    code.map(|code| Currency::parse(&code, "currency")).transpose()
}

fn code(currency: &Option<Currency>) -> Option<&str> {
    currency.as_ref().map(Currency::code)
}

/// The id of the new rule.
pub fn insert(owner: Owner, new: &SplitRule) -> Result<i64> {
    INSERT.one(
        &[
            owner.into(),
            new.name.as_str().into(),
            JsonB(new.rules.to_json()).into(),
            new.is_default.into(),
            code(&new.currency).into(),
        ],
        |row| row.get(1),
    )
}

pub fn update(rule: i64, new: &SplitRule) -> Result<()> {
    UPDATE.run(&[
        rule.into(),
        new.name.as_str().into(),
        JsonB(new.rules.to_json()).into(),
        new.is_default.into(),
        code(&new.currency).into(),
    ])?;
    Ok(())
}

/// Takes the default of an owner and a currency away, unless it is `keep`; from which rules.
pub fn clear_default(
    owner: Owner,
    currency: Option<Currency>,
    keep: Option<i64>,
) -> Result<Vec<i64>> {
    CLEAR_DEFAULT.all(&[owner.into(), code(&currency).into(), keep.into()], |row| row.get(1))
}

/// Writes down what a rule is from a moment on.
pub fn add_version(id: Uuid, rule: i64, at: TimestampWithTimeZone, by: Option<Uuid>) -> Result<()> {
    ADD_VERSION.run(&[id.into(), rule.into(), at.into(), by.into()])?;
    Ok(())
}

/// Deletes a rule and writes down that it is no more; whether there was one.
pub fn end(id: Uuid, rule: i64, at: TimestampWithTimeZone, by: Option<Uuid>) -> Result<bool> {
    Ok(END.run(&[id.into(), rule.into(), at.into(), by.into()])? > 0)
}

pub fn last_version(rule: i64) -> Result<Uuid> {
    LAST_VERSION.one(&[rule.into()], |row| row.get(1))
}

/// The rule that a version is of, as it is now.
pub fn of_version(version: Uuid) -> Result<Option<Record>> {
    OF_VERSION.first(&[version.into()], |row| row.get(1))
}

pub fn version(id: Uuid) -> Result<Record> {
    VERSION.one(&[id.into()], |row| row.get(1))
}

pub fn list(owner: Uuid) -> Result<Vec<Record>> {
    LIST.all(&[owner.into()], |row| row.get(1))
}

pub fn all() -> Result<Vec<Record>> {
    ALL.all(&[], |row| row.get(1))
}

/// The version that splits an owner's revenue of a time where nothing else is said.
pub fn in_force(
    owner: Uuid,
    currency: Currency,
    at: TimestampWithTimeZone,
) -> Result<Option<Record>> {
    IN_FORCE.first(&[owner.into(), currency.code().into(), at.into()], |row| row.get(1))
}

/// A version of a rule, as whoever splits by it needs it.
pub struct Version {
    pub rule: i64,
    pub version: i32,
    pub owner: Owner,
    pub rules: Value,
}

impl Version {
    /// Which rule, and which version of it.
    pub fn key(&self) -> (i64, i32) {
        (self.rule, self.version)
    }
}

fn to_version(row: &Row<'_>) -> Result<Version> {
    let JsonB(rules) = row.get(4)?;
    Ok(Version { rule: row.get(1)?, version: row.get(2)?, owner: row.opt(3)?, rules })
}

/// The version that splits an owner's revenue of a time where nothing else is said.
pub fn version_in_force(
    owner: Uuid,
    currency: Currency,
    at: TimestampWithTimeZone,
) -> Result<Option<Version>> {
    VERSION_IN_FORCE.first(&[owner.into(), currency.code().into(), at.into()], to_version)
}

/// What a rule was at a time, if it was there then and is for this currency.
pub fn version_at(
    rule: i64,
    currency: Currency,
    at: TimestampWithTimeZone,
) -> Result<Option<Version>> {
    VERSION_AT.first(&[rule.into(), currency.code().into(), at.into()], to_version)
}

pub fn version_of(rule: i64, version: i32) -> Result<Option<Version>> {
    VERSION_OF.first(&[rule.into(), version.into()], to_version)
}

/// Rule, name, owner, recipient, currency, default, percent, fixed, minimum, last change.
pub type MyShare = (
    i64,
    String,
    Option<Uuid>,
    Option<Uuid>,
    Option<String>,
    bool,
    Option<AnyNumeric>,
    Option<i64>,
    Option<i64>,
    TimestampWithTimeZone,
);

/// The parts of every rule that names somebody; of nobody everybody's.
pub fn shares_of(recipient: Option<Uuid>) -> Result<Vec<MyShare>> {
    SHARES_OF.all(&[recipient.into()], |row| {
        Ok((
            row.get(1)?,
            row.get(2)?,
            row.opt(3)?,
            row.opt(4)?,
            row.opt(5)?,
            row.get(6)?,
            row.opt(7)?,
            row.opt(8)?,
            row.opt(9)?,
            row.get(10)?,
        ))
    })
}
