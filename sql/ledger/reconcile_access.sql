-- Statements and matches: who reads them, and that nobody changes them.

create policy external_statements_admin on ledger.external_statements for select to authenticated
    using ((select backoffice.has_role('ledger', 'admin')));
create policy external_lines_admin on ledger.external_lines for select to authenticated
    using ((select backoffice.has_role('ledger', 'admin')));
create policy matches_admin on ledger.matches for select to authenticated
    using ((select backoffice.has_role('ledger', 'admin')));
create policy match_lines_admin on ledger.match_lines for select to authenticated
    using ((select backoffice.has_role('ledger', 'admin')));
create policy match_transfers_admin on ledger.match_transfers for select to authenticated
    using ((select backoffice.has_role('ledger', 'admin')));
create policy match_rejections_admin on ledger.match_rejections for select to authenticated
    using ((select backoffice.has_role('ledger', 'admin')));

grant select on ledger.external_statements, ledger.external_lines, ledger.matches, ledger.match_lines,
    ledger.match_transfers, ledger.match_rejections to authenticated, service_role;

create trigger external_statements_append_only before update or delete on ledger.external_statements
    for each row execute function backoffice.refuse_change();
create trigger external_lines_append_only before update or delete on ledger.external_lines
    for each row execute function backoffice.refuse_change();
create trigger match_rejections_append_only before update or delete on ledger.match_rejections
    for each row execute function backoffice.refuse_change();
-- A match is undone once; what it says stays.
create trigger matches_fixed
    before update of id, statement_id, kind, score, reasons, lines_amount, transfers_amount, note, matched_at, matched_by or delete
    on ledger.matches for each row execute function backoffice.refuse_change();
create trigger matches_undone_once before update on ledger.matches
    for each row when (old.undone_at is not null) execute function backoffice.refuse_change();
create trigger match_lines_fixed before update of match_id, line_id or delete
    on ledger.match_lines for each row execute function backoffice.refuse_change();
create trigger match_transfers_fixed before update of match_id, account_id, transfer_id or delete
    on ledger.match_transfers for each row execute function backoffice.refuse_change();
create trigger match_lines_undone_once before update on ledger.match_lines
    for each row when (not old.active) execute function backoffice.refuse_change();
create trigger match_transfers_undone_once before update on ledger.match_transfers
    for each row when (not old.active) execute function backoffice.refuse_change();
create trigger external_statements_no_truncate before truncate on ledger.external_statements
    for each statement execute function backoffice.refuse_change();
create trigger external_lines_no_truncate before truncate on ledger.external_lines
    for each statement execute function backoffice.refuse_change();
create trigger matches_no_truncate before truncate on ledger.matches
    for each statement execute function backoffice.refuse_change();
create trigger match_lines_no_truncate before truncate on ledger.match_lines
    for each statement execute function backoffice.refuse_change();
create trigger match_transfers_no_truncate before truncate on ledger.match_transfers
    for each statement execute function backoffice.refuse_change();
create trigger match_rejections_no_truncate before truncate on ledger.match_rejections
    for each statement execute function backoffice.refuse_change();
alter table ledger.external_statements enable always trigger external_statements_append_only;
alter table ledger.external_statements enable always trigger external_statements_no_truncate;
alter table ledger.external_lines enable always trigger external_lines_append_only;
alter table ledger.external_lines enable always trigger external_lines_no_truncate;
alter table ledger.matches enable always trigger matches_fixed;
alter table ledger.matches enable always trigger matches_undone_once;
alter table ledger.matches enable always trigger matches_no_truncate;
alter table ledger.match_lines enable always trigger match_lines_fixed;
alter table ledger.match_lines enable always trigger match_lines_undone_once;
alter table ledger.match_lines enable always trigger match_lines_no_truncate;
alter table ledger.match_transfers enable always trigger match_transfers_fixed;
alter table ledger.match_transfers enable always trigger match_transfers_undone_once;
alter table ledger.match_transfers enable always trigger match_transfers_no_truncate;
alter table ledger.match_rejections enable always trigger match_rejections_append_only;
alter table ledger.match_rejections enable always trigger match_rejections_no_truncate;
