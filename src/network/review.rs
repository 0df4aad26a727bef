//! Reviews: checks that make an admin look before a withdrawal is approved.
//!
//! They run when it is asked for and again when it is approved, for what came up
//! in between. What was found once stays; only an account that was not verified
//! can be verified since. The promoter sees none of it.

use crate::kernel::error::{Error, Result};
use crate::kernel::settings::Settings;
use crate::network::SYSTEM;
use crate::network::store::reviews::{self as store, Subject};
use pgrx::Uuid;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// The most customers that a finding names.
const MOST_NAMED: usize = 20;
const DIGITS_OF_A_PHONE: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flag {
    /// A customer seems to be somebody of the promoter's own line.
    SelfReferral,
    /// Another promoter gave the same bank account.
    SharedBankAccount,
    /// The bank account replaced another a short while ago.
    BankAccountChanged,
    /// No admin has verified the bank account.
    UnverifiedBankAccount,
}

impl Flag {
    pub fn as_str(self) -> &'static str {
        match self {
            Flag::SelfReferral => "self_referral",
            Flag::SharedBankAccount => "shared_bank_account",
            Flag::BankAccountChanged => "bank_account_changed",
            Flag::UnverifiedBankAccount => "unverified_bank_account",
        }
    }
}

/// Somebody with the addresses by which two people may turn out to be one.
#[derive(Clone, Debug)]
pub struct Contact {
    pub id: Uuid,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub name: Option<String>,
}

/// The mailbox that an address leads to: what follows a plus, and the dots of
/// Gmail, do not make another.
fn mailbox(email: &str) -> String {
    let email = email.to_lowercase();
    let (local, domain) = email.rsplit_once('@').unwrap_or((&email, ""));
    let local = local.split('+').next().unwrap_or_default();
    match domain {
        "gmail.com" | "googlemail.com" => format!("{}@gmail.com", local.replace('.', "")),
        _ => format!("{local}@{domain}"),
    }
}

/// The last ten digits: the same subscriber with or without the country's code.
fn subscriber(phone: &str) -> Option<String> {
    let digits: Vec<char> = phone.chars().filter(char::is_ascii_digit).collect();
    let start = digits.len().checked_sub(DIGITS_OF_A_PHONE)?;
    Some(digits[start..].iter().collect())
}

/// A customer who shares something with the line, and what.
#[derive(Debug, PartialEq, Eq)]
pub struct Match {
    pub customer: Uuid,
    pub shares: &'static str,
    pub with: Uuid,
}

/// The customers who share a mailbox or a phone with somebody of the line, or in
/// whose name the promoter's bank account is.
pub fn self_referrals(
    promoter: Uuid,
    holder: &str,
    line: &[Contact],
    customers: &[Contact],
) -> Vec<Match> {
    let by = |key: fn(&Contact) -> Option<String>| -> HashMap<String, Uuid> {
        line.iter().filter_map(|one| Some((key(one)?, one.id))).collect()
    };
    let email = |one: &Contact| one.email.as_deref().map(mailbox);
    let phone = |one: &Contact| one.phone.as_deref().and_then(subscriber);
    let (emails, phones) = (by(email), by(phone));
    let same_name = |name: &Option<String>| {
        name.as_deref()
            .is_some_and(|name| name.trim().to_lowercase() == holder.trim().to_lowercase())
    };
    let own_name = line.iter().any(|one| one.id == promoter && same_name(&one.name));
    let mut found = Vec::new();
    for one in customers {
        let customer = one.id;
        if let Some(with) = email(one).and_then(|key| emails.get(&key).copied()) {
            found.push(Match { customer, shares: "email", with });
        }
        if let Some(with) = phone(one).and_then(|key| phones.get(&key).copied()) {
            found.push(Match { customer, shares: "phone", with });
        }
        if !own_name && same_name(&one.name) {
            found.push(Match { customer, shares: "account_holder_name", with: promoter });
        }
    }
    found
}

type Findings = BTreeMap<Flag, Value>;

/// Runs the checks that the settings ask for.
fn findings(subject: &Subject) -> Result<Findings> {
    let settings = Settings::of(SYSTEM)?;
    let mut found = Findings::new();
    if settings.get::<bool>("review_self_referral")? {
        let line = store::line(subject.promoter)?;
        let customers = store::earned_on(subject.promoter)?;
        let matches = self_referrals(subject.promoter, &subject.holder, &line, &customers);
        if !matches.is_empty() {
            found.insert(Flag::SelfReferral, describe(&matches));
        }
    }
    if settings.get::<bool>("review_shared_bank_account")? {
        let others = store::sharing(subject.account)?;
        if !others.is_empty() {
            let others: Vec<String> = others.iter().take(MOST_NAMED).map(Uuid::to_string).collect();
            found.insert(Flag::SharedBankAccount, json!({ "promoters": others }));
        }
    }
    let days: i64 = settings.get("review_bank_changed_days")?;
    if days > 0
        && let Some(since) = store::changed_within(subject.request, subject.account, days as i32)?
    {
        found.insert(Flag::BankAccountChanged, json!({ "first_used_at": since }));
    }
    if settings.get::<bool>("review_unverified_bank_account")? && !subject.verified {
        let account = subject.account.to_string();
        found.insert(Flag::UnverifiedBankAccount, json!({ "payout_account_id": account }));
    }
    Ok(found)
}

fn describe(matches: &[Match]) -> Value {
    let one = |found: &Match| {
        json!({
            "customer_id": found.customer.to_string(),
            "shares": found.shares,
            "with": found.with.to_string(),
        })
    };
    json!({
        "count": matches.len(),
        "customers": matches.iter().take(MOST_NAMED).map(one).collect::<Vec<_>>(),
    })
}

