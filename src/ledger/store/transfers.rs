//! Statements on transfers and journals.

use crate::kernel::error::{Error, Result};
use crate::kernel::kept::Kept;
use crate::kernel::rows::{Insert, Stored};
use crate::kernel::spi::Query;
use crate::ledger::account::AccountId;
use crate::ledger::archive;
use crate::ledger::batch::Accepted;
use crate::ledger::journal::{Line, Request};
use crate::ledger::replay::{StoredJournal, StoredLine};
use crate::ledger::store::accounts::currency;
use pgrx::datum::{DatumWithOid, TimestampWithTimeZone};
use pgrx::{JsonB, Uuid};

static KIND: Query =
    Query::read_latest("select id from ledger.transfer_kinds where system = $1 and kind = $2");
static ADD_KIND: Query = Query::write(
    "insert into ledger.transfer_kinds (system, kind) values ($1, $2)
     on conflict (system, kind) do nothing",
);
static INSERT_ONE: Query = Query::write(
    "insert into ledger.transfers (id, debit_account_id, credit_account_id, amount, recorded_at,
        effective_at, kind_id, hold_id, reverses_id, description, metadata)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     on conflict do nothing",
);
static INSERT_JOURNAL: Query = Query::write(
    "insert into ledger.journals
        (id, kind_id, recorded_at, effective_at, reverses_id, description, metadata)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict do nothing",
);
/// The CHECKs of `ledger.transfers` that the rules of a transfer make sure of.
pub const VOUCHED: &[&str] = &["transfers_accounts_check"];
static APPEND: Insert = Insert::into(
    c"ledger",
    c"transfers",
    &[
        "id",
        "debit_account_id",
        "credit_account_id",
        "amount",
        "recorded_at",
        "effective_at",
        "kind_id",
        "journal_id",
        "reverses_id",
        "description",
        "metadata",
    ],
)
.vouching(VOUCHED);
static APPEND_JOURNAL: Insert = Insert::into(
    c"ledger",
    c"journals",
    &["id", "kind_id", "recorded_at", "effective_at", "description", "metadata"],
);

/// The statements that find what was posted, in the tables or in views of the same columns.
struct Finder {
    is_taken: Query,
    single: Query,
    journal: Query,
    line: Query,
    lines: Query,
}

macro_rules! finder {
    ($transfers:literal, $journals:literal) => {
        Finder {
            is_taken: Query::read(concat!(
                "select exists (select from ", $journals, " where id = $1)
                     or exists (select from ", $transfers, " where id = $1)",
            )),
            single: Query::read(concat!(
                "select k.system, k.kind, t.recorded_at, t.effective_at, t.description, t.metadata,
                        t.hold_id, t.journal_id
                   from ", $transfers, " t
                   join ledger.transfer_kinds k on k.id = t.kind_id
                  where t.id = $1",
            )),
            journal: Query::read(concat!(
                "select k.system, k.kind, j.recorded_at, j.effective_at, j.description, j.metadata,
                        j.reverses_id
                   from ", $journals, " j
                   join ledger.transfer_kinds k on k.id = j.kind_id
                  where j.id = $1",
            )),
            line: Query::read(concat!(
                "select t.id, t.debit_account_id, t.credit_account_id, t.amount::bigint, a.currency,
                        t.reverses_id
                   from ", $transfers, " t
                   join ledger.accounts a on a.id = t.debit_account_id
                  where t.id = $1",
            )),
            lines: Query::read(concat!(
                "select t.id, t.debit_account_id, t.credit_account_id, t.amount::bigint, a.currency,
                        t.reverses_id
                   from ", $transfers, " t
                   join ledger.accounts a on a.id = t.debit_account_id
                  where t.journal_id = $1
                  order by t.id",
            )),
        }
    };
}

static RECENT: Finder = finder!("ledger.transfers", "ledger.journals");
/// With the archive.
static ALL: Finder = finder!("ledger.all_transfers", "ledger.all_journals");

