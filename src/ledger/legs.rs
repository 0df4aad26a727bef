//! The legs of a journal as JSON.

use crate::kernel::error::{Error, Result, sqlstate};
use crate::kernel::ids::parse_id;
use crate::kernel::json::JsonArg;
use crate::kernel::jsonb_read::Scalar;
use crate::kernel::money::{Currency, Money};
use crate::ledger::account::AccountId;
use crate::ledger::batch::{Item, MAX_TRANSFERS};
use crate::ledger::error::LedgerError;
use crate::ledger::journal::{Leg, MAX_LEGS};
use crate::ledger::store;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The keys that a leg may have.
const KEYS: [&str; 7] =
    ["id", "debit", "credit", "debit_account_id", "credit_account_id", "amount", "currency"];

/// Reads an array of legs whose accounts are codes of `system` or ids.
pub fn read_legs(system: &str, json: &JsonArg) -> Result<Vec<Leg>> {
    let too_many = || LedgerError::LegCount { most: MAX_LEGS }.into();
    let drafts = read_drafts("p_legs", json, MAX_LEGS, too_many)?;
    let mut known = Accounts { system, by_code: HashMap::new(), currencies: HashMap::new() };
    drafts.iter().map(|draft| draft.leg(&mut known)).collect()
}

/// Reads an array of transfers for a batch. Codes that no account has are left to the
/// batch, which may refuse those transfers alone.
pub fn read_batch(system: &str, json: &JsonArg) -> Result<Vec<Item>> {
    let name = "p_transfers";
    let drafts = read_drafts(name, json, MAX_TRANSFERS, || {
        Error::invalid(name, format!("must have 1 to {MAX_TRANSFERS} transfers"))
    })?;
    let codes = drafts.iter().flat_map(|draft| [&draft.debit, &draft.credit]);
    let mut codes: Vec<String> = codes
        .filter_map(|name| match name {
            Name::Code(code) => Some(code.clone()),
            Name::Id(_) => None,
        })
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let known =
        if codes.is_empty() { HashMap::new() } else { store::batch::by_codes(system, codes)? };
    let find = |name: &Name| match name {
        Name::Id(id) => Some(AccountId(*id)),
        Name::Code(code) => known.get(code).copied(),
    };
    let item = |draft: &Draft| Item {
        id: draft.id,
        debit: find(&draft.debit),
        credit: find(&draft.credit),
        amount: draft.amount,
        currency: draft.currency,
    };
    Ok(drafts.iter().map(item).collect())
}

/// Reads 1 to `most` objects, or says what is wrong with them.
fn read_drafts(
    name: &'static str,
    json: &JsonArg,
    most: usize,
    count: impl FnOnce() -> Error,
) -> Result<Vec<Draft>> {
    match json.array_length() {
        None => return Err(Error::invalid(name, "must be an array")),
        Some(length) if length == 0 || length > most => return Err(count()),
        Some(_) => (),
    }
    let plain = json.objects(Plain::set);
    let drafts = plain.and_then(|plain| plain.into_iter().map(Plain::draft).collect());
    if let Some(drafts) = drafts {
        return Ok(drafts);
    }
    let json = json.value(name)?;
    let elements = json.as_array().into_iter().flatten().enumerate();
    elements.map(|(n, one)| Draft::read(one, &At(name, n))).collect()
}

/// An object of an array, and what the caller calls the array.
struct At(&'static str, usize);

impl At {
    fn key(&self, key: &str) -> String {
        format!("{}[{}].{key}", self.0, self.1)
    }
}

/// How a leg names an account.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Code(String),
    Id(i64),
}

/// A leg as written down, its accounts not yet looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Draft {
    id: Option<pgrx::Uuid>,
    debit: Name,
    credit: Name,
    amount: i64,
    currency: Option<Currency>,
}

