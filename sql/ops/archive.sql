-- ops: where old rows of the audit log go. The same columns, so that both read as one.
create table ops.audit_logs_archive (
    like ops.audit_logs including comments including constraints,
    constraint audit_logs_archive_pkey primary key (id)
);
create index audit_logs_archive_record_idx on ops.audit_logs_archive (record_id);
create index audit_logs_archive_actor_idx on ops.audit_logs_archive (actor_id, at);
comment on table ops.audit_logs_archive is 'Old rows of audit_logs, moved here by the archiving job. Append-only.';
alter table ops.audit_logs_archive enable row level security;
select pg_catalog.pg_extension_config_dump('ops.audit_logs_archive', '');

-- Rows come in the order of their time, so this finds the old ones and costs next to nothing.
create index audit_logs_at_idx on ops.audit_logs using brin (at)
    with (pages_per_range = 32, autosummarize = on);

create view ops.audit_history with (security_invoker = true) as
select * from ops.audit_logs
 union all
select * from ops.audit_logs_archive;
comment on view ops.audit_history is 'The audit log and its archive as one.';

create trigger audit_logs_archive_append_only before update or delete on ops.audit_logs_archive
    for each row execute function ops.keep_log();
create trigger audit_logs_archive_no_truncate before truncate on ops.audit_logs_archive
    for each statement execute function backoffice.refuse_change();

create policy audit_logs_archive_admin on ops.audit_logs_archive for select to authenticated
    using ((select backoffice.has_role('ops', 'admin')));
grant select on ops.audit_logs_archive, ops.audit_history to authenticated, service_role;

insert into backoffice.setting_definitions (system, key, kind, default_value, minimum, maximum, nullable, description) values
    ('ops', 'audit_archive_months', 'integer', 'null', 1, 1200, true,
     'Rows of the audit log older than so many months go to the archive; null keeps them where they are');

-- Like the table that the rows come from.
insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason)
select 'ops.audit_logs_archive', column_name, person, kind, export, erasure, reason
  from backoffice.personal_columns where table_name = 'ops.audit_logs';
