//! SQL of anomalies.

use crate::kernel::error::Result;
use crate::kernel::rows::Record;
use crate::kernel::spi::Query;
use crate::treasury::anomaly::{Finding, Flag};
use pgrx::{JsonB, Uuid};

// The entry of a payout is the one that took it off the earnings; that of a charge is the
// one by which its seller earned: of that journal, the credit of their earnings.
static INSERT: Query = Query::write(
    "insert into treasury.anomalies
        (related_entry_id, description, severity, kind, detector, key, score, explanation, user_id, charge_id,
         payout_id, currency, amount_cents)
     values (coalesce($1, (select p.ledger_entry_id from treasury.payouts p where p.id = $11), (
            select ('x' || substr(md5(t.id::text || ':credit'), 1, 16))::bit(64)::bigint & 9007199254740991
              from treasury.charges c
              join ledger.accounts a on a.system = 'treasury' and a.code = 'earnings:' || c.owner_id || ':' || c.currency
              join ledger.transfers t on t.credit_account_id = a.id and t.recorded_at >= c.created_at
              left join ledger.journals j on j.id = t.journal_id
             where c.id = $10 and coalesce(t.metadata, j.metadata) ->> 'reference' = c.stripe_charge_id
             order by t.recorded_at, t.id limit 1)),
        $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
     on conflict (detector, key) do nothing
     returning id",
);
static FIND: Query =
    Query::read_latest("select id from treasury.anomalies where detector = $1 and key = $2");
static CHARGE: Query = Query::read(
    "select id, currency, amount_cents from treasury.charges
      where stripe_charge_id = $1 or id = $2",
);
static TOLD: Query = Query::read_latest(
    "select (select count(*) from ops.alerts
              where kind = $1 and raised_at > now() - interval '1 hour'),
            to_char(now() at time zone 'utc', 'YYYY-MM-DD')",
);
static ROW: Query = Query::read_latest("select a from treasury.anomalies a where id = $1");
static EXISTS: Query =
    Query::read_latest("select exists (select from treasury.anomalies where id = $1)");
static RESOLVE: Query = Query::write(
    "update treasury.anomalies set resolved_at = now(), resolved_by = $2, resolution = $3
      where id = $1 and resolved_at is null",
);
static LIST: Query = Query::read(
    "select a from treasury.anomalies a
      where ($1::text is null or a.severity = $1)
        and ($2::boolean is null or (a.resolved_at is null) = $2)
      order by a.flagged_at desc, a.id desc
      limit $3 offset $4",
);
// Most lists are of what is open, which has an index of its own.
static OPEN: Query = Query::read(
    "select a from treasury.anomalies a
      where a.resolved_at is null and ($1::text is null or a.severity = $1)
      order by a.flagged_at desc, a.id desc
      limit $2 offset $3",
);

/// The anomaly's id, unless its detector has found it before.
pub fn insert(detector: &str, found: &Finding, entry: Option<i64>) -> Result<Option<i64>> {
    let args = [
        entry.into(),
        found.description.as_str().into(),
        found.severity.as_str().into(),
        found.kind.as_str().into(),
        detector.into(),
        found.key.as_str().into(),
        found.score.into(),
        JsonB(found.explanation.clone()).into(),
        found.user.into(),
        found.charge.into(),
        found.payout.into(),
        found.currency.as_deref().into(),
        found.amount.into(),
    ];
    INSERT.first(&args, |row| row.get(1))
}

/// The same of what a model outside flags.
pub fn flag(flag: &Flag<'_>, charge: Option<&Charge>) -> Result<Option<i64>> {
    let args = [
        flag.entry.into(),
        flag.description.into(),
        flag.severity.as_str().into(),
        flag.kind.into(),
        flag.detector.into(),
        flag.key.into(),
        flag.score.into(),
        JsonB(flag.explanation.clone()).into(),
        flag.user.into(),
        charge.map(|charge| charge.id).into(),
        None::<i64>.into(),
        charge.map(|charge| charge.currency.as_str()).into(),
        charge.map(|charge| charge.amount).into(),
    ];
    INSERT.first(&args, |row| row.get(1))
}

/// The anomaly that a detector has with this key.
pub fn find(detector: &str, key: &str) -> Result<Option<i64>> {
    FIND.first(&[detector.into(), key.into()], |row| row.get(1))
}

/// A charge that a flag is about.
pub struct Charge {
    pub id: Uuid,
    pub currency: String,
    pub amount: i64,
}

/// The charge of an id of ours or of Stripe's.
pub fn charge(id: &str) -> Result<Option<Charge>> {
    let ours = crate::kernel::ids::parse_id(id, "charge").ok();
    CHARGE.first(&[id.into(), ours.into()], |row| {
        Ok(Charge { id: row.get(1)?, currency: row.get(2)?, amount: row.get(3)? })
    })
}

/// How many alerts of a kind were raised in the past hour, and the day, UTC.
pub fn told(kind: &str) -> Result<(i64, String)> {
    TOLD.one(&[kind.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}

pub fn row(id: i64) -> Result<Record> {
    ROW.one(&[id.into()], |row| row.get(1))
}

pub fn exists(id: i64) -> Result<bool> {
    EXISTS.one(&[id.into()], |row| row.get(1))
}

/// Whether it was open.
pub fn resolve(id: i64, by: Option<Uuid>, note: &str) -> Result<bool> {
    Ok(RESOLVE.run(&[id.into(), by.into(), note.into()])? > 0)
}

/// The latest first; `open` is nothing for both.
pub fn list(
    severity: Option<&str>,
    open: Option<bool>,
    limit: i64,
    offset: i64,
) -> Result<Vec<Record>> {
    if open == Some(true) {
        return OPEN.all(&[severity.into(), limit.into(), offset.into()], |row| row.get(1));
    }
    LIST.all(&[severity.into(), open.into(), limit.into(), offset.into()], |row| row.get(1))
}
