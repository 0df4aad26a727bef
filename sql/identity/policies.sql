-- A person sees their own row, admins of identity all; nobody sees a hash, and
-- nobody writes but the functions. All other tables have no policy: nobody.
create policy users_self on identity.users for select to authenticated
    using (id = (select backoffice.person_id()));
create policy users_admin on identity.users for select to authenticated
    using ((select backoffice.has_role('identity', 'admin')));
grant select (id, email, phone, name, system, email_confirmed_at, phone_confirmed_at, new_email, new_phone,
              invited_at, last_sign_in_at, banned_until, erased_at, user_metadata, app_metadata,
              created_at, updated_at)
    on identity.users to authenticated, service_role;
