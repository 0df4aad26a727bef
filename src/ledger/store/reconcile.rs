//! Statements on external statements, their lines, and matches.

use crate::kernel::clock::clock;
use crate::kernel::error::Result;
use crate::kernel::spi::{Query, Row};
use crate::ledger::account::{AccountId, Side};
use crate::ledger::reconcile::{Entry, Line};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;

// Days are counted from 2000-01-01.

static ZONE: Query = Query::read(
    "select exists (select from pg_catalog.pg_timezone_names where lower(name) = lower($1))",
);
static INSERT_STATEMENT: Query = Query::write(
    "insert into ledger.external_statements
        (id, account_id, reference, time_zone, starts_on, ends_on, lines, total,
         opening_balance, closing_balance, content_hash, imported_at, imported_by)
     values ($1, $2, $3, $4, date '2000-01-01' + $5, date '2000-01-01' + $6, $7, $8,
             $9, $10, $11, $12, $13)
     on conflict (account_id, reference) do nothing",
);
static INSERT_LINES: Query = Query::write(
    "insert into ledger.external_lines
        (id, statement_id, line_no, occurrence, booked_on, amount, reference, description)
     select x.id, $1, x.line_no, x.occurrence, date '2000-01-01' + x.day, x.amount, x.reference,
            x.description
       from unnest($2::uuid[], $3::int[], $4::int[], $5::bigint[], $6::text[], $7::text[])
            with ordinality as x (id, occurrence, day, amount, reference, description, line_no)
      order by x.line_no",
);
static FIND: Query = Query::read_latest(
    "select id, account_id, reference, time_zone, starts_on - date '2000-01-01',
            ends_on - date '2000-01-01', lines, total, opening_balance, closing_balance,
            content_hash
       from ledger.external_statements where id = $1",
);
static FIND_BY_REFERENCE: Query = Query::read_latest(
    "select id, account_id, reference, time_zone, starts_on - date '2000-01-01',
            ends_on - date '2000-01-01', lines, total, opening_balance, closing_balance,
            content_hash
       from ledger.external_statements where account_id = $1 and reference = $2",
);
// One reconciliation of an account at a time: two would match the same transfer.
static LOCK: Query = Query::write(
    "select pg_catalog.pg_advisory_xact_lock(
        pg_catalog.hashtextextended('ledger.reconcile', $1::bigint))",
);
static FREE_LINES: Query = Query::read_latest(
    "select l.id, l.line_no, l.booked_on - date '2000-01-01', l.amount, l.reference,
            l.description
       from ledger.external_lines l
      where l.statement_id = $1
        and not exists (select from ledger.match_lines m where m.line_id = l.id and m.active)
      order by l.line_no",
);
// Each arm reads one index of the account.
static FREE_TRANSFERS: Query = Query::read_latest(
    "select t.id, (t.at at time zone $4)::date - date '2000-01-01', t.sign * t.amount,
            coalesce(t.description, j.description),
            array[t.id::text, t.journal_id::text]
              || array(select m.value from pg_catalog.jsonb_each_text(
                          case when pg_catalog.jsonb_typeof(coalesce(t.metadata, j.metadata)) = 'object'
                               then coalesce(t.metadata, j.metadata) else '{}' end) m
                        where m.key = any ($6))
       from (select id, amount::bigint as amount, $5 as sign, recorded_at as at, journal_id,
                    description, metadata
               from ledger.all_transfers
              where debit_account_id = $1 and effective_at is null
                and recorded_at >= (date '2000-01-01' + $2)::timestamp at time zone $4
                and recorded_at < (date '2000-01-01' + $3)::timestamp at time zone $4
             union all
             select id, amount::bigint, $5, effective_at, journal_id, description, metadata
               from ledger.all_transfers
              where debit_account_id = $1
                and effective_at >= (date '2000-01-01' + $2)::timestamp at time zone $4
                and effective_at < (date '2000-01-01' + $3)::timestamp at time zone $4
             union all
             select id, amount::bigint, -$5, recorded_at, journal_id, description, metadata
               from ledger.all_transfers
              where credit_account_id = $1 and effective_at is null
                and recorded_at >= (date '2000-01-01' + $2)::timestamp at time zone $4
                and recorded_at < (date '2000-01-01' + $3)::timestamp at time zone $4
             union all
             select id, amount::bigint, -$5, effective_at, journal_id, description, metadata
               from ledger.all_transfers
              where credit_account_id = $1
                and effective_at >= (date '2000-01-01' + $2)::timestamp at time zone $4
                and effective_at < (date '2000-01-01' + $3)::timestamp at time zone $4) t
       left join ledger.all_journals j on j.id = t.journal_id
      where not exists (select from ledger.match_transfers m
                         where m.transfer_id = t.id and m.account_id = $1 and m.active)
      order by t.at, t.id
      limit $7",
);
static REJECTIONS: Query = Query::read_latest(
    "select line_id, transfer_id from ledger.match_rejections where statement_id = $1",
);
static INSERT_MATCHES: Query = Query::write(
    "insert into ledger.matches (id, statement_id, kind, score, reasons, lines_amount,
        transfers_amount, note, matched_at, matched_by)
     select x.id, $1, case when x.score is null then 'manual' else 'automatic' end, x.score,
            pg_catalog.string_to_array(x.reasons, ','), x.lines_amount, x.transfers_amount, x.note, $2, $3
       from unnest($4::uuid[], $5::smallint[], $6::text[], $7::bigint[], $8::bigint[], $9::text[])
            as x (id, score, reasons, lines_amount, transfers_amount, note)",
);
static INSERT_MATCH_LINES: Query = Query::write(
    "insert into ledger.match_lines (match_id, line_id)
     select * from unnest($1::uuid[], $2::uuid[])",
);
static INSERT_MATCH_TRANSFERS: Query = Query::write(
    "insert into ledger.match_transfers (match_id, account_id, transfer_id)
     select x.match_id, $1, x.transfer_id
       from unnest($2::uuid[], $3::uuid[]) as x (match_id, transfer_id)",
);
static LINES: Query = Query::read_latest(
    "select id, amount from ledger.external_lines where statement_id = $1 and id = any ($2)",
);
static TRANSFERS: Query = Query::read_latest(
    "select id, case when debit_account_id = $1 then $3 else -$3 end * amount::bigint
       from ledger.all_transfers
      where id = any ($2) and $1 in (debit_account_id, credit_account_id)",
);
static MATCHES_OF: Query = Query::read_latest(
    "select match_id from ledger.match_lines where line_id = any ($2) and active
      union
     select match_id from ledger.match_transfers
      where transfer_id = any ($3) and account_id = $1 and active",
);
static MATCH: Query = Query::read_latest(
    "select statement_id, lines_amount, transfers_amount, undone_at,
            array(select line_id from ledger.match_lines where match_id = m.id),
            array(select transfer_id from ledger.match_transfers where match_id = m.id)
       from ledger.matches m where id = $1",
);
static UNDO: Query = Query::write(
    "update ledger.matches set undone_at = $2, undone_by = $3, undone_reason = $4
      where id = $1 and undone_at is null",
);
static UNDO_LINES: Query =
    Query::write("update ledger.match_lines set active = false where match_id = $1 and active");
