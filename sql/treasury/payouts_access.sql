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
        'What user p_user_id has of p_currency (ISO 4217), in minor units: earned and not paid out yet; held, of charges that are too young; reserved; payable now; and receivable, what they owe instead.

For the user and admins. 22023/22004 bad input, PT404 unknown user, 42501 not allowed.';
    comment on function treasury.initiate_payout(jsonb) is
        'Pays somebody out of their earnings: p_payout has currency (ISO 4217), user_id (the caller; others for admins), amount_cents (minor units; all that is payable), method (standard, instant or scheduled) and scheduled_for (a time within payout_schedule_days; needed where it is scheduled).

One that seems risky waits for an admin: its status is review. With an Idempotency-Key header a repeat changes
nothing. Returns the payout. 22023/22004 bad input, PT404 unknown user, PT409 the account at Stripe is not
ready, not so much is payable, it is below the minimum or beyond what may be instant, 42501 not allowed.';
    comment on function treasury.get_payout_status(bigint) is
        'Payout p_payout_id, or the caller''s latest.

For whom it goes to and admins. PT404 unknown (to admins) or none, 42501 not allowed.';
    comment on function treasury.cancel_payout(bigint) is
        'Takes payout p_payout_id back, as long as no worker has been given it; again it changes nothing.

For whom it goes to and admins. Returns the payout. 22004 no number, PT404 unknown (to admins), PT409 Stripe may
have been asked, 42501 not allowed.';
    comment on function treasury.decide_payout(bigint, boolean, text) is
        'Lets payout p_payout_id go that is under review (p_approve), or gives its money back; p_note (1 to 500 characters) says why.

The same again changes nothing. For admins, but not about their own. Returns the payout. 22023/22004 bad input,
PT404 unknown, PT409 it is not under review, whose it is owes by now, or it is above treasury.two_person_amount
(apply_override with payout_approve then has a second admin agree), 42501 not allowed.';
    comment on function treasury.run_payouts(text) is
        'Pays everybody who is payable in p_currency (ISO 4217; all): today''s run, taken up where it had not come to the end; one that is finished changes nothing.

A call looks at payout_run_accounts of them; finished_at is null where there are more. For admins. Returns the
run. 22023 bad input, PT409 another one is under way, 42501 not an admin.';
end
$$;
