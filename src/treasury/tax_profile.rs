//! Who a seller or buyer is for tax. It stands on invoices and forms from then on; what was
//! issued keeps what was said then.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::input::Object;
use crate::treasury::invoice::{check_country, read_vat_id};
use crate::treasury::store::tax as store;
use crate::treasury::{SYSTEM, user};
use pgrx::Uuid;
use serde_json::Value;

pub struct Profile {
    pub name: String,
    pub address: String,
    pub country: String,
    pub vat_id: Option<String>,
}

impl Profile {
    fn parse(value: &Value) -> Result<Self> {
        let object = Object::new("p_profile", value, &["name", "address", "country", "vat_id"])?;
        let country = object.required_text("country")?;
        check_country(country, "p_profile.country")?;
        let vat_id = object.text("vat_id")?;
        let vat_id =
            vat_id.map(|text| read_vat_id(text, country, "p_profile.vat_id")).transpose()?;
        Ok(Profile {
            name: object.required_text("name")?.to_owned(),
            address: object.required_text("address")?.to_owned(),
            country: country.to_owned(),
            vat_id,
        })
    }
}

/// Says it, in place of what was said before.
pub fn set(caller: &Caller, person: Option<Uuid>, profile: &Value) -> Result<Uuid> {
    let person = person.or(caller.person()).ok_or_else(|| Error::missing("p_user_id"))?;
    caller.require_self_or_admin(SYSTEM, person, "p_user_id")?;
    let profile = Profile::parse(profile)?;
    user::require(person, "p_user_id")?;
    store::set_profile(person, &profile)?;
    Ok(person)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_profile_is_complete() {
        let good =
            json!({"name": "Ann", "address": "1 Lane", "country": "DE", "vat_id": "de 123456789"});
        assert_eq!(Profile::parse(&good).unwrap().vat_id.as_deref(), Some("DE123456789"));
        for (key, value, code) in [
            ("name", json!(" "), "22004"),
            ("address", json!(null), "22004"),
            ("country", json!(null), "22004"),
            ("country", json!("XX"), "22023"),
            ("vat_id", json!("FR123"), "22023"),
            ("tin", json!("1"), "22023"),
            ("name", json!(7), "22023"),
        ] {
            let mut bad = good.clone();
            bad[key] = value;
            assert_eq!(Profile::parse(&bad).err().unwrap().sqlstate.code(), code, "{key}");
        }
    }
}
