-- Grants on the kernel's functions; finalize.sql calls it once all exist.
create procedure backoffice.install_kernel() language plpgsql as $$
begin
    grant usage on schema backoffice to anon, authenticated, service_role;
    grant execute on function backoffice.person_id() to anon, authenticated, service_role;
    grant execute on function backoffice.has_role(text, text) to anon, authenticated, service_role;
    grant execute on function backoffice.is_admin(text) to anon, authenticated, service_role;
    grant execute on function backoffice.grant_role(uuid, text, text, text) to authenticated, service_role;
    grant execute on function backoffice.revoke_role(uuid, text, text, text) to authenticated, service_role;
    grant execute on function backoffice.get_setting(text, text) to authenticated, service_role;
    grant execute on function backoffice.set_setting(text, text, jsonb) to authenticated, service_role;
    grant execute on function backoffice.major(bigint, text) to anon, authenticated, service_role;

    comment on function backoffice.person_id() is
        'The signed-in person, NULL for anybody else.

Policies call it as (select backoffice.person_id()), so that it runs once for each query.';
    comment on function backoffice.has_role(text, text) is
        'Whether the signed-in person holds p_role in p_system.';
    comment on function backoffice.is_admin(text) is
        'Whether the caller is an admin of p_system, the service role or psql.';
    comment on function backoffice.grant_role(uuid, text, text, text) is
        'Gives a person a role in a system.

For admins of the system. Twice is the same as once. 22023 unknown role, 42501 not an admin.';
    comment on function backoffice.revoke_role(uuid, text, text, text) is
        'Takes a role away; whether the person had it.

For admins of the system. 22023 unknown role, 42501 not an admin.';
    comment on function backoffice.get_setting(text, text) is
        'The value in force of a setting.

For admins of the system. PT404 unknown setting, 42501 not an admin.';
    comment on function backoffice.set_setting(text, text, jsonb) is
        'Changes a setting, for admins of the system; the value in force afterwards.

PT404 unknown setting, 22023 a value it does not allow, 42501 not an admin.';
    comment on function backoffice.major(bigint, text) is
        'An amount of minor units in major units: backoffice.major(50000, ''INR'') is 500.00.

22023 for an unknown currency; NULL for NULL.';
    comment on function backoffice.api_key(text) is
        'A key for API clients, valid for ten years.

From psql only. p_role is anon or service_role; 22023 otherwise, 55000 without key file.';
    comment on function backoffice.check_secrets() is
        'Every secret that does not open with the keys of the root key file; no rows mean that all do.

From psql only. 55000 without key file.';
    comment on function backoffice.rotate_secrets() is
        'Seals every secret anew under the first key of the root key file; how many were under another.

From psql only; run it after a key was put first.';
end
$$;
