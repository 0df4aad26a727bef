//! CSV (RFC 4180) that spreadsheets open without harm.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula. A text
//! that begins with one of these, a tab, a line break or an apostrophe gets one apostrophe
//! in front. Where the decimal comma is used, a spreadsheet may begin a cell after each `;`,
//! others do after a tab, and neither heeds quotes within a cell: after these and line
//! breaks an apostrophe comes before the same signs and before quotes. Taking away one
//! apostrophe at the beginning and one after each `;`, tab and line break gives the text
//! back.

use csv::{ByteRecord, Terminator, WriterBuilder};

/// A text that no spreadsheet takes for a formula.
pub fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 1);
    let mut before = None;
    for sign in text.chars() {
        let begins = match before {
            None => matches!(sign, '=' | '+' | '-' | '@' | '\'' | '\t' | '\r' | '\n'),
            Some(';' | '\t' | '\r' | '\n') => {
                matches!(sign, '=' | '+' | '-' | '@' | '\'' | '"')
            }
            Some(_) => false,
        };
        if begins {
            safe.push('\'');
        }
        safe.push(sign);
        before = Some(sign);
    }
    safe
}

/// A record, without the line break that ends it.
pub fn record(cells: impl IntoIterator<Item = String>) -> String {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    let cells: Vec<Vec<u8>> = cells.into_iter().map(String::into_bytes).collect();
    // A Vec takes everything.
    let _ = writer.write_byte_record(&ByteRecord::from(cells));
    let line = writer.into_inner().unwrap_or_default();
    let line = line.strip_suffix(b"\r\n").unwrap_or(&line);
    String::from_utf8_lossy(line).into_owned()
}

/// A whole file: the names of its columns, then its records.
pub fn file<'a>(
    header: impl IntoIterator<Item = &'a str>,
    records: impl IntoIterator<Item = Vec<String>>,
) -> String {
    let head = record(header.into_iter().map(str::to_owned));
    let lines = std::iter::once(head).chain(records.into_iter().map(record));
    lines.fold(String::new(), |text, line| text + &line + "\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_ends_each_record_with_a_line_break() {
        let records = [vec!["1".to_owned(), "a,\"b\"".to_owned()]];
        assert_eq!(file(["id", "text"], records), "id,text\r\n1,\"a,\"\"b\"\"\"\r\n");
    }

    #[test]
    fn what_looks_like_a_formula_gets_an_apostrophe() {
        for text in ["=1+1", "+1", "-1", "@x", "\tx", "'x", "\rx", "\nx"] {
            assert_eq!(harmless(text), format!("'{text}"));
        }
        for text in ["", "a=1", "1", "é", "a; b=1", "a\r\nb", "a;1", "a,=1"] {
            assert_eq!(harmless(text), text);
        }
    }

    #[test]
    fn so_does_what_is_a_cell_where_another_sign_ends_cells() {
        for (text, safe) in [
            ("a;=1+1", "a;'=1+1"),
            (";+1;-1;1", ";'+1;'-1;1"),
            ("a\t@x\t\t=1", "a\t'@x\t\t'=1"),
            ("a;\"=1\"", "a;'\"=1\""),
            ("a\r\n=1", "a\r\n'=1"),
            ("\t=1", "'\t'=1"),
            ("é;'=1", "é;''=1"),
        ] {
            assert_eq!(harmless(text), safe);
        }
    }
}
