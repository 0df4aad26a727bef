-- The endpoints of auth_api. Written by hand, because PostgREST passes the bytes
-- of a body only to a function with one unnamed argument.
create function auth_api.signup(bytea) returns json language c security definer
    set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'auth_api_signup_wrapper';
create function auth_api.token(bytea) returns json language c security definer
    set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'auth_api_token_wrapper';
create function auth_api.logout(bytea) returns json language c security definer
    set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'auth_api_logout_wrapper';
create function auth_api.user_get(bytea) returns json language c stable security definer
    set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'auth_api_user_get_wrapper';
create function auth_api.user_put(bytea) returns json language c security definer
    set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'auth_api_user_put_wrapper';
create function auth_api.user_export(bytea) returns json language c security definer
    set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'auth_api_user_export_wrapper';
create function auth_api.recover(bytea) returns json language c security definer
    set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'auth_api_recover_wrapper';
create function auth_api.resend(bytea) returns json language c security definer
    set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'auth_api_resend_wrapper';
create function auth_api.reauthenticate(bytea) returns json language c security definer
    set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'auth_api_reauthenticate_wrapper';
create function auth_api.verify(bytea) returns json language c security definer
    set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'auth_api_verify_wrapper';
create function auth_api.factor_enroll(bytea) returns json language c security definer
    set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'auth_api_factor_enroll_wrapper';
create function auth_api.factor_challenge(bytea) returns json language c security definer
    set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'auth_api_factor_challenge_wrapper';
create function auth_api.factor_verify(bytea) returns json language c security definer
    set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'auth_api_factor_verify_wrapper';
create function auth_api.factor_delete(bytea) returns json language c security definer
    set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'auth_api_factor_delete_wrapper';
create function auth_api.settings(bytea) returns json language c stable security definer
    set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'auth_api_settings_wrapper';
create function auth_api.health(bytea) returns json language c stable security definer
    set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'auth_api_health_wrapper';
create function auth_api.not_found(bytea) returns json language c stable security definer
    set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'auth_api_not_found_wrapper';
