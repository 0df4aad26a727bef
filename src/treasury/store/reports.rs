//! SQL of reports: their rows and files, and what 1099s and exports are made of.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::Currency;
use crate::kernel::rows::Record;
use crate::kernel::spi::{Query, Row};
use crate::ledger::AccountId;
use crate::treasury::SYSTEM;
use crate::treasury::report::ledger_export::{AccountOf, Words};
use crate::treasury::report::parameters::{Parameters, Period};
use crate::treasury::report::run::{Made, Queued};
use crate::treasury::report::threshold::{TaxForm, Threshold};

use crate::treasury::report::{Charge, File, Format, Kind, Months, Wanted, too_large};
use chrono::NaiveDate;
use pgrx::datum::{DatumWithOid, TimestampWithTimeZone};
use pgrx::{JsonB, Uuid};
use serde_json::Value;
use std::collections::HashMap;

static IS_ZONE: Query =
    Query::read("select exists (select from pg_catalog.pg_timezone_names where name = $1)");
static TODAY: Query = Query::read("select ((now() at time zone $1)::date)::text");
static SPAN: Query = Query::read(
    "select x.from_at, x.to_at, x.from_at - interval '1 microsecond'
       from (select $1::text::date::timestamp at time zone $3 as from_at,
                    $2::text::date::timestamp at time zone $3 as to_at) x",
);
static IS_USER: Query = Query::read("select exists (select from treasury.users where id = $1)");
static QUEUE: Query = Query::write(
    "insert into treasury.reports (user_id, type, format, parameters, requested_by)
     values ($1, $2, $3, $4, $5)
     on conflict (requested_by, user_id, type, format, parameters)
        where status in ('queued', 'running') and not automatic do nothing
     returning id",
);
// Whoever lost waited for whoever won, and sees that row now.
static FIND_QUEUED: Query = Query::write(
    "select id from treasury.reports
      where requested_by is not distinct from $5 and user_id is not distinct from $1 and type = $2
        and format = $3 and parameters = $4 and not automatic
      order by id desc limit 1",
);
static LAST_DONE: Query = Query::read_latest(
    "select r.id, r.data_version
       from treasury.reports r join treasury.report_files f on f.report_id = r.id
      where r.requested_by is not distinct from $5 and r.user_id is not distinct from $1
        and r.type = $2 and r.format = $3 and r.parameters = $4 and r.status = 'done'
        and r.data_version is not null
        and not exists (select from treasury.reports w
                         where w.requested_by is not distinct from $5
                           and w.user_id is not distinct from $1 and w.type = $2 and w.format = $3
                           and w.parameters = $4 and w.status in ('queued', 'running'))
      order by r.id desc limit 1",
);
static COUNT_QUEUED: Query = Query::read_latest(
    "select count(*) from treasury.reports where requested_by = $1 and status in ('queued', 'running')",
);
static ROW: Query = Query::read_latest("select r from treasury.reports r where id = $1");
static LOCK_RUNS: Query =
    Query::write("select pg_advisory_xact_lock(hashtextextended('treasury.reports', 0))");
static BEGIN: Query = Query::write(
    "update treasury.reports set status = 'running', attempts = attempts + 1
      where id = (select id from treasury.reports where status = 'queued' and id > $1
                   order by id limit 1 for update skip locked)
     returning id, user_id, type, format, parameters, attempts",
);
static KEEP_FILE: Query =
    Query::write("insert into treasury.report_files (report_id, content) values ($1, $2)");
static FINISH: Query = Query::write(
    "update treasury.reports
        set status = 'done', generated_at = clock_timestamp(), data_version = $2, checksum = $3,
            media_type = $4, size = $5
      where id = $1",
);
static FAIL: Query = Query::write(
    "update treasury.reports set status = 'failed', error_code = $2, error = $3 where id = $1",
);
static POSTPONE: Query =
    Query::write("update treasury.reports set status = 'queued' where id = $1");
