//! Names of accounts as beancount has them: `Assets:Shop:Bank`.
//!
//! A name has parts of letters, digits and dashes that begin with a capital or a digit.
//! What ours have besides becomes a dash, and where two would be the same the younger gets
//! its id behind it. The metadata of `open` has the code as it is.

use crate::ledger::account::Class;
use crate::ledger::export::Account;
use std::collections::{HashMap, HashSet};

/// A valid name for each account, none twice. Accounts come in the order of their ids, so
/// one that is opened later changes no name.
pub fn names(accounts: &[Account]) -> HashMap<i64, String> {
    let mut taken = HashSet::new();
    let mut names = HashMap::new();
    for account in accounts {
        let mut name = plain(account);
        while !taken.insert(name.clone()) {
            name = format!("{name}-{}", account.id);
        }
        names.insert(account.id, name);
    }
    names
}

fn plain(account: &Account) -> String {
    let root = match account.class {
        Class::Asset => "Assets",
        Class::Liability => "Liabilities",
        Class::Equity => "Equity",
        Class::Income => "Income",
        Class::Expense => "Expenses",
    };
    let parts = account.code.split([':', '/', '.']).filter(|part| !part.is_empty());
    let mut name = format!("{root}:{}", component(&account.system));
    let before = name.len();
    for part in parts {
        name.push(':');
        name.push_str(&component(part));
    }
    if name.len() == before {
        name.push_str(":X");
    }
    name
}

/// A part of a name.
fn component(text: &str) -> String {
    let mut part = String::new();
    for c in text.chars() {
        match c {
            c if c.is_ascii_alphanumeric() => part.push(c),
            _ if part.is_empty() || part.ends_with('-') => {}
            _ => part.push('-'),
        }
    }
    let part = part.trim_end_matches('-');
    let mut chars = part.chars();
    match chars.next() {
        Some(first) => first.to_ascii_uppercase().to_string() + chars.as_str(),
        None => "X".to_owned(),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::kernel::money::{Currency, Money};
    use crate::ledger::export::{Side, Transfer};
    use pgrx::Uuid;
    use proptest::prelude::*;

    pub fn inr() -> Currency {
        Currency::parse("INR", "c").unwrap()
    }

    pub fn account(id: i64, code: &str, class: Class) -> Account {
        Account {
            id,
            system: "shop".to_owned(),
            code: code.to_owned(),
            name: code.to_owned(),
            class,
            currency: inr(),
            opened: 0,
            closed: None,
            balances: None,
        }
    }

    /// From account 2 (sales) to account 1 (bank).
    pub fn transfer(n: u8, journal: Option<u8>, minor: i64) -> Transfer {
        let side = |account, code: &str| Side {
            account,
            system: "shop".to_owned(),
            code: code.to_owned(),
        };
        Transfer {
            id: Uuid::from_bytes([n; 16]),
            journal: journal.map(|n| Uuid::from_bytes([n; 16])),
            day: 1,
            effective_at: "2000-01-02T00:00:00.000000Z".to_owned(),
            recorded_at: "2000-01-02T00:00:00.000000Z".to_owned(),
            system: "shop".to_owned(),
            kind: "sale".to_owned(),
            debit: side(1, "bank"),
            credit: side(2, "sales"),
            amount: Money::new(minor, inr()),
            description: None,
            metadata: None,
            hold: None,
            reverses: None,
        }
    }

    fn name(code: &str) -> String {
        plain(&account(1, code, Class::Liability))
    }

    #[test]
    fn codes_become_parts() {
        assert_eq!(name("wallet:asha"), "Liabilities:Shop:Wallet:Asha");
        assert_eq!(name("my bank/2"), "Liabilities:Shop:My-bank:2");
        assert_eq!(name("__x__y__"), "Liabilities:Shop:X-y");
        assert_eq!(name("::"), "Liabilities:Shop:X");
        assert_eq!(name("₹"), "Liabilities:Shop:X");
    }

    #[test]
    fn no_two_are_the_same() {
        let codes = ["a-b", "a b", "a_b", "a-b-2", "a-b-3"];
        let accounts: Vec<_> =
            (1..).zip(codes).map(|(id, code)| account(id, code, Class::Asset)).collect();
        let names = names(&accounts);
        let of = |id: i64| names[&id].trim_start_matches("Assets:Shop:");
        assert_eq!([1, 2, 3, 4, 5].map(of), ["A-b", "A-b-2", "A-b-3", "A-b-2-4", "A-b-3-5"]);
    }

    proptest! {
        #[test]
        fn every_code_becomes_a_valid_name(codes in prop::collection::vec("\\PC{1,12}", 1..20)) {
            let accounts: Vec<_> =
                (1..).zip(&codes).map(|(id, code)| account(id, code, Class::Income)).collect();
            let names = names(&accounts);
            let different: HashSet<&String> = names.values().collect();
            prop_assert_eq!(different.len(), codes.len());
            for name in names.values() {
                prop_assert!(name.split(':').count() >= 3);
                for part in name.split(':') {
                    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-';
                    prop_assert!(part.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit()));
                    prop_assert!(part.chars().all(valid), "{}", name);
                }
            }
        }
    }
}
