//! SQL about sign-ins and sessions.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use crate::ops::watch::period::Period;
use pgrx::JsonB;
use serde_json::Value;

// Whoever refreshed a session was there: a token is good for an hour at most.
static ABOUT: Query = Query::read(
    "select jsonb_build_object(
        'sign_ins', (select jsonb_build_object(
                'succeeded', s.good, 'failed', s.bad,
                'success_rate', round(s.good::numeric / nullif(s.good + s.bad, 0), 4))
            from (select count(*) filter (where action = 'sign_in') as good,
                         count(*) filter (where action = 'sign_in_failed') as bad
                    from ops.audit_logs
                   where table_name = 'identity' and pg_catalog.strpos(table_name, '.') = 0
                     and action in ('sign_in', 'sign_in_failed') and at >= $1 and at < $2) s),
        'sessions', (select jsonb_build_object(
                'open_now', count(*) filter (where ended_at is null and not_after > now()),
                'begun', count(*) filter (where created_at >= $1 and created_at < $2),
                'ended', count(*) filter (where ended_at >= $1 and ended_at < $2))
            from identity.sessions),
        'people', (select jsonb_build_object(
                'active', count(distinct user_id),
                'total', (select count(*) from identity.users where erased_at is null))
            from identity.sessions
           where created_at < $2 and coalesce(refreshed_at, created_at) >= $1))",
);
static NOW: Query = Query::read(
    "select (select count(*) from identity.sessions where ended_at is null and not_after > now()),
            count(*) filter (where action = 'sign_in'),
            count(*) filter (where action = 'sign_in_failed')
       from ops.audit_logs
      where table_name = 'identity' and pg_catalog.strpos(table_name, '.') = 0
        and action in ('sign_in', 'sign_in_failed') and at >= now() - interval '5 minutes'",
);

/// Sign-ins, sessions and active people of a period.
pub fn about(period: &Period) -> Result<Value> {
    ABOUT.one(&[period.from.into(), period.to.into()], |row| row.get::<JsonB>(1)).map(|j| j.0)
}

/// Of this moment and the five minutes before it.
pub struct Now {
    pub sessions: i64,
    pub sign_ins: i64,
    pub sign_in_failures: i64,
}

pub fn now() -> Result<Now> {
    NOW.one(&[], |row| {
        Ok(Now { sessions: row.get(1)?, sign_ins: row.get(2)?, sign_in_failures: row.get(3)? })
    })
}
