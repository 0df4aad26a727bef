//! Signatures of webhooks: whether somebody who knows one of our secrets sent these bytes.
//!
//! Both providers sign with HMAC-SHA256. Stripe's signature covers a time, so that a
//! request that somebody recorded is worth nothing later; Razorpay's covers the body
//! alone. Comparisons take the same time whatever differs.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Why a request is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is none, it cannot be read, or no secret made it.
    Signature,
    /// It was made too long ago, or in the future.
    Time,
}

const DIGEST_BYTES: usize = 32;
/// A sender that changes its secret signs with two.
const MOST_SIGNATURES: usize = 16;

/// Which of the secrets made Stripe's signature `t=…,v1=…[,v1=…]` of the body. `now` is
/// in seconds since 1970, `tolerance` how far the signature's time may be from it.
pub fn stripe<S: AsRef<[u8]>>(
    header: &str,
    body: &[u8],
    secrets: &[S],
    now: i64,
    tolerance: i64,
) -> Result<usize, Refused> {
    let (time, signatures) = parts(header).ok_or(Refused::Signature)?;
    let seconds: i64 = time.parse().map_err(|_| Refused::Signature)?;
    // Before the body is hashed: this costs next to nothing.
    if now.abs_diff(seconds) > tolerance.unsigned_abs() {
        return Err(Refused::Time);
    }
    maker(secrets, &signatures, &[time.as_bytes(), b".", body])
}

/// Which of the secrets made Razorpay's signature, the hex of an HMAC, of the body.
pub fn razorpay<S: AsRef<[u8]>>(
    header: &str,
    body: &[u8],
    secrets: &[S],
) -> Result<usize, Refused> {
    let signature = digest(header).ok_or(Refused::Signature)?;
    maker(secrets, &[signature], &[body])
}

/// The time and all signatures of the scheme v1; others are ignored, as Stripe asks.
fn parts(header: &str) -> Option<(&str, Vec<[u8; DIGEST_BYTES]>)> {
    let mut time = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=')? {
            // Two times could mean that one was signed and the other looked at.
            ("t", _) if time.is_some() => return None,
            ("t", text) => time = Some(text),
            ("v1", text) => signatures.extend(digest(text)),
            _ => (),
        }
    }
    let time = time.filter(|text| {
        (1..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    })?;
    let good = (1..=MOST_SIGNATURES).contains(&signatures.len());
    good.then_some((time, signatures))
}

/// 64 hexadecimal digits as bytes.
fn digest(text: &str) -> Option<[u8; DIGEST_BYTES]> {
    let text = text.trim().as_bytes();
    if text.len() != 2 * DIGEST_BYTES {
        return None;
    }
    let mut bytes = [0; DIGEST_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = (digit(0)? * 16 + digit(1)?) as u8;
    }
    Some(bytes)
}