static UNDO_TRANSFERS: Query =
    Query::write("update ledger.match_transfers set active = false where match_id = $1 and active");
static REJECT: Query = Query::write(
    "insert into ledger.match_rejections
        (line_id, transfer_id, statement_id, reason, rejected_at, rejected_by)
     select l.id, t.id, $1, $4, $5, $6
       from unnest($2::uuid[]) l (id) cross join unnest($3::uuid[]) t (id)
     on conflict do nothing",
);
static BOUNDS: Query = Query::read(
    "select (date '2000-01-01' + $1)::timestamp at time zone $3,
            (date '2000-01-01' + $2 + 1)::timestamp at time zone $3",
);
static MATCHED: Query = Query::read(
    "select (select coalesce(sum(l.amount), 0)::bigint from ledger.matches m
               join ledger.match_lines x on x.match_id = m.id and x.active
               join ledger.external_lines l on l.id = x.line_id
              where m.statement_id = $1),
            (select count(*) from ledger.matches m
               join ledger.match_lines x on x.match_id = m.id and x.active
              where m.statement_id = $1),
            (select count(*) from ledger.matches where statement_id = $1 and undone_at is null)",
);
static MATCHED_TRANSFERS: Query = Query::read(
    "select coalesce(sum(x.change), 0)::bigint, count(*),
            coalesce(sum(x.change) filter (where x.at < $4 or x.at >= $5), 0)::bigint,
            count(*) filter (where x.at < $4 or x.at >= $5)
       from (select case when t.debit_account_id = $2 then $3 else -$3 end * t.amount::bigint as change,
                    coalesce(t.effective_at, t.recorded_at) as at
               from ledger.matches m
               join ledger.match_transfers y on y.match_id = m.id and y.active
               join ledger.all_transfers t on t.id = y.transfer_id
              where m.statement_id = $1) x",
);
static OTHERS: Query = Query::read(
    "select coalesce(sum(t.change) filter (where m.id is null), 0)::bigint,
            count(*) filter (where m.id is null),
            coalesce(sum(t.change) filter (where m.statement_id <> $1), 0)::bigint,
            count(*) filter (where m.statement_id <> $1)
       from (select id, $3 * amount::bigint as change from ledger.all_transfers
              where debit_account_id = $2 and effective_at is null
                and recorded_at >= $4 and recorded_at < $5
             union all
             select id, $3 * amount::bigint from ledger.all_transfers
              where debit_account_id = $2 and effective_at >= $4 and effective_at < $5
             union all
             select id, -$3 * amount::bigint from ledger.all_transfers
              where credit_account_id = $2 and effective_at is null
                and recorded_at >= $4 and recorded_at < $5
             union all
             select id, -$3 * amount::bigint from ledger.all_transfers
              where credit_account_id = $2 and effective_at >= $4 and effective_at < $5) t
       left join ledger.match_transfers x
         on x.transfer_id = t.id and x.account_id = $2 and x.active
       left join ledger.matches m on m.id = x.match_id",
);

