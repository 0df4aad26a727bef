//! Amounts as banks write them: `1,234.56`, `-12,50`, `12.50-`, `(12.50)`.

use rust_decimal::Decimal;

/// Which characters an amount is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notation {
    pub decimal: char,
    /// Between groups of digits; none where digits are not grouped.
    pub thousands: Option<char>,
}

impl Default for Notation {
    fn default() -> Self {
        Notation { decimal: '.', thousands: None }
    }
}

/// The exact amount, or nothing where the text is not one.
pub fn parse(text: &str, notation: Notation) -> Option<Decimal> {
    let (negative, digits) = split_sign(text.trim())?;
    let (whole, part) = match digits.split_once(notation.decimal) {
        Some((whole, part)) => (whole, Some(part)),
        None => (digits, None),
    };
    let whole = ungrouped(whole, notation.thousands)?;
    if !part.is_none_or(is_digits) {
        return None;
    }
    let plain = format!("{whole}.{}", part.unwrap_or("0"));
    let amount = Decimal::from_str_exact(&plain).ok()?;
    Some(if negative { -amount } else { amount })
}

/// Whether it is negative, and the rest. One sign only: in front, behind, or brackets.
fn split_sign(text: &str) -> Option<(bool, &str)> {
    const MINUS: [char; 2] = ['-', '\u{2212}'];
    if let Some(inside) = text.strip_prefix('(') {
        return Some((true, inside.strip_suffix(')')?.trim()));
    }
    if let Some(rest) = text.strip_prefix(MINUS) {
        return Some((true, rest.trim_start()));
    }
    if let Some(rest) = text.strip_prefix('+') {
        return Some((false, rest.trim_start()));
    }
    if let Some(rest) = text.strip_suffix(MINUS) {
        return Some((true, rest.trim_end()));
    }
    Some((false, text.strip_suffix('+').map_or(text, str::trim_end)))
}

/// The digits without separators. Groups must be where they belong: `1.23` with the
/// point as separator is no 123, but a mistake in the options.
fn ungrouped(whole: &str, separator: Option<char>) -> Option<String> {
    let Some(separator) = separator.filter(|one| whole.contains(*one)) else {
        return is_digits(whole).then(|| whole.to_owned());
    };
    let groups: Vec<&str> = whole.split(separator).collect();
    let (last, before) = groups.split_last()?;
    // Lakh and crore are groups of two.
    let sizes_fit = last.len() == 3
        && before.iter().enumerate().all(|(n, group)| match n {
            0 => (1..=3).contains(&group.len()),
            _ => (2..=3).contains(&group.len()),
        });
    (sizes_fit && groups.iter().all(|group| is_digits(group))).then(|| groups.concat())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ENGLISH: Notation = Notation { decimal: '.', thousands: Some(',') };
    const GERMAN: Notation = Notation { decimal: ',', thousands: Some('.') };

    fn read(text: &str, notation: Notation) -> Option<String> {
        parse(text, notation).map(|amount| amount.normalize().to_string())
    }

    #[test]
    fn every_way_to_write_a_sign() {
        for text in ["-12.50", "\u{2212}12.50", "12.50-", "(12.50)", "( 12.50 )", "- 12.50"] {
            assert_eq!(read(text, ENGLISH).as_deref(), Some("-12.5"), "{text}");
        }
        for text in ["12.50", "+12.50", " 12.50 ", "12.50+"] {
            assert_eq!(read(text, ENGLISH).as_deref(), Some("12.5"), "{text}");
        }
    }

    #[test]
    fn groups_of_digits() {
        assert_eq!(read("1,234,567.89", ENGLISH).as_deref(), Some("1234567.89"));
        assert_eq!(read("12,34,567.89", ENGLISH).as_deref(), Some("1234567.89"));
        assert_eq!(read("1.234.567,89", GERMAN).as_deref(), Some("1234567.89"));
        assert_eq!(read("1234567,89", GERMAN).as_deref(), Some("1234567.89"));
    }

    #[test]
    fn a_point_that_is_taken_for_a_separator_is_no_amount() {
        for text in ["1.23", "12.3456", "1.2.345", "1..234", ".234"] {
            assert_eq!(read(text, GERMAN), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_amount() {
        for text in [
            "",
            " ",
            "-",
            "()",
            "(1",
            "1)",
            "--1",
            "-1-",
            "1e5",
            "1_000",
            "NaN",
            "Infinity",
            "0x1",
            "1.",
            ".5",
            "1.2.3",
            "1 000",
            "12.50 INR",
            "१२",
        ] {
            assert_eq!(read(text, Notation::default()), None, "{text}");
        }
        assert_eq!(read(&"9".repeat(30), ENGLISH), None);
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read(units: i64, scale in 0u32..5) {
            let amount = Decimal::new(units, scale);
            prop_assert_eq!(parse(&amount.to_string(), Notation::default()), Some(amount));
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,20}") {
            let _ = parse(&text, GERMAN);
        }
    }
}