impl Draft {
    fn read(leg: &Value, place: &At) -> Result<Draft> {
        let at = |key: &str| place.key(key);
        let leg = leg.as_object().ok_or_else(|| {
            Error::invalid(&format!("{}[{}]", place.0, place.1), "must be an object")
        })?;
        if leg.len() > KEYS.len() || leg.keys().any(|key| !KEYS.contains(&key.as_str())) {
            let unknown = leg.keys().find(|key| !KEYS.contains(&key.as_str()));
            let rule = format!("unknown key; allowed are {}", KEYS.join(", "));
            return Err(Error::invalid(&at(unknown.map_or("", String::as_str)), rule));
        }
        let text = |key: &str| text(leg, key, place);
        Ok(Draft {
            id: text("id")?.map(|id| parse_id(id, &at("id"))).transpose()?,
            debit: name(leg, "debit", "debit_account_id", place)?,
            credit: name(leg, "credit", "credit_account_id", place)?,
            amount: present(leg, "amount")
                .ok_or_else(|| Error::missing(&at("amount")))
                .and_then(|amount| integer(amount, "amount", place))?,
            currency: text("currency")?
                .map(|code| Currency::parse(code, &at("currency")))
                .transpose()?,
        })
    }

    fn leg(&self, known: &mut Accounts<'_>) -> Result<Leg> {
        let (debit, credit) = (known.find(&self.debit)?, known.find(&self.credit)?);
        let currency = match self.currency {
            Some(currency) => currency,
            None => known.currency(debit)?,
        };
        Ok(Leg { id: self.id, debit, credit, amount: Money::new(self.amount, currency) })
    }
}

/// What a leg has so far while its keys are read one after the other. Anything that is
/// not as it should be is left to [`Draft::read`], which says what it is.
#[derive(Default)]
struct Plain {
    id: Option<pgrx::Uuid>,
    debit: Option<Name>,
    credit: Option<Name>,
    amount: Option<i64>,
    currency: Option<Currency>,
}

impl Plain {
    fn set(&mut self, key: &str, value: Scalar<'_>) -> Option<()> {
        match (key, value) {
            ("id", Scalar::Text(id)) => self.id = Some(parse_id(id, key).ok()?),
            ("currency", Scalar::Text(code)) => {
                self.currency = Some(Currency::parse(code, key).ok()?);
            }
            ("id" | "currency", Scalar::Null) => (),
            ("amount", Scalar::Whole(amount)) => self.amount = Some(amount),
            ("debit" | "debit_account_id", value) => named(&mut self.debit, key, value)?,
            ("credit" | "credit_account_id", value) => named(&mut self.credit, key, value)?,
            _ => return None,
        }
        Some(())
    }

    fn draft(self) -> Option<Draft> {
        let Plain { id, debit, credit, amount, currency } = self;
        Some(Draft { id, debit: debit?, credit: credit?, amount: amount?, currency })
    }
}

/// Sets one side of a leg, unless it has been set by its other key.
fn named(side: &mut Option<Name>, key: &str, value: Scalar<'_>) -> Option<()> {
    let name = match value {
        Scalar::Text(code) if !key.ends_with("_id") => Name::Code(code.to_owned()),
        Scalar::Whole(id) if key.ends_with("_id") => Name::Id(id),
        _ => return None,
    };
    side.replace(name).is_none().then_some(())
}

/// The value of a key; null is the same as left out.
fn present<'j>(leg: &'j Map<String, Value>, key: &str) -> Option<&'j Value> {
    leg.get(key).filter(|value| !value.is_null())
}

fn text<'j>(leg: &'j Map<String, Value>, key: &str, place: &At) -> Result<Option<&'j str>> {
    let value = present(leg, key);
    let text = |value: &'j Value| {
        value.as_str().ok_or_else(|| Error::invalid(&place.key(key), "must be a text"))
    };
    value.map(text).transpose()
}

fn name(leg: &Map<String, Value>, code: &str, id: &str, place: &At) -> Result<Name> {
    match (text(leg, code, place)?, present(leg, id)) {
        (Some(code), None) => Ok(Name::Code(code.to_owned())),
        (None, Some(value)) => Ok(Name::Id(integer(value, id, place)?)),
        (None, None) => Err(Error::missing(&place.key(code))),
        (Some(_), Some(_)) => {
            Err(Error::invalid(&place.key(code), format!("give either this or {id}")))
        }
    }
}

