//! Repeated requests: the same id with the same content gives what is stored.

use crate::kernel::money::Money;
use crate::ledger::account::AccountId;
use crate::ledger::error::LedgerError;
use crate::ledger::journal::{Line, Posted, Request};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use serde_json::Value;

/// A journal as it is stored.
#[derive(Clone, Debug)]
pub struct StoredJournal {
    pub id: Uuid,
    /// Whether it is a transfer on its own.
    pub alone: bool,
    pub system: String,
    pub kind: String,
    pub recorded_at: TimestampWithTimeZone,
    pub effective_at: Option<TimestampWithTimeZone>,
    pub description: Option<String>,
    pub metadata: Option<Value>,
    /// The hold that a transfer on its own settled.
    pub hold: Option<Uuid>,
    pub reverses: Option<Uuid>,
    /// In the order of their ids.
    pub lines: Vec<StoredLine>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredLine {
    pub id: Uuid,
    pub debit: AccountId,
    pub credit: AccountId,
    pub amount: Money,
    pub reverses: Option<Uuid>,
}

/// What to answer a request whose id is taken: what is stored, if it is the same.
pub fn answer(request: &Request<'_>, stored: &StoredJournal) -> Result<Posted, LedgerError> {
    let differs = |field: String| LedgerError::Differs {
        what: if stored.alone { "transfer" } else { "journal" },
        id: stored.id.to_string(),
        field,
    };
    if request.journal_key.is_some_and(|id| id != stored.id) {
        return Err(differs("id".to_owned()));
    }
    let pairs = pair(request, stored).ok_or_else(|| differs("legs".to_owned()))?;
    for (n, (line, found)) in pairs.iter().enumerate() {
        if let Some(name) = difference_of_line(line, found) {
            let field = if stored.alone { name.to_owned() } else { format!("legs[{n}].{name}") };
            return Err(differs(field));
        }
    }
    if let Some(field) = difference(request, stored) {
        return Err(differs(field.to_owned()));
    }
    Ok(Posted {
        journal_id: stored.id,
        transfer_ids: pairs.iter().map(|(_, found)| found.id).collect(),
        recorded_at: stored.recorded_at,
        replayed: true,
        effective_at: stored.effective_at,
        lines: pairs.iter().map(|(line, found)| Line { id: found.id, ..**line }).collect(),
        after: Vec::new(),
    })
}

/// Each line of the request with the stored one it must equal: the one with its
/// id, or, where the caller chose none, the next in order.
fn pair<'r>(
    request: &'r Request<'_>,
    stored: &'r StoredJournal,
) -> Option<Vec<(&'r Line, &'r StoredLine)>> {
    if request.journal_id.is_none() != stored.alone || request.lines.len() != stored.lines.len() {
        return None;
    }
    let by_id = |id: Uuid| stored.lines.binary_search_by_key(&id, |line| line.id).ok();
    let keyed = |line: &Line| line.keyed.then(|| by_id(line.id));
    let mut taken = vec![false; stored.lines.len()];
    for found in request.lines.iter().filter_map(keyed) {
        taken[found?] = true;
    }
    let mut rest = (0..stored.lines.len()).filter(|n| !taken[*n]).collect::<Vec<_>>().into_iter();
    let place = |line: &'r Line| {
        let n = if line.keyed { by_id(line.id)? } else { rest.next()? };
        Some((line, &stored.lines[n]))
    };
    request.lines.iter().map(place).collect()
}

fn difference_of_line(line: &Line, stored: &StoredLine) -> Option<&'static str> {
    [
        ("debit", line.debit != stored.debit),
        ("credit", line.credit != stored.credit),
        ("currency", line.amount.currency != stored.amount.currency),
        ("amount", line.amount.minor != stored.amount.minor),
        ("reverses", line.reverses != stored.reverses),
    ]
    .into_iter()
    .find_map(|(name, differs)| differs.then_some(name))
}

fn difference(request: &Request<'_>, stored: &StoredJournal) -> Option<&'static str> {
    [
        // Only a request of its own may be repeated as one: a hold's settlement is not.
        ("hold", stored.hold.is_some()),
        ("system", request.system != stored.system),
        ("kind", request.kind != stored.kind),
        ("reverses", request.reverses != stored.reverses),
        ("effective_at", !same_time(request.effective_at, stored.effective_at)),
        ("description", request.description != stored.description.as_deref()),
        ("metadata", request.metadata != stored.metadata),
    ]
    .into_iter()
    .find_map(|(name, differs)| differs.then_some(name))
}

pub fn same_time(a: Option<TimestampWithTimeZone>, b: Option<TimestampWithTimeZone>) -> bool {
    a.map(TimestampWithTimeZone::into_inner) == b.map(TimestampWithTimeZone::into_inner)
}
