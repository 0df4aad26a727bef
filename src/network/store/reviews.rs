//! SQL of reviews.

use crate::kernel::error::Result;
use crate::kernel::spi::{Query, Row};
use crate::network::review::Contact;
use pgrx::{JsonB, Uuid};
use serde_json::Value;

static INSERT: Query = Query::write(
    "insert into network.withdrawal_reviews (request_id, payout_account_id) values ($1, $2)",
);
static SUBJECT: Query = Query::write(
    "select a.promoter_id, a.id, a.account_holder_name, a.verified_at is not null
       from network.withdrawal_reviews w
       join network.payout_accounts a on a.id = w.payout_account_id
      where w.request_id = $1",
);
// Everybody above and below, and the promoter.
static LINE: Query = Query::read(
    "select p.id, p.email, p.phone, p.name
       from network.profiles p
      where p.id in (select r.id from network.promoters r
                      where r.id = $1 or r.ancestors @> array[$1]
                      union all
                     select unnest(r.ancestors) from network.promoters r where r.id = $1)",
);
static EARNED_ON: Query = Query::read(
    "select p.id, p.email, p.phone, p.name
       from network.profiles p
      where p.id in (select a.customer_id from network.commission_history a
                      where a.recipient_id = $1 and a.recipient_type = 'promoter'
                      group by a.customer_id having sum(a.amount) > 0)
      order by p.id",
);
static SHARING: Query = Query::write(
    "select distinct other.promoter_id
       from network.payout_accounts own
       join network.payout_accounts other on other.account_hash = own.account_hash
      where own.id = $1 and other.promoter_id <> own.promoter_id
      order by 1",
);
static CHANGED_WITHIN: Query = Query::write(
    "select to_char(own.first_used_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
       from network.payout_accounts own, network.withdrawal_requests r
      where own.id = $2 and r.id = $1
        and own.first_used_at > r.created_at - make_interval(days => $3)
        and exists (select from network.payout_accounts former
                     where former.promoter_id = own.promoter_id
                       and former.first_used_at < own.first_used_at)",
);
static FINDINGS: Query =
    Query::write("select findings from network.withdrawal_reviews where request_id = $1");
static WRITE: Query = Query::write(
    "update network.withdrawal_reviews set flags = $2, findings = $3, updated_at = now()
      where request_id = $1",
);
static ACKNOWLEDGE: Query = Query::write(
    "update network.withdrawal_reviews
        set notes = $2, acknowledged_by = $3, acknowledged_at = now(), updated_at = now()
      where request_id = $1",
);

/// What is reviewed.
#[derive(Clone, Debug)]
pub struct Subject {
    pub request: Uuid,
    pub promoter: Uuid,
    pub account: Uuid,
    pub holder: String,
    pub verified: bool,
}

pub fn insert(request: Uuid, account: Uuid) -> Result<()> {
    INSERT.run(&[request.into(), account.into()])?;
    Ok(())
}

pub fn subject(request: Uuid) -> Result<Subject> {
    SUBJECT.one(&[request.into()], |row| {
        Ok(Subject {
            request,
            promoter: row.get(1)?,
            account: row.get(2)?,
            holder: row.get(3)?,
            verified: row.get(4)?,
        })
    })
}

/// The promoter's line: everybody above and below, and the promoter.
pub fn line(promoter: Uuid) -> Result<Vec<Contact>> {
    LINE.all(&[promoter.into()], contact)
}

/// The customers whom the promoter earned on, but for cancelled ones.
pub fn earned_on(promoter: Uuid) -> Result<Vec<Contact>> {
    EARNED_ON.all(&[promoter.into()], contact)
}

fn contact(row: &Row<'_>) -> Result<Contact> {
    Ok(Contact { id: row.get(1)?, email: row.opt(2)?, phone: row.opt(3)?, name: row.opt(4)? })
}

/// The other promoters who gave the same bank account.
pub fn sharing(account: Uuid) -> Result<Vec<Uuid>> {
    SHARING.all(&[account.into()], |row| row.get(1))
}

/// Since when an account has been used, if it replaced another so recently.
pub fn changed_within(request: Uuid, account: Uuid, days: i32) -> Result<Option<String>> {
    CHANGED_WITHIN.first(&[request.into(), account.into(), days.into()], |row| row.get(1))
}

/// What was found before.
pub fn findings(request: Uuid) -> Result<Vec<Value>> {
    FINDINGS.one(&[request.into()], |row| {
        let JsonB(findings) = row.get(1)?;
        Ok(findings.as_array().cloned().unwrap_or_default())
    })
}

pub fn write(request: Uuid, flags: &[String], findings: Value) -> Result<()> {
    WRITE.run(&[request.into(), flags.to_vec().into(), JsonB(findings).into()])?;
    Ok(())
}

pub fn acknowledge(request: Uuid, notes: &str, by: Option<Uuid>) -> Result<()> {
    ACKNOWLEDGE.run(&[request.into(), notes.into(), by.into()])?;
    Ok(())
}
