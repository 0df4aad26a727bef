-- ledger: the archives are read by whom their tables are read, and written by nobody.
create policy transfers_archive_reader on ledger.transfers_archive for select to authenticated
    using (debit_account_id = any (array(select a.id from ledger.accounts a))
           or credit_account_id = any (array(select a.id from ledger.accounts a)));
create policy journals_archive_reader on ledger.journals_archive for select to authenticated
    using (exists (select from ledger.transfers_archive t where t.journal_id = journals_archive.id));
grant select on ledger.transfers_archive, ledger.journals_archive, ledger.all_transfers, ledger.all_journals
    to authenticated, service_role;

create trigger transfers_archive_append_only before update or delete on ledger.transfers_archive
    for each row execute function backoffice.refuse_change();
create trigger transfers_archive_no_truncate before truncate on ledger.transfers_archive
    for each statement execute function backoffice.refuse_change();
alter table ledger.transfers_archive enable always trigger transfers_archive_append_only;
alter table ledger.transfers_archive enable always trigger transfers_archive_no_truncate;
create trigger journals_archive_append_only before update or delete on ledger.journals_archive
    for each row execute function backoffice.refuse_change();
create trigger journals_archive_no_truncate before truncate on ledger.journals_archive
    for each statement execute function backoffice.refuse_change();
alter table ledger.journals_archive enable always trigger journals_archive_append_only;
alter table ledger.journals_archive enable always trigger journals_archive_no_truncate;
