//! Statements that only read: balances as of a time, statements, proofs.

use crate::kernel::error::Result;
use crate::kernel::spi::{Query, Row};
use crate::ledger::account::{AccountId, Counters};
use crate::ledger::report::{Basis, Entry, Page, Place, Problem, TrialRow};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;

// Both indexes of an account give its transfers in order of time. A transfer
// that counts for another time than that of recording is in two more, which
// hold nothing else.

/// Everything up to a place in the order of recording.
static SUM_RECORDED: Query = Query::read(
    "select coalesce((select sum(amount) from ledger.all_transfers
                       where debit_account_id = $1 and recorded_at <= $2
                         and (recorded_at < $2 or id <= $3)), 0)::bigint,
            coalesce((select sum(amount) from ledger.all_transfers
                       where credit_account_id = $1 and recorded_at <= $2
                         and (recorded_at < $2 or id <= $3)), 0)::bigint",
);
/// The same in the order of effect.
static SUM_EFFECTIVE: Query = Query::read(
    "select (coalesce((select sum(amount) from ledger.all_transfers
                        where debit_account_id = $1 and recorded_at <= $2
                          and effective_at is null
                          and (recorded_at < $2 or id <= $3)), 0)
           + coalesce((select sum(amount) from ledger.all_transfers
                        where debit_account_id = $1 and effective_at <= $2
                          and (effective_at < $2 or id <= $3)), 0))::bigint,
            (coalesce((select sum(amount) from ledger.all_transfers
                        where credit_account_id = $1 and recorded_at <= $2
                          and effective_at is null
                          and (recorded_at < $2 or id <= $3)), 0)
           + coalesce((select sum(amount) from ledger.all_transfers
                        where credit_account_id = $1 and effective_at <= $2
                          and (effective_at < $2 or id <= $3)), 0))::bigint",
);
static PLACE: Query = Query::read(
    "select recorded_at, coalesce(effective_at, recorded_at) from ledger.all_transfers
      where id = $1 and $2 in (debit_account_id, credit_account_id)",
);
// $2, $3: after this place; $4: before this time; $5: at most so many. Each arm
// reads one index in order and stops early.
static PAGE_RECORDED: Query = Query::read(
    "select p.id, p.journal_id, p.recorded_at, p.effective_at, p.kind_id, p.description,
            p.is_debit, p.amount::bigint, p.counter_account_id, p.hold_id, p.reverses_id, k.system, k.kind,
            j.description
       from ((select id, journal_id, recorded_at as at, recorded_at,
                     coalesce(effective_at, recorded_at) as effective_at, kind_id, description,
                     true as is_debit, amount, credit_account_id as counter_account_id, hold_id,
                     reverses_id
                from ledger.all_transfers
               where debit_account_id = $1 and recorded_at >= $2 and recorded_at < $4
                 and ($3 is null or recorded_at > $2 or id > $3)
               order by recorded_at, id limit $5)
             union all
             (select id, journal_id, recorded_at, recorded_at,
                     coalesce(effective_at, recorded_at), kind_id, description,
                     false, amount, debit_account_id, hold_id, reverses_id
                from ledger.all_transfers
               where credit_account_id = $1 and recorded_at >= $2 and recorded_at < $4
                 and ($3 is null or recorded_at > $2 or id > $3)
               order by recorded_at, id limit $5)
             order by at, id limit $5) p
       join ledger.transfer_kinds k on k.id = p.kind_id
       left join ledger.all_journals j on j.id = p.journal_id
      order by p.at, p.id",
);
static PAGE_EFFECTIVE: Query = Query::read(
    "select p.id, p.journal_id, p.recorded_at, p.at, p.kind_id, p.description,
            p.is_debit, p.amount::bigint, p.counter_account_id, p.hold_id, p.reverses_id, k.system, k.kind,
            j.description
       from ((select id, journal_id, recorded_at as at, recorded_at, kind_id, description,
                     true as is_debit, amount, credit_account_id as counter_account_id, hold_id,
                     reverses_id
                from ledger.all_transfers
               where debit_account_id = $1 and recorded_at >= $2 and recorded_at < $4
                 and effective_at is null and ($3 is null or recorded_at > $2 or id > $3)
               order by recorded_at, id limit $5)
             union all
             (select id, journal_id, effective_at, recorded_at, kind_id, description,
                     true, amount, credit_account_id, hold_id, reverses_id
                from ledger.all_transfers
               where debit_account_id = $1 and effective_at >= $2 and effective_at < $4
                 and ($3 is null or effective_at > $2 or id > $3)
               order by effective_at, id limit $5)
             union all
             (select id, journal_id, recorded_at, recorded_at, kind_id, description,
                     false, amount, debit_account_id, hold_id, reverses_id
                from ledger.all_transfers
               where credit_account_id = $1 and recorded_at >= $2 and recorded_at < $4
                 and effective_at is null and ($3 is null or recorded_at > $2 or id > $3)
               order by recorded_at, id limit $5)
             union all
             (select id, journal_id, effective_at, recorded_at, kind_id, description,
                     false, amount, debit_account_id, hold_id, reverses_id
                from ledger.all_transfers
               where credit_account_id = $1 and effective_at >= $2 and effective_at < $4
                 and ($3 is null or effective_at > $2 or id > $3)
               order by effective_at, id limit $5)
             order by at, id limit $5) p
       join ledger.transfer_kinds k on k.id = p.kind_id
       left join ledger.all_journals j on j.id = p.journal_id
      order by p.at, p.id",
);
// A total of balances is the sum of the accounts' balances, side by side: both
// sums are equal, as debits and credits are.
static TRIAL_NOW: Query = Query::read(
    "select t.id, t.system, t.code, t.name, t.class, t.currency, sum(t.debits), sum(t.credits),
            sum(greatest(t.debits - t.credits, 0)), sum(greatest(t.credits - t.debits, 0))
       from (select a.*, a.debits_posted + coalesce(s.debits, 0) as debits,
                    a.credits_posted + coalesce(s.credits, 0) as credits
               from ledger.accounts a
               left join (select account_id, sum(debits_posted) as debits,
                                 sum(credits_posted) as credits
                            from ledger.account_stripes group by account_id) s
                 on s.account_id = a.id) t
      where ($1 is null or t.system = $1) and (t.debits <> 0 or t.credits <> 0)
      group by grouping sets ((t.id, t.system, t.code, t.name, t.class, t.currency), (t.currency))
      order by t.currency, t.system, t.code",
);
static TRIAL_AT: Query = Query::read(
    "select t.id, t.system, t.code, t.name, t.class, t.currency, sum(t.debits), sum(t.credits),
            sum(greatest(t.debits - t.credits, 0)), sum(greatest(t.credits - t.debits, 0))
       from (select a.*, m.debits, m.credits
               from (select account_id, sum(debits) as debits, sum(credits) as credits
                       from (select debit_account_id as account_id, amount as debits, 0 as credits
                               from ledger.all_transfers
                              where case when $3 then coalesce(effective_at, recorded_at)
                                         else recorded_at end <= $2
                             union all
                             select credit_account_id, 0, amount
                               from ledger.all_transfers
                              where case when $3 then coalesce(effective_at, recorded_at)
                                         else recorded_at end <= $2) sides
                      group by account_id) m
               join ledger.accounts a on a.id = m.account_id) t
      where ($1 is null or t.system = $1)
      group by grouping sets ((t.id, t.system, t.code, t.name, t.class, t.currency), (t.currency))
      order by t.currency, t.system, t.code",
);
static CHECK: Query = Query::read(
    "select problem, account_id, transfer_id, expected, found, detail from ledger.problems
     union all
     select problem, account_id, transfer_id, expected, found, detail from ledger.accounting_problems
      order by problem, account_id, transfer_id",
);
static UNBALANCED: Query = Query::read(
    "select currency
       from (select currency, debits_posted as debits, credits_posted as credits from ledger.accounts
             union all
             select a.currency, s.debits_posted, s.credits_posted
               from ledger.account_stripes s join ledger.accounts a on a.id = s.account_id) t
      group by currency having sum(debits) <> sum(credits) order by currency",
);
static ADMIN_ROLES: Query = Query::read(
    "select distinct system from backoffice.role_grants
      where person_id = $1 and role = 'admin' and system <> '*'
      order by system",
);

