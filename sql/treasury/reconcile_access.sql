-- treasury: who sees what was compared with Stripe.
grant select on treasury.reconciliation, treasury.reconciliation_lines to authenticated, service_role;
create policy reconciliation_read on treasury.reconciliation for select to authenticated
    using ((select backoffice.has_role('treasury', 'admin')));
create policy reconciliation_lines_read on treasury.reconciliation_lines for select to authenticated
    using ((select backoffice.has_role('treasury', 'admin')));
create trigger reconciliation_lines_append_only before update or delete on treasury.reconciliation_lines
    for each row execute function backoffice.refuse_change();
create trigger reconciliation_lines_no_truncate before truncate on treasury.reconciliation_lines
    for each statement execute function backoffice.refuse_change();

-- One thing has several names at Stripe: a refund's balance transaction, the refund, and the charge. What the books
-- have under one of them is compared with what Stripe has under another.
create view treasury.stripe_subjects with (security_invoker = true) as
select b.id as reference, coalesce(r.original_charge_id, d.charge_id, 'payout:' || coalesce(p.id, t.id), b.source_id, b.id) as subject
  from treasury.balance_transactions b
  left join treasury.refunds r on r.stripe_refund_id = b.source_id
  left join treasury.disputes d on d.stripe_dispute_id = b.source_id
  left join treasury.payouts p on p.stripe_payout_id = b.source_id
  left join treasury.payouts t on t.stripe_transfer_id = b.source_id
 union all
select stripe_payout_id, 'payout:' || id from treasury.payouts where stripe_payout_id is not null
 union all
select stripe_transfer_id, 'payout:' || id from treasury.payouts where stripe_transfer_id is not null
 union all
select stripe_refund_id, original_charge_id from treasury.refunds where stripe_refund_id is not null
 union all
select stripe_dispute_id, charge_id from treasury.disputes;
comment on view treasury.stripe_subjects is 'What the names at Stripe are about: the charge of a balance transaction, refund or dispute, and the payout of a transfer. A name that is not here is about itself.';
comment on column treasury.stripe_subjects.reference is 'A balance transaction, refund, dispute, payout or transfer at Stripe.';
comment on column treasury.stripe_subjects.subject is 'The charge, payout: and our payout, or else what the balance transaction is about.';

create procedure backoffice.install_treasury_reconcile() language plpgsql as $$
begin
    grant execute on function treasury.reconcile_stripe(text, date, date), treasury.health()
        to authenticated, service_role;

    comment on function treasury.reconcile_stripe(text, date, date) is
        'Compares Stripe''s balance transactions in p_currency (ISO 4217) from day p_from to p_to (UTC, both included, at most 366) with the books.

The findings are rows of treasury.reconciliation; again it goes on from where it was. For admins and servers.
Returns how many of these days are matched, missing_in_books, missing_at_stripe and amount_differs, and how many
transactions are new. 22023/22004 bad input, 42501 not an admin.';
    comment on function treasury.health() is
        'How the treasury is: status is ok, warning or critical, reasons say why, the worst first, and each part has its numbers: books, webhooks, requests, payouts, disputes, jobs, anomalies, approvals, reconciliation.

Amounts are minor units. For admins and servers. 42501 not an admin.';
end
$$;
