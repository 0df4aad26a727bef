-- treasury: who sees payouts. Nobody writes these tables directly.
grant select on treasury.payouts, treasury.payout_risks, treasury.payout_runs to authenticated, service_role;

create policy payouts_read on treasury.payouts for select to authenticated
    using (user_id = (select backoffice.person_id())
        or id between
            (select case when backoffice.has_role('treasury', 'admin') then 0 end)
        and (select case when backoffice.has_role('treasury', 'admin') then 9223372036854775807 end));
create policy payout_risks_read on treasury.payout_risks for select to authenticated
    using ((select backoffice.has_role('treasury', 'admin')));
create policy payout_runs_read on treasury.payout_runs for select to authenticated
    using ((select backoffice.has_role('treasury', 'admin')));

create trigger payouts_audit after insert or update or delete on treasury.payouts
    for each row execute function ops.audit_row();
create trigger payout_risks_audit after insert or update or delete on treasury.payout_risks
    for each row execute function ops.audit_row();

create procedure backoffice.install_treasury_payouts() language plpgsql as $$
begin
    grant execute on function
        treasury.payable(uuid, text),
        treasury.initiate_payout(jsonb),
        treasury.get_payout_status(bigint),
        treasury.cancel_payout(bigint),
        treasury.decide_payout(bigint, boolean, text),
        treasury.run_payouts(text)
        to authenticated, service_role;

    comment on function treasury.payable(uuid, text) is
        'What somebody has earned, and how much of it can be paid out now.';
    comment on function treasury.initiate_payout(jsonb) is
        'Pays somebody out: {user_id, amount_cents, currency, method, scheduled_for}.';
    comment on function treasury.get_payout_status(bigint) is
        'A payout, or the caller''s latest.';
    comment on function treasury.cancel_payout(bigint) is
        'Takes a payout back that nobody has asked Stripe for yet.';
    comment on function treasury.decide_payout(bigint, boolean, text) is
        'Lets a payout under review go or not, with a note; for admins.';
    comment on function treasury.run_payouts(text) is
        'Pays everybody who is payable, once a day; for admins.';
end
$$;
