-- Runs last: everything belongs to backoffice_owner, nothing to PUBLIC, and
-- what a caller may use is granted by name (sql/<module>/grants.sql).
do $$
declare
    ours constant oid[] := array(
        select d.objid from pg_catalog.pg_depend d
          join pg_catalog.pg_extension e on e.oid = d.refobjid
         where d.classid = 'pg_namespace'::regclass and d.deptype = 'e'
           and d.refclassid = 'pg_extension'::regclass and e.extname = 'backoffice');
    item record;
begin
    for item in select nspname from pg_catalog.pg_namespace where oid = any (ours) loop
        execute format('alter schema %I owner to backoffice_owner', item.nspname);
        execute format('revoke all on schema %I from public', item.nspname);
    end loop;
    -- Sequences of identity columns and rows' types follow their table.
    for item in
        select c.oid::regclass as name,
               case c.relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end as kind
          from pg_catalog.pg_class c
         where c.relnamespace = any (ours)
           and c.relkind in ('r', 'p', 'v', 'S')
           and not exists (select from pg_catalog.pg_depend d
                            where d.classid = 'pg_class'::regclass and d.objid = c.oid
                              and c.relkind = 'S' and d.deptype in ('a', 'i'))
    loop
        execute format('alter %s %s owner to backoffice_owner', item.kind, item.name);
    end loop;
    -- PostgreSQL refuses to write through most views with 55000, which would be a 5xx. With a trigger
    -- it asks for the privilege first, as for a table.
    for item in
        select c.oid::regclass as name from pg_catalog.pg_class c
         where c.relnamespace = any (ours) and c.relkind = 'v'
           and pg_catalog.pg_relation_is_updatable(c.oid, false) = 0
    loop
        execute format('create trigger read_only instead of insert or update or delete on %s
            for each row execute function backoffice.refuse_change()', item.name);
    end loop;
    for item in
        select t.oid::regtype as name from pg_catalog.pg_type t
         where t.typnamespace = any (ours) and t.typtype in ('e', 'd')
    loop
        execute format('alter type %s owner to backoffice_owner', item.name);
        execute format('revoke all on type %s from public', item.name);
        execute format('grant usage on type %s to anon, authenticated, service_role', item.name);
    end loop;
    for item in
        select p.oid::regprocedure as name from pg_catalog.pg_proc p
         where p.pronamespace = any (ours)
    loop
        execute format('alter routine %s owner to backoffice_owner', item.name);
        execute format('revoke all on routine %s from public', item.name);
    end loop;
end
$$;

-- Each module's grants were written down as a procedure, which goes when it has run.
do $$
declare
    item record;
begin
    for item in
        select p.oid::regprocedure as name, p.proname from pg_catalog.pg_proc p
         where p.pronamespace = 'backoffice'::regnamespace
           and p.prokind = 'p' and p.proname like 'install\_%'
    loop
        execute format('call backoffice.%I()', item.proname);
        execute format('drop procedure %s', item.name);
    end loop;
end
$$;

-- Foreign keys that our functions prove themselves: the row they name was read, locked or just written in the same
-- transaction, and no function of ours ever deletes one. PostgreSQL does not look again at each insert. It still
-- refuses to delete a row that is named, and network.check() and the check treasury_facts find rows that name nobody.
-- Recipients of shares come from split rules, whose users were there when they were made.
do $$
declare
    proved constant text[] := array[
        'login_handles_user_fkey', 'one_time_tokens_user_fkey',
        'profiles_id_fkey', 'profiles_parent_promoter_id_fkey',
        'customers_id_fkey', 'customers_promoter_id_fkey',
        'pin_transactions_user_id_fkey',
        'affiliate_commissions_customer_id_fkey', 'affiliate_commissions_initiator_promoter_id_fkey',
        'affiliate_commissions_recipient_id_fkey',
        'charges_owner_id_fkey', 'charges_buyer_id_fkey',
        'charge_shares_charge_id_fkey', 'charge_shares_user_id_fkey'];
    item record;
begin
    for item in
        select t.tgrelid::regclass as name, t.tgname
          from pg_catalog.pg_trigger t
          join pg_catalog.pg_constraint c on c.oid = t.tgconstraint
         where c.conname = any (proved)
           and c.connamespace in ('identity'::regnamespace, 'network'::regnamespace, 'treasury'::regnamespace)
           and t.tgrelid = c.conrelid and t.tgfoid = '"RI_FKey_check_ins"'::regproc
    loop
        execute format('alter table %s disable trigger %I', item.name, item.tgname);
    end loop;
end
$$;
