-- treasury: who sees which row, and thin triggers. Nobody writes a table directly.
grant select on treasury.users, treasury.split_rules, treasury.split_rule_versions, treasury.stripe_accounts,
    treasury.platform_fees
    to authenticated, service_role;

create policy users_read on treasury.users for select to authenticated
    using (id = (select backoffice.person_id())
        or (select backoffice.has_role('treasury', 'admin')));
create policy split_rules_read on treasury.split_rules for select to authenticated
    using (owner_id = (select backoffice.person_id())
        or id between
            (select case when backoffice.has_role('treasury', 'admin') then 0 end)
        and (select case when backoffice.has_role('treasury', 'admin') then 9223372036854775807 end));
create policy split_rule_versions_read on treasury.split_rule_versions for select to authenticated
    using (owner_id = (select backoffice.person_id())
        or (select backoffice.has_role('treasury', 'admin')));
create policy platform_fees_read on treasury.platform_fees for select to authenticated
    using ((select backoffice.has_role('treasury', 'admin')));
create policy stripe_accounts_read on treasury.stripe_accounts for select to authenticated
    using (id = (select backoffice.person_id())
        or (select backoffice.has_role('treasury', 'admin')));

-- Whoever stands in a rule sees their own part of it and nobody else's.
create view treasury.my_shares with (security_invoker = true) as
select rule_id, name, owner_id, recipient_id, currency, is_default, percent, fixed, minimum, updated_at
  from treasury.read_my_shares();
comment on view treasury.my_shares is 'The caller''s own part of every split rule that names them. To servers everybody''s. Amounts are in minor units of the rule''s currency.';
comment on column treasury.my_shares.recipient_id is 'The caller; NULL where the rule says owner.';
comment on column treasury.my_shares.rule_id is 'The rule.';
comment on column treasury.my_shares.name is 'How its owner calls it.';
comment on column treasury.my_shares.owner_id is 'Whose revenue it splits; NULL is the platform.';
comment on column treasury.my_shares.currency is 'The only currency (ISO 4217) that it is for; NULL for every currency.';
comment on column treasury.my_shares.is_default is 'Whether it splits what names no rule.';
comment on column treasury.my_shares.percent is 'Of what the fee and fixed amounts leave.';
comment on column treasury.my_shares.fixed is 'What they get before that.';
comment on column treasury.my_shares.minimum is 'What they get at least.';
comment on column treasury.my_shares.updated_at is 'When the rule last changed.';
grant select on treasury.my_shares to authenticated, service_role;

create function treasury.copy_person() returns trigger
    language c security definer set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'treasury_copy_person_wrapper';
create function treasury.copy_roles() returns trigger
    language c security definer set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'treasury_copy_roles_wrapper';
create function treasury.keep_fee() returns trigger
    language c security definer set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'treasury_keep_fee_wrapper';

create function treasury.check_setting() returns trigger
    language c security definer set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'treasury_check_setting_wrapper';

-- How far one admin is enough, and whether money is real, is not for one admin of the treasury.
create trigger settings_treasury_two_persons before insert or update on backoffice.settings
    for each row when (new.system = 'treasury' and (new.key like 'two\_person%' or new.key = 'live'))
    execute function treasury.check_setting();

-- E-mail addresses belong to identity.users; the copies follow.
create trigger users_copy_to_treasury after update of email on identity.users
    for each row when (old.email is distinct from new.email)
    execute function treasury.copy_person();

-- Roles belong to backoffice.role_grants; the copies follow, whoever grants or revokes.
create trigger role_grants_copy_to_treasury after insert on backoffice.role_grants
    for each row when (new.system in ('treasury', '*'))
    execute function treasury.copy_roles();
create trigger role_grants_copy_to_treasury_too after update or delete on backoffice.role_grants
    for each row when (old.system in ('treasury', '*'))
    execute function treasury.copy_roles();

-- After settings_kept, so that the settings are read as they are now: triggers run in the order of their names.
create trigger settings_treasury_fee after insert or update on backoffice.settings
    for each row when (new.system = 'treasury' and new.key in ('platform_fee_basis_points', 'platform_fee_fixed'))
    execute function treasury.keep_fee();

create trigger platform_fees_append_only before update or delete on treasury.platform_fees
    for each row execute function backoffice.refuse_change();
create trigger platform_fees_no_truncate before truncate on treasury.platform_fees
    for each statement execute function backoffice.refuse_change();
create trigger split_rule_versions_append_only before update or delete on treasury.split_rule_versions
    for each row execute function backoffice.refuse_change();
create trigger split_rule_versions_no_truncate before truncate on treasury.split_rule_versions
    for each statement execute function backoffice.refuse_change();

create trigger users_audit after insert or update or delete on treasury.users
    for each row execute function ops.audit_row();
create trigger split_rules_audit after insert or update or delete on treasury.split_rules
    for each row execute function ops.audit_row();
create trigger stripe_accounts_audit after insert or update or delete on treasury.stripe_accounts
    for each row execute function ops.audit_row();
