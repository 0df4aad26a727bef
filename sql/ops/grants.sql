-- Grants on the functions of ops; finalize.sql calls it once all exist.
create procedure backoffice.install_ops() language plpgsql as $$
begin
    grant usage on schema ops to anon, authenticated, service_role;
    grant execute on function ops.claim_outbox(text, integer, integer, text) to service_role;
    grant execute on function ops.complete_outbox(uuid, text) to service_role;
    grant execute on function ops.fail_outbox(uuid, text, text) to service_role;
    grant execute on function ops.grant_role(uuid, text, text, text) to authenticated, service_role;
    grant execute on function ops.revoke_role(uuid, text, text, text) to authenticated, service_role;
    grant execute on function ops.get_settings(text) to authenticated, service_role;
    grant execute on function ops.set_setting(text, text, jsonb) to authenticated, service_role;
    grant execute on function ops.run_job(text) to authenticated, service_role;
    grant execute on function ops.set_job(text, boolean, text) to authenticated, service_role;
    grant execute on function ops.job_status() to authenticated, service_role;

    comment on schema ops is 'Audit log, outbox, jobs and settings.';
    comment on function ops.claim_outbox(text, integer, integer, text) is
        'Leases messages that are due to a worker.';
    comment on function ops.complete_outbox(uuid, text) is
        'Marks a leased message as sent and empties its payload.';
    comment on function ops.fail_outbox(uuid, text, text) is
        'Gives a leased message back with an error, to be tried again later.';
    comment on function ops.grant_role(uuid, text, text, text) is
        'Gives a person a role in a system; for its admins.';
    comment on function ops.revoke_role(uuid, text, text, text) is
        'Takes a role away; for admins of the system.';
    comment on function ops.get_settings(text) is
        'All settings of a system with their values in force; for its admins.';
    comment on function ops.set_setting(text, text, jsonb) is
        'Changes a setting; for admins of the system.';
    comment on function ops.run_job(text) is
        'Runs a job unless it is running already, and records the run; for admins of ops.';
    comment on function ops.set_job(text, boolean, text) is
        'Switches a job on or off and gives it a schedule; for admins of ops.';
    comment on function ops.job_status() is
        'Every job with its schedule and its last runs; for admins of ops.';
    comment on function ops.schedule_jobs(text) is
        'Makes pg_cron run the jobs by their schedules.';
    comment on function ops.unschedule_jobs() is
        'Takes all jobs out of pg_cron.';
end
$$;
