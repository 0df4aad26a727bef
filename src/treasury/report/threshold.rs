//! From what on a form is required, by calendar year. The years that are over and what is
//! law for the coming ones are here; an admin may write down more
//! (`treasury.set_tax_threshold`), such as the amounts for inflation from 2027 on.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::Currency;
use crate::kernel::settings;
use crate::treasury::SYSTEM;
use crate::treasury::report::parameters::YEARS;
use crate::treasury::store::tax as store;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaxForm {
    /// Payments that the platform settled as a third party (section 6050W of the Internal
    /// Revenue Code).
    K,
    /// What the platform paid for services (section 6041A).
    Nec,
}

/// Cents of US dollars, and a number of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    pub amount: i64,
    pub transactions: i64,
}

/// Each from a year on.
///
/// 1099-K: more than 20,000 dollars and more than 200 transactions, 26 U.S.C. 6050W(e). The
/// American Rescue Plan Act lowered it; the Internal Revenue Service left the old one in
/// force for 2022 and 2023 (Notices 2023-10 and 2023-74) and had 5,000 dollars for 2024
/// (Notice 2024-85), whose forms were due before the One, Big, Beautiful Bill Act (Public
/// Law 119-21, section 70432; Fact Sheet 2025-08) brought the old one back.
///
/// 1099-NEC: 600 dollars or more, 26 U.S.C. 6041(a) and 6041A(a); 2,000 for payments made
/// after 2025 (Public Law 119-21, section 70433), from 2027 on with inflation.
const LAW: [(TaxForm, i32, Threshold); 5] = [
    (TaxForm::K, 2011, Threshold { amount: 2_000_000, transactions: 200 }),
    (TaxForm::K, 2024, Threshold { amount: 500_000, transactions: 0 }),
    (TaxForm::K, 2025, Threshold { amount: 2_000_000, transactions: 200 }),
    (TaxForm::Nec, 2020, Threshold { amount: 60_000, transactions: 0 }),
    (TaxForm::Nec, 2026, Threshold { amount: 200_000, transactions: 0 }),
];

impl TaxForm {
    /// 22023 naming `field` for a form that there is not.
    pub fn parse(text: &str, field: &str) -> Result<Self> {
        match text {
            "1099-K" => Ok(TaxForm::K),
            "1099-NEC" => Ok(TaxForm::Nec),
            _ => Err(Error::invalid(field, "must be 1099-K or 1099-NEC")),
        }
    }

    /// The one that the setting says.
    pub fn chosen() -> Result<Self> {
        TaxForm::parse(&settings::get::<String>(SYSTEM, "tax_form")?, "tax_form")
    }

    pub fn as_str(self) -> &'static str {
        match self {
            TaxForm::K => "1099-K",
            TaxForm::Nec => "1099-NEC",
        }
    }

    /// Whether gross is what buyers paid, from which nothing is taken for fees
    /// (26 CFR 1.6050W-1(a)(6)), or what the recipient gets.
    pub fn counts_fees(self) -> bool {
        self == TaxForm::K
    }

    /// What must be exceeded: the amount itself counts for a 1099-NEC.
    pub fn beyond(self, threshold: Threshold) -> Threshold {
        match self {
            TaxForm::K => threshold,
            TaxForm::Nec => Threshold { amount: threshold.amount - 1, ..threshold },
        }
    }

    pub fn is_required(self, threshold: Threshold, gross: i64, transactions: i64) -> bool {
        let beyond = self.beyond(threshold);
        gross > beyond.amount && transactions > beyond.transactions
    }
}

/// The currency of thresholds.
pub fn currency() -> Result<Currency> {
    Currency::parse("USD", "currency")
}

/// The threshold of a form for a year; `None` for years before the form.
pub fn in_force(form: TaxForm, year: i32) -> Result<Option<Threshold>> {
    let law = LAW.iter().filter(|(of, from, _)| *of == form && *from <= year);
    let law = law.max_by_key(|(_, from, _)| *from).map(|(_, from, is)| (*from, *is));
    let ours = store::threshold(form.as_str(), year)?;
    Ok(match (law, ours) {
        (Some((from, law)), Some((since, _))) if from > since => Some(law),
        (law, ours) => ours.or(law).map(|(_, threshold)| threshold),
    })
}

/// Checks what an admin writes down.
pub fn check(form: &str, year: i32, threshold: Threshold) -> Result<()> {
    TaxForm::parse(form, "p_form")?;
    if !YEARS.contains(&year) {
        return Err(Error::invalid("p_year", "must be a year from 2000 to 2100"));
    }
    for (value, field) in
        [(threshold.amount, "p_amount_cents"), (threshold.transactions, "p_transactions")]
    {
        if value < 0 {
            return Err(Error::invalid(field, "must not be below zero"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_1099_k_is_for_more_of_both() {
        let limit = Threshold { amount: 2_000_000, transactions: 200 };
        let required = |gross, count| TaxForm::K.is_required(limit, gross, count);
        assert!(required(2_000_001, 201));
        assert!(!required(2_000_000, 201) && !required(2_000_001, 200));
    }

    #[test]
    fn a_1099_nec_is_for_the_amount_itself() {
        let limit = Threshold { amount: 60_000, transactions: 0 };
        assert!(TaxForm::Nec.is_required(limit, 60_000, 1));
        assert!(!TaxForm::Nec.is_required(limit, 59_999, 9));
        let all = Threshold { amount: 0, transactions: 0 };
        assert!(TaxForm::Nec.is_required(all, 0, 1) && !TaxForm::K.is_required(all, 0, 1));
    }

    #[test]
    fn thresholds_are_checked() {
        let good = Threshold { amount: 0, transactions: 0 };
        assert!(check("1099-K", 2027, good).is_ok());
        assert!(check("1099", 2027, good).is_err() && check("1099-K", 1999, good).is_err());
        assert!(check("1099-K", 2027, Threshold { amount: -1, ..good }).is_err());
    }
}
