//! What is asked to be posted: the rules that need no database.

use crate::kernel::error::{Error, Result};
use crate::kernel::ids::new_id;
use crate::kernel::money::Money;
use crate::ledger::account::{Account, AccountId, Change, check_text};
use crate::ledger::error::LedgerError;
use crate::ledger::keyed::Key;
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The most transfers of one journal.
pub const MAX_LEGS: usize = 10_000;

/// The most bytes of a posting's metadata, as text.
pub const MAX_METADATA: usize = 65_536;
/// The most bytes of a description.
pub const MAX_DESCRIPTION: usize = 4_096;

/// One transfer of a journal.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    /// The caller's idempotency key; made here where there is none.
    pub id: Option<Uuid>,
    pub debit: AccountId,
    pub credit: AccountId,
    pub amount: Money,
}

/// Transfers that are posted together, or not at all.
#[derive(Clone, Debug)]
pub struct Journal<'a> {
    /// The caller's idempotency key; made here where there is none.
    pub id: Option<Uuid>,
    pub system: &'a str,
    pub kind: &'a str,
    pub description: Option<&'a str>,
    pub legs: &'a [Leg],
    /// The time it counts for; that of recording where there is none.
    pub effective_at: Option<TimestampWithTimeZone>,
    pub metadata: Option<Value>,
}

/// What was posted, now or when the same request came first.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The journal; for a transfer on its own, that transfer.
    pub journal_id: Uuid,
    /// In the order of the legs.
    pub transfer_ids: Vec<Uuid>,
    pub recorded_at: TimestampWithTimeZone,
    /// Whether the request had been posted before, so that nothing changed now.
    pub replayed: bool,
    pub(in crate::ledger) effective_at: Option<TimestampWithTimeZone>,
    /// The transfers, in the order of the legs.
    pub(in crate::ledger) lines: Vec<Line>,
    /// Accounts as the posting left them; none where it was not now.
    pub(in crate::ledger) after: Vec<Account>,
}

/// A journal to be posted, checked and with every id decided.
pub struct Request<'a> {
    /// None for a transfer on its own.
    pub journal_id: Option<Uuid>,
    pub system: &'a str,
    pub kind: &'a str,
    pub description: Option<&'a str>,
    pub effective_at: Option<TimestampWithTimeZone>,
    pub metadata: Option<Value>,
    /// The journal that this one undoes.
    pub reverses: Option<Uuid>,
    pub lines: Vec<Line>,
    /// The id that the caller chose for the journal, of whatever many transfers.
    pub journal_key: Option<Uuid>,
    /// What else the caller chose to know the request by.
    pub key: Option<Key<'a>>,
}

/// A leg with its id.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub id: Uuid,
    pub debit: AccountId,
    pub credit: AccountId,
    pub amount: Money,
    pub reverses: Option<Uuid>,
    /// Whether the caller chose the id.
    pub keyed: bool,
}

impl<'a> Request<'a> {
    pub fn new(journal: &Journal<'a>) -> Result<Self> {
        check_kind(journal.system, journal.kind)?;
        check_effective(journal.effective_at.as_ref())?;
        check_notes(journal.description, journal.metadata.as_ref())?;
        check_legs(journal.legs)?;
        let alone = match journal.legs {
            [leg] => leg.id.is_none() || journal.id.is_none() || leg.id == journal.id,
            _ => false,
        };
        let line = |leg: &Leg| {
            let given = if alone { leg.id.or(journal.id) } else { leg.id };
            Line {
                id: given.unwrap_or_else(new_id),
                debit: leg.debit,
                credit: leg.credit,
                amount: leg.amount,
                reverses: None,
                keyed: given.is_some(),
            }
        };
        let mut lines: Vec<Line> = journal.legs.iter().map(line).collect();
        if let Some(id) = journal.id.filter(|_| !alone) {
            reserve(id, &mut lines)?;
        }
        Ok(Request {
            journal_id: (!alone).then(|| journal.id.unwrap_or_else(new_id)),
            system: journal.system,
            kind: journal.kind,
            description: journal.description,
            effective_at: journal.effective_at,
            metadata: journal.metadata.clone(),
            reverses: None,
            lines,
            journal_key: journal.id,
            key: None,
        })
    }

    /// What the lines add to each account, in the order of the accounts' ids.
    pub fn changes(&self) -> Result<BTreeMap<AccountId, Change>, LedgerError> {
        let mut changes = BTreeMap::new();
        for line in &self.lines {
            let amount = line.amount.minor;
            let debit = Change { debits_posted: amount, ..Change::default() };
            let credit = Change { credits_posted: amount, ..Change::default() };
            add(&mut changes, line.debit, &debit)?;
            add(&mut changes, line.credit, &credit)?;
        }
        Ok(changes)
    }

    /// What to answer once it is posted.
    pub fn posted(&self, recorded_at: TimestampWithTimeZone, after: Vec<Account>) -> Posted {
        Posted {
            journal_id: self.journal_id.unwrap_or(self.lines[0].id),
            transfer_ids: self.lines.iter().map(|line| line.id).collect(),
            recorded_at,
            replayed: false,
            effective_at: self.effective_at,
            lines: self.lines.clone(),
            after,
        }
    }
}

/// Adds to what an account gets already.
fn add(
    changes: &mut BTreeMap<AccountId, Change>,
    account: AccountId,
    change: &Change,
) -> Result<(), LedgerError> {
    match changes.entry(account) {
        Entry::Vacant(empty) => {
            empty.insert(*change);
        }
        Entry::Occupied(mut sum) => {
            let total = sum.get().plus(change).ok_or(LedgerError::OutOfRange { account })?;
            sum.insert(total);
        }
    }
    Ok(())
}

