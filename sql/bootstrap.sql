-- Runs first. The roles are those of Supabase, so that its clients and its
-- database find what they expect; whichever exists already is left as it is.
do $$
declare
    wanted record;
begin
    for wanted in
        select * from (values
            ('backoffice_owner', 'nologin'),
            ('anon', 'nologin noinherit'),
            ('authenticated', 'nologin noinherit'),
            ('service_role', 'nologin noinherit bypassrls'),
            ('authenticator', 'login noinherit')
        ) as roles (name, attributes)
    loop
        if not exists (select from pg_catalog.pg_roles where rolname = wanted.name) then
            execute format('create role %I %s', wanted.name, wanted.attributes);
        end if;
    end loop;
    if exists (select from pg_catalog.pg_roles
                where rolname = 'backoffice_owner' and (rolcanlogin or rolsuper)) then
        raise exception 'role backoffice_owner must be able neither to log in nor to be superuser'
            using errcode = '55000';
    end if;
    grant anon, authenticated, service_role to authenticator;
end
$$;

-- ops.health() counts connections and slow queries of all roles, which an ordinary role does not see. This one
-- reads statistics and nothing else; ops never shows the text of a running statement.
do $$
begin
    grant pg_read_all_stats to backoffice_owner;
exception when insufficient_privilege then
    raise notice 'backoffice_owner is no member of pg_read_all_stats: ops.health() will not know what other roles do';
end
$$;
