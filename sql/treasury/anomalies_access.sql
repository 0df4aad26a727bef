-- treasury: who sees anomalies. Nobody writes these tables directly.
grant select on treasury.anomalies to authenticated, service_role;

create policy anomalies_read on treasury.anomalies for select to authenticated
    using ((select backoffice.has_role('treasury', 'admin')));

create trigger anomalies_audit after update or delete on treasury.anomalies
    for each row execute function ops.audit_row();
-- What is found here follows from other rows; what a model outside says does not.
create trigger anomalies_flag_audit after insert on treasury.anomalies
    for each row when (new.detector <> 'backoffice') execute function ops.audit_row();
create trigger anomalies_no_truncate before truncate on treasury.anomalies
    for each statement execute function backoffice.refuse_change();

-- Grants on the functions; finalize.sql calls it once all exist.
create procedure backoffice.install_treasury_anomalies() language plpgsql as $$
begin
    grant execute on function
        treasury.detect_anomalies(),
        treasury.list_anomalies(text, text, integer, integer),
        treasury.resolve_anomaly(bigint, text),
        treasury.resolve_anomaly_request(jsonb),
        treasury.flag_anomaly(jsonb)
        to authenticated, service_role;

    comment on function treasury.detect_anomalies() is
        'Looks for anomalies now; for admins.';
    comment on function treasury.list_anomalies(text, text, integer, integer) is
        'Anomalies, the latest first; for admins.';
    comment on function treasury.resolve_anomaly(bigint, text) is
        'Says that an anomaly has been looked at, and what it was; for admins.';
    comment on function treasury.resolve_anomaly_request(jsonb) is
        'What resolve_anomaly does, with a JSON object: {id, note}.';
    comment on function treasury.flag_anomaly(jsonb) is
        'Flags what a model outside has found; for admins and the service role.';
end
$$;
