//! Transfers as CSV, one record for each; texts as [`kernel::csv`](crate::kernel::csv)
//! makes them harmless.

use crate::kernel::csv::{harmless, record};
use crate::ledger::export::Transfer;

const HEADER: [&str; 16] = [
    "transfer_id",
    "journal_id",
    "effective_at",
    "recorded_at",
    "system",
    "kind",
    "debit_system",
    "debit_account",
    "credit_system",
    "credit_account",
    "currency",
    "amount",
    "description",
    "metadata",
    "hold_id",
    "reverses_id",
];

/// A record for each transfer, without the line break that ends it.
pub fn lines(transfers: &[Transfer], header: bool) -> Vec<String> {
    let head = header.then(|| record(HEADER.map(str::to_owned)));
    head.into_iter().chain(transfers.iter().map(|transfer| record(cells(transfer)))).collect()
}

fn cells(transfer: &Transfer) -> [String; 16] {
    let id = |id: Option<pgrx::Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let text = |text: &Option<String>| harmless(text.as_deref().unwrap_or_default());
    [
        transfer.id.to_string(),
        id(transfer.journal),
        transfer.effective_at.clone(),
        transfer.recorded_at.clone(),
        harmless(&transfer.system),
        harmless(&transfer.kind),
        harmless(&transfer.debit.system),
        harmless(&transfer.debit.code),
        harmless(&transfer.credit.system),
        harmless(&transfer.credit.code),
        transfer.amount.currency.to_string(),
        transfer.amount.to_major().to_string(),
        text(&transfer.description),
        text(&transfer.metadata),
        id(transfer.hold),
        id(transfer.reverses),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::export::names::tests::transfer;

    fn read(lines: &[String]) -> Vec<Vec<String>> {
        let text = lines.join("\r\n");
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let cells = |record: csv::StringRecord| record.iter().map(str::to_owned).collect();
        reader.records().map(|record| cells(record.unwrap())).collect()
    }

    #[test]
    fn a_reader_gets_back_what_was_written() {
        let mut one = transfer(1, None, 1250);
        one.description = Some("a, \"b\"\r\nc".to_owned());
        one.metadata = Some("{\"a\": 1.10}".to_owned());
        let records = read(&lines(&[one], true));
        assert_eq!(records.len(), 2);
        assert_eq!(records[0], HEADER);
        assert_eq!(&records[1][10..14], ["INR", "12.50", "a, \"b\"\r\nc", "{\"a\": 1.10}"]);
        assert_eq!(lines(&[], false), Vec::<String>::new());
    }

    #[test]
    fn what_looks_like_a_formula_gets_an_apostrophe() {
        for text in ["=1+1", "+1", "-1", "@x", "\tx", "'x", "\rx", "\nx"] {
            let mut one = transfer(1, None, 5);
            one.description = Some(text.to_owned());
            let cell = read(&lines(&[one], false))[0][12].clone();
            assert_eq!(cell, format!("'{text}"));
        }
    }
}
