-- network: who sees which row. Nobody writes a table directly: that is what the
-- functions are for, so no role has INSERT, UPDATE or DELETE.
--
-- Each way to a row is one that an index finds, so that reading costs what the
-- caller sees and not what there is. That is why an admin's way is a range of ids:
-- every id for an admin, and no range at all (NULL) for everybody else.

grant select on network.profiles, network.promoters, network.customers, network.pin_transactions,
    network.affiliate_commissions, network.withdrawal_requests, network.pin_requests,
    network.promoter_wallet, network.admin_wallet, network.transaction_counters
    to authenticated, service_role;
grant select on network.platform to authenticated, service_role;
grant select on network.withdrawal_holds to service_role;

create policy promoters_read on network.promoters for select to authenticated
    using (id = (select backoffice.person_id())
        or ancestors @> array[(select backoffice.person_id())]
        or id between
            (select case when backoffice.has_role('network', 'admin') then '00000000-0000-0000-0000-000000000000'::uuid end)
        and (select case when backoffice.has_role('network', 'admin') then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid end));

-- Oneself, those directly below (own customers and promoters), every promoter of
-- the whole line below, and everything for admins.
create policy profiles_read on network.profiles for select to authenticated
    using (id = (select backoffice.person_id())
        or parent_promoter_id = (select backoffice.person_id())
        or id = any ((select network.promoters_below())::uuid[])
        or id between
            (select case when backoffice.has_role('network', 'admin') then '00000000-0000-0000-0000-000000000000'::uuid end)
        and (select case when backoffice.has_role('network', 'admin') then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid end));

create policy customers_read on network.customers for select to authenticated
    using (id = (select backoffice.person_id())
        or promoter_id = (select backoffice.person_id())
        or id between
            (select case when backoffice.has_role('network', 'admin') then '00000000-0000-0000-0000-000000000000'::uuid end)
        and (select case when backoffice.has_role('network', 'admin') then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid end));

create policy pin_transactions_read on network.pin_transactions for select to authenticated
    using (user_id = (select backoffice.person_id())
        or id between
            (select case when backoffice.has_role('network', 'admin') then '00000000-0000-0000-0000-000000000000'::uuid end)
        and (select case when backoffice.has_role('network', 'admin') then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid end));

create policy affiliate_commissions_read on network.affiliate_commissions for select to authenticated
    using (recipient_id = (select backoffice.person_id())
        or id between
            (select case when backoffice.has_role('network', 'admin') then 0 end)
        and (select case when backoffice.has_role('network', 'admin') then 9223372036854775807 end));

create policy withdrawal_requests_read on network.withdrawal_requests for select to authenticated
    using (promoter_id = (select backoffice.person_id())
        or id between
            (select case when backoffice.has_role('network', 'admin') then '00000000-0000-0000-0000-000000000000'::uuid end)
        and (select case when backoffice.has_role('network', 'admin') then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid end));

create policy pin_requests_read on network.pin_requests for select to authenticated
    using (promoter_id = (select backoffice.person_id())
        or id between
            (select case when backoffice.has_role('network', 'admin') then '00000000-0000-0000-0000-000000000000'::uuid end)
        and (select case when backoffice.has_role('network', 'admin') then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid end));

create policy platform_read on network.platform for select to authenticated
    using ((select backoffice.has_role('network', 'admin')));
