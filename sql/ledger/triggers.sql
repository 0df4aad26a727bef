-- What was posted stays as it was. These triggers also fire for a session that
-- plays replica, and for the owner of the tables.
create trigger transfers_append_only before update or delete on ledger.transfers
    for each row execute function backoffice.refuse_change();
create trigger transfers_no_truncate before truncate on ledger.transfers
    for each statement execute function backoffice.refuse_change();
alter table ledger.transfers enable always trigger transfers_append_only;
alter table ledger.transfers enable always trigger transfers_no_truncate;

create trigger journals_append_only before update or delete on ledger.journals
    for each row execute function backoffice.refuse_change();
create trigger journals_no_truncate before truncate on ledger.journals
    for each statement execute function backoffice.refuse_change();
alter table ledger.journals enable always trigger journals_append_only;
alter table ledger.journals enable always trigger journals_no_truncate;

create trigger journal_keys_append_only before update or delete on ledger.journal_keys
    for each row execute function backoffice.refuse_change();
create trigger journal_keys_no_truncate before truncate on ledger.journal_keys
    for each statement execute function backoffice.refuse_change();
alter table ledger.journal_keys enable always trigger journal_keys_append_only;
alter table ledger.journal_keys enable always trigger journal_keys_no_truncate;

create trigger transfer_kinds_append_only before update or delete on ledger.transfer_kinds
    for each row execute function backoffice.refuse_change();
create trigger transfer_kinds_no_truncate before truncate on ledger.transfer_kinds
    for each statement execute function backoffice.refuse_change();
alter table ledger.transfer_kinds enable always trigger transfer_kinds_append_only;
alter table ledger.transfer_kinds enable always trigger transfer_kinds_no_truncate;

-- Backends keep the numbers of kinds in memory.
create trigger transfer_kinds_kept after insert on ledger.transfer_kinds
    for each statement execute function backoffice.forget_kept();
alter table ledger.transfer_kinds enable always trigger transfer_kinds_kept;

-- Of an account only counters, label, limit and state change. A trigger for
-- named columns costs a posting nothing.
create trigger accounts_fixed before update of id, system, code, currency, class, created_at or delete
    on ledger.accounts for each row execute function backoffice.refuse_change();
create trigger accounts_no_truncate before truncate on ledger.accounts
    for each statement execute function backoffice.refuse_change();
alter table ledger.accounts enable always trigger accounts_fixed;

create function ledger.check_account() returns trigger
    language c as 'MODULE_PATHNAME', 'ledger_check_account_wrapper';
create trigger accounts_check before insert or update of stripes, max_overdraft, max_balance, parent_id
    on ledger.accounts for each row execute function ledger.check_account();
alter table ledger.accounts enable always trigger accounts_check;
alter table ledger.accounts enable always trigger accounts_no_truncate;

-- Closing an account deletes its stripes, so only what they belong to is for good; check() misses others.
create trigger account_stripes_fixed before update of account_id, stripe
    on ledger.account_stripes for each row execute function backoffice.refuse_change();
create trigger account_stripes_no_truncate before truncate on ledger.account_stripes
    for each statement execute function backoffice.refuse_change();
alter table ledger.account_stripes enable always trigger account_stripes_fixed;
alter table ledger.account_stripes enable always trigger account_stripes_no_truncate;

-- A hold is settled, released or expires; nothing else of it changes.
create trigger holds_fixed
    before update of id, debit_account_id, credit_account_id, amount, created_at, expires_at, kind_id, description, metadata or delete
    on ledger.holds for each row execute function backoffice.refuse_change();
create trigger holds_no_truncate before truncate on ledger.holds
    for each statement execute function backoffice.refuse_change();
alter table ledger.holds enable always trigger holds_fixed;
alter table ledger.holds enable always trigger holds_no_truncate;

-- Postings are their own record; who changed anything else of an account is logged.
create trigger accounts_audit after update of name, owner_id, max_overdraft, max_balance, frozen_at, parent_id, closed_at
    on ledger.accounts for each row execute function ops.audit_row();

-- Notes whether there is money before a command that may drop the extension, for the hook that
-- refuses it. No other command pays for it.
create function ledger.guard_drop() returns event_trigger
    language c security definer set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'ledger_guard_drop_wrapper';
create event trigger backoffice_guard_drop on ddl_command_start
    when tag in ('DROP EXTENSION', 'DROP SCHEMA', 'DROP OWNED', 'DROP LANGUAGE')
    execute function ledger.guard_drop();
alter event trigger backoffice_guard_drop enable always;
comment on event trigger backoffice_guard_drop is 'DROP EXTENSION backoffice is refused while there is money.';
