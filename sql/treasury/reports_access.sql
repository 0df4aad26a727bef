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
        'Asks for a report of p_type (1099, vat_invoice, ledger_export) in p_format (csv, json) about user p_user_id (the caller). p_params, days and years in the time zone of reports: for a 1099 year and currency (USD); for a vat_invoice charge_id (ours or Stripe''s), or a seller''s year or from a day and before the day to; for a ledger_export the same period, currency (all), and for admins everybody.

A job makes it within a minute. The same again gives the report there is, while it waits or would say the same.
For the user, the charge''s seller and buyer, and admins. Returns the report. 22023/22004 bad input, PT404
unknown user or charge, PT409 too many wait, 42501 somebody else''s.';
    comment on function treasury.download_report(bigint) is
        'The file of report p_id: through PostgREST with its own Content-Type, a name, and its SHA-256 as ETag and Repr-Digest.

For whose report it is, and admins. 22004 no id, PT404 no such report, somebody else''s, or its file was deleted,
PT409 not done.';
    comment on function treasury.run_reports() is
        'Makes up to 100 of the reports that wait, without waiting for the job.

For admins and servers. Returns how many were made, failed, and were left for another run. 42501 not an admin.';
    comment on function treasury.issue_invoice(uuid) is
        'The invoice of charge p_charge_id (our id): issued with the seller''s next number, unless it was before; what was given back since becomes a note.

For the seller, the buyer and admins. Returns the invoice. 22004 no id, PT404 no charge of theirs, PT409 nothing
was captured, the charge names no seller, or the seller has no tax profile with a VAT identification number, or
no rate is known.';
    comment on function treasury.set_tax_profile(uuid, jsonb) is
        'Says who user p_user_id (the caller) is for tax, in place of what was said before: p_profile has name, address, country (ISO 3166-1, two letters), and vat_id (none).

For the user and admins. Returns the profile. 22023/22004 bad input, PT404 unknown user, 42501 somebody else''s.';
    comment on function treasury.set_vat_rate(text, date, integer) is
        'Writes down that the standard rate of VAT in p_country (ISO 3166-1, two letters) is p_basis_points (hundredths of a per cent, 0 to 10000) from the day p_valid_from on.

Invoices that were issued keep theirs. For admins. Returns the rate. 22023/22004 bad input, 42501 not an admin.';
    comment on function treasury.set_tax_threshold(text, integer, bigint, integer) is
        'Writes down from what on p_form (1099-K, 1099-NEC) is required from the calendar year p_year on: p_amount_cents of US dollars (a 1099-K for more, a 1099-NEC for this or more) and more than p_transactions (0).

For admins. Returns the threshold. 22023/22004 bad input, 42501 not an admin.';
end
$$;
