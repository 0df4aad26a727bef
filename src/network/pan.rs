//! PAN: the permanent account number by which the tax office knows a promoter.
//! Sealed like bank details; rows show its last four characters.

use crate::identity;
use crate::kernel::error::{Error, Result};
use crate::kernel::secrets;
use crate::network::profile::{self, Role};
use crate::network::store::{promoters, tax as store};
use crate::ops::audit::{self, Change};
use pgrx::Uuid;

const SECRET: &str = "network.pan";

/// Five letters, of which the fourth says what kind of holder it is, four digits,
/// a letter (Income Tax Department of India).
pub fn parse(text: &str) -> Result<String> {
    let pan = text.trim().to_ascii_uppercase();
    let bytes = pan.as_bytes();
    let good = bytes.len() == 10
        && bytes[..5].iter().all(u8::is_ascii_uppercase)
        && b"ABCFGHJLPT".contains(&bytes[3])
        && bytes[5..9].iter().all(u8::is_ascii_digit)
        && bytes[9].is_ascii_uppercase();
    if good {
        return Ok(pan);
    }
    let rule = "must be five letters, four digits and a letter, such as ABCPE1234F";
    Err(Error::invalid("p_pan", rule))
}

/// With nothing but the last four characters.
pub fn masked(pan: &str) -> String {
    format!("XXXXXX{}", &pan[6..])
}

/// Keeps a promoter's PAN in place of a former one.
pub fn set(promoter: Uuid, pan: &str) -> Result<()> {
    let pan = parse(pan)?;
    profile::require(promoter, Role::Promoter, "p_promoter_id")?;
    identity::refuse_erased(promoter)?;
    promoters::lock_accounts(promoter)?;
    let former = store::pan(promoter)?;
    if let Some((_, secret)) = &former
        && secrets::open(*secret, SECRET)?.as_slice() == pan.as_bytes()
    {
        return Ok(());
    }
    let secret = secrets::seal(SECRET, pan.as_bytes())?;
    store::set_pan(promoter, &masked(&pan), secret)?;
    if let Some((_, former)) = former {
        secrets::destroy(former)?;
    }
    Ok(())
}

/// The PAN in clear. Every look is written to the audit log.
pub fn show(promoter: Uuid) -> Result<String> {
    profile::require(promoter, Role::Promoter, "p_promoter_id")?;
    let (_, secret) = store::pan(promoter)?.ok_or_else(|| Error::not_found("PAN", promoter))?;
    let plain = secrets::open(secret, SECRET)?;
    audit::record(Change {
        action: "pan_shown".to_owned(),
        table: "network.tax_identities".to_owned(),
        record_id: Some(promoter.to_string()),
        old: None,
        new: None,
    })?;
    String::from_utf8(plain.to_vec()).map_err(|e| Error::internal(format!("PAN: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pan_has_its_form() {
        assert_eq!(parse(" abcpe1234f ").unwrap(), "ABCPE1234F");
        for bad in ["ABCDE1234F", "ABCPE12345", "ABCP1234F", "ABCPE1234FF", "ÄBCPE1234F", ""] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_mask_shows_four_characters() {
        assert_eq!(masked("ABCPE1234F"), "XXXXXX234F");
    }
}
