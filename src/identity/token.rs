//! What grants access, made from randomness and kept only as a hash.

use crate::kernel::error::{Error, Result};
use crate::kernel::keys::RootKey;
use base64::prelude::*;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const TOKEN_BYTES: usize = 32;
const CODE_DIGITS: u32 = 8;

/// A token of 256 bits that fits into a URL.
pub fn new_token() -> Result<String> {
    let mut bytes = [0u8; TOKEN_BYTES];
    fill(&mut bytes)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// A code short enough to be typed: eight digits, each equally likely.
pub fn new_code() -> Result<String> {
    let count = 10u64.pow(CODE_DIGITS);
    // Numbers above the last multiple would make small codes likelier.
    let limit = u64::MAX - u64::MAX % count;
    loop {
        let mut bytes = [0u8; 8];
        fill(&mut bytes)?;
        let number = u64::from_le_bytes(bytes);
        if number < limit {
            return Ok(format!("{:0width$}", number % count, width = CODE_DIGITS as usize));
        }
    }
}

/// What is kept of a token: its SHA-256.
pub fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// What is kept of a code. It has few possible values, so a plain hash would give
/// it away; the key is outside the database. `bound_to` is the token it belongs to.
pub fn hash_code(key: &RootKey, bound_to: &[u8], code: &str) -> Result<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.key.as_slice())
        .map_err(|_| Error::internal("the root key cannot be used"))?;
    mac.update(b"one-time code");
    mac.update(bound_to);
    mac.update(code.as_bytes());
    Ok(mac.finalize().into_bytes().to_vec())
}

/// Whether the code was hashed under one of the keys.
pub fn code_matches(
    keys: &[RootKey],
    bound_to: &[u8],
    code: &str,
    code_hash: &[u8],
) -> Result<bool> {
    let mut matches = false;
    for key in keys {
        matches |= bool::from(hash_code(key, bound_to, code)?.ct_eq(code_hash));
    }
    Ok(matches)
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|e| Error::internal(format!("no randomness: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn key(byte: u8) -> RootKey {
        RootKey { id: "k".into(), key: Zeroizing::new([byte; 32]) }
    }

    #[test]
    fn tokens_differ_and_fit_into_a_url() {
        let (one, two) = (new_token().unwrap(), new_token().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), 43);
        assert!(one.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)));
    }

    #[test]
    fn a_code_is_eight_digits() {
        for _ in 0..100 {
            let code = new_code().unwrap();
            assert!(code.len() == 8 && code.chars().all(|c| c.is_ascii_digit()), "{code}");
        }
    }

    #[test]
    fn a_code_matches_under_an_older_key_and_only_for_its_token() {
        let kept = hash_code(&key(1), b"token", "12345678").unwrap();
        assert!(code_matches(&[key(2), key(1)], b"token", "12345678", &kept).unwrap());
        assert!(!code_matches(&[key(1)], b"other", "12345678", &kept).unwrap());
        assert!(!code_matches(&[key(1)], b"token", "12345679", &kept).unwrap());
        assert!(!code_matches(&[key(2)], b"token", "12345678", &kept).unwrap());
    }
}