impl Finder {
    /// Looks into the archive only where it may hold something with this id.
    fn of(id: Uuid) -> Result<&'static Self> {
        Ok(if archive::may_hold(id)? { &ALL } else { &RECENT })
    }

    fn journal(&self, id: Uuid) -> Result<Option<StoredJournal>> {
        let found = self.journal.first(&[id.into()], |row| {
            Ok(StoredJournal {
                id,
                alone: false,
                system: row.get(1)?,
                kind: row.get(2)?,
                recorded_at: row.get(3)?,
                effective_at: row.opt(4)?,
                description: row.opt(5)?,
                metadata: row.opt::<JsonB>(6)?.map(|json| json.0),
                hold: None,
                reverses: row.opt(7)?,
                lines: Vec::new(),
            })
        })?;
        let Some(journal) = found else { return Ok(None) };
        let lines = self.lines.all(&[id.into()], line)?;
        Ok(Some(StoredJournal { lines, ..journal }))
    }
}

thread_local! {
    static KINDS: Kept<i16> = Kept::default();
}

/// The number of a kind, which appears when it is first used. To be asked for before
/// accounts are locked: a transaction that has just made the kind may wait for them.
pub fn kind_id(system: &str, kind: &str) -> Result<i16> {
    // Neither has control characters.
    let name = format!("{system}\n{kind}");
    let find = || KIND.first(&[system.into(), kind.into()], |row| row.get(1));
    let kept = |kinds: &Kept<i16>| kinds.get(&name, find);
    if let Some(id) = KINDS.with(kept)? {
        return Ok(*id);
    }
    ADD_KIND.run(&[system.into(), kind.into()])?;
    let id = KINDS.with(kept)?;
    id.map(|id| *id).ok_or_else(|| Error::internal("a transfer kind is missing"))
}

/// What a transfer on its own has besides its line.
pub struct Single<'a> {
    pub line: &'a Line,
    pub kind: i16,
    pub hold: Option<Uuid>,
    pub description: Option<&'a str>,
    pub metadata: Option<&'a serde_json::Value>,
    pub recorded_at: TimestampWithTimeZone,
    pub effective_at: Option<TimestampWithTimeZone>,
}

/// Whether the transfer was stored: false where its id or what it reverses is taken.
pub fn insert_one(single: &Single<'_>) -> Result<bool> {
    let line = single.line;
    let rows = INSERT_ONE.run(&[
        line.id.into(),
        line.debit.0.into(),
        line.credit.0.into(),
        line.amount.minor.into(),
        single.recorded_at.into(),
        single.effective_at.into(),
        single.kind.into(),
        single.hold.into(),
        line.reverses.into(),
        single.description.into(),
        single.metadata.map(|value| JsonB(value.clone())).into(),
    ])?;
    Ok(rows > 0)
}

/// Stores a journal with its transfers: false where the journal's id or what it
/// reverses is taken, 23505 where a transfer's is.
pub fn insert_journal(
    id: Uuid,
    request: &Request<'_>,
    kind: i16,
    recorded_at: TimestampWithTimeZone,
) -> Result<bool> {
    let rows = INSERT_JOURNAL.run(&[
        id.into(),
        kind.into(),
        recorded_at.into(),
        request.effective_at.into(),
        request.reverses.into(),
        request.description.into(),
        request.metadata.clone().map(JsonB).into(),
    ])?;
    if rows == 0 {
        return Ok(false);
    }
    append_lines(request, request.lines.iter(), kind, recorded_at)?;
    Ok(true)
}

/// Stores what nothing can stand in the way of but an id that is taken: then, and where
/// only statements can do it, false, and nothing was stored.
pub fn append(
    request: &Request<'_>,
    kind: i16,
    recorded_at: TimestampWithTimeZone,
) -> Result<bool> {
    let metadata = request.metadata.clone().map(JsonB);
    let (effective_at, description) = (request.effective_at, request.description);
    let Some(id) = request.journal_id else {
        let line = line_row(request, &request.lines[0], kind, recorded_at);
        let mut row: Vec<DatumWithOid<'_>> = line.into();
        row.extend([description.into(), metadata.into()]);
        if request.lines[0].keyed {
            return Ok(APPEND.run_unless_taken(&row)? == Stored::Yes);
        }
        // An id that was made here is new.
        APPEND.run([row])?;
        return Ok(true);
    };
    // What is refused below would leave something behind.
    if request.lines.iter().any(|line| line.keyed && line.id != id) {
        return Ok(false);
    }
    // The transfer that has the journal's id shows whether that is taken.
    let (heads, rest): (Vec<&Line>, Vec<&Line>) =
        request.lines.iter().partition(|line| line.id == id);
    for head in &heads {
        if APPEND.run_unless_taken(&row_of_journal(request, head, kind, recorded_at))?
            != Stored::Yes
        {
            return Ok(false);
        }
    }
    let row = [
        id.into(),
        kind.into(),
        recorded_at.into(),
        effective_at.into(),
        description.into(),
        metadata.into(),
    ];
    if heads.is_empty() {
        if APPEND_JOURNAL.run_unless_taken(&row)? != Stored::Yes {
            return Ok(false);
        }
    } else {
        APPEND_JOURNAL.run([row])?;
    }
    append_lines(request, rest, kind, recorded_at)?;
    Ok(true)
}

