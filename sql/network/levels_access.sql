-- network: promoters see their own level and its history, admins everybody's.
grant select on network.level_changes to authenticated, service_role;
grant select on network.level_overrides to authenticated, service_role;
create policy level_changes_read on network.level_changes for select to authenticated
    using (promoter_id = (select backoffice.person_id())
        or id between
            (select case when backoffice.has_role('network', 'admin') then '00000000-0000-0000-0000-000000000000'::uuid end)
        and (select case when backoffice.has_role('network', 'admin') then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid end));
create policy level_overrides_read on network.level_overrides for select to authenticated
    using ((select backoffice.has_role('network', 'admin')));

create trigger level_changes_append_only before update or delete on network.level_changes
    for each row execute function backoffice.refuse_change();
create trigger level_changes_no_truncate before truncate on network.level_changes
    for each statement execute function backoffice.refuse_change();
create trigger level_overrides_audit after insert or update or delete on network.level_overrides
    for each row execute function ops.audit_row();
