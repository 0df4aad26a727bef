-- ledger: views, triggers and policies of periods, rates, exchanges and revaluations.

create view ledger.books with (security_invoker) as
select distinct on (p.system) p.system, p.closed_until, p.acted_at, p.acted_by, p.reason
  from ledger.periods p
 order by p.system, p.number desc;
comment on view ledger.books is 'How far the books of each system are closed, for systems that were ever closed.';
comment on column ledger.books.closed_until is 'The first moment that is open; null where all is open.';

create view ledger.accounting_problems with (security_invoker) as
-- Only what names a time of its own can be late: anything else counts from when it is recorded.
select 'closed_period' as problem, a.id as account_id, t.id as transfer_id, null::numeric as expected,
       null::numeric as found, 'a transfer was recorded for the closed period of ' || a.system as detail
  from ledger.books b
  join ledger.accounts a on a.system = b.system
  join ledger.all_transfers t on t.debit_account_id = a.id
 where t.effective_at < b.closed_until and t.recorded_at > b.acted_at
union all
select 'closed_period', a.id, t.id, null, null, 'a transfer was recorded for the closed period of ' || a.system
  from ledger.books b
  join ledger.accounts a on a.system = b.system
  join ledger.all_transfers t on t.credit_account_id = a.id
 where t.effective_at < b.closed_until and t.recorded_at > b.acted_at
union all
select 'exchange', e.debit_account_id, null, e.debit_amount, null, 'no transfer debits what exchange ' || e.journal_id || ' says'
  from ledger.exchanges e
 where not exists (select from ledger.all_transfers t
                    where t.journal_id = e.journal_id and t.debit_account_id = e.debit_account_id
                      and t.amount = e.debit_amount)
union all
select 'exchange', e.credit_account_id, null, e.credit_amount, null, 'no transfer credits what exchange ' || e.journal_id || ' says'
  from ledger.exchanges e
 where not exists (select from ledger.all_transfers t
                    where t.journal_id = e.journal_id and t.credit_account_id = e.credit_account_id
                      and t.amount = e.credit_amount)
union all
select 'parent', a.id, null, null, null, 'the account is part of one of another system or class'
  from ledger.accounts a
  join ledger.accounts p on p.id = a.parent_id
 where a.system <> p.system or a.class <> p.class;
comment on view ledger.accounting_problems is 'Everything about periods, exchanges and the chart that is not as it must be. Read by ledger.check().';

create trigger periods_append_only before update or delete on ledger.periods
    for each row execute function backoffice.refuse_change();
create trigger periods_no_truncate before truncate on ledger.periods
    for each statement execute function backoffice.refuse_change();
alter table ledger.periods enable always trigger periods_append_only;
alter table ledger.periods enable always trigger periods_no_truncate;

create trigger closing_journals_append_only before update or delete on ledger.closing_journals
    for each row execute function backoffice.refuse_change();
create trigger closing_journals_no_truncate before truncate on ledger.closing_journals
    for each statement execute function backoffice.refuse_change();
alter table ledger.closing_journals enable always trigger closing_journals_append_only;
alter table ledger.closing_journals enable always trigger closing_journals_no_truncate;

create trigger late_postings_append_only before update or delete on ledger.late_postings
    for each row execute function backoffice.refuse_change();
create trigger late_postings_no_truncate before truncate on ledger.late_postings
    for each statement execute function backoffice.refuse_change();
alter table ledger.late_postings enable always trigger late_postings_append_only;
alter table ledger.late_postings enable always trigger late_postings_no_truncate;

create trigger rates_append_only before update or delete on ledger.rates
    for each row execute function backoffice.refuse_change();
create trigger rates_no_truncate before truncate on ledger.rates
    for each statement execute function backoffice.refuse_change();
alter table ledger.rates enable always trigger rates_append_only;
alter table ledger.rates enable always trigger rates_no_truncate;

create trigger exchanges_append_only before update or delete on ledger.exchanges
    for each row execute function backoffice.refuse_change();
create trigger exchanges_no_truncate before truncate on ledger.exchanges
    for each statement execute function backoffice.refuse_change();
alter table ledger.exchanges enable always trigger exchanges_append_only;
alter table ledger.exchanges enable always trigger exchanges_no_truncate;

create trigger revaluations_append_only before update or delete on ledger.revaluations
    for each row execute function backoffice.refuse_change();
create trigger revaluations_no_truncate before truncate on ledger.revaluations
    for each statement execute function backoffice.refuse_change();
alter table ledger.revaluations enable always trigger revaluations_append_only;
alter table ledger.revaluations enable always trigger revaluations_no_truncate;

create trigger revaluation_lines_append_only before update or delete on ledger.revaluation_lines
    for each row execute function backoffice.refuse_change();
create trigger revaluation_lines_no_truncate before truncate on ledger.revaluation_lines
    for each statement execute function backoffice.refuse_change();
alter table ledger.revaluation_lines enable always trigger revaluation_lines_append_only;
alter table ledger.revaluation_lines enable always trigger revaluation_lines_no_truncate;

-- Admins of a system see its periods and revaluations, those of the ledger everything.
create policy periods_admin on ledger.periods for select to authenticated
    using ((select backoffice.has_role('ledger', 'admin'))
           or system in (select ledger.admin_systems()));
create policy closing_journals_admin on ledger.closing_journals for select to authenticated
    using ((select backoffice.has_role('ledger', 'admin'))
           or system in (select ledger.admin_systems()));
create policy late_postings_admin on ledger.late_postings for select to authenticated
    using ((select backoffice.has_role('ledger', 'admin')));
create policy revaluations_admin on ledger.revaluations for select to authenticated
    using ((select backoffice.has_role('ledger', 'admin'))
           or system in (select ledger.admin_systems()));
create policy revaluation_lines_admin on ledger.revaluation_lines for select to authenticated
    using (revaluation_id = any (array(select r.id from ledger.revaluations r)));
-- Rates are no secret; of an exchange whoever sees one of its accounts sees the row.
create policy rates_reader on ledger.rates for select to authenticated
    using (true);
create policy exchanges_reader on ledger.exchanges for select to authenticated
    using (debit_account_id = any (array(select a.id from ledger.accounts a))
           or credit_account_id = any (array(select a.id from ledger.accounts a)));

grant select on ledger.periods, ledger.closing_journals, ledger.late_postings, ledger.rates, ledger.exchanges,
    ledger.revaluations, ledger.revaluation_lines, ledger.books
    to authenticated, service_role;