/// What was posted to an account up to a place in its order.
pub fn posted_until(id: AccountId, basis: Basis, place: &Place) -> Result<Counters> {
    let query = match basis {
        Basis::Recorded => &SUM_RECORDED,
        Basis::Effective => &SUM_EFFECTIVE,
    };
    query.one(&[id.0.into(), place.at.into(), place.id.into()], |row| {
        Ok(Counters {
            debits_posted: row.get(1)?,
            credits_posted: row.get(2)?,
            ..Counters::default()
        })
    })
}

/// Where a transfer of an account stands in its order.
pub fn place_of(transfer: Uuid, id: AccountId, basis: Basis) -> Result<Option<Place>> {
    PLACE.first(&[transfer.into(), id.0.into()], |row| {
        let at = match basis {
            Basis::Recorded => row.get(1)?,
            Basis::Effective => row.get(2)?,
        };
        Ok(Place { at, id: Some(transfer) })
    })
}

pub fn page(id: AccountId, page: &Page) -> Result<Vec<Entry>> {
    let query = match page.basis {
        Basis::Recorded => &PAGE_RECORDED,
        Basis::Effective => &PAGE_EFFECTIVE,
    };
    let args = [
        id.0.into(),
        page.start.at.into(),
        page.start.id.into(),
        page.until.into(),
        page.limit.into(),
    ];
    query.all(&args, entry)
}

