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
        'Looks for anomalies now, in everything that is new and in the books; what the job detect_anomalies and the check treasury_drift do by themselves.

For admins. Returns how many charges were looked at, anomalies and drifts found, and whether there is more to
do. 42501 not an admin.';
    comment on function treasury.list_anomalies(text, text, integer, integer) is
        'Anomalies, the latest first: of p_severity (low, medium, high; all), and of p_status (open; resolved, all); at most p_limit (100, up to 1000) after p_offset (0).

For admins. 22023 bad input, 42501 not an admin.';
    comment on function treasury.resolve_anomaly(bigint, text) is
        'Says that anomaly p_anomaly_id has been looked at, and in p_note (at most 500 characters) what it was.

Its alert is over then. For admins. Returns the anomaly. 22004 no id or note, 22023 too long, PT404 unknown,
PT409 resolved already, 42501 not an admin.';
    comment on function treasury.resolve_anomaly_request(jsonb) is
        'What resolve_anomaly does, with a JSON object p_request: id (or anomaly_id) and note.

For admins. Returns the anomaly. Errors as there, and 22023 other keys.';
    comment on function treasury.flag_anomaly(jsonb) is
        'Flags what a model outside has found, as p_anomaly says: detector (its name), key (what makes two of it the same), kind (a word of its own), severity (low, medium, high), description (ids and numbers, no personal data), and maybe score, related_entry_id, charge (an id of ours or Stripe''s), user_id, explanation (an object).

High and medium ones are sent as alerts. A repeat changes nothing. For admins and servers. Returns the anomaly.
22023/22004 bad input, PT404 unknown charge or user, 42501 not an admin.';
end
$$;
