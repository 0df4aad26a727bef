//! Sign-up.

use crate::identity::auth_api::answer::{Answer, Failure, Outcome, Refusal};
use crate::identity::auth_api::messages::{count_request, may_send};
use crate::identity::auth_api::request::{Request, invalid};
use crate::identity::contact::{Typed, normalize_email, normalize_phone};
use crate::identity::hooks;
use crate::identity::one_time::{self, Kind};
use crate::identity::password::{self, Policy};
use crate::identity::people::{self, check_name};
use crate::identity::session::{self, Method};
use crate::identity::store::people::{self as store, NewRow};
use crate::identity::store::tokens::Chosen;
use crate::identity::store::users;
use crate::kernel::error::{Error, Result};
use crate::kernel::ids::new_id;
use crate::kernel::settings::Settings;
use pgrx::Uuid;
use serde_json::{Map, Value, json};

/// A person's own metadata travels in every token.
pub const METADATA_MOST: usize = 8 * 1024;

/// POST signup. Everybody starts with the lowest role, whatever they ask for:
/// what the client tells about itself is only ever `user_metadata`.
pub fn signup(request: &Request) -> Outcome {
    let settings = Settings::of("identity")?;
    if !settings.get::<bool>("allow_sign_up")? {
        return Err(Refusal::new(422, "signup_disabled", "people come by invitation only").into());
    }
    // Without a place in a product they would only keep the address taken.
    if !hooks::takes_sign_ups(&request.system) {
        return Err(Refusal::new(422, "signup_disabled", "nobody signs up in this system").into());
    }
    let address = address(request)?;
    let password = request.required("password")?;
    let data = data(request)?;
    Policy::from_settings(&settings)?.check(password)?;
    let (metadata, name) = split_metadata(data.clone())?;
    let to_confirm = settings.get::<bool>("require_email_confirmation")?;
    // Also where the address is taken, so that it takes as long.
    let chosen = Chosen {
        password_hash: password::hash(password)?,
        name,
        user_metadata: Value::Object(metadata),
    };
    // Only now: until the end others from this address wait for the count.
    if to_confirm {
        count_request(request, &settings)?;
    }
    let row = NewRow {
        id: new_id(),
        email: address.email(),
        phone: address.phone(),
        name: chosen.name.as_deref(),
        // Anybody can sign up with any address: until it is proved, the password
        // belongs to the message that proves it.
        password_hash: Some(chosen.password_hash.as_str()).filter(|_| !to_confirm),
        confirmed: !to_confirm,
        invited: false,
        user_metadata: chosen.user_metadata.clone(),
        system: &request.system,
    };
    match store::insert(&row)? {
        Some(person) => {
            hooks::signed_up(&request.system, person, &Value::Object(data))?;
            if !to_confirm {
                return Ok(Answer::Json(sign_in(request, person)?));
            }
            confirm(request, person, &address, Some(&chosen), &settings)?;
            waiting(person)
        }
        None => known_already(request, &address, chosen, to_confirm, &settings),
    }
}

/// An e-mail address or else a phone.
fn address(request: &Request) -> Result<Typed, Failure> {
    match (request.text("email")?, request.text("phone")?) {
        (Some(email), _) => Ok(Typed::Email(normalize_email(email, "email")?)),
        (None, Some(phone)) => Ok(Typed::Phone(normalize_phone(phone, "phone")?)),
        (None, None) => Err(invalid("email: a value is required")),
    }
}

/// What the person tells about themselves: `data`, or `options.data` from clients
/// that send supabase-js's arguments as they are.
fn data(request: &Request) -> Result<Map<String, Value>, Failure> {
    if let Some(data) = request.object("data")? {
        return Ok(data.clone());
    }
    match request.object("options")?.and_then(|options| options.get("data")) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(data)) => Ok(data.clone()),
        Some(_) => Err(invalid("options.data: must be an object")),
    }
}

/// The name is a column of its own; the rest stays together.
pub fn split_metadata(
    mut data: Map<String, Value>,
) -> Result<(Map<String, Value>, Option<String>), Failure> {
    let name = match data.get("name") {
        Some(Value::String(name)) if !name.trim().is_empty() => {
            Some(check_name(name, "data.name")?.to_owned())
        }
        _ => None,
    };
    if name.is_some() {
        data.remove("name");
    }
    check_metadata(&data)?;
    Ok((data, name))
}

/// Refuses metadata that would make tokens too large for a header.
pub fn check_metadata(data: &Map<String, Value>) -> Result<(), Failure> {
    let size = serde_json::to_string(data).map_or(usize::MAX, |text| text.len());
    if size > METADATA_MOST {
        return Err(invalid(format!("data: must have at most {METADATA_MOST} bytes")));
    }
    Ok(())
}

/// A new person who must confirm the address first.
fn waiting(person: Uuid) -> Outcome {
    let mut user = users::json(person)?.ok_or_else(|| Error::internal("no such person"))?;
    user["confirmation_sent_at"] = users::now_json()?;
    Ok(Answer::Json(user))
}

fn sign_in(request: &Request, person: Uuid) -> Result<Value> {
    let hash = store::by_id(person)?.and_then(|person| person.password_hash);
    users::mark_sign_in(person, hash.as_deref())?;
    session::open(person, &request.system, Method::Password)
}

/// Sends the message that confirms an address, unless too many were asked for.
fn confirm(
    request: &Request,
    person: Uuid,
    address: &Typed,
    chosen: Option<&Chosen>,
    settings: &Settings,
) -> Result<()> {
    if !may_send(Kind::Confirmation, person, settings)? {
        return Ok(());
    }
    let Some(person) = store::by_id(person)? else { return Ok(()) };
    let message = one_time::Request {
        kind: Kind::Confirmation,
        system: &request.system,
        recipient: address.as_str(),
        redirect_to: request.parameter("redirect_to"),
        chosen,
    };
    one_time::send(&person, &message)
}

/// Somebody has the address. Where addresses are confirmed anyway the answer does
/// not say so: it looks like a new person who must confirm, without identities, as
/// GoTrue has it. Whoever has not confirmed yet gets another message, and with it what was
/// chosen now. Not so whom the business asked in: they expect a message, and the
/// password of a stranger must not come along with it.
fn known_already(
    request: &Request,
    address: &Typed,
    chosen: Chosen,
    to_confirm: bool,
    settings: &Settings,
) -> Outcome {
    if !to_confirm {
        let message = "somebody has registered with this address already";
        return Err(Refusal::new(422, "user_already_exists", message).into());
    }
    if let Some(person) = people::find(address)?.filter(|person| !person.confirmed) {
        let own = !person.invited && person.password_hash.is_none();
        confirm(request, person.id, address, Some(&chosen).filter(|_| own), settings)?;
    }
    let provider = if address.email().is_some() { "email" } else { "phone" };
    let now = users::now_json()?;
    Ok(Answer::Json(json!({
        "id": new_id().to_string(),
        "aud": "authenticated",
        "role": "authenticated",
        "email": address.email().unwrap_or_default(),
        "phone": address.phone().unwrap_or_default(),
        "confirmation_sent_at": now,
        "app_metadata": {"provider": provider, "providers": [provider]},
        "user_metadata": chosen.user_metadata,
        "identities": [],
        "factors": [],
        "created_at": now,
        "updated_at": now,
        "is_anonymous": false,
    })))
}
