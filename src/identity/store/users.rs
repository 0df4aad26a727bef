//! People as clients see them, and what they change about themselves.

use crate::identity::store::tokens::Chosen;
use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::{JsonB, Uuid};
use serde_json::Value;

// A time that is not set is left out, as GoTrue does. The name is a column of
// ours; clients look for it in user_metadata.
static JSON: Query = Query::read(
    "select jsonb_strip_nulls(jsonb_build_object(
            'email_confirmed_at', u.email_confirmed_at,
            'phone_confirmed_at', u.phone_confirmed_at,
            'confirmed_at', least(u.email_confirmed_at, u.phone_confirmed_at),
            'last_sign_in_at', u.last_sign_in_at,
            'invited_at', u.invited_at,
            'new_email', u.new_email,
            'new_phone', u.new_phone))
         || jsonb_build_object(
            'id', u.id, 'aud', 'authenticated', 'role', 'authenticated',
            'email', coalesce(u.email, ''), 'phone', coalesce(u.phone, ''),
            'app_metadata', u.app_metadata,
            'user_metadata', u.user_metadata
                || case when u.name is null then '{}' else jsonb_build_object('name', u.name) end,
            'identities', jsonb_build_array(jsonb_build_object(
                'identity_id', u.id, 'id', u.id, 'user_id', u.id,
                'provider', u.app_metadata ->> 'provider', 'email', u.email,
                'identity_data', jsonb_build_object(
                    'sub', u.id, 'email', u.email, 'phone', u.phone,
                    'email_verified', u.email_confirmed_at is not null,
                    'phone_verified', u.phone_confirmed_at is not null),
                'last_sign_in_at', u.last_sign_in_at,
                'created_at', u.created_at, 'updated_at', u.updated_at)),
            'factors', coalesce((
                select jsonb_agg(jsonb_build_object(
                        'id', f.id, 'friendly_name', f.friendly_name,
                        'factor_type', f.factor_type, 'status', f.status,
                        'created_at', f.created_at, 'updated_at', f.updated_at) order by f.id)
                  from identity.factors f where f.user_id = u.id), '[]'),
            'created_at', u.created_at, 'updated_at', u.updated_at,
            'is_anonymous', false)
       from identity.users u where u.id = $1",
);
static NOW: Query = Query::read("select to_jsonb(now())");
static SIGN_IN: Query = Query::write(
    "update identity.users set last_sign_in_at = now()
      where id = $1 and password_hash is not distinct from $2",
);
static CONFIRM: Query = Query::write(
    "update identity.users
        set email_confirmed_at = case when email = $2 then coalesce(email_confirmed_at, now())
                                      else email_confirmed_at end,
            phone_confirmed_at = case when phone = $2 then coalesce(phone_confirmed_at, now())
                                      else phone_confirmed_at end,
            updated_at = now()
      where id = $1 and $2 in (email, phone)
        and case when email = $2 then email_confirmed_at else phone_confirmed_at end is null",
);
static ADOPT: Query = Query::write(
    "update identity.users
        set password_hash = $2, name = $3, user_metadata = $4, updated_at = now()
      where id = $1 and password_hash is null",
);
static SET_PASSWORD: Query =
    Query::write("update identity.users set password_hash = $2, updated_at = now() where id = $1");
static SET_NEW_EMAIL: Query =
    Query::write("update identity.users set new_email = $2, updated_at = now() where id = $1");
static SET_NEW_PHONE: Query =
    Query::write("update identity.users set new_phone = $2, updated_at = now() where id = $1");
static SET_EMAIL: Query = Query::write(
    "update identity.users
        set email = $2, email_confirmed_at = now(), new_email = null, updated_at = now()
      where id = $1",
);
static SET_PHONE: Query = Query::write(
    "update identity.users
        set phone = $2, phone_confirmed_at = now(), new_phone = null, updated_at = now()
      where id = $1",
);
static METADATA: Query = Query::read("select user_metadata from identity.users where id = $1");
static SET_METADATA: Query = Query::write(
    "update identity.users
        set user_metadata = $2, name = coalesce($3, name), updated_at = now() where id = $1",
);
static SET_BANNED: Query =
    Query::write("update identity.users set banned_until = $2, updated_at = now() where id = $1");

/// A person as clients know a user.
pub fn json(person: Uuid) -> Result<Option<Value>> {
    JSON.first(&[person.into()], |row| row.get::<JsonB>(1)).map(|user| user.map(|json| json.0))
}

/// The time as it is printed in a user.
pub fn now_json() -> Result<Value> {
    NOW.one(&[], |row| row.get::<JsonB>(1)).map(|json| json.0)
}

/// Marks a sign-in; false if the password is no longer the one that was checked.
pub fn mark_sign_in(person: Uuid, password_hash: Option<&str>) -> Result<bool> {
    Ok(SIGN_IN.run(&[person.into(), password_hash.into()])? > 0)
}

/// An address of the person was proved to be theirs.
pub fn confirm(person: Uuid, address: &str) -> Result<()> {
    CONFIRM.run(&[person.into(), address.into()])?;
    Ok(())
}

/// What was chosen at a sign-up is the person's from now on, unless they have a
/// password already.
pub fn adopt(person: Uuid, chosen: Chosen) -> Result<()> {
    let Chosen { password_hash, name, user_metadata } = chosen;
    ADOPT.run(&[person.into(), password_hash.into(), name.into(), JsonB(user_metadata).into()])?;
    Ok(())
}

pub fn set_password(person: Uuid, hash: &str) -> Result<()> {
    SET_PASSWORD.run(&[person.into(), hash.into()])?;
    Ok(())
}

/// An address that waits for its confirmation.
pub fn set_new_email(person: Uuid, email: &str) -> Result<()> {
    SET_NEW_EMAIL.run(&[person.into(), email.into()])?;
    Ok(())
}

/// A phone that waits for its confirmation.
pub fn set_new_phone(person: Uuid, phone: &str) -> Result<()> {
    SET_NEW_PHONE.run(&[person.into(), phone.into()])?;
    Ok(())
}

pub fn set_email(person: Uuid, email: &str) -> Result<()> {
    SET_EMAIL.run(&[person.into(), email.into()])?;
    Ok(())
}

pub fn set_phone(person: Uuid, phone: &str) -> Result<()> {
    SET_PHONE.run(&[person.into(), phone.into()])?;
    Ok(())
}

/// What the person set about themselves.
pub fn metadata(person: Uuid) -> Result<Value> {
    METADATA.one(&[person.into()], |row| row.get::<JsonB>(1)).map(|json| json.0)
}

pub fn set_metadata(person: Uuid, metadata: Value, name: Option<&str>) -> Result<()> {
    SET_METADATA.run(&[person.into(), JsonB(metadata).into(), name.into()])?;
    Ok(())
}

/// Bans until a time, or lifts the ban.
pub fn set_banned(person: Uuid, until: Option<TimestampWithTimeZone>) -> Result<()> {
    SET_BANNED.run(&[person.into(), until.into()])?;
    Ok(())
}
