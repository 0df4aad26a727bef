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
        'The signed-in person, NULL for anybody else.';
    comment on function backoffice.has_role(text, text) is
        'Whether the signed-in person holds a role in a system.';
    comment on function backoffice.is_admin(text) is
        'Whether the caller may do what an admin of a system may.';
    comment on function backoffice.grant_role(uuid, text, text, text) is
        'Gives a person a role in a system; for its admins.';
    comment on function backoffice.revoke_role(uuid, text, text, text) is
        'Takes a role away; for admins of the system.';
    comment on function backoffice.get_setting(text, text) is
        'The value in force of a setting; for admins of the system.';
    comment on function backoffice.set_setting(text, text, jsonb) is
        'Changes a setting; for admins of the system.';
    comment on function backoffice.major(bigint, text) is
        'An amount of minor units in major units of its currency.';
    comment on function backoffice.api_key(text) is
        'A key for API clients: a token with the role anon or service_role.';
    comment on function backoffice.check_secrets() is
        'Every secret that does not open with the root key file; from psql only.';
    comment on function backoffice.rotate_secrets() is
        'Seals every secret anew under the first key of the root key file.';
end
$$;
