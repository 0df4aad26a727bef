-- Audited: what people are, what they may sign in with, and how sessions end. A
-- sign-in is an action of its own in the log; a refresh or a challenge is none.
create trigger users_audit after insert or delete or update of
        email, phone, name, password_hash, email_confirmed_at, phone_confirmed_at, new_email,
        new_phone, invited_at, banned_until, erased_at, user_metadata, app_metadata
    on identity.users for each row execute function ops.audit_row('password_hash');
create trigger login_handles_audit after insert or update or delete on identity.login_handles
    for each row execute function ops.audit_row();
create trigger factors_audit after insert or delete or update of status, friendly_name
    on identity.factors for each row execute function ops.audit_row();
create trigger sessions_audit after update of ended_at, aal
    on identity.sessions for each row execute function ops.audit_row();
-- What was erased stays erased: nothing is written to such a row again.
create trigger users_stay_erased before update on identity.users
    for each row when (old.erased_at is not null) execute function backoffice.refuse_change();