static WHOSE: Query = Query::read("select user_id from treasury.reports where id = $1");
static FILE: Query = Query::read(
    "select r.type, r.format, r.status, r.media_type, r.checksum, f.content
       from treasury.reports r left join treasury.report_files f on f.report_id = r.id
      where r.id = $1",
);
static PURGE: Query = Query::write(
    "delete from treasury.report_files where report_id in (
        select f.report_id
          from treasury.report_files f join treasury.reports r on r.id = f.report_id
         where f.created_at < now() - make_interval(days => $1)
           and (r.type not in ('vat_invoice', '1099')
             or f.created_at < date_trunc('year', now()) - make_interval(years => $2))
         limit $3 for update of f skip locked)",
);
/// Of a share `s` of a charge `c` what the buyer paid for it, the platform's fee included:
/// together the recipients' are exactly the charge.
macro_rules! paid_for {
    () => {
        "cross join lateral (
            select div(c.amount_cents::numeric * x.until, x.whole) - div(c.amount_cents::numeric * (x.until - s.amount_cents), x.whole) as paid_for
              from (select sum(r.amount_cents) as whole,
                           sum(r.amount_cents) filter (where r.position <= s.position) as until
                      from treasury.charge_shares r
                     where r.charge_id = s.charge_id and r.party = 'recipient') x) p"
    };
}
static QUEUE_FORMS: Query = Query::write(concat!(
    "insert into treasury.reports (user_id, type, format, parameters, automatic)
     select s.user_id, '1099', 'csv', $1, true
       from treasury.charge_shares s join treasury.charges c on c.id = s.charge_id ",
    paid_for!(),
    " where s.party = 'recipient' and s.amount_cents > 0 and c.status = 'captured'
        and c.currency = $1 ->> 'currency'
        and c.charged_at >= $2::text::date::timestamp at time zone $4
        and c.charged_at < $3::text::date::timestamp at time zone $4
        and not exists (select from treasury.reports r
                         where r.user_id = s.user_id and r.type = '1099' and r.format = 'csv'
                           and r.parameters = $1 and r.automatic and r.status <> 'failed')
      group by s.user_id
     having sum(case when $8 then p.paid_for else s.amount_cents end) > $5 and count(distinct c.id) > $6
      order by s.user_id
      limit $7
     on conflict (user_id, type, format, parameters) where automatic and status <> 'failed' do nothing",
));
// Of sellers who issue invoices: what a month sold, or gave back of what was invoiced.
static QUEUE_STATEMENTS: Query = Query::write(
    "insert into treasury.reports (user_id, type, format, parameters, automatic)
     select p.user_id, 'vat_invoice', 'csv', $1, true
       from treasury.tax_profiles p
      where p.vat_id is not null
        and exists (select from treasury.charges c
                     where c.owner_id = p.user_id and c.status = 'captured' and c.amount_cents > 0
                       and c.charged_at >= $2::text::date::timestamp at time zone $4
                       and c.charged_at < $3::text::date::timestamp at time zone $4)
        and not exists (select from treasury.reports r
                         where r.user_id = p.user_id and r.type = 'vat_invoice' and r.format = 'csv'
                           and r.parameters = $1 and r.automatic and r.status <> 'failed')
      order by p.user_id
      limit $5
     on conflict (user_id, type, format, parameters) where automatic and status <> 'failed' do nothing",
);
static MONTHS: Query = Query::read_latest(concat!(
    "select extract(month from c.charged_at at time zone $5)::integer,
            sum(case when $6 then p.paid_for else s.amount_cents end)::bigint,
            sum(s.amount_cents)::bigint, count(distinct c.id)
       from treasury.charge_shares s join treasury.charges c on c.id = s.charge_id ",
    paid_for!(),
    " where s.user_id = $1 and s.party = 'recipient' and s.amount_cents > 0
        and c.status = 'captured' and c.currency = $2
        and c.charged_at >= $3 and c.charged_at < $4
      group by 1",
));
// When money went back is known of refunds and disputes, how much in the end of the charge:
// after the last of them it is all of that.
static GIVEN_BACK: Query = Query::read_latest(
    "select s.shares, s.theirs,
            case when e.last is null then case when c.charged_at < $3 then t.total else 0 end
                 when e.last < $3 then t.total else least(e.before, t.total) end,
            case when e.last is null or e.last < $4 then t.total else least(e.after, t.total) end
       from treasury.charges c
      cross join lateral (
            select greatest(0, least(c.amount_cents::numeric, c.refunded_cents::numeric + c.disputed_cents))::bigint as total) t
      cross join lateral (
            select array_agg(x.amount_cents order by x.position) as shares,
                   array_agg(x.user_id is not distinct from $1 and x.party = 'recipient' order by x.position) as theirs
              from treasury.charge_shares x where x.charge_id = c.id) s
      cross join lateral (
            select max(m.at) as last,
                   least(coalesce(sum(m.amount) filter (where m.at < $3), 0), c.amount_cents)::bigint as before,
                   least(coalesce(sum(m.amount) filter (where m.at < $4), 0), c.amount_cents)::bigint as after
              from (select r.created_at as at, r.amount_cents as amount from treasury.refunds r
                     where r.original_charge_id = c.stripe_charge_id
                       and r.status in ('pending', 'succeeded')
                    union all
                    select d.created_at, d.withdrawn_cents from treasury.disputes d
                     where d.charge_id = c.stripe_charge_id and d.withdrawn_cents > 0) m) e
      where c.id in (select y.charge_id from treasury.charge_shares y
                      where y.user_id = $1 and y.party = 'recipient')
        and c.status = 'captured' and c.currency = $2 and c.charged_at < $4 and t.total > 0",
);
static ACCOUNTS: Query = Query::read_latest(
    "select id, code, currency::text, owner_id from ledger.accounts
      where system = $1 and ($2::uuid is null or owner_id = $2) and ($3::text is null or currency = $3)
      order by code",
);
static COUNT_ENTRIES: Query = Query::read_latest(
    "select (select count(*) from ledger.all_transfers t
              where t.debit_account_id = any ($1) and coalesce(t.effective_at, t.recorded_at) < $2)
          + (select count(*) from ledger.all_transfers t
              where t.credit_account_id = any ($1) and coalesce(t.effective_at, t.recorded_at) < $2)",
);
static WORDS: Query = Query::read_latest(
    "select t.id, coalesce(t.metadata, j.metadata) ->> 'reference',
            coalesce(t.description, j.description),
            to_char(coalesce(t.effective_at, t.recorded_at) at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')
       from ledger.all_transfers t left join ledger.all_journals j on j.id = t.journal_id
      where t.id = any ($1)",
);

/// Days as times: from this one on, up to that one, and the last moment before.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub from: TimestampWithTimeZone,
    pub to: TimestampWithTimeZone,
    pub before: TimestampWithTimeZone,
}