fn entry(row: &Row<'_>) -> Result<Entry> {
    let transfer_id: Uuid = row.get(1)?;
    let own: Option<String> = row.opt(6)?;
    Ok(Entry {
        transfer_id,
        journal_id: row.opt(2)?.unwrap_or(transfer_id),
        recorded_at: row.get(3)?,
        effective_at: row.get(4)?,
        description: if own.is_some() { own } else { row.opt(14)? },
        is_debit: row.get(7)?,
        amount: row.get(8)?,
        counter_account: AccountId(row.get(9)?),
        hold_id: row.opt(10)?,
        reverses_id: row.opt(11)?,
        system: row.get(12)?,
        kind: row.get(13)?,
    })
}

/// Debits and credits of every account and, without an account, of every
/// currency; up to a time, or all.
pub fn trial_balance(
    system: Option<&str>,
    at: Option<TimestampWithTimeZone>,
    basis: Basis,
) -> Result<Vec<TrialRow>> {
    let map = |row: &Row<'_>| {
        Ok(TrialRow {
            account: row.opt(1)?,
            system: row.opt(2)?,
            code: row.opt(3)?,
            name: row.opt(4)?,
            class: row.opt(5)?,
            currency: row.get(6)?,
            debits: row.get(7)?,
            credits: row.get(8)?,
            debit_balance: row.get(9)?,
            credit_balance: row.get(10)?,
        })
    };
    match at {
        None => TRIAL_NOW.all(&[system.into()], map),
        Some(at) => {
            TRIAL_AT.all(&[system.into(), at.into(), (basis == Basis::Effective).into()], map)
        }
    }
}

pub fn problems() -> Result<Vec<Problem>> {
    CHECK.all(&[], |row| {
        Ok(Problem {
            problem: row.get(1)?,
            account: row.opt(2)?,
            transfer: row.opt(3)?,
            expected: row.opt(4)?,
            found: row.opt(5)?,
            detail: row.opt(6)?,
        })
    })
}

/// Currencies in which the accounts' debits are not their credits.
pub fn unbalanced_currencies() -> Result<Vec<String>> {
    UNBALANCED.all(&[], |row| row.get(1))
}

/// The systems that a person has been made admin of.
pub fn systems_of_admin(person: Uuid) -> Result<Vec<String>> {
    ADMIN_ROLES.all(&[person.into()], |row| row.get(1))
}
