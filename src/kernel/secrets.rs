//! Secrets at rest: bank details, TOTP seeds, credentials of integrations.
//!
//! Each is a row of `backoffice.secrets`, sealed with AES-256-GCM under a root
//! key from a file. The row's id and purpose are authenticated with it, so a
//! ciphertext moved to another row or used for another purpose does not open.

use crate::kernel::error::{Error, Result};
use crate::kernel::ids::new_id;
use crate::kernel::keys::{RootKey, root_keys};
use crate::kernel::spi::Query;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use pgrx::Uuid;
use zeroize::Zeroizing;

const NONCE_BYTES: usize = 12;

static INSERT: Query = Query::write(
    "insert into backoffice.secrets (id, purpose, key_id, nonce, ciphertext)
     values ($1, $2, $3, $4, $5)",
);
static SELECT: Query =
    Query::read("select purpose, key_id, nonce, ciphertext from backoffice.secrets where id = $1");
static DELETE: Query = Query::write("delete from backoffice.secrets where id = $1");
static STALE: Query = Query::write(
    "select id, purpose, key_id, nonce, ciphertext from backoffice.secrets
      where key_id <> $1 order by id limit 1000 for update",
);
static PAGE: Query = Query::read(
    "select id, purpose, key_id, nonce, ciphertext from backoffice.secrets
      where $1::uuid is null or id > $1 order by id limit 1000",
);
static REPLACE: Query = Query::write(
    "update backoffice.secrets
        set key_id = $2, nonce = $3, ciphertext = $4, sealed_at = now() where id = $1",
);

/// A sealed secret.
pub struct Sealed {
    pub key_id: String,
    pub nonce: Vec<u8>,
    pub ciphertext: Vec<u8>,
}

/// Seals `plain` under the current root key; the id opens it again.
pub fn seal(purpose: &str, plain: &[u8]) -> Result<Uuid> {
    let id = new_id();
    let sealed = seal_with(&current_key()?, &id, purpose, plain)?;
    INSERT.run(&[
        id.into(),
        purpose.into(),
        sealed.key_id.into(),
        sealed.nonce.into(),
        sealed.ciphertext.into(),
    ])?;
    Ok(id)
}

/// Opens a secret that was sealed for `purpose`.
pub fn open(id: Uuid, purpose: &str) -> Result<Zeroizing<Vec<u8>>> {
    let (stored_purpose, sealed) = SELECT
        .first(&[id.into()], |row| {
            let sealed =
                Sealed { key_id: row.get(2)?, nonce: row.get(3)?, ciphertext: row.get(4)? };
            Ok((row.get::<String>(1)?, sealed))
        })?
        .ok_or_else(|| Error::not_found("secret", id))?;
    if stored_purpose != purpose {
        return Err(Error::internal(format!("secret {id} is not for {purpose}")));
    }
    open_with(&root_keys()?, &id, purpose, &sealed)
}

/// Deletes a secret for good.
pub fn destroy(id: Uuid) -> Result<()> {
    DELETE.run(&[id.into()])?;
    Ok(())
}

/// Seals everything anew that is not under the current root key; how many rows.
pub fn rotate() -> Result<i64> {
    let keys = root_keys()?;
    let current = current_of(&keys)?;
    let mut count = 0;
    loop {
        let stale = STALE.all(&[current.id.as_str().into()], |row| {
            let sealed =
                Sealed { key_id: row.get(3)?, nonce: row.get(4)?, ciphertext: row.get(5)? };
            Ok((row.get::<Uuid>(1)?, row.get::<String>(2)?, sealed))
        })?;
        if stale.is_empty() {
            return Ok(count);
        }
        for (id, purpose, sealed) in stale {
            let plain = open_with(&keys, &id, &purpose, &sealed)?;
            let fresh = seal_with(current, &id, &purpose, &plain)?;
            let args =
                [id.into(), fresh.key_id.into(), fresh.nonce.into(), fresh.ciphertext.into()];
            REPLACE.run(&args)?;
            count += 1;
        }
    }
}