/// The first secret under which the HMAC of the parts is one of the signatures.
fn maker<S: AsRef<[u8]>>(
    secrets: &[S],
    signatures: &[[u8; DIGEST_BYTES]],
    parts: &[&[u8]],
) -> Result<usize, Refused> {
    secrets
        .iter()
        .position(|secret| {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_ref()) else { return false };
            parts.iter().for_each(|part| mac.update(part));
            let made = mac.finalize().into_bytes();
            let equal = signatures.iter().map(|signature| signature.ct_eq(made.as_slice()));
            equal.fold(false, |any, equal| any | bool::from(equal))
        })
        .ok_or(Refused::Signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_700_000_000;
    const BODY: &str = "{}";
    const SECRETS: [&str; 2] = ["whsec_the_old_one", "whsec_the_new_one"];

    fn hex(secret: &str, text: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
        mac.update(text);
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn v1(secret: &str, time: i64, body: &str) -> String {
        hex(secret, format!("{time}.{body}").as_bytes())
    }

    fn verify(header: &str, body: &str) -> Result<usize, Refused> {
        stripe(header, body.as_bytes(), &SECRETS, NOW, 300)
    }

    #[test]
    fn the_vectors_of_rfc_4231_are_made_as_it_says() {
        let wanted = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let body = b"what do ya want for nothing?";
        assert_eq!(razorpay(wanted, body, &["Jefe"]), Ok(0));
        assert_eq!(razorpay(&wanted.to_uppercase(), body, &["x", "Jefe"]), Ok(1));
        assert_eq!(razorpay(wanted, body, &["jefe"]), Err(Refused::Signature));
    }

    #[test]
    fn any_signature_under_any_secret_is_good_and_other_schemes_are_ignored() {
        for (at, secret) in SECRETS.iter().enumerate() {
            let good = v1(secret, NOW, "{}");
            for header in [
                format!("t={NOW},v1={good}"),
                format!("t={NOW},v1={},v1={good}", "0".repeat(64)),
                format!("v1={good},v0={},t={NOW}", "1".repeat(64)),
                format!("t={NOW}, v1=short, v1={good}"),
            ] {
                assert_eq!(verify(&header, "{}"), Ok(at), "{header}");
            }
        }
    }

    #[test]
    fn a_signature_of_another_scheme_counts_for_nothing() {
        let good = v1(SECRETS[0], NOW, "{}");
        for header in [
            format!("t={NOW},v0={good}"),
            format!("t={NOW},v2={good}"),
            format!("t={NOW},v1={},v0={good}", "0".repeat(64)),
            format!("t={NOW}"),
            format!("v1={good}"),
            good.clone(),
            String::new(),
            "t=,v1=".to_owned(),
            format!("t={NOW},t={NOW},v1={good}"),
            format!("t=+{NOW},v1={good}"),
            format!("t={NOW},v1={good}é"),
            format!("t={NOW},v1={good},nonsense"),
            format!("t={NOW}{}v1={good}", format!(",v1={}", "0".repeat(64)).repeat(20) + ","),
        ] {
            assert_eq!(verify(&header, "{}"), Err(Refused::Signature), "{header}");
        }
    }

    #[test]
    fn a_time_too_far_from_now_is_refused_and_the_last_second_is_not() {
        for (time, wanted) in [
            (NOW - 301, Err(Refused::Time)),
            (NOW - 300, Ok(0)),
            (NOW + 300, Ok(0)),
            (NOW + 301, Err(Refused::Time)),
            (0, Err(Refused::Time)),
            (999_999_999_999_999, Err(Refused::Time)),
        ] {
            let header = format!("t={time},v1={}", v1(SECRETS[0], time, "{}"));
            assert_eq!(verify(&header, "{}"), wanted, "{time}");
        }
    }

    #[test]
    fn the_time_is_signed_too() {
        let header = format!("t={},v1={}", NOW + 1, v1(SECRETS[0], NOW, "{}"));
        assert_eq!(verify(&header, "{}"), Err(Refused::Signature));
    }

    #[test]
    fn without_secrets_nothing_is_good() {
        let header = format!("t={NOW},v1={}", v1("", NOW, "{}"));
        assert_eq!(stripe::<&str>(&header, b"{}", &[], NOW, 300), Err(Refused::Signature));
        assert_eq!(razorpay::<&str>(&hex("", b"{}"), b"{}", &[]), Err(Refused::Signature));
    }

    proptest! {
        #[test]
        fn what_was_signed_is_believed_and_nothing_else(
            body in prop::collection::vec(any::<u8>(), 0..200),
            secret in "[ -~]{1,40}",
            flipped in any::<prop::sample::Index>(),
            bit in 0u8..8,
        ) {
            let signed = [format!("{NOW}.").as_bytes(), &body].concat();
            let header = format!("t={NOW},v1={}", hex(&secret, &signed));
            let secrets = [secret.as_str()];
            prop_assert_eq!(stripe(&header, &body, &secrets, NOW, 300), Ok(0));
            prop_assert_eq!(razorpay(&hex(&secret, &body), &body, &secrets), Ok(0));
            let longer = [body.as_slice(), b" "].concat();
            prop_assert_eq!(stripe(&header, &longer, &secrets, NOW, 300), Err(Refused::Signature));
            let other = [format!("{secret}x")];
            prop_assert_eq!(stripe(&header, &body, &other, NOW, 300), Err(Refused::Signature));
            if !body.is_empty() {
                let mut changed = body.clone();
                changed[flipped.index(body.len())] ^= 1 << bit;
                prop_assert_eq!(
                    stripe(&header, &changed, &secrets, NOW, 300),
                    Err(Refused::Signature)
                );
                prop_assert_eq!(
                    razorpay(&hex(&secret, &body), &changed, &secrets),
                    Err(Refused::Signature)
                );
            }
        }

        #[test]
        fn no_header_is_believed_by_chance_or_ends_badly(header in "\\PC{0,200}") {
            let outcomes = (verify(&header, BODY), razorpay(&header, BODY.as_bytes(), &SECRETS));
            prop_assert!(outcomes.0.is_err() && outcomes.1.is_err());
        }

        #[test]
        fn nor_is_one_that_looks_like_a_signature(time in "[0-9]{0,20}", hex in "[0-9a-f]{60,70}") {
            let header = format!("t={time},v1={hex}");
            prop_assert!(verify(&header, BODY).is_err());
        }
    }
}
