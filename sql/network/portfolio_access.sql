-- network: who sees which investment: the customer, the promoter who brought them, admins.
create policy investments_read on network.investments for select to authenticated
    using (customer_id = (select backoffice.person_id())
        or customer_id = any (array(select c.id from network.customers c
                                     where c.promoter_id = (select backoffice.person_id())))
        or id between
            (select case when backoffice.has_role('network', 'admin') then '00000000-0000-0000-0000-000000000000'::uuid end)
        and (select case when backoffice.has_role('network', 'admin') then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid end));
create policy instalments_read on network.instalments for select to authenticated
    using (customer_id = (select backoffice.person_id())
        or customer_id = any (array(select c.id from network.customers c
                                     where c.promoter_id = (select backoffice.person_id())))
        or investment_id between
            (select case when backoffice.has_role('network', 'admin') then '00000000-0000-0000-0000-000000000000'::uuid end)
        and (select case when backoffice.has_role('network', 'admin') then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid end));
create policy valuations_read on network.valuations for select to authenticated
    using (customer_id = (select backoffice.person_id())
        or customer_id = any (array(select c.id from network.customers c
                                     where c.promoter_id = (select backoffice.person_id())))
        or investment_id between
            (select case when backoffice.has_role('network', 'admin') then '00000000-0000-0000-0000-000000000000'::uuid end)
        and (select case when backoffice.has_role('network', 'admin') then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid end));

create view network.portfolio with (security_invoker = true) as
select v.id as investment_id, v.customer_id, v.product, v.kind, v.status, v.started_on, v.closed_on,
       sums.invested,
       worth.value as current_value,
       worth.value - sums.invested as gain,
       last.valued_on,
       next.number as next_number, next.due_on as next_due_on, next.amount as next_amount,
       coalesce(plan.paid, 0)::integer as paid_instalments,
       coalesce(plan.missed, 0)::integer as missed_instalments,
       coalesce(plan.overdue, 0)::integer as overdue_instalments,
       coalesce(plan.overdue_amount, 0) as overdue_amount
  from network.investments v
  left join lateral (
       select sum(i.paid_amount) as invested,
              count(*) filter (where i.status = 'paid') as paid,
              count(*) filter (where i.status = 'missed') as missed,
              count(*) filter (where i.status = 'due' and i.due_on < (select network.today())) as overdue,
              sum(i.amount) filter (where i.status = 'due' and i.due_on < (select network.today())) as overdue_amount
         from network.instalments i where i.investment_id = v.id
       ) plan on v.kind = 'savings_plan'
 cross join lateral (
       select case v.kind when 'lump_sum' then v.amount else coalesce(plan.invested, 0) end as invested) sums
  left join lateral (
       select i.number, i.due_on, i.amount from network.instalments i
        where i.investment_id = v.id and i.status = 'due' and i.due_on >= (select network.today())
        order by i.number limit 1) next on v.kind = 'savings_plan'
  left join lateral (
       select x.valued_on, x.value from network.valuations x
        where x.investment_id = v.id order by x.valued_on desc limit 1) last on true
 cross join lateral (
       -- What was paid after the last valuation counts with what was paid.
       select case when v.status = 'closed' then v.closing_value
                   when last.valued_on is null then sums.invested
                   else last.value + coalesce((
                        select sum(i.paid_amount) from network.instalments i
                         where i.investment_id = v.id and i.paid_on > last.valued_on), 0) end as value) worth;
comment on view network.portfolio is 'Each investment with what was paid in, what it is worth, and what is due. Amounts are in major units (rupees).';
comment on column network.portfolio.current_value is 'The last valuation and what was paid since; what was paid in where there is none; the closing value once closed.';
comment on column network.portfolio.next_due_on is 'When the next instalment is due, today included; what was due before is overdue.';

grant select on network.investments, network.instalments, network.valuations, network.portfolio
    to authenticated, service_role;

create trigger investments_audit after insert or update or delete on network.investments
    for each row execute function ops.audit_row();
-- The instalments of a new plan follow from the plan, whose insert is audited.
create trigger instalments_audit after update or delete on network.instalments
    for each row execute function ops.audit_row();
create trigger valuations_audit after insert or update or delete on network.valuations
    for each row execute function ops.audit_row();
