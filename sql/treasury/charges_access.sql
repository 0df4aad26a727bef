-- treasury: who sees charges, refunds and disputes. Nobody writes these tables directly.
grant select on treasury.charges, treasury.charge_shares, treasury.balance_transactions, treasury.refunds,
    treasury.disputes, treasury.dispute_comments
    to authenticated, service_role;

create policy charges_read on treasury.charges for select to authenticated
    using (owner_id = (select backoffice.person_id())
        or buyer_id = (select backoffice.person_id())
        or id between
            (select case when backoffice.has_role('treasury', 'admin') then '00000000-0000-0000-0000-000000000000'::uuid end)
        and (select case when backoffice.has_role('treasury', 'admin') then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid end));
-- A share is its recipient's business, and not the others'.
create policy charge_shares_read on treasury.charge_shares for select to authenticated
    using (user_id = (select backoffice.person_id())
        or charge_id between
            (select case when backoffice.has_role('treasury', 'admin') then '00000000-0000-0000-0000-000000000000'::uuid end)
        and (select case when backoffice.has_role('treasury', 'admin') then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid end));
create policy balance_transactions_read on treasury.balance_transactions for select to authenticated
    using ((select backoffice.has_role('treasury', 'admin')));
-- Whoever sees a charge sees its refunds; only the seller and admins its disputes.
create policy refunds_read on treasury.refunds for select to authenticated
    using (exists (select from treasury.charges c
                    where c.stripe_charge_id = original_charge_id
                      and (c.owner_id = (select backoffice.person_id()) or c.buyer_id = (select backoffice.person_id())))
        or id between
            (select case when backoffice.has_role('treasury', 'admin') then 0 end)
        and (select case when backoffice.has_role('treasury', 'admin') then 9223372036854775807 end));
create policy disputes_read on treasury.disputes for select to authenticated
    using (exists (select from treasury.charges c
                    where c.stripe_charge_id = charge_id and c.owner_id = (select backoffice.person_id()))
        or id between
            (select case when backoffice.has_role('treasury', 'admin') then 0 end)
        and (select case when backoffice.has_role('treasury', 'admin') then 9223372036854775807 end));
create policy dispute_comments_read on treasury.dispute_comments for select to authenticated
    using ((select backoffice.has_role('treasury', 'admin')));

create trigger refunds_audit after insert or update or delete on treasury.refunds
    for each row execute function ops.audit_row();
create trigger disputes_audit after insert or update or delete on treasury.disputes
    for each row execute function ops.audit_row();
create trigger charge_shares_no_truncate before truncate on treasury.charge_shares
    for each statement execute function backoffice.refuse_change();
create trigger dispute_comments_append_only before update or delete on treasury.dispute_comments
    for each row execute function backoffice.refuse_change();
create trigger dispute_comments_no_truncate before truncate on treasury.dispute_comments
    for each statement execute function backoffice.refuse_change();

create procedure backoffice.install_treasury_charges() language plpgsql as $$
begin
    grant execute on function
        treasury.request_refund(jsonb),
        treasury.decide_refund(bigint, boolean, text),
        treasury.list_open_disputes(),
        treasury.comment_on_dispute(jsonb)
        to authenticated, service_role;
    -- What Stripe says comes through a server.
    grant execute on function treasury.apply_balance_transactions(jsonb) to service_role;

    comment on function treasury.request_refund(jsonb) is
        'Asks for a refund of a charge: {charge_id, amount_cents, reason}; for whoever paid, and admins.';
    comment on function treasury.decide_refund(bigint, boolean, text) is
        'Lets a refund that waits go out, or refuses it with a note; for admins.';
    comment on function treasury.list_open_disputes() is
        'Disputes that are not over, the most urgent first; for admins.';
    comment on function treasury.comment_on_dispute(jsonb) is
        'Notes a comment or evidence on a dispute: {dispute_id, comment, kind}; for admins.';
    comment on function treasury.apply_balance_transactions(jsonb) is
        'Takes over balance transactions of Stripe and posts their fees; for the service role.';
end
$$;