/// Stores transfers of a batch, 23505 where one's id is taken.
pub fn append_batch(
    transfers: &[Accepted],
    kind: i16,
    recorded_at: TimestampWithTimeZone,
) -> Result<()> {
    APPEND.run(transfers.iter().map(|one| {
        [
            one.id.into(),
            one.debit.0.into(),
            one.credit.0.into(),
            one.amount.into(),
            recorded_at.into(),
            DatumWithOid::null::<TimestampWithTimeZone>(),
            kind.into(),
            DatumWithOid::null::<Uuid>(),
            DatumWithOid::null::<Uuid>(),
            DatumWithOid::null::<String>(),
            DatumWithOid::null::<JsonB>(),
        ]
    }))
}

fn append_lines<'l>(
    request: &Request<'_>,
    lines: impl IntoIterator<Item = &'l Line>,
    kind: i16,
    recorded_at: TimestampWithTimeZone,
) -> Result<()> {
    APPEND.run(lines.into_iter().map(|line| row_of_journal(request, line, kind, recorded_at)))
}

/// A transfer of a journal, which has description and metadata of all its transfers.
fn row_of_journal<'a>(
    request: &Request<'_>,
    line: &Line,
    kind: i16,
    recorded_at: TimestampWithTimeZone,
) -> Vec<DatumWithOid<'a>> {
    let mut row: Vec<DatumWithOid<'a>> = line_row(request, line, kind, recorded_at).into();
    row.extend([DatumWithOid::null::<String>(), DatumWithOid::null::<JsonB>()]);
    row
}

fn line_row<'a>(
    request: &Request<'_>,
    line: &Line,
    kind: i16,
    recorded_at: TimestampWithTimeZone,
) -> [DatumWithOid<'a>; 9] {
    [
        line.id.into(),
        line.debit.0.into(),
        line.credit.0.into(),
        line.amount.minor.into(),
        recorded_at.into(),
        request.effective_at.into(),
        kind.into(),
        request.journal_id.into(),
        line.reverses.into(),
    ]
}

/// Whether a journal or a transfer has this id.
pub fn is_taken(id: Uuid) -> Result<bool> {
    Finder::of(id)?.is_taken.one(&[id.into()], |row| row.get(1))
}

/// The journal that a transfer belongs to; a transfer on its own is one.
pub fn find_by_transfer(id: Uuid) -> Result<Option<StoredJournal>> {
    let finder = Finder::of(id)?;
    let found = finder.single.first(&[id.into()], |row| {
        let journal: Option<Uuid> = row.opt(8)?;
        Ok((
            StoredJournal {
                id,
                alone: true,
                system: row.get(1)?,
                kind: row.get(2)?,
                recorded_at: row.get(3)?,
                effective_at: row.opt(4)?,
                description: row.opt(5)?,
                metadata: row.opt::<JsonB>(6)?.map(|json| json.0),
                hold: row.opt(7)?,
                reverses: None,
                lines: Vec::new(),
            },
            journal,
        ))
    })?;
    match found {
        None => Ok(None),
        Some((_, Some(journal))) => finder.journal(journal),
        Some((single, None)) => {
            let lines = finder.line.all(&[id.into()], line)?;
            Ok(Some(StoredJournal { lines, ..single }))
        }
    }
}

/// A journal of several transfers.
pub fn find_journal(id: Uuid) -> Result<Option<StoredJournal>> {
    Finder::of(id)?.journal(id)
}

fn line(row: &crate::kernel::spi::Row<'_>) -> Result<StoredLine> {
    Ok(StoredLine {
        id: row.get(1)?,
        debit: AccountId(row.get(2)?),
        credit: AccountId(row.get(3)?),
        amount: crate::kernel::money::Money::new(row.get(4)?, currency(row, 5)?),
        reverses: row.opt(6)?,
    })
}
