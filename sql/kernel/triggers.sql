-- Trigger functions of the kernel that other modules put on their tables.
create function backoffice.refuse_change() returns trigger
    language c as 'MODULE_PATHNAME', 'backoffice_refuse_change_wrapper';
create function backoffice.refuse_row() returns trigger
    language c as 'MODULE_PATHNAME', 'backoffice_refuse_row_wrapper';
create function backoffice.forget_kept() returns trigger
    language c as 'MODULE_PATHNAME', 'backoffice_forget_kept_wrapper';

-- For each row and always: a session that replicates runs no others.
create trigger settings_kept after insert or update or delete on backoffice.settings
    for each row execute function backoffice.forget_kept();
create trigger settings_kept_truncate after truncate on backoffice.settings
    for each statement execute function backoffice.forget_kept();
alter table backoffice.settings enable always trigger settings_kept;
alter table backoffice.settings enable always trigger settings_kept_truncate;
create trigger setting_definitions_kept after insert or update or delete on backoffice.setting_definitions
    for each row execute function backoffice.forget_kept();
create trigger setting_definitions_kept_truncate after truncate on backoffice.setting_definitions
    for each statement execute function backoffice.forget_kept();
alter table backoffice.setting_definitions enable always trigger setting_definitions_kept;
alter table backoffice.setting_definitions enable always trigger setting_definitions_kept_truncate;
