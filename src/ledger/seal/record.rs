//! What is hashed of a transfer, byte for byte.
//!
//! Each thing that is sealed becomes one string of bytes: a tag, then its fields in a
//! fixed order. Numbers and times (microseconds since 2000) are eight bytes, the highest
//! first; ids are their sixteen; a text is its length and its UTF-8; a field that may be
//! NULL has a byte before it that says whether it is there. So no two different rows
//! give the same string. Metadata is the SHA-256 of the jsonb as PostgreSQL prints it:
//! that text depends on nothing but the value.

use sha2::{Digest, Sha256};

pub type Hash = [u8; 32];
pub type Id = [u8; 16];

/// A transfer as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    pub id: Id,
    pub debit: i64,
    pub credit: i64,
    pub amount: i64,
    pub recorded_at: i64,
    pub effective_at: Option<i64>,
    pub kind: i16,
    pub journal: Option<Id>,
    pub hold: Option<Id>,
    pub reverses: Option<Id>,
    pub description: Option<String>,
    /// The SHA-256 of its text.
    pub metadata: Option<Vec<u8>>,
}

/// A journal's own fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    pub id: Id,
    pub kind: i16,
    pub recorded_at: i64,
    pub effective_at: Option<i64>,
    pub reverses: Option<Id>,
    pub description: Option<String>,
    pub metadata: Option<Vec<u8>>,
}

/// What an account is and stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: i64,
    pub system: String,
    pub code: String,
    pub currency: String,
    pub class: String,
    pub created_at: i64,
}

/// The names of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    pub system: String,
    pub kind: String,
}

/// The hashes of a transfer, of its journal and of its accounts. Zeros stand for what
/// is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    pub id: Id,
    pub own: Hash,
    pub journal: Hash,
    pub debit: Hash,
    pub credit: Hash,
}

impl Transfer {
    pub fn hash(&self, kind: Option<&Kind>) -> Hash {
        let mut text = Text::new(b"transfer 1");
        text.id(&self.id);
        text.number(self.debit);
        text.number(self.credit);
        text.number(self.amount);
        text.number(self.recorded_at);
        text.option(self.effective_at, Text::number);
        text.kind(kind);
        text.option(self.journal.as_ref(), Text::id);
        text.option(self.hold.as_ref(), Text::id);
        text.option(self.reverses.as_ref(), Text::id);
        text.option(self.description.as_deref().map(str::as_bytes), Text::bytes);
        text.option(self.metadata.as_deref(), Text::bytes);
        text.hash()
    }
}

impl Journal {
    pub fn hash(&self, kind: Option<&Kind>) -> Hash {
        let mut text = Text::new(b"journal 1");
        text.id(&self.id);
        text.kind(kind);
        text.number(self.recorded_at);
        text.option(self.effective_at, Text::number);
        text.option(self.reverses.as_ref(), Text::id);
        text.option(self.description.as_deref().map(str::as_bytes), Text::bytes);
        text.option(self.metadata.as_deref(), Text::bytes);
        text.hash()
    }
}

impl Account {
    pub fn hash(&self) -> Hash {
        let mut text = Text::new(b"account 1");
        text.number(self.id);
        for field in [&self.system, &self.code, &self.currency, &self.class] {
            text.bytes(field.as_bytes());
        }
        text.number(self.created_at);
        text.hash()
    }
}

/// A string of bytes that is to be hashed.
pub struct Text(Vec<u8>);

impl Text {
    pub fn new(tag: &[u8]) -> Self {
        let mut text = Text(Vec::with_capacity(256));
        text.bytes(b"backoffice.ledger");
        text.bytes(tag);
        text
    }

    pub fn number(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    pub fn id(&mut self, id: &Id) {
        self.0.extend_from_slice(id);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn kind(&mut self, kind: Option<&Kind>) {
        self.option(kind, |text, kind| {
            text.bytes(kind.system.as_bytes());
            text.bytes(kind.kind.as_bytes());
        });
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.0.push(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub fn hash(&self) -> Hash {
        Sha256::digest(&self.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Transfer {
        Transfer {
            id: [1; 16],
            debit: 1,
            credit: 2,
            amount: 100,
            recorded_at: 5,
            effective_at: None,
            kind: 1,
            journal: None,
            hold: None,
            reverses: None,
            description: None,
            metadata: None,
        }
    }

    fn kind(system: &str, name: &str) -> Kind {
        Kind { system: system.to_owned(), kind: name.to_owned() }
    }

    #[test]
    fn the_bytes_never_change_from_one_version_to_the_next() {
        let transfer = Transfer {
            effective_at: Some(4),
            journal: Some([2; 16]),
            description: Some("Miete".to_owned()),
            ..sample()
        };
        let hash = transfer.hash(Some(&kind("shop", "sale")));
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "a4b23fbcb941533509b99ee59800cf02a8a9c4358c6a2e010580818b962a1c52");
    }

    #[test]
    fn a_field_that_is_empty_is_not_one_that_is_not_there() {
        let empty = Transfer { description: Some(String::new()), ..sample() };
        assert_ne!(empty.hash(None), sample().hash(None));
        assert_ne!(sample().hash(Some(&kind("", ""))), sample().hash(None));
    }

    #[test]
    fn letters_do_not_wander_from_one_field_to_the_next() {
        assert_ne!(sample().hash(Some(&kind("ab", "c"))), sample().hash(Some(&kind("a", "bc"))));
        let account = |system: &str, code: &str| Account {
            id: 1,
            system: system.to_owned(),
            code: code.to_owned(),
            currency: "INR".to_owned(),
            class: "asset".to_owned(),
            created_at: 0,
        };
        assert_ne!(account("ab", "c").hash(), account("a", "bc").hash());
    }

    fn transfer() -> impl Strategy<Value = Transfer> {
        let id = || prop::option::of(prop::array::uniform16(0..2u8));
        let numbers = (0..3i64, 0..3i64, 0..3i64, 0..3i64, prop::option::of(0..3i64));
        let texts =
            (prop::option::of("[ab]{0,2}"), prop::option::of(prop::collection::vec(0..2u8, 0..3)));
        (numbers, id(), id(), id(), texts).prop_map(|(n, journal, hold, reverses, (text, data))| {
            Transfer {
                debit: n.0,
                credit: n.1,
                amount: n.2,
                recorded_at: n.3,
                effective_at: n.4,
                journal,
                hold,
                reverses,
                description: text,
                metadata: data,
                ..sample()
            }
        })
    }

    proptest! {
        #[test]
        fn equal_hashes_mean_equal_transfers(a in transfer(), b in transfer()) {
            prop_assert_eq!(a.hash(None) == b.hash(None), a == b);
        }
    }
}
