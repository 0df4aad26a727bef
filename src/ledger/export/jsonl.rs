//! Transfers as JSON, one object on a line for each.

use crate::ledger::export::{Side, Transfer};
use serde_json::json;

pub fn lines(transfers: &[Transfer]) -> Vec<String> {
    transfers.iter().map(line).collect()
}

fn line(transfer: &Transfer) -> String {
    let id = |id: Option<pgrx::Uuid>| id.map(|id| id.to_string());
    let side = |side: &Side| json!({"id": side.account, "system": side.system, "code": side.code});
    let object = json!({
        "transfer_id": transfer.id.to_string(),
        "journal_id": id(transfer.journal),
        "effective_at": transfer.effective_at,
        "recorded_at": transfer.recorded_at,
        "system": transfer.system,
        "kind": transfer.kind,
        "debit": side(&transfer.debit),
        "credit": side(&transfer.credit),
        "currency": transfer.amount.currency.code(),
        "amount": transfer.amount.to_major().to_string(),
        "amount_minor": transfer.amount.minor,
        "description": transfer.description,
        "hold_id": id(transfer.hold),
        "reverses_id": id(transfer.reverses),
    });
    // As PostgreSQL prints it: read and written anew, 1.10 would become 1.1.
    let metadata = transfer.metadata.as_deref().unwrap_or("null");
    let object = object.to_string();
    format!("{},\"metadata\":{metadata}}}", object.strip_suffix('}').unwrap_or(&object))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::export::names::tests::transfer;
    use serde_json::Value;

    #[test]
    fn every_line_is_an_object_with_exact_amounts() {
        let mut one = transfer(1, None, i64::MAX);
        one.description = Some("a\n\"b\"".to_owned());
        one.metadata = Some("{\"a\": 1.10}".to_owned());
        let lines = lines(&[one]);
        assert!(lines[0].contains("\"metadata\":{\"a\": 1.10}") && !lines[0].contains('\n'));
        let value: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(value["amount"], "92233720368547758.07");
        assert_eq!(value["amount_minor"], i64::MAX);
        assert_eq!(value["description"], "a\n\"b\"");
        assert_eq!(value["journal_id"], Value::Null);
        assert_eq!(value["debit"]["code"], "bank");
    }
}
