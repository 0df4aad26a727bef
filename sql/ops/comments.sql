-- ops: what columns hold, where the file that makes their table does not say.

comment on column ops.alerts.id is 'Ours, as UUID v7.';
comment on column ops.alerts.message is 'What is the matter, in words.';
comment on column ops.alerts.occurrences is 'How often it was raised while it was open.';
comment on column ops.alerts.raised_at is 'When it was first raised.';
comment on column ops.alerts.last_raised_at is 'When it was last raised.';
comment on column ops.alerts.resolved_at is 'When it was resolved; NULL while it is open.';
comment on column ops.alerts.resolution is 'How it was resolved, in words; NULL while it is open.';

comment on column ops.audit_logs.id is 'Ours, as UUID v7.';
comment on column ops.audit_logs.at is 'When it happened.';
comment on column ops.audit_logs.actor_id is 'The person who did it; NULL for servers, psql and strangers.';
comment on column ops.audit_logs.request_id is 'The request that did it, as the gateway numbers it; NULL where there was none.';
comment on column ops.audit_logs.ip_address is 'From where the request came; NULL where there was none.';
comment on column ops.audit_logs.user_agent is 'What the client called itself; NULL where there was none.';

comment on column ops.check_results.name is 'The check.';
comment on column ops.check_results.checked_at is 'When it last ran.';
comment on column ops.check_results.seconds is 'How long it took.';
comment on column ops.check_results.error is 'Why it could not run; NULL where it did.';

comment on column ops.job_runs.id is 'Ours, as UUID v7.';
comment on column ops.job_runs.job is 'The job.';
comment on column ops.job_runs.system is 'The module whose job it is.';
comment on column ops.job_runs.started_at is 'When it began.';
comment on column ops.job_runs.finished_at is 'When it ended.';
comment on column ops.job_runs.duration is 'How long it took.';
comment on column ops.job_runs.error is 'What went wrong; NULL where nothing did.';

comment on column ops.job_schedules.job is 'The job.';
comment on column ops.job_schedules.schedule is 'When pg_cron runs it: minute, hour, day, month and weekday, in the time zone of cron.timezone (GMT unless it is set).';

comment on column ops.job_settings.job is 'The job.';
comment on column ops.job_settings.updated_by is 'The admin who chose; NULL for a server or psql.';
comment on column ops.job_settings.updated_at is 'When that was.';

comment on column ops.outbox.id is 'Ours, as UUID v7.';
comment on column ops.outbox.system is 'The module that sends it.';
comment on column ops.outbox.channel is 'email, sms, slack or http.';
comment on column ops.outbox.recipient is 'The address, number or channel that it goes to.';
comment on column ops.outbox.payload is 'What it says, as a JSON object; emptied once it is sent or given up.';
comment on column ops.outbox.idempotency_key is 'What makes two messages the same, so that it is sent once; NULL where any is new.';
comment on column ops.outbox.status is 'pending (also while a worker has it), sent, or dead where it was given up.';
comment on column ops.outbox.attempts is 'How often a worker has had it.';
comment on column ops.outbox.leased_by is 'The worker that claimed it last and has not answered; NULL for none.';
comment on column ops.outbox.leased_until is 'Until when that worker has it for itself; then another may claim it.';
comment on column ops.outbox.last_error is 'Why it failed last; NULL where it never did, and once it is sent.';
comment on column ops.outbox.created_at is 'When it was put here.';
comment on column ops.outbox.sent_at is 'When it was sent; NULL where it was not.';

comment on column ops.webhook_events.id is 'Ours, as UUID v7.';
comment on column ops.webhook_events.event_type is 'What happened, as the source calls it, such as charge.refunded.';
comment on column ops.webhook_events.error_message is 'Why it failed; NULL where it did not.';
comment on column ops.webhook_events.received_at is 'When it came first.';
comment on column ops.webhook_events.processed_at is 'When it was processed; NULL where it was not.';

comment on column ops.webhook_refusals.source is 'The address: stripe or razorpay.';
comment on column ops.webhook_refusals.count is 'How many were refused for this reason in that hour.';

comment on column ops.webhook_secrets.source is 'Whose webhooks it verifies: stripe or razorpay.';
comment on column ops.webhook_secrets.created_at is 'When it was set.';
