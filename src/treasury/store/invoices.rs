//! SQL of invoices: the charges they are for, their numbers, and what was issued.

use crate::kernel::error::Result;
use crate::kernel::money::Currency;
use crate::kernel::rows::Record;
use crate::kernel::spi::{Query, Row};
use crate::treasury::invoice::vat::Treatment;
use crate::treasury::invoice::{Charge, Document, Kind, Moment, number};
use crate::treasury::report::parameters::Period;
use crate::treasury::store::reports::Span;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::{JsonB, Uuid};
use serde_json::Value;

macro_rules! charge {
    ($where:literal) => {
        concat!(
            "select id, owner_id, buyer_id, status = 'captured', amount_cents, currency,
                    greatest(0, least(amount_cents::numeric, refunded_cents::numeric + disputed_cents))::bigint,
                    charged_at
               from treasury.charges where ",
            $where
        )
    };
}

static CHARGE: Query = Query::read_latest(charge!("id = $1"));
static FIND_CHARGE: Query = Query::read_latest(charge!("stripe_charge_id = $1 or id = $2"));
static LOCK_SELLER: Query = Query::write(
    "select to_jsonb(p) - '{user_id,created_at,updated_at}'::text[]
       from treasury.tax_profiles p where user_id = $1 for no key update",
);
// The row of a profile may go with its person: the user's stays.
static LOCK_USER: Query =
    Query::write("select from treasury.users where id = $1 for no key update");
static MOMENT: Query = Query::read_latest(
    "select x.at, ((x.at at time zone $1)::date)::text, to_char(x.at at time zone $1, 'YYYY')
       from (select clock_timestamp() as at) x",
);
static DAY_OF: Query = Query::read("select (($1::timestamptz at time zone $2)::date)::text");
static NEXT_NUMBER: Query = Query::write(
    "insert into treasury.invoice_counters as c (seller_id, series, last_number) values ($1, $2, 1)
     on conflict (seller_id, series) do update set last_number = c.last_number + 1
     returning last_number",
);
static INSERT: Query = Query::write(
    "insert into treasury.invoices (id, kind, seller_id, series, number, charge_id, invoice_id,
        buyer_id, issued_at, issued_on, supplied_on, keep_until, description, currency, gross_cents,
        net_cents, tax_cents, rate_basis_points, treatment, seller, buyer)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::date, $11::text::date,
        make_date(extract(year from $10::text::date)::integer + $12, 12, 31), $13, $14, $15, $16,
        $17, $18, $19, $20, $21)",
);
static CREDITED: Query = Query::read_latest(
    "select coalesce(-sum(gross_cents), 0)::bigint, coalesce(-sum(tax_cents), 0)::bigint
       from treasury.invoices where invoice_id = $1",
);
static ROW: Query = Query::read_latest("select i from treasury.invoices i where id = $1");

macro_rules! documents {
    ($rest:literal) => {
        concat!(
            "select i.id, i.kind, i.seller_id, i.buyer_id, i.charge_id, c.stripe_charge_id, i.series,
                    i.number, i.invoice_id, f.series, f.number, i.issued_on::text, i.supplied_on::text,
                    i.description, i.currency, i.gross_cents, i.net_cents, i.tax_cents,
                    i.rate_basis_points, i.treatment, i.seller, i.buyer
               from treasury.invoices i
               join treasury.charges c on c.id = i.charge_id
               left join treasury.invoices f on f.id = i.invoice_id
              where ",
            $rest
        )
    };
}

static FIRST_OF: Query = Query::read_latest(documents!("i.charge_id = $1 and i.kind = 'invoice'"));
static DOCUMENTS: Query =
    Query::read_latest(documents!("i.id = $1 or i.invoice_id = $1 order by i.issued_at, i.id"));
// Tax is due for the day of supply, and is corrected on the day of the note.
static OF_PERIOD: Query = Query::read_latest(documents!(
    "i.seller_id = $1
     and case when i.kind = 'invoice' then i.supplied_on else i.issued_on end >= $2::text::date
     and case when i.kind = 'invoice' then i.supplied_on else i.issued_on end < $3::text::date
     order by i.issued_at, i.id limit $4"
));
static WITHOUT_DOCUMENT: Query = Query::read_latest(
    "select c.id
       from treasury.charges c
       left join treasury.invoices i on i.charge_id = c.id and i.kind = 'invoice'
      where c.owner_id = $1 and c.status = 'captured' and c.amount_cents > 0
        and case when i.id is null then c.charged_at >= $2 and c.charged_at < $3
                 else greatest(0, least(c.amount_cents::numeric, c.refunded_cents::numeric + c.disputed_cents))
                      <> (select coalesce(-sum(n.gross_cents), 0) from treasury.invoices n where n.invoice_id = i.id) end
      order by c.charged_at, c.id limit $4",
);
static VERSION: Query = Query::read_latest(
    "select concat_ws(' ', count(*) filter (where c.charged_at >= $2),
            sum(greatest(0, least(c.amount_cents::numeric, c.refunded_cents::numeric + c.disputed_cents))))
       from treasury.charges c
      where c.owner_id = $1 and c.status = 'captured' and c.charged_at < $3",
);
// An invoice without its notes would be corrected anew, so they go together.
static PURGE: Query = Query::write(
    "with old as (
        select i.id from treasury.invoices i
         where i.kind = 'invoice' and i.keep_until < current_date
           and not exists (select from treasury.invoices n
                            where n.invoice_id = i.id and n.keep_until >= current_date)
         limit $1 for update skip locked)
     delete from treasury.invoices d using old where d.id = old.id or d.invoice_id = old.id",
);

