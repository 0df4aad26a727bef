//! Access tokens: signed here (HS256), verified by PostgREST with the same key.

use crate::kernel::error::{Error, Result};
use crate::kernel::keys::{SigningKey, signing_key};
use base64::prelude::*;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// Signs claims with the current key (RFC 7515, compact form).
pub fn sign(claims: &Value) -> Result<String> {
    sign_with(&signing_key()?, claims)
}

fn sign_with(key: &SigningKey, claims: &Value) -> Result<String> {
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": key.id});
    let text = format!("{}.{}", encode(&header), encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.key)
        .map_err(|_| Error::internal("the signing key cannot be used"))?;
    mac.update(text.as_bytes());
    let signature = BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    Ok(format!("{text}.{signature}"))
}

/// Seconds since 1970, as tokens count them.
pub fn unix_now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs() as i64)
}

fn encode(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    #[test]
    fn a_token_has_three_parts_and_the_signature_depends_on_the_key() {
        let key = |byte| SigningKey { id: "a".into(), key: Zeroizing::new(vec![byte; 32]) };
        let claims = json!({"sub": "x"});
        let one = sign_with(&key(1), &claims).unwrap();
        let two = sign_with(&key(2), &claims).unwrap();
        assert_eq!(one.split('.').count(), 3);
        assert_eq!(one.rsplit_once('.').unwrap().0, two.rsplit_once('.').unwrap().0);
        assert_ne!(one, two);
    }
}
