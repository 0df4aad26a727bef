//! Identifiers: UUID version 7, made here so that they sort by time of birth.

use crate::kernel::error::{Error, Result};
use pgrx::Uuid;

/// A fresh UUID v7.
pub fn new_id() -> Uuid {
    Uuid::from_bytes(uuid::Uuid::now_v7().into_bytes())
}

/// Reads a UUID that came as text, or 22023 naming `field`.
pub fn parse_id(text: &str, field: &str) -> Result<Uuid> {
    uuid::Uuid::try_parse(text)
        .map(|id| Uuid::from_bytes(id.into_bytes()))
        .map_err(|_| Error::invalid(field, "must be a UUID"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_ids_sort_later() {
        let ids: Vec<_> = (0..100).map(|_| *new_id().as_bytes()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn text_that_is_no_uuid_is_refused() {
        assert!(parse_id("1234", "id").is_err());
        assert!(parse_id("", "id").is_err());
    }
}