pub fn is_time_zone(zone: &str) -> Result<bool> {
    IS_ZONE.one(&[zone.into()], |row| row.get(1))
}

pub fn today(zone: &str) -> Result<NaiveDate> {
    let day: String = TODAY.one(&[zone.into()], |row| row.get(1))?;
    day.parse().map_err(|_| Error::internal(format!("{day} is no day")))
}

pub fn span(period: &Period, zone: &str) -> Result<Span> {
    let (from, to) = (period.from.to_string(), period.to.to_string());
    SPAN.one(&[from.into(), to.into(), zone.into()], |row| {
        Ok(Span { from: row.get(1)?, to: row.get(2)?, before: row.get(3)? })
    })
}

pub fn is_user(id: Uuid) -> Result<bool> {
    IS_USER.one(&[id.into()], |row| row.get(1))
}

fn key(wanted: &Wanted, by: Option<Uuid>) -> [DatumWithOid<'static>; 5] {
    [
        wanted.user.into(),
        wanted.kind.as_str().into(),
        wanted.format.as_str().into(),
        JsonB(wanted.parameters.to_json()).into(),
        by.into(),
    ]
}

/// The new report's id; `None` where the same is queued already.
pub fn queue(wanted: &Wanted, by: Option<Uuid>) -> Result<Option<i64>> {
    QUEUE.first(&key(wanted, by), |row| row.get(1))
}

pub fn find_queued(wanted: &Wanted, by: Option<Uuid>) -> Result<Option<i64>> {
    FIND_QUEUED.first(&key(wanted, by), |row| row.get(1))
}

/// The last of the same that was made and still has its file, and of which state it is;
/// `None` while another is queued.
pub fn last_done(wanted: &Wanted, by: Option<Uuid>) -> Result<Option<(i64, String)>> {
    LAST_DONE.first(&key(wanted, by), |row| Ok((row.get(1)?, row.get(2)?)))
}

pub fn count_queued(by: Option<Uuid>) -> Result<i64> {
    COUNT_QUEUED.one(&[by.into()], |row| row.get(1))
}

pub fn row(id: i64) -> Result<Record> {
    ROW.one(&[id.into()], |row| row.get(1))
}

pub fn lock_runs() -> Result<()> {
    LOCK_RUNS.run(&[]).map(drop)
}

/// The next that waits after one; it is being made now.
pub fn begin(after: i64) -> Result<Option<Queued>> {
    BEGIN.first(&[after.into()], |row| {
        Ok(Queued { id: row.get(1)?, attempts: row.get(6)?, wanted: wanted(row) })
    })
}

fn wanted(row: &Row<'_>) -> Result<Wanted> {
    let kind = Kind::parse(&row.get::<String>(3)?, "type")?;
    Ok(Wanted {
        user: row.opt(2)?,
        kind,
        format: Format::parse(&row.get::<String>(4)?, "format")?,
        parameters: Parameters::parse(kind, &row.get::<JsonB>(5)?.0)?,
    })
}

pub fn finish(id: i64, made: &Made) -> Result<()> {
    let size = i64::try_from(made.content.len()).unwrap_or(i64::MAX);
    KEEP_FILE.run(&[id.into(), made.content.as_slice().into()])?;
    FINISH.run(&[
        id.into(),
        made.version.as_str().into(),
        made.checksum.as_str().into(),
        made.media_type.into(),
        size.into(),
    ])?;
    Ok(())
}