fn read_charge(row: &Row<'_>) -> Result<Charge> {
    Ok(Charge {
        id: row.get(1)?,
        seller: row.opt(2)?,
        buyer: row.opt(3)?,
        captured: row.get(4)?,
        amount: row.get(5)?,
        currency: Currency::parse(&row.get::<String>(6)?, "currency")?,
        given_back: row.get(7)?,
        at: row.get(8)?,
    })
}

pub fn charge(id: Uuid) -> Result<Option<Charge>> {
    CHARGE.first(&[id.into()], read_charge)
}

/// By our id or Stripe's.
pub fn find_charge(name: &str) -> Result<Option<Charge>> {
    let id = crate::kernel::ids::parse_id(name, "charge_id").ok();
    FIND_CHARGE.first(&[name.into(), id.into()], read_charge)
}

/// The seller's tax profile, which no other transaction changes or issues for until this
/// one ends; `None` where there is none.
pub fn lock_seller(seller: Uuid) -> Result<Option<Value>> {
    LOCK_USER.run(&[seller.into()])?;
    LOCK_SELLER.first(&[seller.into()], |row| Ok(row.get::<JsonB>(1)?.0))
}

pub fn moment(zone: &str) -> Result<Moment> {
    MOMENT.one(&[zone.into()], |row| {
        Ok(Moment { at: row.get(1)?, day: row.get(2)?, year: row.get(3)? })
    })
}

pub fn day_of(at: TimestampWithTimeZone, zone: &str) -> Result<String> {
    DAY_OF.one(&[at.into(), zone.into()], |row| row.get(1))
}

/// Counts up; the transaction that asks must use the number.
pub fn next_number(seller: Uuid, series: &str) -> Result<i32> {
    NEXT_NUMBER.one(&[seller.into(), series.into()], |row| row.get(1))
}

pub fn insert(new: &Document, at: TimestampWithTimeZone, keep_years: i32) -> Result<()> {
    INSERT.run(&[
        new.id.into(),
        new.kind.as_str().into(),
        new.seller_id.into(),
        new.series.as_str().into(),
        new.sequence.into(),
        new.charge_id.into(),
        new.invoice_id.into(),
        new.buyer_id.into(),
        at.into(),
        new.issued_on.as_str().into(),
        new.supplied_on.as_str().into(),
        keep_years.into(),
        new.description.as_str().into(),
        new.currency.code().into(),
        new.gross.into(),
        new.net.into(),
        new.tax.into(),
        new.rate.into(),
        new.treatment.as_str().into(),
        JsonB(new.seller.clone()).into(),
        new.buyer.clone().map(JsonB).into(),
    ])?;
    Ok(())
}

/// What notes gave back of an invoice, and of its tax.
pub fn credited(invoice: Uuid) -> Result<(i64, i64)> {
    CREDITED.one(&[invoice.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}

pub fn row(id: Uuid) -> Result<Record> {
    ROW.one(&[id.into()], |row| row.get(1))
}

fn read(row: &Row<'_>) -> Result<Document> {
    let first = row.opt::<String>(10)?.zip(row.opt::<i32>(11)?);
    Ok(Document {
        id: row.get(1)?,
        kind: Kind::parse(&row.get::<String>(2)?)?,
        seller_id: row.get(3)?,
        buyer_id: row.opt(4)?,
        charge_id: row.get(5)?,
        stripe_charge_id: row.get(6)?,
        series: row.get(7)?,
        sequence: row.get(8)?,
        invoice_id: row.opt(9)?,
        corrects: first.map(|(series, sequence)| number(&series, sequence)),
        issued_on: row.get(12)?,
        supplied_on: row.get(13)?,
        description: row.get(14)?,
        currency: Currency::parse(&row.get::<String>(15)?, "currency")?,
        gross: row.get(16)?,
        net: row.get(17)?,
        tax: row.get(18)?,
        rate: row.get(19)?,
        treatment: Treatment::parse(&row.get::<String>(20)?)?,
        seller: row.get::<JsonB>(21)?.0,
        buyer: row.opt::<JsonB>(22)?.map(|buyer| buyer.0),
    })
}

/// The invoice of a charge.
pub fn first_of(charge: Uuid) -> Result<Option<Document>> {
    FIRST_OF.first(&[charge.into()], read)
}

/// An invoice and its notes, in the order of issue.
pub fn documents(invoice: Uuid) -> Result<Vec<Document>> {
    DOCUMENTS.all(&[invoice.into()], read)
}

/// Invoices of what a seller supplied in a period, and notes issued in it; of more than
/// `most` one more.
pub fn of_period(seller: Uuid, period: &Period, most: usize) -> Result<Vec<Document>> {
    let (from, to) = (period.from.to_string(), period.to.to_string());
    OF_PERIOD.all(&[seller.into(), from.into(), to.into(), and_one(most).into()], read)
}

/// Charges of a seller without the invoice or note that they want: of those in the span,
/// and of those that were invoiced; of more than `most` one more.
pub fn without_document(seller: Uuid, span: &Span, most: usize) -> Result<Vec<Uuid>> {
    let args = [seller.into(), span.from.into(), span.to.into(), and_one(most).into()];
    WITHOUT_DOCUMENT.all(&args, |row| row.get(1))
}

fn and_one(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1)
}

/// The same charges with the same given back of them have the same documents.
pub fn version(seller: Uuid, span: &Span) -> Result<String> {
    VERSION.one(&[seller.into(), span.from.into(), span.to.into()], |row| row.get(1))
}

/// Deletes up to `most` invoices that need not be kept any more, with their notes; how many
/// documents those were.
pub fn purge(most: i64) -> Result<usize> {
    PURGE.run(&[most.into()])
}
