-- treasury: what moved for whom, and what admins change by hand: who sees it.

-- The document's ledger_entries: the sides of transfers that its accounts have. The id is made of the transfer's, so
-- that it is the same for ever, and has 53 bits, which is what a number of JavaScript holds. It and the reference are made last, and so only for rows that are shown: whether a
-- caller may see a journal is not asked of all of them.
create view treasury.ledger_entries with (security_invoker = true) as
select ('x' || substr(md5(e.transfer_id || ':' || e.direction), 1, 16))::bit(64)::bigint & 9007199254740991 as id,
       e.owner_id as user_id, e.amount as amount_cents, e.currency, e.direction as type,
       case when e.kind = 'stripe_charge' and e.owner_id is not null then 'split' else e.kind end as event_source,
       coalesce(e.metadata, (select j.metadata from ledger.all_journals j where j.id = e.journal_id)) ->> 'reference' as reference_id,
       e.recorded_at as created_at
  from (select t.id as transfer_id, a.owner_id, t.amount::bigint as amount, a.currency, 'debit' as direction, k.kind,
               t.recorded_at, t.journal_id, t.metadata
          from ledger.all_transfers t
          join ledger.accounts a on a.id = t.debit_account_id
          join ledger.transfer_kinds k on k.id = t.kind_id
         where a.system = 'treasury'
         union all
        select t.id, a.owner_id, t.amount::bigint, a.currency, 'credit', k.kind, t.recorded_at, t.journal_id, t.metadata
          from ledger.all_transfers t
          join ledger.accounts a on a.id = t.credit_account_id
          join ledger.transfer_kinds k on k.id = t.kind_id
         where a.system = 'treasury') e;
comment on view treasury.ledger_entries is 'Both sides of every movement of money in the treasury: those of users'' earnings, and those of the platform''s own accounts, which have no user. People see their own, admins all.';
comment on column treasury.ledger_entries.id is 'Always the same for the same side of the same transfer.';
comment on column treasury.ledger_entries.user_id is 'Whose earnings; NULL for an account of the platform.';
comment on column treasury.ledger_entries.currency is 'ISO 4217.';
comment on column treasury.ledger_entries.amount_cents is 'Minor units, always above zero.';
comment on column treasury.ledger_entries.type is 'credit: what is owed to the user grows; debit: it falls. For accounts of the platform as in double entry.';
comment on column treasury.ledger_entries.event_source is 'Why: stripe_charge (split for a user''s share), refund, dispute, payout, adjustment and others.';
comment on column treasury.ledger_entries.reference_id is 'What it is about, such as the charge at Stripe.';
comment on column treasury.ledger_entries.created_at is 'When it was posted.';

create view treasury.balances with (security_invoker = true) as
select b.owner_id as user_id, b.currency, a.credits_posted::bigint as earned_cents, a.debits_posted::bigint as paid_cents,
       b.posted::bigint as balance_cents, b.available::bigint as available_cents, greatest(-b.posted, 0)::bigint as owed_cents
  from ledger.balances b
  join ledger.accounts a on a.id = b.account_id
 where b.system = 'treasury' and b.owner_id is not null;
comment on view treasury.balances is 'What users earned and have left, by currency, in minor units. People see their own, admins all.';
comment on column treasury.balances.user_id is 'Whose earnings.';
comment on column treasury.balances.currency is 'ISO 4217.';
comment on column treasury.balances.earned_cents is 'All that was ever credited: shares of charges, and what came back of payouts and disputes.';
comment on column treasury.balances.paid_cents is 'All that was ever debited: payouts, and what refunds and disputes took back.';
comment on column treasury.balances.balance_cents is 'The difference; below zero it is owed by the user.';
comment on column treasury.balances.available_cents is 'The balance less what is set aside.';
comment on column treasury.balances.owed_cents is 'What the user owes the platform, which the next earnings pay off; 0 for most.';

grant select on treasury.ledger_entries, treasury.balances to authenticated, service_role;

grant select on treasury.adjustments, treasury.overrides to authenticated, service_role;
create policy adjustments_read on treasury.adjustments for select to authenticated
    using ((select backoffice.has_role('treasury', 'admin')));
create policy overrides_read on treasury.overrides for select to authenticated
    using ((select backoffice.has_role('treasury', 'admin')));

create trigger adjustments_audit after insert or update or delete on treasury.adjustments
    for each row execute function ops.audit_row();
create trigger overrides_audit after insert or update or delete on treasury.overrides
    for each row execute function ops.audit_row();

-- What was asked for never changes; how it ended neither. Only the reasons go when the law wants them no longer.
create trigger adjustments_fixed
    before update of id, user_id, type, amount_cents, currency, reason, reference_id, requested_by, requested_as, created_at or delete
    on treasury.adjustments for each row execute function backoffice.refuse_change();
