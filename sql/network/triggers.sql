-- network: thin triggers; the work is in Rust.
create function network.distribute_commission() returns trigger
    language c security definer set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'network_distribute_commission_wrapper';
create function network.copy_person() returns trigger
    language c security definer set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'network_copy_person_wrapper';
create function network.check_setting() returns trigger
    language c security definer set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'network_check_setting_wrapper';

-- Looks at the row's own state: a restored row is no longer pending and does nothing.
create trigger customers_commission after insert on network.customers
    for each row when (new.commission_status = 'pending')
    execute function network.distribute_commission();

-- E-mail, phone and name belong to identity.users; the copies follow.
create trigger users_copy_to_network after update of email, phone, name on identity.users
    for each row when (old.email is distinct from new.email or old.phone is distinct from new.phone
                       or old.name is distinct from new.name)
    execute function network.copy_person();

-- Rules that go beyond the type of one setting.
create trigger settings_network_check before insert or update on backoffice.settings
    for each row when (new.system = 'network'
                       and new.key in ('currency', 'commission_amounts', 'commission_levels', 'time_zone'))
    execute function network.check_setting();

-- What a CHECK constraint would say of several columns. PostgreSQL reads those anew in every statement, the change of
-- a PIN balance included; a trigger for named columns costs that one nothing.
create trigger profiles_role_check before insert or update of id, role, promoter_id, customer_id, parent_promoter_id
    on network.profiles for each row
    when (new.parent_promoter_id = new.id
          or case new.role when 'promoter' then new.promoter_id is null
                           when 'customer' then new.customer_id is null else new.role is null end)
    execute function backoffice.refuse_row(
        'a promoter needs a promoter_id, a customer a customer_id, and nobody is their own parent');
alter table network.profiles enable always trigger profiles_role_check;

create trigger pin_transactions_append_only before update or delete on network.pin_transactions
    for each row execute function backoffice.refuse_change();
create trigger pin_transactions_no_truncate before truncate on network.pin_transactions
    for each statement execute function backoffice.refuse_change();
create trigger affiliate_commissions_no_delete before delete on network.affiliate_commissions
    for each row execute function backoffice.refuse_change();
create trigger affiliate_commissions_no_truncate before truncate on network.affiliate_commissions
    for each statement execute function backoffice.refuse_change();

create trigger tax_deductions_append_only before update or delete on network.tax_deductions
    for each row execute function backoffice.refuse_change();
create trigger tax_deductions_no_truncate before truncate on network.tax_deductions
    for each statement execute function backoffice.refuse_change();

create trigger profiles_audit after insert or delete on network.profiles
    for each row execute function ops.audit_row();
-- A change of PINs has a row in pin_transactions, which is logged.
create trigger profiles_update_audit after update of
        id, email, name, phone, role, promoter_id, customer_id, parent_promoter_id, role_level,
        status, address, created_at
    on network.profiles for each row execute function ops.audit_row();
create trigger promoters_audit after insert or update or delete on network.promoters
    for each row execute function ops.audit_row();
create trigger platform_kept after insert or update or delete on network.platform
    for each row execute function backoffice.forget_kept();
create trigger platform_kept_truncate after truncate on network.platform
    for each statement execute function backoffice.forget_kept();
alter table network.platform enable always trigger platform_kept;
alter table network.platform enable always trigger platform_kept_truncate;
create trigger platform_audit after insert or update or delete on network.platform
    for each row execute function ops.audit_row();
create trigger customers_audit after insert or delete on network.customers
    for each row execute function ops.audit_row();
-- The commission's own bookkeeping is no change anybody made.
create trigger customers_update_audit after update on network.customers
    for each row when (old.commission_status is not distinct from new.commission_status)
    execute function ops.audit_row();
create trigger pin_transactions_audit after insert on network.pin_transactions
    for each row execute function ops.audit_row();
create trigger affiliate_commissions_audit after insert or update on network.affiliate_commissions
    for each row execute function ops.audit_row();
create trigger withdrawal_requests_audit after insert or update or delete on network.withdrawal_requests
    for each row execute function ops.audit_row();
create trigger withdrawal_holds_audit after insert or update or delete on network.withdrawal_holds
    for each row execute function ops.audit_row();
create trigger pin_requests_audit after insert or update or delete on network.pin_requests
    for each row execute function ops.audit_row();
create trigger cancellations_audit after insert or update or delete on network.cancellations
    for each row execute function ops.audit_row();
create trigger tax_rules_audit after insert or update or delete on network.tax_rules
    for each row execute function ops.audit_row();
create trigger tax_identities_audit after insert or update or delete on network.tax_identities
    for each row execute function ops.audit_row();
create trigger tax_deductions_audit after insert on network.tax_deductions
    for each row execute function ops.audit_row();
create trigger payout_accounts_audit after insert or update or delete on network.payout_accounts
    for each row execute function ops.audit_row('account_hash');
create trigger withdrawal_reviews_audit after insert or update or delete on network.withdrawal_reviews
    for each row execute function ops.audit_row();
