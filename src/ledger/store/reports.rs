//! Statements that only read and start at no checkpoint: the trial balance, proofs.

use crate::kernel::error::Result;
use crate::kernel::spi::{Query, Row};
use crate::ledger::account::AccountId;
use crate::ledger::report::{Basis, Place, Problem, TrialRow};
use crate::ledger::store::history::transfers;
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;

static PLACE: Query = Query::read(concat!(
    "select recorded_at, coalesce(effective_at, recorded_at) from ",
    transfers!(),
    " where id = $1 and $2 in (debit_account_id, credit_account_id)",
));
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
// Reads all transfers; history::trial_balance does not.
static TRIAL_AT: Query = Query::read(concat!(
    "select t.id, t.system, t.code, t.name, t.class, t.currency, sum(t.debits), sum(t.credits),
            sum(greatest(t.debits - t.credits, 0)), sum(greatest(t.credits - t.debits, 0))
       from (select a.*, m.debits, m.credits
               from (select account_id, sum(debits) as debits, sum(credits) as credits
                       from (select debit_account_id as account_id, amount as debits, 0 as credits
                               from ",
    transfers!(),
    "                         where case when $3 then coalesce(effective_at, recorded_at)
                                         else recorded_at end <= $2
                             union all
                             select credit_account_id, 0, amount
                               from ",
    transfers!(),
    "                         where case when $3 then coalesce(effective_at, recorded_at)
                                         else recorded_at end <= $2) sides
                      group by account_id) m
               join ledger.accounts a on a.id = m.account_id) t
      where ($1 is null or t.system = $1)
      group by grouping sets ((t.id, t.system, t.code, t.name, t.class, t.currency), (t.currency))
      order by t.currency, t.system, t.code",
));
static CHECK: Query = Query::read(
    "select problem, account_id, transfer_id, expected, found, detail from ledger.problems
     union all
     select problem, account_id, transfer_id, expected, found, detail from ledger.accounting_problems
     union all
     select problem, account_id, transfer_id, expected, found, detail from ledger.checkpoint_problems
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

/// Debits and credits of every account and, without an account, of every currency, now.
pub fn trial_balance_now(system: Option<&str>) -> Result<Vec<TrialRow>> {
    TRIAL_NOW.all(&[system.into()], trial_row)
}

/// The same up to and with a time, from all transfers.
pub fn trial_balance_at(
    system: Option<&str>,
    at: TimestampWithTimeZone,
    basis: Basis,
) -> Result<Vec<TrialRow>> {
    TRIAL_AT.all(&[system.into(), at.into(), (basis == Basis::Effective).into()], trial_row)
}

pub fn trial_row(row: &Row<'_>) -> Result<TrialRow> {
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
