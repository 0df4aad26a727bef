-- Trigger functions of the kernel that other modules put on their tables.
create function backoffice.refuse_change() returns trigger
    language c as 'MODULE_PATHNAME', 'backoffice_refuse_change_wrapper';
create function backoffice.settings_changed() returns trigger
    language c as 'MODULE_PATHNAME', 'backoffice_settings_changed_wrapper';

-- Backends keep settings in memory until these tell them of a change.
create trigger settings_changed after insert or update or delete or truncate on backoffice.settings
    for each statement execute function backoffice.settings_changed();
create trigger setting_definitions_changed after insert or update or delete or truncate
    on backoffice.setting_definitions
    for each statement execute function backoffice.settings_changed();
