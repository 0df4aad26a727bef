//! Statements that read the books for an export, all in the caller's snapshot.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::Money;
use crate::kernel::spi::{Query, Row};
use crate::ledger::account::Class;
use crate::ledger::export::{Account, Hold, Request, Side, Transfer};
use crate::ledger::store::accounts::currency;
use pgrx::Uuid;

// Days are counted from 2000-01-01 in the time zone that is asked for.

static TODAY: Query = Query::read("select (now() at time zone $1)::date - date '2000-01-01'");
static IS_TRANSFER: Query =
    Query::read("select exists (select from ledger.all_transfers where id = $1)");
static TRANSFERS: Query = Query::read(
    "select t.id, t.journal_id, (t.at at time zone $4)::date - date '2000-01-01',
            to_char(t.at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
            to_char(t.recorded_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
            k.system, k.kind, d.id, d.system, d.code, c.id, c.system, c.code, t.amount, d.currency,
            coalesce(t.description, j.description), coalesce(t.metadata, j.metadata)::text,
            t.hold_id, t.reverses_id
       from (select id, journal_id, coalesce(effective_at, recorded_at) as at, recorded_at,
                    debit_account_id, credit_account_id, amount::bigint as amount, kind_id,
                    description, metadata, hold_id, reverses_id
               from ledger.all_transfers) t
       join ledger.accounts d on d.id = t.debit_account_id
       join ledger.accounts c on c.id = t.credit_account_id
       join ledger.transfer_kinds k on k.id = t.kind_id
       left join ledger.all_journals j on j.id = t.journal_id
      where ($1 is null or d.system = $1 or c.system = $1)
        and ($2 is null or t.at >= (date '2000-01-01' + $2)::timestamp at time zone $4)
        and ($3 is null or t.at < (date '2000-01-01' + $3)::timestamp at time zone $4)
        and ($5 is null or (t.at, t.id) > (select coalesce(a.effective_at, a.recorded_at), a.id
                                             from ledger.all_transfers a where a.id = $5))
      order by t.at, t.id
      limit $6",
);
// The last two columns: debits less credits before the first day and before the last. Without
// a last day the counters say it, which the entries must agree with.
static ACCOUNTS: Query = Query::read(
    "with moved as (
        select x.account_id,
               sum(x.change) filter (where x.at < (date '2000-01-01' + $2)::timestamp at time zone $4) as opening,
               sum(x.change) filter (where x.at < (date '2000-01-01' + $3)::timestamp at time zone $4) as closing
          from (select debit_account_id as account_id, amount::bigint as change,
                       coalesce(effective_at, recorded_at) as at from ledger.all_transfers
                union all
                select credit_account_id, -amount::bigint, coalesce(effective_at, recorded_at)
                  from ledger.all_transfers) x
         where $2 is not null or $3 is not null
         group by x.account_id)
     select a.id, a.system, a.code, a.name, a.class, a.currency,
            (a.created_at at time zone $4)::date - date '2000-01-01',
            (a.closed_at at time zone $4)::date - date '2000-01-01',
            $1 is null or a.system = $1,
            coalesce(m.opening, 0)::text,
            case when $3 is null
                 then (a.debits_posted - a.credits_posted
                       + coalesce((select sum(s.debits_posted) - sum(s.credits_posted)
                                     from ledger.account_stripes s where s.account_id = a.id), 0))::text
                 else coalesce(m.closing, 0)::text end
       from ledger.accounts a
       left join moved m on m.account_id = a.id
      where $1 is null or a.system = $1 or a.id = any ($5)
      order by a.id",
);
static HOLDS: Query = Query::read(
    "select h.id, h.debit_account_id, h.credit_account_id, (h.amount - h.settled_amount)::bigint, d.currency
       from ledger.holds h
       join ledger.accounts d on d.id = h.debit_account_id
       join ledger.accounts c on c.id = h.credit_account_id
      where h.status = 'open' and (h.expires_at is null or h.expires_at > statement_timestamp())
        and ($1 is null or d.system = $1 or c.system = $1)
      order by h.id",
);

pub fn today(zone: &str) -> Result<i32> {
    TODAY.one(&[zone.into()], |row| row.get(1))
}

pub fn is_transfer(id: Uuid) -> Result<bool> {
    IS_TRANSFER.one(&[id.into()], |row| row.get(1))
}

/// Transfers in the order of their effect; at most so many.
pub fn transfers(request: &Request<'_>, most: i64) -> Result<Vec<Transfer>> {
    let args = [
        request.system.into(),
        request.from.into(),
        request.to.into(),
        request.time_zone.into(),
        request.after.into(),
        most.into(),
    ];
    TRANSFERS.all(&args, |row| {
        let side = |at: usize| {
            Ok::<_, Error>(Side {
                account: row.get(at)?,
                system: row.get(at + 1)?,
                code: row.get(at + 2)?,
            })
        };
        Ok(Transfer {
            id: row.get(1)?,
            journal: row.opt(2)?,
            day: row.get(3)?,
            effective_at: row.get(4)?,
            recorded_at: row.get(5)?,
            system: row.get(6)?,
            kind: row.get(7)?,
            debit: side(8)?,
            credit: side(11)?,
            amount: Money::new(row.get(14)?, currency(row, 15)?),
            description: row.opt(16)?,
            metadata: row.opt(17)?,
            hold: row.opt(18)?,
            reverses: row.opt(19)?,
        })
    })
}

/// The accounts of the system and those that its transfers touch, by id.
pub fn accounts(request: &Request<'_>, touched: Vec<i64>) -> Result<Vec<Account>> {
    let args = [
        request.system.into(),
        request.from.into(),
        request.to.into(),
        request.time_zone.into(),
        touched.into(),
    ];
    ACCOUNTS.all(&args, |row| {
        let complete: bool = row.get(9)?;
        Ok(Account {
            id: row.get(1)?,
            system: row.get(2)?,
            code: row.get(3)?,
            name: row.get(4)?,
            class: Class::parse(row.get::<&str>(5)?, "class")?,
            currency: currency(row, 6)?,
            opened: row.get(7)?,
            closed: row.opt(8)?,
            balances: if complete { Some((number(row, 10)?, number(row, 11)?)) } else { None },
        })
    })
}

/// A sum that may be beyond 64 bits.
fn number(row: &Row<'_>, column: usize) -> Result<i128> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| Error::internal(format!("{text} is no whole number")))
}

pub fn holds(system: Option<&str>) -> Result<Vec<Hold>> {
    HOLDS.all(&[system.into()], |row| {
        Ok(Hold {
            id: row.get(1)?,
            debit: row.get(2)?,
            credit: row.get(3)?,
            left: Money::new(row.get(4)?, currency(row, 5)?),
        })
    })
}