/// Every secret that does not open with the root key file: id, purpose and why.
pub fn broken() -> Result<Vec<(Uuid, String, String)>> {
    let keys = root_keys()?;
    let (mut broken, mut last) = (Vec::new(), None::<Uuid>);
    loop {
        let page = PAGE.all(&[last.into()], |row| {
            let sealed =
                Sealed { key_id: row.get(3)?, nonce: row.get(4)?, ciphertext: row.get(5)? };
            Ok((row.get::<Uuid>(1)?, row.get::<String>(2)?, sealed))
        })?;
        let Some((end, ..)) = page.last() else { return Ok(broken) };
        last = Some(*end);
        for (id, purpose, sealed) in page {
            if let Err(error) = open_with(&keys, &id, &purpose, &sealed) {
                broken.push((id, purpose, error.message));
            }
        }
    }
}

fn current_key() -> Result<RootKey> {
    root_keys()?.into_iter().next().ok_or_else(|| Error::internal("no root key"))
}

fn current_of(keys: &[RootKey]) -> Result<&RootKey> {
    keys.first().ok_or_else(|| Error::internal("no root key"))
}

fn bound_to(id: &Uuid, purpose: &str) -> Vec<u8> {
    [id.as_bytes().as_slice(), purpose.as_bytes()].concat()
}

fn seal_with(key: &RootKey, id: &Uuid, purpose: &str, plain: &[u8]) -> Result<Sealed> {
    let mut nonce = [0u8; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|e| Error::internal(format!("no randomness: {e}")))?;
    let payload = Payload { msg: plain, aad: &bound_to(id, purpose) };
    let ciphertext = cipher(key)
        .encrypt(&Nonce::from(nonce), payload)
        .map_err(|_| Error::internal("a secret could not be sealed"))?;
    Ok(Sealed { key_id: key.id.clone(), nonce: nonce.to_vec(), ciphertext })
}

fn open_with(
    keys: &[RootKey],
    id: &Uuid,
    purpose: &str,
    sealed: &Sealed,
) -> Result<Zeroizing<Vec<u8>>> {
    let key = keys.iter().find(|key| key.id == sealed.key_id).ok_or_else(|| {
        Error::internal(format!("the root key file lacks the key {:?}", sealed.key_id))
    })?;
    let nonce: [u8; NONCE_BYTES] = sealed
        .nonce
        .as_slice()
        .try_into()
        .map_err(|_| Error::internal(format!("secret {id} has a malformed nonce")))?;
    let payload = Payload { msg: &sealed.ciphertext, aad: &bound_to(id, purpose) };
    cipher(key)
        .decrypt(&Nonce::from(nonce), payload)
        .map(Zeroizing::new)
        .map_err(|_| Error::internal(format!("secret {id} does not open: altered, or a wrong key")))
}

fn cipher(key: &RootKey) -> Aes256Gcm {
    Aes256Gcm::new(&(*key.key).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, byte: u8) -> RootKey {
        RootKey { id: id.into(), key: Zeroizing::new([byte; 32]) }
    }

    #[test]
    fn what_was_sealed_opens_also_under_an_older_key() {
        let (old, id) = (key("k1", 1), new_id());
        let sealed = seal_with(&old, &id, "bank", b"0123456789").unwrap();
        let opened = open_with(&[key("k2", 2), old], &id, "bank", &sealed).unwrap();
        assert_eq!(opened.as_slice(), b"0123456789");
    }

    #[test]
    fn another_row_or_purpose_or_key_does_not_open_it() {
        let id = new_id();
        let sealed = seal_with(&key("k1", 1), &id, "bank", b"x").unwrap();
        assert!(open_with(&[key("k1", 1)], &new_id(), "bank", &sealed).is_err());
        assert!(open_with(&[key("k1", 1)], &id, "totp", &sealed).is_err());
        assert!(open_with(&[key("k1", 2)], &id, "bank", &sealed).is_err());
        assert!(open_with(&[key("k2", 1)], &id, "bank", &sealed).is_err());
    }

    #[test]
    fn the_same_text_is_never_sealed_the_same_way() {
        let id = new_id();
        let one = seal_with(&key("k1", 1), &id, "bank", b"x").unwrap();
        let two = seal_with(&key("k1", 1), &id, "bank", b"x").unwrap();
        assert_ne!(one.ciphertext, two.ciphertext);
    }
}
