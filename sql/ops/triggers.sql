-- ops.audit_row('column', …): AFTER INSERT OR UPDATE OR DELETE FOR EACH ROW; the
-- arguments name columns whose values are never shown.
-- It writes the log whoever changes the row.
create function ops.audit_row() returns trigger
    language c security definer set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'ops_audit_row_wrapper';

create trigger audit_logs_append_only before update or delete on ops.audit_logs
    for each row execute function backoffice.refuse_change();
create trigger audit_logs_no_truncate before truncate on ops.audit_logs
    for each statement execute function backoffice.refuse_change();

create trigger role_grants_audit after insert or update or delete on backoffice.role_grants
    for each row execute function ops.audit_row();
create trigger settings_audit after insert or update or delete on backoffice.settings
    for each row execute function ops.audit_row();
create trigger secrets_audit after insert or update or delete on backoffice.secrets
    for each row execute function ops.audit_row('nonce', 'ciphertext');
create trigger job_settings_audit after insert or update or delete on ops.job_settings
    for each row execute function ops.audit_row();
