-- The columns of an archive, and of a view on a table and its archive, are the table's.
do $$
declare
    of record;
begin
    for of in
        select derived.attrelid::regclass as name, derived.attname, col_description(base.attrelid, base.attnum) as text
          from (values
            ('ledger.journals_archive', 'ledger.journals'),
            ('ledger.all_journals', 'ledger.journals'),
            ('ledger.transfers_archive', 'ledger.transfers'),
            ('ledger.all_transfers', 'ledger.transfers'),
            ('ops.audit_logs_archive', 'ops.audit_logs'),
            ('ops.audit_history', 'ops.audit_logs'),
            ('network.affiliate_commissions_archive', 'network.affiliate_commissions'),
            ('network.commission_history', 'network.affiliate_commissions'),
            ('network.pin_transactions_archive', 'network.pin_transactions'),
            ('network.pin_history', 'network.pin_transactions'),
            ('network.withdrawal_requests_archive', 'network.withdrawal_requests'),
            ('network.withdrawal_history', 'network.withdrawal_requests'),
            ('network.withdrawal_holds_archive', 'network.withdrawal_holds')
            ) as pair (derived, base)
          join pg_catalog.pg_attribute derived on derived.attrelid = pair.derived::regclass and derived.attnum > 0
          join pg_catalog.pg_attribute base on base.attrelid = pair.base::regclass and base.attname = derived.attname
         where pg_catalog.col_description(derived.attrelid, derived.attnum) is null
    loop
        execute pg_catalog.format('comment on column %s.%I is %L', of.name, of.attname, of.text);
    end loop;
end $$;
