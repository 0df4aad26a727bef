//! The one way past the refusal of append-only tables when a person is erased.
//!
//! [`erasing`] sets a mark in the memory of the backend that names a table and
//! columns of it, and lasts as long as the one statement that empties them. No SQL
//! can set it, whoever runs it; [`refuse_change`] lets nothing else through.
//!
//! [`refuse_change`]: crate::kernel::triggers

use crate::kernel::error::Result;
use std::cell::RefCell;

/// A table (`schema.table`) and the columns of it that are being emptied.
type Erasing = Option<(String, Vec<String>)>;

thread_local! {
    static ERASING: RefCell<Erasing> = const { RefCell::new(None) };
}

/// Takes the mark away whichever way the statement ends.
struct Mark;

impl Drop for Mark {
    fn drop(&mut self) {
        ERASING.set(None);
    }
}

/// Runs `body`, a statement that empties these columns of a table.
pub fn erasing<T>(table: &str, columns: &[&str], body: impl FnOnce() -> Result<T>) -> Result<T> {
    let columns = columns.iter().map(|name| (*name).to_owned()).collect();
    ERASING.set(Some((table.to_owned(), columns)));
    let _mark = Mark;
    body()
}

/// The columns of this table that are being emptied; none outside of [`erasing`].
pub fn erasable(schema: &str, table: &str) -> Vec<String> {
    ERASING.with_borrow(|erasing| match erasing {
        Some((name, columns)) if name.split_once('.') == Some((schema, table)) => columns.clone(),
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::error::Error;

    #[test]
    fn the_mark_of_an_erasure_is_for_its_table_and_goes_with_the_statement() {
        let inside =
            erasing("a.b", &["note"], || Ok((erasable("a", "b"), erasable("ops", "b")))).unwrap();
        assert_eq!(inside, (vec!["note".to_owned()], Vec::new()));
        assert!(erasable("a", "b").is_empty());
    }

    #[test]
    fn the_mark_of_an_erasure_goes_when_the_statement_fails() {
        assert!(erasing("a.b", &["note"], || Err::<(), _>(Error::conflict("no"))).is_err());
        assert!(erasable("a", "b").is_empty());
        let panicked =
            std::panic::catch_unwind(|| erasing("a.b", &["c"], || -> Result<()> { panic!() }));
        assert!(panicked.is_err() && erasable("a", "b").is_empty());
    }
}