/// A statement as stored; days count from 2000-01-01.
pub struct Statement {
    pub id: Uuid,
    pub account: AccountId,
    pub reference: String,
    pub time_zone: String,
    pub starts: i32,
    pub ends: i32,
    pub lines: i32,
    pub total: i64,
    pub opening: Option<i64>,
    pub closing: Option<i64>,
    pub content_hash: Vec<u8>,
}

fn statement(row: &Row<'_>) -> Result<Statement> {
    Ok(Statement {
        id: row.get(1)?,
        account: AccountId(row.get(2)?),
        reference: row.get(3)?,
        time_zone: row.get(4)?,
        starts: row.get(5)?,
        ends: row.get(6)?,
        lines: row.get(7)?,
        total: row.get(8)?,
        opening: row.opt(9)?,
        closing: row.opt(10)?,
        content_hash: row.get(11)?,
    })
}

/// Whether PostgreSQL knows a time zone of this name.
pub fn is_time_zone(name: &str) -> Result<bool> {
    ZONE.one(&[name.into()], |row| row.get(1))
}

pub fn find(id: Uuid) -> Result<Option<Statement>> {
    FIND.first(&[id.into()], statement)
}

pub fn find_by_reference(account: AccountId, reference: &str) -> Result<Option<Statement>> {
    FIND_BY_REFERENCE.first(&[account.0.into(), reference.into()], statement)
}

/// Stores a statement; false where the account has one of this reference.
pub fn insert_statement(new: &Statement, by: Option<Uuid>) -> Result<bool> {
    let rows = INSERT_STATEMENT.run(&[
        new.id.into(),
        new.account.0.into(),
        new.reference.as_str().into(),
        new.time_zone.as_str().into(),
        new.starts.into(),
        new.ends.into(),
        new.lines.into(),
        new.total.into(),
        new.opening.into(),
        new.closing.into(),
        new.content_hash.clone().into(),
        clock().into(),
        by.into(),
    ])?;
    Ok(rows > 0)
}

pub fn insert_lines(id: Uuid, ids: Vec<Uuid>, occurrences: Vec<i32>, lines: &[Line]) -> Result<()> {
    let days: Vec<i32> = lines.iter().map(|line| line.day).collect();
    let amounts: Vec<i64> = lines.iter().map(|line| line.amount).collect();
    let references: Vec<_> = lines.iter().map(|line| line.reference.clone()).collect();
    let descriptions: Vec<_> = lines.iter().map(|line| line.description.clone()).collect();
    INSERT_LINES.run(&[
        id.into(),
        ids.into(),
        occurrences.into(),
        days.into(),
        amounts.into(),
        references.into(),
        descriptions.into(),
    ])?;
    Ok(())
}