/// Makes the id of a journal that of one of its transfers, too: the index of those then
/// keeps a journal and a transfer on its own from having the same id, at any time.
fn reserve(id: Uuid, lines: &mut [Line]) -> Result<()> {
    if lines.iter().any(|line| line.keyed && line.id == id) {
        return Ok(());
    }
    let Some(line) = lines.iter_mut().find(|line| !line.keyed) else {
        let rule = "where every transfer has an id, one of them is that of the journal";
        return Err(Error::invalid("legs", rule));
    };
    (line.id, line.keyed) = (id, true);
    Ok(())
}

fn check_legs(legs: &[Leg]) -> Result<()> {
    if legs.is_empty() || legs.len() > MAX_LEGS {
        return Err(LedgerError::LegCount { most: MAX_LEGS }.into());
    }
    for (n, leg) in legs.iter().enumerate() {
        let field = |name: &str| match legs.len() {
            1 => name.to_owned(),
            _ => format!("legs[{n}].{name}"),
        };
        check_transfer(leg.debit, leg.credit, leg.amount, field)?;
    }
    let mut ids: Vec<_> = legs.iter().filter_map(|leg| leg.id).map(|id| *id.as_bytes()).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Error::invalid("legs", "two transfers have the same id"));
    }
    Ok(())
}

/// The rules of a single transfer; `field` names a part of it.
pub fn check_transfer(
    debit: AccountId,
    credit: AccountId,
    amount: Money,
    field: impl Fn(&str) -> String,
) -> Result<(), LedgerError> {
    if amount.minor <= 0 {
        return Err(LedgerError::Amount { field: field("amount") });
    }
    if debit == credit {
        return Err(LedgerError::SameAccount { field: field("credit") });
    }
    Ok(())
}

pub fn check_kind(system: &str, kind: &str) -> Result<()> {
    check_text("system", system, 63)?;
    check_text("kind", kind, 100)
}

/// 22023 for a description or metadata beyond their sizes.
pub fn check_notes(description: Option<&str>, metadata: Option<&Value>) -> Result<()> {
    if description.is_some_and(|text| text.len() > MAX_DESCRIPTION) {
        let rule = format!("must have at most {MAX_DESCRIPTION} bytes");
        return Err(Error::invalid("description", rule));
    }
    let Some(metadata) = metadata else { return Ok(()) };
    let mut room = Room(MAX_METADATA);
    serde_json::to_writer(&mut room, metadata).map_err(|_| {
        Error::invalid("metadata", format!("must have at most {MAX_METADATA} bytes as text"))
    })
}

/// Counts bytes instead of keeping them, and refuses those that are too many.
struct Room(usize);

impl std::io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let full = std::io::Error::other("no room is left");
        self.0 = self.0.checked_sub(bytes.len()).ok_or(full)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// 22023 for a time that is not finite.
pub fn check_effective(at: Option<&TimestampWithTimeZone>) -> Result<()> {
    check_finite("effective_at", at)
}

pub fn check_finite(field: &str, at: Option<&TimestampWithTimeZone>) -> Result<()> {
    match at {
        Some(at) if !at.is_finite() => Err(Error::invalid(field, "must be a finite time")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::money::Currency;
    use serde_json::json;

    fn leg(id: Option<u8>, amount: i64) -> Leg {
        Leg {
            id: id.map(uuid),
            debit: AccountId(1),
            credit: AccountId(2),
            amount: Money::new(amount, Currency::parse("INR", "currency").unwrap()),
        }
    }

    fn uuid(n: u8) -> Uuid {
        Uuid::from_bytes([n; 16])
    }

    fn request(id: Option<u8>, legs: &[Leg]) -> Result<Request<'_>> {
        Request::new(&Journal {
            id: id.map(uuid),
            system: "test",
            kind: "test",
            description: None,
            legs,
            effective_at: None,
            metadata: None,
        })
    }

    #[test]
    fn a_journals_id_is_that_of_one_of_its_transfers() {
        let found = |id, legs: &[Leg]| {
            let request = request(Some(id), legs).unwrap();
            request.lines.iter().position(|line| line.id == uuid(id))
        };
        assert_eq!(found(9, &[leg(None, 1), leg(None, 2)]), Some(0));
        assert_eq!(found(9, &[leg(Some(1), 1), leg(None, 2)]), Some(1));
        assert_eq!(found(1, &[leg(None, 1), leg(Some(1), 2)]), Some(1));
        let legs = [leg(Some(1), 1), leg(Some(2), 2)];
        assert_eq!(request(Some(9), &legs).err().unwrap().sqlstate.code(), "22023");
        assert!(request(Some(2), &legs).is_ok());
    }

    #[test]
    fn metadata_and_descriptions_have_a_size() {
        let text = |bytes: usize| json!("x".repeat(bytes - 2));
        assert!(check_notes(None, Some(&text(MAX_METADATA))).is_ok());
        let error = check_notes(None, Some(&text(MAX_METADATA + 1))).unwrap_err();
        assert!(error.message.starts_with("metadata: "), "{}", error.message);
        assert!(check_notes(Some(&"x".repeat(MAX_DESCRIPTION)), None).is_ok());
        let long = "x".repeat(MAX_DESCRIPTION + 1);
        let error = check_notes(Some(&long), None).unwrap_err();
        assert!(error.message.starts_with("description: "), "{}", error.message);
    }
}
