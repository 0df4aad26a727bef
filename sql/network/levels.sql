-- network: how promoters rise from Affiliate to Manager to Director.

create table network.level_changes (
    id uuid not null,
    promoter_id uuid not null,
    from_level text not null,
    to_level text not null,
    reason text not null,
    facts jsonb,
    changed_by uuid,
    created_at timestamptz not null default now(),
    constraint level_changes_pkey primary key (id),
    constraint level_changes_promoter_id_fkey foreign key (promoter_id) references network.profiles,
    constraint level_changes_changed_by_fkey foreign key (changed_by) references network.profiles,
    constraint level_changes_level_check check (from_level in ('Affiliate', 'Manager', 'Director')
        and to_level in ('Affiliate', 'Manager', 'Director') and from_level <> to_level),
    constraint level_changes_reason_check check (reason in ('rules', 'admin'))
);
create index level_changes_promoter_id_idx on network.level_changes (promoter_id, created_at desc);
create index level_changes_changed_by_idx on network.level_changes (changed_by);
comment on table network.level_changes is 'Every change of a promoter''s level. Append-only.';
comment on column network.level_changes.reason is 'rules: the promoter met what the settings ask for; admin: set by hand.';
comment on column network.level_changes.facts is 'What the rules counted: active customers, active promoters, and earnings in major units.';
comment on column network.level_changes.changed_by is 'The admin who set the level by hand; NULL for a server and for the rules.';
alter table network.level_changes enable row level security;
select pg_catalog.pg_extension_config_dump('network.level_changes', '');

create table network.level_overrides (
    promoter_id uuid not null,
    level text not null,
    note text,
    set_by uuid,
    set_at timestamptz not null default now(),
    constraint level_overrides_pkey primary key (promoter_id),
    constraint level_overrides_promoter_id_fkey foreign key (promoter_id) references network.profiles,
    constraint level_overrides_set_by_fkey foreign key (set_by) references network.profiles,
    constraint level_overrides_level_check check (level in ('Affiliate', 'Manager', 'Director'))
);
create index level_overrides_set_by_idx on network.level_overrides (set_by);
comment on table network.level_overrides is 'Levels that an admin set by hand: the rules leave these promoters alone.';
comment on column network.level_overrides.note is 'Why, for admins.';
alter table network.level_overrides enable row level security;
select pg_catalog.pg_extension_config_dump('network.level_overrides', '');

insert into backoffice.setting_definitions (system, key, kind, default_value, minimum, maximum, nullable, description) values
    ('network', 'level_manager_customers', 'integer', 'null', 1, 1000000000, true,
     'Active customers that make a Manager; null does not ask for any'),
    ('network', 'level_manager_promoters', 'integer', 'null', 1, 1000000000, true,
     'Active promoters directly below that make a Manager; null does not ask for any'),
    ('network', 'level_manager_earnings', 'integer', 'null', 1, 1000000000000000, true,
     'Commissions in minor units (paise) that make a Manager; null does not ask for any'),
    ('network', 'level_director_customers', 'integer', 'null', 1, 1000000000, true,
     'Active customers that make a Director; null does not ask for any'),
    ('network', 'level_director_promoters', 'integer', 'null', 1, 1000000000, true,
     'Active promoters directly below that make a Director; null does not ask for any'),
    ('network', 'level_director_earnings', 'integer', 'null', 1, 1000000000000000, true,
     'Commissions in minor units (paise) that make a Director; null does not ask for any'),
    ('network', 'level_window_days', 'integer', 'null', 1, 36500, true,
     'Days back in which commissions count for a level; null counts all'),
    ('network', 'level_demotion', 'boolean', 'false', null, null, false,
     'Promoters who no longer meet what their level asks for lose it');

insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason) values
    ('network.level_changes', 'promoter_id', 'promoter_id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.level_changes', 'from_level', 'promoter_id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.level_changes', 'to_level', 'promoter_id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.level_changes', 'reason', 'promoter_id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.level_changes', 'facts', 'promoter_id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.level_changes', 'created_at', 'promoter_id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.level_changes', 'changed_by', 'changed_by', 'reference', 'yes', 'kept', 'who gave a level stays accountable, by an id alone'),
    ('network.level_overrides', 'promoter_id', 'promoter_id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.level_overrides', 'level', 'promoter_id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.level_overrides', 'set_at', 'promoter_id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.level_overrides', 'note', 'promoter_id', 'content', 'yes', 'null', null),
    ('network.level_overrides', 'set_by', 'set_by', 'reference', 'yes', 'kept', 'who gave a level stays accountable, by an id alone');
