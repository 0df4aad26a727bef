-- Grants on the functions of identity and auth_api; finalize.sql calls it once all exist.
create procedure backoffice.install_identity() language plpgsql as $$
begin
    -- PostgREST calls before_request as whoever the token says; nothing else is for them.
    grant usage on schema identity to anon, authenticated, service_role;
    grant execute on function identity.before_request() to anon, authenticated, service_role;
    grant usage on schema auth_api to anon, authenticated, service_role;
    grant execute on function
            auth_api.signup(bytea), auth_api.token(bytea), auth_api.logout(bytea), auth_api.user_get(bytea),
            auth_api.user_put(bytea), auth_api.recover(bytea), auth_api.resend(bytea), auth_api.reauthenticate(bytea),
            auth_api.verify(bytea), auth_api.factor_enroll(bytea), auth_api.factor_challenge(bytea), auth_api.factor_verify(bytea),
            auth_api.factor_delete(bytea), auth_api.user_export(bytea), auth_api.settings(bytea), auth_api.health(bytea), auth_api.not_found(bytea)
        to anon, authenticated, service_role;
    grant execute on function ops.ban_person(uuid, timestamptz) to authenticated, service_role;
    grant execute on function ops.unban_person(uuid) to authenticated, service_role;
    grant execute on function ops.end_sessions(uuid) to authenticated, service_role;
    grant execute on function ops.export_person(uuid) to authenticated, service_role;
    grant execute on function ops.erase_person(uuid, text) to authenticated, service_role;

    comment on schema identity is 'People, sessions and second factors. Never exposed by the API.';
    comment on schema auth_api is 'The endpoints below /auth/v1/, called by the gateway with the bytes of the body.';
    comment on function identity.before_request() is
        'Refuses with PT401 a request with a token whose session has ended, whose person is banned, or that claims a second factor which the session lost; with 42501 one without the second factor that its person has.

PostgREST calls it before every request (db-pre-request).';
    comment on function backoffice.bootstrap_admin(text, text) is
        'Makes the person with this e-mail address the admin of every system, creating them if need be, and sets their password if one is given.

From psql only; may be repeated. 22023 malformed address, PT422 weak password.';
    comment on function ops.ban_person(uuid, timestamptz) is
        'Bans a person until p_until and ends their sessions.

For admins of identity; an admin of every system is banned only by another. PT404, 42501.';
    comment on function ops.unban_person(uuid) is
        'Lifts the ban of a person.

For admins of identity. PT404, 42501.';
    comment on function ops.end_sessions(uuid) is
        'Ends all sessions of a person: their tokens are refused from now on.

For admins of identity. 42501.';
    comment on function identity.export_person(uuid) is
        'Everything that the database has about a person, as one JSON document: for each table the person''s rows.

Secrets show as "present". From psql only; admins call ops.export_person. PT404.';
    comment on function identity.erase_person(uuid, text) is
        'Erases what is personal about a person and keeps the books; the tombstone: {person_id, erased_at, erased_by, reason, already_erased, rows}.

From psql only; admins call ops.erase_person. PT404, PT409 while there is money.';
    comment on function ops.export_person(uuid) is
        'Everything that the database has about a person, as one JSON document.

For admins of identity; the log says who looked. PT404, 42501.';
    comment on function ops.erase_person(uuid, text) is
        'Erases what is personal about a person, for good, and keeps the books; the tombstone.

A repeat changes nothing: already_erased is true. For admins of identity, about others; an admin of every system
is erased only by another. PT404, 22023 a reason that names the person, PT409 while there is money, 42501.';
    comment on function auth_api.signup(bytea) is
        'POST signup: a new person, who must confirm the address or has a session at once.';
    comment on function auth_api.token(bytea) is
        'POST token: a session for a password or a refresh token.';
    comment on function auth_api.logout(bytea) is
        'POST logout: ends this session, the others or all.';
    comment on function auth_api.user_get(bytea) is
        'GET user: the signed-in person.';
    comment on function auth_api.user_export(bytea) is
        'GET user/export: everything that the database has about the signed-in person.';
    comment on function auth_api.user_put(bytea) is
        'PUT user: changes e-mail, phone, password or metadata of the signed-in person.';
    comment on function auth_api.recover(bytea) is
        'POST recover: sends a one-time token to choose a new password with.';
    comment on function auth_api.resend(bytea) is
        'POST resend: sends a confirmation again.';
    comment on function auth_api.reauthenticate(bytea) is
        'GET reauthenticate: sends a code that allows to change the password.';
    comment on function auth_api.verify(bytea) is
        'POST or GET verify: a session for a one-time token.';
    comment on function auth_api.factor_enroll(bytea) is
        'POST factors: a TOTP factor that waits for its first code.';
    comment on function auth_api.factor_challenge(bytea) is
        'POST factors/:id/challenge: asks for a code.';
    comment on function auth_api.factor_verify(bytea) is
        'POST factors/:id/verify: raises the session to aal2 for a right code.';
    comment on function auth_api.factor_delete(bytea) is
        'DELETE factors/:id: removes a factor.';
    comment on function auth_api.settings(bytea) is
        'GET settings: what clients may know before sign-in.';
    comment on function auth_api.health(bytea) is
        'GET health: name and version.';
    comment on function auth_api.not_found(bytea) is
        'Every other path: 404.';
end
$$;