/// A whole number, written as a JSON number or as a text of digits.
fn integer(value: &Value, key: &str, place: &At) -> Result<i64> {
    // Nearly all are: without a text in between.
    if let Some(number) = value.as_i64() {
        return Ok(number);
    }
    let field = place.key(key);
    let whole = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    // A number beyond 64 bits comes as a float: 1e19.
    let huge = value.as_f64().is_some_and(|float| float.abs() >= 9.2e18 && !value.is_i64());
    match text.parse::<i64>() {
        Ok(number) if whole(&text) => Ok(number),
        _ if whole(&text) || huge => {
            Err(Error::new(sqlstate::OUT_OF_RANGE, format!("{field}: does not fit 64 bits")))
        }
        _ => Err(Error::invalid(&field, "must be a whole number of minor units")),
    }
}

/// Accounts looked up so far, so that each is looked up once.
struct Accounts<'a> {
    system: &'a str,
    by_code: HashMap<String, AccountId>,
    currencies: HashMap<AccountId, Currency>,
}

impl Accounts<'_> {
    fn find(&mut self, name: &Name) -> Result<AccountId> {
        let code = match name {
            Name::Id(id) => return Ok(AccountId(*id)),
            Name::Code(code) => code,
        };
        if let Some(id) = self.by_code.get(code) {
            return Ok(*id);
        }
        let id = store::accounts::find(self.system, code)?
            .ok_or_else(|| Error::not_found("account", format!("{} {code}", self.system)))?;
        self.by_code.insert(code.clone(), id);
        Ok(id)
    }

    fn currency(&mut self, id: AccountId) -> Result<Currency> {
        if let Some(currency) = self.currencies.get(&id) {
            return Ok(*currency);
        }
        let found = store::accounts::describe(id)?.ok_or(LedgerError::UnknownAccount(id))?;
        self.currencies.insert(id, found.currency);
        Ok(found.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn code(leg: Value) -> String {
        Draft::read(&leg, &At("p_legs", 0)).unwrap_err().sqlstate.code()
    }

    #[test]
    fn accounts_are_named_by_code_or_by_id() {
        let draft = Draft::read(
            &json!({"debit": "a", "credit_account_id": 7, "amount": 5}),
            &At("p_legs", 0),
        );
        let draft = draft.unwrap();
        assert_eq!((draft.debit, draft.credit), (Name::Code("a".into()), Name::Id(7)));
        assert_eq!(code(json!({"debit": "a", "amount": 5})), "22004");
        assert_eq!(
            code(json!({"debit": "a", "debit_account_id": 1, "credit": "b", "amount": 5})),
            "22023"
        );
    }

    #[test]
    fn an_amount_is_a_whole_number_or_a_text_of_digits() {
        for good in [json!(5), json!("5"), json!(-5), json!(i64::MAX), json!("9223372036854775807")]
        {
            assert!(integer(&good, "amount", &At("p_legs", 0)).is_ok(), "{good}");
        }
        for bad in [json!(5.5), json!("5.0"), json!("x"), json!(""), json!("NaN"), json!([5])] {
            assert_eq!(
                integer(&bad, "amount", &At("p_legs", 0)).unwrap_err().sqlstate,
                sqlstate::INVALID,
                "{bad}"
            );
        }
        for huge in [json!("9223372036854775808"), json!(9223372036854775808_u64), json!(1e30)] {
            let error = integer(&huge, "amount", &At("p_legs", 0)).unwrap_err();
            assert_eq!(error.sqlstate, sqlstate::OUT_OF_RANGE, "{huge}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let leg = json!({"debit": "a", "credit": "b", "amount": 5, "amuont": 6});
        let error = Draft::read(&leg, &At("p_legs", 3)).unwrap_err();
        assert_eq!(error.sqlstate, sqlstate::INVALID);
        assert!(error.message.contains("p_legs[3].amuont"));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(code(json!(5)), "22023");
        assert_eq!(code(json!({"debit": 5, "credit": "b", "amount": 5})), "22023");
    }
}