pub fn fail(id: i64, code: &str, message: &str) -> Result<()> {
    FAIL.run(&[id.into(), code.into(), message.into()]).map(drop)
}

pub fn postpone(id: i64) -> Result<()> {
    POSTPONE.run(&[id.into()]).map(drop)
}

/// Whose a report is: `Some(None)` is everybody's, `None` no report.
pub fn whose(id: i64) -> Result<Option<Option<Uuid>>> {
    WHOSE.first(&[id.into()], |row| row.opt(1))
}

pub fn file(id: i64) -> Result<Option<File>> {
    FILE.first(&[id.into()], |row| {
        Ok(File {
            id,
            kind: row.get(1)?,
            format: row.get(2)?,
            status: row.get(3)?,
            media_type: row.opt(4)?,
            checksum: row.opt(5)?,
            content: row.opt(6)?,
        })
    })
}

/// Deletes up to `most` files older than so many days; those of invoices than so many years.
pub fn purge(days: i64, years: i64, most: i64) -> Result<usize> {
    let narrow = |n: i64| i32::try_from(n).unwrap_or(i32::MAX);
    PURGE.run(&[narrow(days).into(), narrow(years).into(), most.into()])
}

pub fn queue_forms(
    parameters: &Value,
    period: &Period,
    zone: &str,
    (form, beyond): (TaxForm, &Threshold),
    most: i64,
) -> Result<usize> {
    QUEUE_FORMS.run(&[
        JsonB(parameters.clone()).into(),
        period.from.to_string().into(),
        period.to.to_string().into(),
        zone.into(),
        beyond.amount.into(),
        beyond.transactions.into(),
        most.into(),
        form.counts_fees().into(),
    ])
}

pub fn queue_statements(
    parameters: &Value,
    period: &Period,
    zone: &str,
    most: i64,
) -> Result<usize> {
    QUEUE_STATEMENTS.run(&[
        JsonB(parameters.clone()).into(),
        period.from.to_string().into(),
        period.to.to_string().into(),
        zone.into(),
        most.into(),
    ])
}

/// What was charged for somebody's shares in a year, by month in the time zone.
pub fn months(
    user: Uuid,
    currency: Currency,
    span: &Span,
    zone: &str,
    form: TaxForm,
) -> Result<Months> {
    let rows = MONTHS.all(
        &[
            user.into(),
            currency.code().into(),
            span.from.into(),
            span.to.into(),
            zone.into(),
            form.counts_fees().into(),
        ],
        |row| Ok((row.get::<i32>(1)?, row.get(2)?, row.get::<i64>(3)?, row.get::<i64>(4)?)),
    )?;
    let mut months = Months::default();
    for (month, gross, shares, transactions) in rows {
        let at = usize::try_from(month - 1).ok().and_then(|at| months.gross.get_mut(at));
        *at.ok_or_else(|| Error::internal(format!("month {month}")))? = gross;
        months.shares = months.shares.checked_add(shares).ok_or_else(too_large)?;
        months.transactions += transactions;
    }
    Ok(months)
}

/// The charges somebody has a share of, of which something was given back before the end.
pub fn given_back(user: Uuid, currency: Currency, span: &Span) -> Result<Vec<Charge>> {
    let args = [user.into(), currency.code().into(), span.from.into(), span.to.into()];
    GIVEN_BACK.all(&args, |row| {
        Ok(Charge {
            shares: row.get(1)?,
            theirs: row.get(2)?,
            before: row.get(3)?,
            after: row.get(4)?,
        })
    })
}

/// The accounts of somebody, or of all; of one currency, or of all.
pub fn accounts(user: Option<Uuid>, currency: Option<Currency>) -> Result<Vec<AccountOf>> {
    let currency = currency.map(|currency| currency.code().to_owned());
    ACCOUNTS.all(&[SYSTEM.into(), user.into(), currency.into()], |row| {
        Ok(AccountOf {
            id: AccountId(row.get(1)?),
            code: row.get(2)?,
            currency: row.get(3)?,
            owner: row.opt(4)?,
        })
    })
}

/// How many entries accounts have before the end of a span.
pub fn count_entries(accounts: Vec<i64>, span: &Span) -> Result<i64> {
    COUNT_ENTRIES.one(&[accounts.into(), span.to.into()], |row| row.get(1))
}

/// What transfers say, by id.
pub fn words(transfers: Vec<Uuid>) -> Result<HashMap<[u8; 16], Words>> {
    let rows = WORDS.all(&[transfers.into()], |row| {
        let words = Words { reference: row.opt(2)?, description: row.opt(3)?, at: row.get(4)? };
        Ok((*row.get::<Uuid>(1)?.as_bytes(), words))
    })?;
    Ok(rows.into_iter().collect())
}
