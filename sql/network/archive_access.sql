-- network: the archives are read by whom their tables are read, and written by nobody.
grant select on network.pin_transactions_archive, network.affiliate_commissions_archive,
    network.withdrawal_requests_archive, network.pin_history, network.commission_history,
    network.withdrawal_history to authenticated, service_role;
grant select on network.withdrawal_holds_archive to service_role;

create policy pin_transactions_archive_read on network.pin_transactions_archive for select to authenticated
    using (user_id = (select backoffice.person_id())
        or id between
            (select case when backoffice.has_role('network', 'admin') then '00000000-0000-0000-0000-000000000000'::uuid end)
        and (select case when backoffice.has_role('network', 'admin') then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid end));
create policy affiliate_commissions_archive_read on network.affiliate_commissions_archive for select to authenticated
    using (recipient_id = (select backoffice.person_id())
        or id between
            (select case when backoffice.has_role('network', 'admin') then 0 end)
        and (select case when backoffice.has_role('network', 'admin') then 9223372036854775807 end));
create policy withdrawal_requests_archive_read on network.withdrawal_requests_archive for select to authenticated
    using (promoter_id = (select backoffice.person_id())
        or id between
            (select case when backoffice.has_role('network', 'admin') then '00000000-0000-0000-0000-000000000000'::uuid end)
        and (select case when backoffice.has_role('network', 'admin') then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid end));

create trigger pin_transactions_archive_append_only before update or delete on network.pin_transactions_archive
    for each row execute function backoffice.refuse_change();
create trigger pin_transactions_archive_no_truncate before truncate on network.pin_transactions_archive
    for each statement execute function backoffice.refuse_change();
create trigger affiliate_commissions_archive_append_only
    before update or delete on network.affiliate_commissions_archive
    for each row execute function backoffice.refuse_change();
create trigger affiliate_commissions_archive_no_truncate before truncate on network.affiliate_commissions_archive
    for each statement execute function backoffice.refuse_change();
create trigger withdrawal_requests_archive_append_only before update or delete on network.withdrawal_requests_archive
    for each row execute function backoffice.refuse_change();
create trigger withdrawal_requests_archive_no_truncate before truncate on network.withdrawal_requests_archive
    for each statement execute function backoffice.refuse_change();
create trigger withdrawal_holds_archive_append_only before update or delete on network.withdrawal_holds_archive
    for each row execute function backoffice.refuse_change();
create trigger withdrawal_holds_archive_no_truncate before truncate on network.withdrawal_holds_archive
    for each statement execute function backoffice.refuse_change();
