//! Idempotency by a key: a journal under a text that the caller chose.
//!
//! The key and a fingerprint of the request are stored beside the journal. The same key
//! with the same content gives the stored answer; other content is refused, and what is
//! stored tells in which field it differs.

use crate::kernel::error::Result;
use crate::ledger::account::check_text;
use crate::ledger::error::LedgerError;
use crate::ledger::journal::{Journal, Posted, Request};
use crate::ledger::posting::post_request;
use crate::ledger::replay::{self, StoredJournal};
use crate::ledger::store::{keys, transfers};
use sha2::{Digest, Sha256};

/// What a caller knows a request by: unique in its system.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    pub text: &'a str,
    pub fingerprint: [u8; 32],
}

/// Posts a journal under a key. The same key with the same content again gives what is
/// stored.
///
/// Errors as those of a journal; PT409 where the key is taken by other content, naming
/// the first field that differs.
pub fn post_keyed(journal: &Journal<'_>, key: &str) -> Result<Posted> {
    check_text("key", key, 200)?;
    let mut request = Request::new(journal)?;
    request.key = Some(Key { text: key, fingerprint: fingerprint(journal) });
    post_request(&request)
}

/// What to answer where the key of a request is taken.
pub fn repeated(request: &Request<'_>) -> Result<Option<Posted>> {
    let Some(key) = &request.key else { return Ok(None) };
    let Some(kept) = keys::find(request.system, key.text)? else { return Ok(None) };
    let stored = match transfers::find_journal(kept.journal)? {
        Some(stored) => stored,
        None => transfers::find_by_transfer(kept.journal)?
            .ok_or_else(|| crate::kernel::error::Error::internal("a key without a journal"))?,
    };
    Ok(Some(answer(request, key, &kept.fingerprint, &stored)?))
}

fn answer(
    request: &Request<'_>,
    key: &Key<'_>,
    fingerprint: &[u8],
    stored: &StoredJournal,
) -> Result<Posted, LedgerError> {
    let differs = |field: String| LedgerError::KeyDiffers { key: key.text.to_owned(), field };
    match replay::answer(request, stored) {
        Ok(posted) if key.fingerprint == fingerprint => Ok(posted),
        // What was posted is the same; what the request says of ids is not.
        Ok(_) => Err(differs("id".to_owned())),
        Err(LedgerError::Differs { field, .. }) => Err(differs(field)),
        Err(other) => Err(other),
    }
}

/// A SHA-256 over everything that a request says. Each part is written with its length,
/// so that no two requests are written alike.
fn fingerprint(journal: &Journal<'_>) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |bytes: Option<&[u8]>| match bytes {
        None => hash.update([0]),
        Some(bytes) => {
            hash.update([1]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
    };
    part(Some(journal.system.as_bytes()));
    part(Some(journal.kind.as_bytes()));
    part(journal.id.as_ref().map(|id| id.as_bytes().as_slice()));
    part(journal.description.map(str::as_bytes));
    let effective = journal.effective_at.map(|at| at.into_inner().to_be_bytes());
    part(effective.as_ref().map(|bytes| bytes.as_slice()));
    part(journal.metadata.as_ref().map(|json| json.to_string()).as_deref().map(str::as_bytes));
    for leg in journal.legs {
        part(leg.id.as_ref().map(|id| id.as_bytes().as_slice()));
        part(Some(&leg.debit.0.to_be_bytes()));
        part(Some(&leg.credit.0.to_be_bytes()));
        part(Some(&leg.amount.minor.to_be_bytes()));
        part(Some(leg.amount.currency.code().as_bytes()));
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::money::{Currency, Money};
    use crate::ledger::account::AccountId;
    use crate::ledger::journal::Leg;
    use pgrx::Uuid;
    use pgrx::datum::TimestampWithTimeZone;
    use serde_json::json;

    #[test]
    fn every_part_of_a_request_is_in_its_fingerprint() {
        let money = |code| Money::new(5, Currency::parse(code, "currency").unwrap());
        let leg = Leg { id: None, debit: AccountId(1), credit: AccountId(2), amount: money("INR") };
        let legs = |leg| [leg, Leg { debit: AccountId(3), ..leg }];
        let two = legs(leg);
        let base = Journal {
            id: None,
            system: "test",
            kind: "sale",
            description: None,
            legs: &two,
            effective_at: None,
            metadata: None,
        };
        let id = Some(Uuid::from_bytes([7; 16]));
        let changed = [
            legs(Leg { id, ..leg }),
            legs(Leg { debit: AccountId(9), ..leg }),
            legs(Leg { credit: AccountId(9), ..leg }),
            legs(Leg { amount: money("USD"), ..leg }),
            legs(Leg { amount: Money { minor: 6, ..leg.amount }, ..leg }),
            [two[1], two[0]],
        ];
        let mut others: Vec<Journal<'_>> =
            changed.iter().map(|legs| Journal { legs, ..base.clone() }).collect();
        others.extend([
            Journal { id, ..base.clone() },
            Journal { system: "tests", kind: "ale", ..base.clone() },
            Journal { description: Some(""), ..base.clone() },
            Journal { metadata: Some(json!(null)), ..base.clone() },
            Journal { legs: &two[..1], ..base.clone() },
            Journal {
                effective_at: Some(TimestampWithTimeZone::try_from(0).unwrap()),
                ..base.clone()
            },
        ]);
        let mut prints: Vec<_> = others.iter().map(fingerprint).collect();
        prints.push(fingerprint(&base));
        assert_eq!(fingerprint(&base), fingerprint(&base.clone()));
        let count = prints.len();
        prints.sort();
        prints.dedup();
        assert_eq!(prints.len(), count);
    }
}
