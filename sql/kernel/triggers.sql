-- Trigger functions of the kernel that other modules put on their tables.
create function backoffice.refuse_change() returns trigger
    language c as 'MODULE_PATHNAME', 'backoffice_refuse_change_wrapper';
