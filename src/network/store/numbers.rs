//! The counters behind the human numbers.

use crate::kernel::error::{Error, Result};
use crate::kernel::spi::Query;
use pgrx::{IntoDatum, direct_function_call, pg_sys};
use std::ffi::CStr;

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
    /// Of rows of affiliate_commissions.
    Commission,
}

impl Counter {
    fn sequence(self) -> &'static CStr {
        match self {
            Counter::Promoter => c"promoter_id_sequence",
            Counter::Customer => c"customer_id_sequence",
            Counter::Transaction => c"transaction_id_sequence",
            Counter::Request => c"request_id_sequence",
            Counter::Commission => c"affiliate_commissions_id_seq",
        }
    }
}

/// The next numbers. Sequences do not queue: a rolled-back number is a gap.
pub fn take(counter: Counter, count: usize) -> Result<Vec<i64>> {
    // SAFETY: look-ups in PostgreSQL's caches, and SQL's own nextval.
    unsafe {
        let schema = pg_sys::get_namespace_oid(c"network".as_ptr(), false);
        let sequence = pg_sys::get_relname_relid(counter.sequence().as_ptr(), schema);
        let next = || direct_function_call(pg_sys::nextval_oid, &[sequence.into_datum()]);
        let number = || next().ok_or_else(|| Error::internal("a sequence gave no number"));
        std::iter::repeat_with(number).take(count).collect()
    }
}

/// Every counter with prefix, sequence and the last number drawn.
pub fn counters() -> Result<Vec<(String, String, String, i64)>> {
    COUNTERS.all(&[], |row| Ok((row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
}

/// The next number.
pub fn next(counter: Counter) -> Result<i64> {
    take(counter, 1).map(|numbers| numbers.first().copied().unwrap_or_default())
}
