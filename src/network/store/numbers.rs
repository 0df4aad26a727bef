//! The counters behind the human numbers.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;

static PROMOTER: Query =
    Query::write("select nextval('network.promoter_id_sequence') from generate_series(1, $1)");
static CUSTOMER: Query =
    Query::write("select nextval('network.customer_id_sequence') from generate_series(1, $1)");
static TRANSACTION: Query =
    Query::write("select nextval('network.transaction_id_sequence') from generate_series(1, $1)");
static REQUEST: Query =
    Query::write("select nextval('network.request_id_sequence') from generate_series(1, $1)");

#[derive(Clone, Copy)]
pub enum Counter {
    Promoter,
    Customer,
    Transaction,
    Request,
}

/// The next numbers. Sequences do not queue: a rolled-back number is a gap.
pub fn take(counter: Counter, count: usize) -> Result<Vec<i64>> {
    let query = match counter {
        Counter::Promoter => &PROMOTER,
        Counter::Customer => &CUSTOMER,
        Counter::Transaction => &TRANSACTION,
        Counter::Request => &REQUEST,
    };
    query.all(&[(count as i32).into()], |row| row.get(1))
}

/// The next number.
pub fn next(counter: Counter) -> Result<i64> {
    take(counter, 1).map(|numbers| numbers.first().copied().unwrap_or_default())
}
