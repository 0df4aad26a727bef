//! Time-based one-time passwords (RFC 6238): six digits, SHA-1, 30 seconds, as
//! every authenticator app has them.

use crate::kernel::error::{Error, Result};
use qrcode::QrCode;
use qrcode::render::svg;
use totp_rs::{Builder, Secret, Totp};
use zeroize::Zeroizing;

pub const SEED_BYTES: usize = 20;

/// What a person needs to set up an app.
pub struct Enrolment {
    pub secret: String,
    pub uri: String,
    /// An SVG image of the URI.
    pub qr_code: String,
}

/// A random seed.
pub fn new_seed() -> Result<Zeroizing<[u8; SEED_BYTES]>> {
    let mut seed = Zeroizing::new([0u8; SEED_BYTES]);
    getrandom::fill(seed.as_mut_slice())
        .map_err(|e| Error::internal(format!("no randomness: {e}")))?;
    Ok(seed)
}

/// What to show once to the person who enrols. `issuer` and `account` name the
/// entry in the app and have no colon.
pub fn enrolment(seed: &[u8], issuer: &str, account: &str) -> Result<Enrolment> {
    let totp = Builder::new()
        .with_secret(Secret::from(seed.to_vec()))
        .with_issuer(Some(issuer.to_owned()))
        .with_account_name(account.to_owned())
        .build()
        .map_err(|e| Error::internal(format!("TOTP: {e}")))?;
    let uri = totp.to_url().map_err(|e| Error::internal(format!("TOTP: {e}")))?;
    let code = QrCode::new(&uri).map_err(|e| Error::internal(format!("QR code: {e}")))?;
    // Colours by name: clients put the image into a data: address, where # ends it.
    let qr_code = code
        .render()
        .min_dimensions(200, 200)
        .dark_color(svg::Color("black"))
        .light_color(svg::Color("white"))
        .build();
    Ok(Enrolment { secret: totp.secret().to_base32(), uri, qr_code })
}

/// The time step that the code belongs to, if it is right at `time` (give or take
/// a step) and later than `last_step`: a code that was seen once is no proof again.
pub fn check(seed: &[u8], code: &str, time: u64, last_step: u64) -> Result<Option<u64>> {
    Ok(generator(seed)?.check(code, time).filter(|step| *step > last_step))
}

fn generator(seed: &[u8]) -> Result<Totp> {
    Builder::new()
        .with_secret(Secret::from(seed.to_vec()))
        .build()
        .map_err(|e| Error::internal(format!("TOTP: {e}")))
}

/// The code of the time step that `time` is in. What an app would show: for tests.
#[cfg(any(test, feature = "pg_test"))]
pub fn code_at(seed: &[u8], time: u64) -> String {
    generator(seed).map(|totp| totp.generate(time).to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEED: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B, the last six digits.
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert_eq!(code_at(SEED, time), code);
            assert_eq!(check(SEED, code, time, 0).unwrap(), Some(time / 30));
        }
    }

    #[test]
    fn a_code_is_good_for_a_step_before_and_after_and_only_once() {
        let (time, step) = (3_000_000, 100_000);
        let code = code_at(SEED, time);
        for (moment, found) in [(-60, None), (-30, Some(step)), (30, Some(step)), (60, None)] {
            let now = time.checked_add_signed(moment).unwrap();
            assert_eq!(check(SEED, &code, now, 0).unwrap(), found, "{moment}");
        }
        assert_eq!(check(SEED, &code, time, step).unwrap(), None);
        assert_eq!(check(SEED, &code, time, step - 1).unwrap(), Some(step));
    }

    #[test]
    fn an_enrolment_shows_the_seed_as_text_and_image() {
        let shown = enrolment(SEED, "shop.example", "anna@example.com").unwrap();
        assert_eq!(shown.secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(shown.uri.starts_with("otpauth://totp/shop.example:anna%40example.com?"));
        assert!(shown.uri.contains(&format!("secret={}", shown.secret)));
        assert!(shown.qr_code.contains("<svg") && !shown.qr_code.contains('#'));
    }

    proptest! {
        #[test]
        fn any_text_is_checked_without_a_panic(code in ".{0,20}", time in 0..u64::MAX / 2) {
            let _ = check(SEED, &code, time, 0);
        }
    }
}
