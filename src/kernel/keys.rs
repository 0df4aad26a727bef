//! The two key files that live outside the database, and so outside its dumps.
//!
//! - the root key file: a line `<key id>:<base64 of 32 bytes>` for each key. The
//!   first is current; the others still open what was sealed with them.
//! - the JWT key file: a JWK Set whose first HS256 key signs. PostgREST reads
//!   the same file to verify.
//!
//! A backend reads a file again when it changed, so a rotation works at once.

use crate::kernel::error::{Error, Result, sqlstate};
use base64::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CString;
use std::os::unix::fs::MetadataExt;
use std::rc::Rc;
use zeroize::{Zeroize, Zeroizing};

static ROOT_KEY_FILE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
static JWT_KEYS_FILE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);

pub fn define_gucs() {
    GucRegistry::define_string_guc(
        c"backoffice.root_key_file",
        c"File with the keys that encrypt secrets at rest.",
        c"One line '<key id>:<base64 of 32 bytes>' for each key; the first is current.",
        &ROOT_KEY_FILE,
        GucContext::Suset,
        GucFlags::SUPERUSER_ONLY,
    );
    GucRegistry::define_string_guc(
        c"backoffice.jwt_keys_file",
        c"File with the keys that sign access tokens.",
        c"A JWK Set with symmetric keys; the first HS256 key signs. PostgREST verifies with the same file.",
        &JWT_KEYS_FILE,
        GucContext::Suset,
        GucFlags::SUPERUSER_ONLY,
    );
}

/// A key that seals secrets.
pub struct RootKey {
    pub id: String,
    pub key: Zeroizing<[u8; 32]>,
}

/// A key that signs access tokens.
pub struct SigningKey {
    pub id: String,
    pub key: Zeroizing<Vec<u8>>,
}

/// All root keys, the current one first.
pub fn root_keys() -> Result<Vec<RootKey>> {
    let text = read(&ROOT_KEY_FILE, "backoffice.root_key_file")?;
    let keys: Option<Vec<_>> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(root_key).collect();
    keys.filter(|keys| !keys.is_empty()).ok_or_else(|| {
        malformed("backoffice.root_key_file", "lines '<key id>:<base64 of 32 bytes>'")
    })
}

fn root_key(line: &str) -> Option<RootKey> {
    let (id, encoded) = line.split_once(':')?;
    let mut bytes = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    let key = bytes.as_slice().try_into().ok().map(Zeroizing::new);
    bytes.zeroize();
    let id = id.trim();
    (!id.is_empty()).then_some(RootKey { id: id.to_owned(), key: key? })
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    kid: String,
    #[serde(default)]
    alg: Option<String>,
    k: Option<String>,
}

/// The key that signs new access tokens.
pub fn signing_key() -> Result<SigningKey> {
    let text = read(&JWT_KEYS_FILE, "backoffice.jwt_keys_file")?;
    first_signing_key(&text)
        .ok_or_else(|| malformed("backoffice.jwt_keys_file", "a JWK Set with an HS256 key"))
}

fn first_signing_key(text: &str) -> Option<SigningKey> {
    let set: KeySet = serde_json::from_str(text).ok()?;
    let jwk = set
        .keys
        .into_iter()
        .find(|jwk| jwk.kty == "oct" && jwk.alg.as_deref().is_none_or(|alg| alg == "HS256"))?;
    let key = BASE64_URL_SAFE_NO_PAD.decode(jwk.k?.trim_end_matches('=')).ok()?;
    // RFC 7518, 3.2: a key at least as long as the hash.
    (key.len() >= 32).then(|| SigningKey { id: jwk.kid, key: Zeroizing::new(key) })
}

fn read(guc: &GucSetting<Option<CString>>, name: &str) -> Result<Rc<Zeroizing<String>>> {
    let path = guc.get().ok_or_else(|| {
        Error::new(sqlstate::NOT_CONFIGURED, format!("{name} is not set"))
            .hint("Set it in postgresql.conf to a file that only the server can read.")
    })?;
    let failed = |e: std::io::Error| {
        Error::new(sqlstate::NOT_CONFIGURED, format!("the file of {name} cannot be read: {e}"))
    };
    let path = path.to_string_lossy().into_owned();
    let version = Version::of(&path).map_err(failed)?;
    if let Some(text) = KEPT.with_borrow(|kept| kept.get(&path)?.text_of(&version)) {
        return Ok(text);
    }
    let text = Rc::new(Zeroizing::new(std::fs::read_to_string(&path).map_err(failed)?));
    KEPT.with_borrow_mut(|kept| kept.insert(path, Kept { version, text: text.clone() }));
    Ok(text)
}

thread_local! {
    static KEPT: RefCell<HashMap<String, Kept>> = RefCell::default();
}

struct Kept {
    version: Version,
    text: Rc<Zeroizing<String>>,
}

impl Kept {
    fn text_of(&self, version: &Version) -> Option<Rc<Zeroizing<String>>> {
        (self.version == *version).then(|| self.text.clone())
    }
}

/// What tells one state of a file from another.
#[derive(PartialEq, Eq)]
struct Version {
    file: (u64, u64),
    size: u64,
    changed: (i64, i64),
}

impl Version {
    fn of(path: &str) -> std::io::Result<Self> {
        let of = std::fs::metadata(path)?;
        let (file, changed) = ((of.dev(), of.ino()), (of.ctime(), of.ctime_nsec()));
        Ok(Version { file, size: of.len(), changed })
    }
}

fn malformed(name: &str, expected: &str) -> Error {
    Error::new(sqlstate::NOT_CONFIGURED, format!("the file of {name} must hold {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_key_has_an_id_and_32_bytes() {
        let good = format!("k1:{}", BASE64_STANDARD.encode([7u8; 32]));
        assert_eq!(root_key(&good).map(|key| *key.key), Some([7u8; 32]));
        assert!(root_key(&format!("k1:{}", BASE64_STANDARD.encode([7u8; 31]))).is_none());
        assert!(root_key(&format!(":{}", BASE64_STANDARD.encode([7u8; 32]))).is_none());
        assert!(root_key("k1").is_none());
    }

    #[test]
    fn the_first_hs256_key_signs() {
        let k = BASE64_URL_SAFE_NO_PAD.encode([1u8; 32]);
        let text = format!(
            r#"{{"keys":[{{"kty":"RSA","kid":"r"}},{{"kty":"oct","kid":"a","alg":"HS256","k":"{k}"}},{{"kty":"oct","kid":"b","k":"{k}"}}]}}"#
        );
        assert_eq!(first_signing_key(&text).map(|key| key.id).as_deref(), Some("a"));
    }

    #[test]
    fn a_short_signing_key_is_refused() {
        let k = BASE64_URL_SAFE_NO_PAD.encode([1u8; 31]);
        assert!(first_signing_key(&format!(r#"{{"keys":[{{"kty":"oct","k":"{k}"}}]}}"#)).is_none());
    }
}