/// Until the transaction ends nobody else matches what belongs to the account.
pub fn lock(account: AccountId) -> Result<()> {
    LOCK.run(&[account.0.into()])?;
    Ok(())
}

/// A line that is in no match, with its id and number.
pub fn free_lines(statement: Uuid) -> Result<Vec<(Uuid, i32, Line)>> {
    FREE_LINES.all(&[statement.into()], |row| {
        let line = Line {
            day: row.get(3)?,
            amount: row.get(4)?,
            reference: row.opt(5)?,
            description: row.opt(6)?,
        };
        Ok((row.get(1)?, row.get(2)?, line))
    })
}

/// 1 where debits add to the balance, -1 where they take away.
fn sign(side: Side) -> i64 {
    if side == Side::Debit { 1 } else { -1 }
}

/// Transfers of an account that are in no match of it, in the order of their time, from a
/// day up to another, without it; at most so many.
pub fn free_transfers(
    (account, side): (AccountId, Side),
    (from, until): (i32, i32),
    zone: &str,
    keys: &[String],
    most: i64,
) -> Result<Vec<(Uuid, Entry)>> {
    let args = [
        account.0.into(),
        from.into(),
        until.into(),
        zone.into(),
        sign(side).into(),
        keys.to_vec().into(),
        most.into(),
    ];
    FREE_TRANSFERS.all(&args, |row| {
        let references: Vec<Option<String>> = row.get(5)?;
        let entry = Entry {
            day: row.get(2)?,
            change: row.get(3)?,
            description: row.opt(4)?,
            references: references.into_iter().flatten().collect(),
        };
        Ok((row.get(1)?, entry))
    })
}

/// Lines and transfers that are not the same.
pub fn rejections(statement: Uuid) -> Result<Vec<(Uuid, Uuid)>> {
    REJECTIONS.all(&[statement.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}

/// A match to be stored.
pub struct NewMatch<'a> {
    pub id: Uuid,
    pub score: Option<i16>,
    pub reasons: Vec<String>,
    pub lines: Vec<Uuid>,
    pub transfers: Vec<Uuid>,
    pub lines_amount: i64,
    pub transfers_amount: i64,
    pub note: Option<&'a str>,
}

pub fn insert_matches(of: &Statement, new: &[NewMatch<'_>], by: Option<Uuid>) -> Result<()> {
    let ids: Vec<Uuid> = new.iter().map(|one| one.id).collect();
    let scores: Vec<Option<i16>> = new.iter().map(|one| one.score).collect();
    let reasons: Vec<String> = new.iter().map(|one| one.reasons.join(",")).collect();
    let bank: Vec<i64> = new.iter().map(|one| one.lines_amount).collect();
    let books: Vec<i64> = new.iter().map(|one| one.transfers_amount).collect();
    let notes: Vec<Option<&str>> = new.iter().map(|one| one.note).collect();
    INSERT_MATCHES.run(&[
        of.id.into(),
        clock().into(),
        by.into(),
        ids.into(),
        scores.into(),
        reasons.into(),
        bank.into(),
        books.into(),
        notes.into(),
    ])?;
    let (matches, lines) = pairs(new, |one| &one.lines);
    INSERT_MATCH_LINES.run(&[matches.into(), lines.into()])?;
    let (matches, transfers) = pairs(new, |one| &one.transfers);
    INSERT_MATCH_TRANSFERS.run(&[of.account.0.into(), matches.into(), transfers.into()])?;
    Ok(())
}

/// Each match with each of its lines or transfers.
fn pairs<'n>(
    new: &'n [NewMatch<'n>],
    of: fn(&'n NewMatch<'n>) -> &'n Vec<Uuid>,
) -> (Vec<Uuid>, Vec<Uuid>) {
    new.iter().flat_map(|one| of(one).iter().map(|id| (one.id, *id))).unzip()
}

