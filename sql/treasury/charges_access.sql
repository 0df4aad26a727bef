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
        'Asks for a refund of a charge with p_refund: charge_id (at Stripe, ch_…), amount_cents (minor units of its currency; all that is left), reason.

For whoever paid it, and for admins. It goes to Stripe through stripe_requests; one that a buyer asks for later
than treasury.refund_days after the capture first waits for an admin (status requested), as does one above
treasury.two_person_amount of an admin or a server. With an Idempotency-Key header a repeat changes nothing.
Returns the refund. 22023/22004 bad input, PT404 unknown charge (to admins), PT409 more than is left, 42501 not
your charge.';
    comment on function treasury.decide_refund(bigint, boolean, text) is
        'Decides on a refund that waits (status requested): with p_approve it goes out, without it is canceled, for which p_note says why to whoever asked; why it goes out is kept in the audit log.

For admins. The same decision again changes nothing. Returns the refund. 22023/22004 bad input or no note, PT404
unknown refund, PT409 it does not wait, no more so much is left, or it is above treasury.two_person_amount
(apply_override with refund_approve then has a second admin agree), 42501 not an admin, or the buyer.';
    comment on function treasury.list_open_disputes() is
        'The disputes that are not over, the most urgent first; page with limit and offset.

For admins; 42501 otherwise.';
    comment on function treasury.comment_on_dispute(jsonb) is
        'Notes something down on a dispute with p_comment: dispute_id (its number, or dp_… at Stripe), comment (or body; 1 to 20,000 characters), kind (comment; evidence is what is to be sent to the bank).

For admins. With an Idempotency-Key header a repeat changes nothing. Returns the note. 22023/22004 bad input,
PT404 unknown dispute, 42501 not an admin.';
    comment on function treasury.apply_balance_transactions(jsonb) is
        'Takes over balance transactions that a server fetched from Stripe: a list of at most 1000 of its objects, or its answer with them in data.

Their fees are posted, once each, whichever way a transaction comes. For servers. Returns how many were new.
22023/22004 bad input, and then none of them, 42501 no server.';
end
$$;
