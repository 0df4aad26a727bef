//! Bank details of a withdrawal: what is accepted, and how they are shown.

use crate::kernel::error::{Error, Result};
use crate::kernel::input::Object;
use serde_json::{Value, json};

const KEYS: [&str; 7] = [
    "account_holder_name",
    "account_holder",
    "account_number",
    "ifsc_code",
    "ifsc",
    "bank_name",
    "branch",
];

/// Valid bank details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankDetails {
    pub holder: String,
    pub account_number: String,
    pub ifsc: String,
    pub bank_name: Option<String>,
    pub branch: Option<String>,
}

impl BankDetails {
    /// Reads and checks them; the short names `ifsc` and `account_holder` count too.
    pub fn parse(value: &Value) -> Result<Self> {
        let object = Object::new("p_bank_details", value, &KEYS)?;
        let either = |long, short| match object.text(long)? {
            Some(text) => Ok(text),
            None => object.text(short)?.map_or_else(|| object.required_text(long), Ok),
        };
        let text = |key| Ok::<_, Error>(object.text(key)?.map(str::to_owned));
        Ok(BankDetails {
            holder: either("account_holder_name", "account_holder")?.to_owned(),
            account_number: account_number(object.required_text("account_number")?)?,
            ifsc: ifsc(either("ifsc_code", "ifsc")?)?,
            bank_name: text("bank_name")?,
            branch: text("branch")?,
        })
    }

    /// All of it, to be sealed.
    pub fn full(&self) -> Value {
        self.with_number(&self.account_number)
    }

    /// With nothing of the account number but its last four digits.
    pub fn masked(&self) -> Value {
        self.with_number(&self.masked_number())
    }

    /// The account number's last four digits.
    pub fn masked_number(&self) -> String {
        let (hidden, shown) = self.account_number.split_at(self.account_number.len() - 4);
        format!("{}{shown}", "X".repeat(hidden.len()))
    }

    fn with_number(&self, number: &str) -> Value {
        json!({
            "account_holder_name": self.holder,
            "account_number": number,
            "ifsc_code": self.ifsc,
            "bank_name": self.bank_name,
            "branch": self.branch,
        })
    }
}

/// Indian account numbers have 9 to 18 digits (Reserve Bank of India).
fn account_number(text: &str) -> Result<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let good = (9..=18).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && digits.bytes().any(|b| b != b'0');
    if good {
        return Ok(digits);
    }
    Err(Error::invalid("p_bank_details.account_number", "must have 9 to 18 digits, not all zero"))
}

/// Four letters of the bank, a zero, six letters or digits of the branch
/// (Reserve Bank of India).
fn ifsc(text: &str) -> Result<String> {
    let code = text.to_ascii_uppercase();
    let bytes = code.as_bytes();
    let good = bytes.len() == 11
        && bytes[..4].iter().all(u8::is_ascii_uppercase)
        && bytes[4] == b'0'
        && bytes[5..].iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if good {
        return Ok(code);
    }
    let rule = "must be four letters, a zero and six letters or digits, such as HDFC0001234";
    Err(Error::invalid("p_bank_details.ifsc_code", rule))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn details(number: &str, ifsc: &str) -> Result<BankDetails> {
        BankDetails::parse(&json!({
            "account_holder_name": "Asha", "account_number": number, "ifsc_code": ifsc}))
    }

    #[test]
    fn good_details_are_normalised() {
        let bank = details("1234 5678-9012", "hdfc0001234").unwrap();
        assert_eq!(bank.account_number, "123456789012");
        assert_eq!(bank.ifsc, "HDFC0001234");
    }

    #[test]
    fn bad_account_numbers_are_refused() {
        for bad in ["12345678", "1234567890123456789", "12345678a", "000000000", "१२३४५६७८९०"]
        {
            assert!(details(bad, "HDFC0001234").is_err(), "{bad}");
        }
    }

    #[test]
    fn bad_ifsc_codes_are_refused() {
        for bad in [
            "HDFC1001234",
            "HDF00001234",
            "HDFC000123",
            "HDFC00012345",
            "HDFC0001-34",
            "ÄDFC000123",
        ] {
            assert!(details("123456789012", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = BankDetails::parse(&json!({"account_number": "123456789"})).unwrap_err();
        assert_eq!(error.sqlstate.code(), "22004");
        assert!(error.message.contains("account_holder_name"));
    }

    #[test]
    fn the_short_names_count_too() {
        let bank = BankDetails::parse(&json!({
            "account_holder": "Asha", "account_number": "123456789012", "ifsc": "HDFC0001234"}));
        assert_eq!(bank.unwrap().holder, "Asha");
    }

    proptest! {
        #[test]
        fn the_mask_shows_four_digits_and_no_more(number in "[1-9][0-9]{8,17}") {
            let bank = details(&number, "HDFC0001234").unwrap();
            let shown = bank.masked()["account_number"].as_str().unwrap().to_owned();
            prop_assert_eq!(shown.len(), number.len());
            prop_assert_eq!(&shown[shown.len() - 4..], &number[number.len() - 4..]);
            prop_assert!(shown[..shown.len() - 4].bytes().all(|b| b == b'X'));
        }
    }
}
