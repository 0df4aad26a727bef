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

static COUNTERS: Query = Query::read(
    "select c.counter, c.prefix, c.relation::text,
            coalesce(pg_catalog.pg_sequence_last_value(c.relation), 0)
       from (values ('promoter', 'BPVP', 'network.promoter_id_sequence'::regclass),
                    ('customer', 'BPVC', 'network.customer_id_sequence'::regclass),
                    ('transaction', 'BPV', 'network.transaction_id_sequence'::regclass),
                    ('withdrawal', 'BPVW', 'network.request_id_sequence'::regclass),
                    ('pin_request', 'BPVR', 'network.request_id_sequence'::regclass)
            ) as c (counter, prefix, relation)",
);

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

/// Every counter with prefix, sequence and the last number drawn.
pub fn counters() -> Result<Vec<(String, String, String, i64)>> {
    COUNTERS.all(&[], |row| Ok((row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
}

/// The next number.
pub fn next(counter: Counter) -> Result<i64> {
    take(counter, 1).map(|numbers| numbers.first().copied().unwrap_or_default())
}
