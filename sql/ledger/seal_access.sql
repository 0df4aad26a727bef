-- ledger: seals are for admins of the ledger and servers to read, and for nobody to change.
create policy seal_blocks_admin on ledger.seal_blocks for select to authenticated
    using ((select backoffice.has_role('ledger', 'admin')));
grant select on ledger.seal_blocks to authenticated, service_role;

create trigger seal_blocks_append_only before update or delete on ledger.seal_blocks
    for each row execute function backoffice.refuse_change();
create trigger seal_blocks_no_truncate before truncate on ledger.seal_blocks
    for each statement execute function backoffice.refuse_change();
alter table ledger.seal_blocks enable always trigger seal_blocks_append_only;
alter table ledger.seal_blocks enable always trigger seal_blocks_no_truncate;
