//! SQL of tax: rules, PANs, deductions, certificates.

use crate::kernel::error::Result;
use crate::kernel::money::Currency;
use crate::kernel::numeric;
use crate::kernel::spi::Query;
use crate::network::store::profiles::Record;
use crate::network::tax::{Assessment, FinancialYear, YearToDate};
use pgrx::datum::Date;
use pgrx::{AnyNumeric, Uuid};

static TODAY: Query = Query::read("select (now() at time zone $1)::date");
static IS_ZONE: Query =
    Query::read("select exists (select from pg_catalog.pg_timezone_names where name = $1)");
static RULE_ON: Query = Query::read(
    "select valid_from, section, rate_with_pan, rate_without_pan, yearly_threshold
       from network.tax_rules where valid_from <= $1 order by valid_from desc limit 1",
);
static RULE: Query = Query::read("select r from network.tax_rules r where valid_from = $1");
static SAME_RULE: Query = Query::read(
    "select exists (select from network.tax_rules
      where valid_from = $1 and section = $2 and rate_with_pan = $3 and rate_without_pan = $4
        and yearly_threshold = $5)",
);
static PAID_SINCE: Query = Query::read(
    "select exists (select from network.withdrawal_history
      where status = 'processed' and (processed_at at time zone $2)::date >= $1)",
);
static SET_RULE: Query = Query::write(
    "insert into network.tax_rules
        (valid_from, section, rate_with_pan, rate_without_pan, yearly_threshold, created_by)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (valid_from) do update
        set section = excluded.section, rate_with_pan = excluded.rate_with_pan,
            rate_without_pan = excluded.rate_without_pan,
            yearly_threshold = excluded.yearly_threshold, created_by = excluded.created_by",
);
static REMOVE_RULE: Query = Query::write("delete from network.tax_rules where valid_from = $1");
static PAN: Query =
    Query::read("select pan, pan_secret_id from network.tax_identities where promoter_id = $1");
// A second caller waits for the promoter's row, not for this one.
static SET_PAN: Query = Query::write(
    "insert into network.tax_identities (promoter_id, pan, pan_secret_id) values ($1, $2, $3)
     on conflict (promoter_id) do update
        set pan = excluded.pan, pan_secret_id = excluded.pan_secret_id, updated_at = now()",
);
static IDENTITY: Query =
    Query::read("select t from network.tax_identities t where promoter_id = $1");
// Run after the promoter was locked, so as a statement that sees what was committed
// meanwhile. The index of tax_deductions finds few rows, that of requests the promoter's.
static YEAR_TO_DATE: Query = Query::write(
    "select coalesce((select sum(r.paid_amount + r.tax_amount)
                        from network.withdrawal_history r
                       where r.promoter_id = $1 and r.status = 'processed'
                         and r.processed_at >= make_date($2, 4, 1)::timestamp at time zone $3
                         and r.processed_at < make_date($2 + 1, 4, 1)::timestamp at time zone $3), 0),
            coalesce(sum(d.gross - d.taxable), 0), coalesce(sum(d.tax_due - d.tax), 0)
       from network.tax_deductions d
      where d.promoter_id = $1 and d.financial_year = $2",
);
static INSERT: Query = Query::write(
    "insert into network.tax_deductions (request_id, promoter_id, financial_year, paid_on,
        rule_valid_from, section, rate, pan, gross, taxable, tax_due, tax)
     values ($1, $2, $3, (now() at time zone $4)::date, $5, $6, $7, $8,
        backoffice.major($9, $13), backoffice.major($10, $13), backoffice.major($11, $13),
        backoffice.major($12, $13))",
);
static CERTIFICATE: Query = Query::read(
    "with d as (
        select t.*, r.request_id as number, c.quarter
          from network.tax_deductions t
          join network.withdrawal_history r on r.id = t.request_id
         cross join lateral (
               select ((extract(month from t.paid_on)::integer + 8) % 12) / 3 + 1 as quarter) c
         where t.promoter_id = $1 and t.financial_year = $2),
     zero as (select backoffice.major(0, f.currency) as amount, f.currency from network.platform f)
     select json_build_object(
        'financial_year', $3::text,
        'assessment_year', $4::text,
        'from', make_date($2, 4, 1),
        'to', make_date($2 + 1, 3, 31),
        'currency', zero.currency,
        'deductor', json_build_object('name', $5::text, 'tan', $6::text),
        'deductee', json_build_object('promoter_id', p.promoter_id, 'name', p.name,
            'pan', (select i.pan from network.tax_identities i where i.promoter_id = $1)),
        'gross', zero.amount + coalesce((select sum(gross) from d), 0),
        'tax', zero.amount + coalesce((select sum(tax) from d), 0),
        'net', zero.amount + coalesce((select sum(gross - tax) from d), 0),
        'tax_still_due', zero.amount + coalesce((select sum(tax_due - tax) from d), 0),
        'quarters', (
            select json_agg(json_build_object(
                        'quarter', 'Q' || q.quarter,
                        'from', (make_date($2, 4, 1) + make_interval(months => 3 * q.quarter - 3))::date,
                        'to', (make_date($2, 4, 1) + make_interval(months => 3 * q.quarter))::date - 1,
                        'payouts', q.payouts, 'gross', q.gross, 'tax', q.tax, 'net', q.gross - q.tax)
                    order by q.quarter)
              from (select n as quarter, count(d.request_id) as payouts,
                           zero.amount + coalesce(sum(d.gross), 0) as gross,
                           zero.amount + coalesce(sum(d.tax), 0) as tax
                      from generate_series(1, 4) n left join d on d.quarter = n
                     group by n, zero.amount) q),
        'sections', coalesce((
            select json_agg(json_build_object('section', s.section, 'rate', s.rate, 'pan', s.pan,
                        'gross', s.gross, 'taxable', s.taxable, 'tax', s.tax)
                    order by s.section, s.rate, s.pan)
              from (select section, rate, pan, sum(gross) as gross, sum(taxable) as taxable,
                           sum(tax) as tax
                      from d group by section, rate, pan) s), '[]'),
        'payouts', coalesce((
            select json_agg(json_build_object('request_id', d.number, 'paid_on', d.paid_on,
                        'quarter', 'Q' || d.quarter, 'section', d.section, 'rate', d.rate,
                        'gross', d.gross, 'taxable', d.taxable, 'tax', d.tax, 'net', d.gross - d.tax)
                    order by d.paid_on, d.created_at, d.number)
              from d), '[]'))::text
       from network.profiles p, zero where p.id = $1",
);