create trigger adjustments_decided_once before update on treasury.adjustments
    for each row when (old.status <> 'waiting') execute function backoffice.refuse_change();
create trigger adjustments_no_truncate before truncate on treasury.adjustments
    for each statement execute function backoffice.refuse_change();
create trigger overrides_fixed
    before update of id, action, target, arguments, reason, requested_by, requested_as, created_at or delete
    on treasury.overrides for each row execute function backoffice.refuse_change();
create trigger overrides_decided_once before update on treasury.overrides
    for each row when (old.status <> 'waiting') execute function backoffice.refuse_change();
create trigger overrides_no_truncate before truncate on treasury.overrides
    for each statement execute function backoffice.refuse_change();

-- The document's audit_logs: what of the log is about the treasury, for its admins, who need not be those of ops.
create view treasury.audit_logs with (security_invoker = true) as
select id, user_id, action, details, created_at from treasury.read_audit_logs();
comment on view treasury.audit_logs is 'The newest 10,000 changes in the treasury and of its settings, the newest first; treasury.read_audit_logs has older ones. For admins.';
comment on column treasury.audit_logs.id is 'Always the same for the same change.';
comment on column treasury.audit_logs.created_at is 'When it was done.';
comment on column treasury.audit_logs.user_id is 'Who did it; NULL for a server or psql.';
comment on column treasury.audit_logs.action is 'INSERT, UPDATE or DELETE of a row, or the name of an action.';
comment on column treasury.audit_logs.details is 'The table and row, the values before and after, and as what the caller came.';
grant select on treasury.audit_logs to authenticated, service_role;

create procedure backoffice.install_treasury_adjustments() language plpgsql as $$
begin
    grant execute on function
        treasury.list_ledger_entries(uuid, text, timestamptz, timestamptz, integer, integer),
        treasury.create_adjustment(jsonb),
        treasury.decide_adjustment(uuid, boolean, text),
        treasury.apply_override(jsonb),
        treasury.decide_override(uuid, boolean, text),
        treasury.read_audit_logs(timestamptz)
        to authenticated, service_role;

    comment on function treasury.list_ledger_entries(uuid, text, timestamptz, timestamptz, integer, integer) is
        'The entries of user p_user_id as treasury.ledger_entries shows them, the newest first; without one the caller''s own, and to admins those of all accounts. p_currency (ISO 4217) and the times from p_from up to p_to, without it, choose among them; at most p_limit (1 to 1000) after p_offset (at most 100000).

Amounts are minor units. 22023/22004 bad input, 42501 somebody else''s.';
    comment on function treasury.create_adjustment(jsonb) is
        'Corrects what a user has: p_adjustment is {user_id, type, amount_cents, currency, reason, reference_id}; type credit gives, debit takes; amount_cents is in minor units of the currency (ISO 4217), reason has 10 to 500 characters, reference_id may be left out.

For admins and servers. What is more than the setting two_person_amount, or for the admin who asks, waits for a
second one. With an Idempotency-Key header a repeat gives the same answer. Returns the adjustment. 22023/22004
bad input, PT404 unknown user, PT409 the user has less and adjustment_overdraft is off, 42501 not an admin.';
    comment on function treasury.decide_adjustment(uuid, boolean, text) is
        'An admin agrees to adjustment p_id, which posts it, or rejects it, with a note of at most 500 characters.

Only an admin who is signed in agrees, and neither who asked nor whose money it is. Returns the adjustment; the
same decision again changes nothing. 22023/22004 bad input, PT404 unknown, PT409 decided otherwise or too late,
42501 not theirs to agree to.';
    comment on function treasury.apply_override(jsonb) is
        'Does by hand what no other way leads to: p_override is {action, target, reason} and what the action wants besides; docs/treasury-admin.md lists the actions.

For admins and servers; what moves money waits for a second admin as an adjustment does. With an Idempotency-Key
header a repeat gives the same answer. Returns the override, with the target before and after. 22023/22004 bad
input, PT404 no such target, PT409 nothing to be done about it, 42501 not an admin.';
    comment on function treasury.decide_override(uuid, boolean, text) is
        'An admin agrees to override p_id, which is then done, or rejects it, with a note of at most 500 characters.

Who may, and what a repeat does, is as for adjustments. Returns the override. 22023/22004 bad input, PT404
unknown, PT409 decided otherwise, too late, or more than was asked for, 42501 not theirs to agree to.';
    comment on function treasury.read_audit_logs(timestamptz) is
        'What the view treasury.audit_logs shows: the newest 10,000 changes in the treasury and of its settings, from before p_before (now).

None to who is no admin.';
end
$$;