/// Those of some lines that belong to the statement, with their amounts.
pub fn lines(statement: Uuid, ids: &[Uuid]) -> Result<Vec<(Uuid, i64)>> {
    LINES.all(&[statement.into(), ids.to_vec().into()], |row| Ok((row.get(1)?, row.get(2)?)))
}

/// Those of some transfers that the account takes part in, with what they add to it.
pub fn transfers((account, side): (AccountId, Side), ids: &[Uuid]) -> Result<Vec<(Uuid, i64)>> {
    let args = [account.0.into(), ids.to_vec().into(), sign(side).into()];
    TRANSFERS.all(&args, |row| Ok((row.get(1)?, row.get(2)?)))
}

/// The matches that any of these are in.
pub fn matches_of(account: AccountId, lines: &[Uuid], transfers: &[Uuid]) -> Result<Vec<Uuid>> {
    let args = [account.0.into(), lines.to_vec().into(), transfers.to_vec().into()];
    MATCHES_OF.all(&args, |row| row.get(1))
}

/// A match as stored.
pub struct Stored {
    pub statement: Uuid,
    pub lines_amount: i64,
    pub transfers_amount: i64,
    pub undone_at: Option<TimestampWithTimeZone>,
    pub lines: Vec<Uuid>,
    pub transfers: Vec<Uuid>,
}

pub fn find_match(id: Uuid) -> Result<Option<Stored>> {
    MATCH.first(&[id.into()], |row| {
        Ok(Stored {
            statement: row.get(1)?,
            lines_amount: row.get(2)?,
            transfers_amount: row.get(3)?,
            undone_at: row.opt(4)?,
            lines: row.get(5)?,
            transfers: row.get(6)?,
        })
    })
}

pub fn undo(id: Uuid, at: TimestampWithTimeZone, by: Option<Uuid>, reason: &str) -> Result<()> {
    UNDO.run(&[id.into(), at.into(), by.into(), reason.into()])?;
    UNDO_LINES.run(&[id.into()])?;
    UNDO_TRANSFERS.run(&[id.into()])?;
    Ok(())
}

/// Every line with every transfer; how many were not rejected before.
pub fn reject(
    statement: Uuid,
    lines: &[Uuid],
    transfers: &[Uuid],
    reason: &str,
    by: Option<Uuid>,
) -> Result<usize> {
    REJECT.run(&[
        statement.into(),
        lines.to_vec().into(),
        transfers.to_vec().into(),
        reason.into(),
        clock().into(),
        by.into(),
    ])
}

/// A sum and how many there are of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    pub amount: i64,
    pub count: i64,
}

/// What a statement and the books have in common, and what not.
pub struct Parts {
    pub matches: i64,
    pub matched_lines: Sum,
    pub matched_transfers: Sum,
    /// Those of them whose day the statement does not tell of.
    pub outside: Sum,
    /// Transfers of the statement's days in no match, and in one of another statement.
    pub unmatched_transfers: Sum,
    pub elsewhere: Sum,
}

/// When the days of a statement begin and end.
pub fn bounds(of: &Statement) -> Result<(TimestampWithTimeZone, TimestampWithTimeZone)> {
    BOUNDS.one(&[of.starts.into(), of.ends.into(), of.time_zone.as_str().into()], |row| {
        Ok((row.get(1)?, row.get(2)?))
    })
}

pub fn parts(
    of: &Statement,
    side: Side,
    (from, until): (TimestampWithTimeZone, TimestampWithTimeZone),
) -> Result<Parts> {
    let sum = |row: &Row<'_>, at: usize| {
        Ok::<_, crate::kernel::error::Error>(Sum { amount: row.get(at)?, count: row.get(at + 1)? })
    };
    let (matched_lines, matches) =
        MATCHED.one(&[of.id.into()], |row| Ok((sum(row, 1)?, row.get(3)?)))?;
    let args = [of.id.into(), of.account.0.into(), sign(side).into(), from.into(), until.into()];
    let two = |row: &Row<'_>| Ok((sum(row, 1)?, sum(row, 3)?));
    let (matched_transfers, outside) = MATCHED_TRANSFERS.one(&args, two)?;
    let (unmatched_transfers, elsewhere) = OTHERS.one(&args, two)?;
    Ok(Parts { matches, matched_lines, matched_transfers, outside, unmatched_transfers, elsewhere })
}
