//! SQL of the health: numbers that come from small tables and indexes of what is open.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use pgrx::JsonB;
use serde_json::Value;

// The counters of all accounts of the currencies that the treasury has: what was debited
// was credited somewhere. The transfers themselves are for the check of the ledger.
static BOOKS: Query = Query::read(
    "with counted as (
        select a.currency, a.system = 'treasury' as ours, a.owner_id is not null as of_user, a.code,
               a.debits_posted + coalesce(sum(s.debits_posted), 0) as debits,
               a.credits_posted + coalesce(sum(s.credits_posted), 0) as credits
          from ledger.accounts a
          left join ledger.account_stripes s on s.account_id = a.id and a.stripes > 0
         where a.currency in (select t.currency from ledger.accounts t where t.system = 'treasury')
         group by a.id),
     per_currency as (
        select currency, sum(debits) = sum(credits) as balances,
               sum(debits - credits) filter (where ours and code = 'stripe:' || currency) as stripe,
               sum(credits - debits) filter (where ours and code = 'unallocated:' || currency) as unallocated,
               sum(credits - debits) filter (where ours and code = 'in_transit:' || currency) as in_transit,
               sum(credits - debits) filter (where ours and of_user and credits > debits) as owed_to_users,
               sum(debits - credits) filter (where ours and of_user and credits < debits) as owed_by_users,
               count(*) filter (where ours and of_user and credits < debits) as receivables
          from counted group by currency)
     select jsonb_build_object(
        'unbalanced', count(*) filter (where not balances),
        'receivables', coalesce(sum(receivables), 0)::bigint,
        'problems', (select problems from ops.check_results where name = 'ledger_books'),
        'checked_at', (select checked_at from ops.check_results where name = 'ledger_books'),
        'currencies', coalesce(jsonb_object_agg(currency, jsonb_build_object(
            'stripe', coalesce(stripe, 0), 'unallocated', coalesce(unallocated, 0),
            'in_transit', coalesce(in_transit, 0), 'owed_to_users', coalesce(owed_to_users, 0),
            'owed_by_users', coalesce(owed_by_users, 0))), '{}'))
       from per_currency",
);
static WEBHOOKS: Query = Query::read(
    "select jsonb_build_object(
        'failed', count(*) filter (where status = 'failed' and next_attempt_at is not null),
        'given_up', count(*) filter (where status = 'failed' and next_attempt_at is null),
        'parked', count(*) filter (where status = 'parked'),
        'long_parked', count(*) filter (where status = 'parked'
            and received_at < now() - make_interval(hours => (
                select coalesce(s.value, d.default_value)::text::integer
                  from backoffice.setting_definitions d
                  left join backoffice.settings s on s.system = d.system and s.key = d.key
                 where d.system = 'ops' and d.key = 'webhook_parked_hours'))),
        'waiting', count(*) filter (where status = 'received'),
        'last_received_at', (select received_at from ops.webhook_events where source = 'stripe' order by id desc limit 1))
       from ops.webhook_events where source = 'stripe' and status <> 'processed'",
);
static REQUESTS: Query = Query::read(
    "select jsonb_build_object(
        'pending', (select count(*) from treasury.stripe_requests where status = 'pending'),
        'late', (select count(*) from treasury.stripe_requests where status = 'pending'
                   and available_at < now() - make_interval(secs => $1)),
        'oldest_due_seconds', (select greatest(0, floor(extract(epoch from now() - min(available_at))))
                                 from treasury.stripe_requests where status = 'pending'),
        'dead', (select count(*) from treasury.stripe_requests where status = 'dead'))",
);
static DISPUTES: Query = Query::read(
    "select jsonb_build_object(
        'open', count(*),
        'overdue', count(*) filter (where answerable and due_by < now()),
        'due_soon', count(*) filter (where answerable and due_by >= now()
            and due_by < now() + make_interval(hours => $1)),
        'next_due_at', min(due_by) filter (where answerable and due_by >= now()))
       from (select due_by, status in ('warning_needs_response', 'needs_response') as answerable
               from treasury.disputes
              where status in ('warning_needs_response', 'warning_under_review', 'needs_response',
                               'under_review')) d",
);
static APPROVALS: Query = Query::read(
    "select jsonb_build_object(
        'adjustments', (select count(*) from treasury.adjustments where status = 'waiting'),
        'overrides', (select count(*) from treasury.overrides where status = 'waiting'))",
);
static RECONCILIATION: Query = Query::read(
    "select jsonb_build_object(
        'open', count(*),
        'missing_in_books', count(*) filter (where outcome = 'missing_in_books'),
        'missing_at_stripe', count(*) filter (where outcome = 'missing_at_stripe'),
        'amount_differs', count(*) filter (where outcome = 'amount_differs'))
       from treasury.reconciliation where outcome <> 'matched'",
);
static PAYOUTS: Query = Query::read(
    "select coalesce(jsonb_object_agg(status, count), '{}')
       from (select status, count(*) from treasury.payouts
              where status in ('review', 'pending', 'in_transit') group by status) p",
);
static ANOMALIES: Query = Query::read(
    "select jsonb_build_object(
        'low', count(*) filter (where severity = 'low'),
        'medium', count(*) filter (where severity = 'medium'),
        'high', count(*) filter (where severity = 'high'))
       from treasury.anomalies where resolved_at is null",
);

fn read(query: &Query) -> Result<Value> {
    query.one(&[], |row| Ok(row.get::<JsonB>(1)?.0))
}

pub fn books() -> Result<Value> {
    read(&BOOKS)
}

pub fn webhooks() -> Result<Value> {
    read(&WEBHOOKS)
}

/// Those that have been due for so many seconds are late.
pub fn requests(late: i64) -> Result<Value> {
    REQUESTS.one(&[(late as f64).into()], |row| Ok(row.get::<JsonB>(1)?.0))
}

/// Those that have to be answered within so many hours are due soon.
pub fn disputes(soon: i64) -> Result<Value> {
    DISPUTES.one(&[(soon as i32).into()], |row| Ok(row.get::<JsonB>(1)?.0))
}

pub fn approvals() -> Result<Value> {
    read(&APPROVALS)
}

pub fn reconciliation() -> Result<Value> {
    read(&RECONCILIATION)
}

pub fn payouts() -> Result<Value> {
    read(&PAYOUTS)
}

pub fn anomalies() -> Result<Value> {
    read(&ANOMALIES)
}
