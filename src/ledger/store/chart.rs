//! Statements on the chart of accounts, and what the statements of a system need.

use crate::kernel::error::Result;
use crate::kernel::money::Currency;
use crate::kernel::spi::Query;
use crate::ledger::account::{AccountId, Class};
use crate::ledger::chart::Node;
use crate::ledger::store::accounts::currency;
use crate::ledger::totals::whole;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::{AllocatedByRust, AnyNumeric};

static LOCK: Query = Query::write(
    "select pg_catalog.pg_advisory_xact_lock(
        pg_catalog.hashtextextended('ledger chart ' || $1, 0))",
);
// UNION, not UNION ALL: it ends also where somebody made a circle.
static LINEAGE: Query = Query::read_latest(
    "with recursive up as (
        select a.id, a.parent_id from ledger.accounts a where a.id = $1
        union
        select a.id, a.parent_id from up join ledger.accounts a on a.id = up.parent_id)
     select id from up",
);
static SET_PARENT: Query = Query::write(
    "update ledger.accounts set parent_id = $2
      where id = $1 and parent_id is distinct from $2",
);
static ROW: Query = Query::write("select a from ledger.accounts a where id = $1");
static NODES: Query = Query::read(
    "select id, parent_id, system, code, name, class, currency, closed_at is not null
       from ledger.accounts
      where $1 is null or system = $1",
);
// Between accounts of a system and those of others: what the others were credited for
// debits here, less the other way round, up to and with a time.
static ABROAD: Query = Query::read(
    "select d.currency,
            sum(case when d.system = $1 then t.amount::numeric else -t.amount::numeric end)
       from ledger.all_transfers t
       join ledger.accounts d on d.id = t.debit_account_id
       join ledger.accounts c on c.id = t.credit_account_id
      where (d.system = $1) <> (c.system = $1)
        and coalesce(t.effective_at, t.recorded_at) <= $2
      group by d.currency",
);
// What closings carried away and reopenings brought back, by account: debits less
// credits, from a time on and before another.
static CLOSING_FLOWS: Query = Query::read(
    "select s.account_id, sum(s.amount)
       from ledger.closing_journals c
      cross join lateral (
            select t.* from ledger.all_transfers t where t.journal_id = c.journal_id
             union all
            select t.* from ledger.all_transfers t
             where t.id = c.journal_id and t.journal_id is null) t
      cross join lateral (values (t.debit_account_id, t.amount::numeric),
                                 (t.credit_account_id, -t.amount::numeric)) s (account_id, amount)
      where ($1 is null or c.system = $1) and t.effective_at >= $2 and t.effective_at < $3
      group by s.account_id",
);

/// Lets one at a time change the chart of a system, until the transaction ends.
pub fn lock(system: &str) -> Result<()> {
    LOCK.run(&[system.into()]).map(drop)
}

/// An account and everything that it is part of.
pub fn lineage(id: AccountId) -> Result<Vec<AccountId>> {
    LINEAGE.all(&[id.0.into()], |row| Ok(AccountId(row.get(1)?)))
}

pub fn set_parent(id: AccountId, parent: Option<AccountId>) -> Result<()> {
    SET_PARENT.run(&[id.0.into(), parent.map(|id| id.0).into()]).map(drop)
}

pub fn row(id: AccountId) -> Result<PgHeapTuple<'static, AllocatedByRust>> {
    ROW.one(&[id.0.into()], |row| row.get(1))
}

/// The accounts of a system, or of all, in no order.
pub fn nodes(system: Option<&str>) -> Result<Vec<Node>> {
    NODES.all(&[system.into()], |row| {
        Ok(Node {
            id: row.get(1)?,
            parent: row.opt(2)?,
            system: row.get(3)?,
            code: row.get(4)?,
            name: row.get(5)?,
            class: Class::parse(row.get::<&str>(6)?, "class")?,
            currency: currency(row, 7)?,
            closed: row.get(8)?,
        })
    })
}

/// What accounts of other systems were credited for debits here, less the other way
/// round, by currency.
pub fn abroad(system: &str, at: TimestampWithTimeZone) -> Result<Vec<(Currency, i128)>> {
    ABROAD.all(&[system.into(), at.into()], |row| {
        Ok((currency(row, 1)?, whole(&row.get::<AnyNumeric>(2)?)?))
    })
}

/// What closings and their reversals posted, by account: debits less credits.
pub fn closing_flows(
    system: Option<&str>,
    from: TimestampWithTimeZone,
    to: TimestampWithTimeZone,
) -> Result<Vec<(i64, i128)>> {
    CLOSING_FLOWS.all(&[system.into(), from.into(), to.into()], |row| {
        Ok((row.get(1)?, whole(&row.get::<AnyNumeric>(2)?)?))
    })
}
