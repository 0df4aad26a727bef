-- treasury: who sees reports and invoices. Nobody writes these tables directly, and files only come by download_report.
grant select on treasury.reports, treasury.tax_profiles, treasury.vat_rates, treasury.tax_thresholds,
    treasury.invoices
    to authenticated, service_role;

create policy reports_read on treasury.reports for select to authenticated
    using (user_id = (select backoffice.person_id())
        or id between
            (select case when backoffice.has_role('treasury', 'admin') then 0 end)
        and (select case when backoffice.has_role('treasury', 'admin') then 9223372036854775807 end));
create policy tax_profiles_read on treasury.tax_profiles for select to authenticated
    using (user_id = (select backoffice.person_id())
        or (select backoffice.has_role('treasury', 'admin')));
create policy vat_rates_read on treasury.vat_rates for select to authenticated
    using ((select backoffice.has_role('treasury', 'admin')));
create policy tax_thresholds_read on treasury.tax_thresholds for select to authenticated
    using ((select backoffice.has_role('treasury', 'admin')));
-- An invoice is the business of both its sides.
create policy invoices_read on treasury.invoices for select to authenticated
    using (seller_id = (select backoffice.person_id())
        or buyer_id = (select backoffice.person_id())
        or id between
            (select case when backoffice.has_role('treasury', 'admin') then '00000000-0000-0000-0000-000000000000'::uuid end)
        and (select case when backoffice.has_role('treasury', 'admin') then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid end));

create trigger tax_profiles_audit after insert or update or delete on treasury.tax_profiles
    for each row execute function ops.audit_row();
create trigger vat_rates_audit after insert or update or delete on treasury.vat_rates
    for each row execute function ops.audit_row();
create trigger tax_thresholds_audit after insert or update or delete on treasury.tax_thresholds
    for each row execute function ops.audit_row();

create trigger invoices_unchanged before update on treasury.invoices
    for each row execute function backoffice.refuse_change();
create trigger invoices_kept before delete on treasury.invoices
    for each row when (old.keep_until >= current_date)
    execute function backoffice.refuse_change();
create trigger invoices_no_truncate before truncate on treasury.invoices
    for each statement execute function backoffice.refuse_change();

create procedure backoffice.install_treasury_reports() language plpgsql as $$
begin
    grant execute on function
        treasury.generate_report(text, text, jsonb, uuid),
        treasury.download_report(bigint),
        treasury.run_reports(),
        treasury.issue_invoice(uuid),
        treasury.set_tax_profile(uuid, jsonb),
        treasury.set_vat_rate(text, date, integer),
        treasury.set_tax_threshold(text, integer, bigint, integer)
        to authenticated, service_role;

    comment on function treasury.generate_report(text, text, jsonb, uuid) is
        'Asks for a report, which a job makes within a minute.';
    comment on function treasury.download_report(bigint) is
        'The file of a report.';
    comment on function treasury.run_reports() is
        'Makes what reports were asked for at once; for admins.';
    comment on function treasury.issue_invoice(uuid) is
        'The invoice of a charge, issued with the next number unless it was before.';
    comment on function treasury.set_tax_profile(uuid, jsonb) is
        'Says who a person is for tax: {name, address, country, vat_id}.';
    comment on function treasury.set_vat_rate(text, date, integer) is
        'Writes down a country''s rate of VAT from a day on; for admins.';
    comment on function treasury.set_tax_threshold(text, integer, bigint, integer) is
        'Writes down from what on a form is required, from a year on; for admins.';
end
$$;
