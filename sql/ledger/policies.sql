-- The owner of an account sees it with everything that was posted to it; so do
-- admins of its system and of the ledger. Only functions write.
create policy accounts_owner on ledger.accounts for select to authenticated
    using (owner_id = (select backoffice.person_id()));
create policy accounts_admin on ledger.accounts for select to authenticated
    using ((select backoffice.has_role('ledger', 'admin'))
           or system in (select ledger.admin_systems()));

-- Who sees one of its accounts sees the row: each of these asks the policies above, once
-- for a query. An array, unlike EXISTS, lets a query that names no account use the indexes.
create policy account_stripes_reader on ledger.account_stripes for select to authenticated
    using (account_id = any (array(select a.id from ledger.accounts a)));
create policy transfers_reader on ledger.transfers for select to authenticated
    using (debit_account_id = any (array(select a.id from ledger.accounts a))
           or credit_account_id = any (array(select a.id from ledger.accounts a)));
create policy holds_reader on ledger.holds for select to authenticated
    using (debit_account_id = any (array(select a.id from ledger.accounts a))
           or credit_account_id = any (array(select a.id from ledger.accounts a)));
create policy journals_reader on ledger.journals for select to authenticated
    using (exists (select from ledger.transfers t where t.journal_id = journals.id));
create policy transfer_kinds_reader on ledger.transfer_kinds for select to authenticated
    using (true);

grant select on ledger.accounts, ledger.account_stripes, ledger.transfers, ledger.journals,
    ledger.holds, ledger.transfer_kinds, ledger.balances, ledger.entries
    to authenticated, service_role;

-- Keys are between the ledger and those who post.
grant select on ledger.journal_keys to service_role;