/// The rule that is in force on a day.
#[derive(Clone, Debug)]
pub struct Rule {
    pub valid_from: Date,
    pub section: String,
    pub rate_with_pan: AnyNumeric,
    pub rate_without_pan: AnyNumeric,
    pub yearly_threshold: AnyNumeric,
}

pub fn today(zone: &str) -> Result<Date> {
    TODAY.one(&[zone.into()], |row| row.get(1))
}

pub fn is_time_zone(name: &str) -> Result<bool> {
    IS_ZONE.one(&[name.into()], |row| row.get(1))
}

pub fn rule_on(day: Date) -> Result<Option<Rule>> {
    RULE_ON.first(&[day.into()], |row| {
        Ok(Rule {
            valid_from: row.get(1)?,
            section: row.get(2)?,
            rate_with_pan: row.get(3)?,
            rate_without_pan: row.get(4)?,
            yearly_threshold: row.get(5)?,
        })
    })
}

pub fn rule_row(valid_from: Date) -> Result<Record> {
    RULE.one(&[valid_from.into()], |row| row.get(1))
}

/// Whether this very rule is there already.
pub fn is_same(rule: &Rule) -> Result<bool> {
    SAME_RULE.one(
        &[
            rule.valid_from.into(),
            rule.section.as_str().into(),
            rule.rate_with_pan.clone().into(),
            rule.rate_without_pan.clone().into(),
            rule.yearly_threshold.clone().into(),
        ],
        |row| row.get(1),
    )
}

/// Whether a withdrawal was processed on a day or later.
pub fn paid_since(day: Date, zone: &str) -> Result<bool> {
    PAID_SINCE.one(&[day.into(), zone.into()], |row| row.get(1))
}

pub fn set_rule(rule: &Rule, by: Option<Uuid>) -> Result<()> {
    SET_RULE.run(&[
        rule.valid_from.into(),
        rule.section.as_str().into(),
        rule.rate_with_pan.clone().into(),
        rule.rate_without_pan.clone().into(),
        rule.yearly_threshold.clone().into(),
        by.into(),
    ])?;
    Ok(())
}

/// Whether there was such a rule.
pub fn remove_rule(valid_from: Date) -> Result<bool> {
    Ok(REMOVE_RULE.run(&[valid_from.into()])? > 0)
}

pub fn masked_pan(promoter: Uuid) -> Result<Option<String>> {
    PAN.first(&[promoter.into()], |row| row.get(1))
}

/// The masked PAN and the secret that holds it.
pub fn pan(promoter: Uuid) -> Result<Option<(String, Uuid)>> {
    PAN.first(&[promoter.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}

pub fn set_pan(promoter: Uuid, masked: &str, secret: Uuid) -> Result<()> {
    SET_PAN.run(&[promoter.into(), masked.into(), secret.into()])?;
    Ok(())
}

pub fn identity_row(promoter: Uuid) -> Result<Record> {
    IDENTITY.one(&[promoter.into()], |row| row.get(1))
}

/// A promoter's financial year until now.
pub fn year_to_date(
    promoter: Uuid,
    year: FinancialYear,
    zone: &str,
    currency: Currency,
) -> Result<YearToDate> {
    YEAR_TO_DATE.one(&[promoter.into(), year.0.into(), zone.into()], |row| {
        let minor = |column| {
            Ok::<_, crate::kernel::error::Error>(
                numeric::money(&row.get(column)?, currency, "amount")?.minor,
            )
        };
        Ok(YearToDate { paid: minor(1)?, untaxed: minor(2)?, owed: minor(3)? })
    })
}

/// Records what was deducted from a payout.
pub fn insert(
    request: Uuid,
    promoter: Uuid,
    assessment: &Assessment,
    zone: &str,
    currency: Currency,
) -> Result<()> {
    INSERT.run(&[
        request.into(),
        promoter.into(),
        assessment.year.0.into(),
        zone.into(),
        assessment.rule.valid_from.into(),
        assessment.rule.section.as_str().into(),
        assessment.rate.clone().into(),
        assessment.pan.as_deref().into(),
        assessment.gross.into(),
        assessment.deduction.taxable.into(),
        assessment.deduction.due.into(),
        assessment.deduction.tax.into(),
        currency.code().into(),
    ])?;
    Ok(())
}

/// The data of a certificate as JSON text.
pub fn certificate(
    promoter: Uuid,
    year: FinancialYear,
    deductor: Option<&str>,
    tan: Option<&str>,
) -> Result<String> {
    let assessment_year = FinancialYear(year.0 + 1).label();
    CERTIFICATE.one(
        &[
            promoter.into(),
            year.0.into(),
            year.label().into(),
            assessment_year.into(),
            deductor.into(),
            tan.into(),
        ],
        |row| row.get(1),
    )
}
