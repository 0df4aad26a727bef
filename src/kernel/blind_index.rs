//! Blind indexes: keyed hashes by which equal secrets are found without opening any.
//!
//! Account numbers have few digits, so a plain hash could be guessed. The key is
//! random, sealed like every secret, and stays when the root key changes: hashes
//! of years ago still compare.

use crate::kernel::error::{Error, Result};
use crate::kernel::secrets;
use crate::kernel::spi::Query;
use hmac::{Hmac, KeyInit, Mac};
use pgrx::Uuid;
use sha2::Sha256;
use zeroize::Zeroizing;

static FIND: Query = Query::read("select secret_id from backoffice.index_keys where purpose = $1");
static CLAIM: Query = Query::write(
    "insert into backoffice.index_keys (purpose, secret_id) values ($1, $2) on conflict do nothing",
);
// A plain read might use a snapshot from before the insert that found the purpose taken.
static FIND_TAKEN: Query =
    Query::write("select secret_id from backoffice.index_keys where purpose = $1 for key share");

/// The hash of `plain` among the values of `purpose`, whose key is made at its first use.
pub fn hash(purpose: &str, plain: &[u8]) -> Result<Vec<u8>> {
    let key = secrets::open(key_id(purpose)?, purpose)?;
    keyed(&key, plain)
}

fn key_id(purpose: &str) -> Result<Uuid> {
    if let Some(id) = FIND.first(&[purpose.into()], |row| row.get(1))? {
        return Ok(id);
    }
    let mut key = Zeroizing::new([0u8; 32]);
    getrandom::fill(key.as_mut()).map_err(|e| Error::internal(format!("no randomness: {e}")))?;
    let id = secrets::seal(purpose, key.as_ref())?;
    if CLAIM.run(&[purpose.into(), id.into()])? > 0 {
        return Ok(id);
    }
    secrets::destroy(id)?;
    FIND_TAKEN.one(&[purpose.into()], |row| row.get(1))
}

fn keyed(key: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)
        .map_err(|e| Error::internal(format!("the key of a blind index: {e}")))?;
    mac.update(plain);
    Ok(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_under_one_key_have_equal_hashes_and_no_others() {
        let hash = |key: u8, plain: &[u8]| keyed(&[key; 32], plain).unwrap();
        assert_eq!(hash(1, b"123456789"), hash(1, b"123456789"));
        assert_ne!(hash(1, b"123456789"), hash(1, b"123456780"));
        assert_ne!(hash(1, b"123456789"), hash(2, b"123456789"));
    }
}
