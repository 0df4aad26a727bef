-- network: who sees which row. Nobody writes a table directly: that is what the
-- functions are for, so no role has INSERT, UPDATE or DELETE.
--
-- Each way to a row is one that an index finds, so that reading costs what the
-- caller sees and not what there is. That is why an admin's way is a range of ids:
-- every id for an admin, and no range at all (NULL) for everybody else.

grant select on network.profiles, network.promoters, network.customers, network.pin_transactions,
    network.affiliate_commissions, network.withdrawal_requests, network.pin_requests,
    network.promoter_wallet, network.admin_wallet, network.transaction_counters,
    network.cancellations, network.tax_rules, network.tax_identities, network.tax_deductions,
    network.payout_accounts, network.withdrawal_reviews, network.open_withdrawals
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

-- Whoever lost a share by it may know why.
create policy cancellations_read on network.cancellations for select to authenticated
    using (exists (select from network.commission_history a
                    where a.customer_id = cancellations.customer_id
                      and a.recipient_id = (select backoffice.person_id()))
        or (select backoffice.has_role('network', 'admin')));

create policy tax_rules_read on network.tax_rules for select to authenticated
    using (true);

create policy tax_identities_read on network.tax_identities for select to authenticated
    using (promoter_id = (select backoffice.person_id())
        or (select backoffice.has_role('network', 'admin')));

create policy tax_deductions_read on network.tax_deductions for select to authenticated
    using (promoter_id = (select backoffice.person_id())
        or (select backoffice.has_role('network', 'admin')));

create policy payout_accounts_read on network.payout_accounts for select to authenticated
    using (promoter_id = (select backoffice.person_id())
        or (select backoffice.has_role('network', 'admin')));

create policy withdrawal_reviews_read on network.withdrawal_reviews for select to authenticated
    using ((select backoffice.has_role('network', 'admin')));
