//! Counted failures.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;

static LOCKED_SECONDS: Query = Query::read(
    "select ceil(extract(epoch from max(locked_until) - clock_timestamp()))::bigint
       from identity.throttle
      where key = any ($1) and locked_until > clock_timestamp()",
);
// A count that ran out starts anew. Reaching the limit locks, and so does every
// further failure.
static COUNT: Query = Query::write(
    "insert into identity.throttle as t
        (key, failures, window_started_at, locked_until, expires_at)
     select $1, 1, at, case when $2 <= 1 then until end, until
       from (select clock_timestamp() as at,
                    clock_timestamp() + make_interval(secs => $3) as until) now
     on conflict (key) do update
        set failures = case when t.expires_at <= excluded.window_started_at then 1
                            else t.failures + 1 end,
            window_started_at = case when t.expires_at <= excluded.window_started_at
                                     then excluded.window_started_at
                                     else t.window_started_at end,
            locked_until = case when t.expires_at <= excluded.window_started_at
                                then excluded.locked_until
                                when t.failures + 1 >= $2 then excluded.expires_at
                                else t.locked_until end,
            expires_at = case when t.expires_at <= excluded.window_started_at
                                or t.failures + 1 >= $2 then excluded.expires_at
                              else t.expires_at end",
);
static CLEAR: Query = Query::write("delete from identity.throttle where key = $1");
// A few at a time, and never one that somebody else is counting.
static PURGE: Query = Query::write(
    "delete from identity.throttle where key in
        (select key from identity.throttle where expires_at < now() - interval '1 minute'
          limit $1 for update skip locked)",
);

/// The longest time that one of the keys is locked for.
pub fn locked_seconds(keys: Vec<Vec<u8>>) -> Result<Option<i64>> {
    LOCKED_SECONDS.one(&[keys.into()], |row| row.opt(1))
}

pub fn count(key: &[u8], limit: i64, seconds: i64) -> Result<()> {
    COUNT.run(&[key.into(), limit.into(), (seconds as f64).into()])?;
    Ok(())
}

pub fn clear(key: &[u8]) -> Result<()> {
    CLEAR.run(&[key.into()])?;
    Ok(())
}

/// Deletes up to `most` counts that mean nothing any more; how many.
pub fn purge(most: i64) -> Result<usize> {
    PURGE.run(&[most.into()])
}