/// Checks a withdrawal that was just asked for.
pub fn open(request: Uuid, account: Uuid) -> Result<()> {
    store::insert(request, account)?;
    let subject = store::subject(request)?;
    let found = findings(&subject)?;
    if found.is_empty() { Ok(()) } else { write(&subject, &[], found).map(drop) }
}

/// Checks a withdrawal anew that is about to be approved. Where there is something
/// to look at, whoever approves it says so in a note; whether that was needed.
/// 22004 without a note.
pub fn acknowledge(admin: Option<Uuid>, request: Uuid, notes: Option<&str>) -> Result<bool> {
    let subject = store::subject(request)?;
    let found = findings(&subject)?;
    let former = store::findings(request)?;
    if found.is_empty() && former.is_empty() {
        return Ok(false);
    }
    let flags = write(&subject, &former, found)?;
    if flags.is_empty() {
        return Ok(false);
    }
    let notes = notes.ok_or_else(|| {
        Error::missing("p_notes")
            .detail(format!("to be reviewed: {}", flags.join(", ")))
            .hint("Look at withdrawal_reviews, and approve with a note that says why it is right.")
    })?;
    store::acknowledge(request, notes, admin)?;
    Ok(true)
}

/// Writes what was found, with what stays of what was found before; the flags.
fn write(subject: &Subject, former: &[Value], found: Findings) -> Result<Vec<String>> {
    let found: Vec<Value> = found
        .into_iter()
        .map(|(flag, mut details)| {
            details["flag"] = json!(flag.as_str());
            details
        })
        .collect();
    let merged = merge(former, found, subject.verified);
    let flags: Vec<String> = merged.iter().map(|one| flag_of(one).to_owned()).collect();
    store::write(subject.request, &flags, Value::from(merged))?;
    Ok(flags)
}

fn flag_of(finding: &Value) -> &str {
    finding["flag"].as_str().unwrap_or_default()
}

/// The new findings, and those former ones that have no newer: evidence does not
/// vanish because somebody changed an address.
fn merge(former: &[Value], found: Vec<Value>, verified: bool) -> Vec<Value> {
    let stays = |old: &&Value| {
        let flag = flag_of(old);
        let settled = verified && flag == Flag::UnverifiedBankAccount.as_str();
        !settled && !found.iter().any(|new| flag_of(new) == flag)
    };
    let mut merged: Vec<Value> = former.iter().filter(stays).cloned().collect();
    merged.extend(found);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::ids::new_id;

    fn contact(email: &str, phone: &str, name: &str) -> Contact {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Contact { id: new_id(), email: some(email), phone: some(phone), name: some(name) }
    }

    fn shared(line: &[Contact], customer: Contact, holder: &str) -> Vec<&'static str> {
        let found = self_referrals(line[0].id, holder, line, &[customer]);
        found.iter().map(|one| one.shares).collect()
    }

    #[test]
    fn one_mailbox_has_many_spellings() {
        assert_eq!(mailbox("Asha.K+work@Gmail.com"), mailbox("ashak@googlemail.com"));
        assert_eq!(mailbox("asha+1@example.com"), "asha@example.com");
        assert_ne!(mailbox("asha.k@example.com"), mailbox("ashak@example.com"));
        assert_ne!(mailbox("asha@example.com"), mailbox("asha@example.org"));
    }

    #[test]
    fn a_phone_is_its_last_ten_digits() {
        assert_eq!(subscriber("+919876543210"), subscriber("09876543210"));
        assert_eq!(subscriber("12345"), None);
    }

    #[test]
    fn a_customer_of_the_own_line_is_found_and_a_stranger_is_not() {
        let line = [
            contact("asha@example.com", "+919876543210", "Asha"),
            contact("bela@example.com", "", "Bela"),
        ];
        let customer = |email, phone, name| contact(email, phone, name);
        assert_eq!(shared(&line, customer("asha+2@example.com", "", "Ravi"), "Asha"), ["email"]);
        assert_eq!(shared(&line, customer("bela+2@example.com", "", "Ravi"), "Asha"), ["email"]);
        assert_eq!(shared(&line, customer("", "+449876543210", "Ravi"), "Asha"), ["phone"]);
        assert_eq!(
            shared(&line, customer("ravi@example.com", "+911111111111", "Ravi"), "Asha"),
            [""; 0]
        );
    }

    #[test]
    fn an_account_in_a_customers_name_is_found_unless_it_is_the_promoters_own() {
        let line = [contact("", "", "Asha")];
        assert_eq!(shared(&line, contact("", "", "Ravi K"), "RAVI K "), ["account_holder_name"]);
        assert_eq!(shared(&line, contact("", "", "Asha"), "Asha"), [""; 0]);
    }

    #[test]
    fn what_was_found_stays_but_an_account_may_be_verified_since() {
        let old = [
            json!({"flag": "self_referral", "count": 1}),
            json!({"flag": "unverified_bank_account"}),
        ];
        let new = vec![json!({"flag": "shared_bank_account"})];
        let flags = |merged: Vec<Value>| {
            merged.iter().map(|one| flag_of(one).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            flags(merge(&old, new.clone(), false)),
            ["self_referral", "unverified_bank_account", "shared_bank_account"]
        );
        assert_eq!(flags(merge(&old, new, true)), ["self_referral", "shared_bank_account"]);
        let newer = vec![json!({"flag": "self_referral", "count": 2})];
        assert_eq!(merge(&old[..1], newer.clone(), false), newer);
    }
}
