//! What identifies a person when they sign in: an e-mail address, a phone, or an
//! id that a product gave them. Each has one canonical form, so that however it
//! is typed it is the same.

use crate::kernel::error::{Error, Result};
use crate::kernel::settings;

const EMAIL_MOST: usize = 254;
const LOCAL_PART_MOST: usize = 64;
const HANDLE_MOST: usize = 64;

/// The address in lower case, or 22023 naming `field`.
pub fn normalize_email(text: &str, field: &str) -> Result<String> {
    let email = text.trim().to_ascii_lowercase();
    if is_email(&email) {
        return Ok(email);
    }
    Err(Error::invalid(field, "must be an e-mail address, such as name@example.com"))
}

fn is_email(email: &str) -> bool {
    let Some((local, domain)) = email.rsplit_once('@') else { return false };
    let local_char = |c: char| c.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c);
    let dots = |part: &str| part.starts_with('.') || part.ends_with('.') || part.contains("..");
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    email.len() <= EMAIL_MOST
        && (1..=LOCAL_PART_MOST).contains(&local.len())
        && local.chars().all(local_char)
        && !dots(local)
        && domain.contains('.')
        && domain.split('.').all(label)
}

/// The phone in its canonical form, or 22023 naming `field`: ten digits in the
/// country of the setting `identity.default_country_code`, otherwise E.164.
pub fn normalize_phone(text: &str, field: &str) -> Result<String> {
    let country: String = settings::get("identity", "default_country_code")?;
    canonical_phone(text, country.trim_start_matches('+')).ok_or_else(|| {
        Error::invalid(field, "must be a phone number: ten digits, or + and the country's code")
    })
}

/// The canonical form of a phone for people of the country with this calling code.
pub fn canonical_phone(text: &str, country: &str) -> Option<String> {
    let text = text.trim();
    let separator = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')' | '/');
    let (plus, rest) = match text.strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if rest.len() > 40 || !rest.chars().all(|c| c.is_ascii_digit() || separator(c)) {
        return None;
    }
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix("00") {
        Some(digits) if !plus => international(digits, country),
        _ if plus => international(&digits, country),
        _ => national(&digits, country),
    }
}

fn international(digits: &str, country: &str) -> Option<String> {
    if let Some(number) = digits.strip_prefix(country).filter(|_| !country.is_empty()) {
        return is_national(number).then(|| number.to_owned());
    }
    let good = (7..=15).contains(&digits.len()) && !digits.starts_with('0');
    good.then(|| format!("+{digits}"))
}

/// Digits without a +: the number alone, behind a 0, or behind the country's code.
fn national(digits: &str, country: &str) -> Option<String> {
    [Some(digits), digits.strip_prefix('0'), digits.strip_prefix(country)]
        .into_iter()
        .flatten()
        .find(|number| is_national(number))
        .map(str::to_owned)
}

fn is_national(number: &str) -> bool {
    number.len() == 10 && !number.starts_with('0')
}

/// An id to sign in with in its canonical form, or 22023 naming `field`. It has a
/// letter and no @, so it can be taken neither for a phone nor for an e-mail.
pub fn normalize_handle(text: &str, field: &str) -> Result<String> {
    let handle = text.trim().to_ascii_lowercase();
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (2..=HANDLE_MOST).contains(&handle.len())
        && handle.chars().all(good)
        && handle.chars().any(|c| c.is_ascii_alphabetic())
    {
        return Ok(handle);
    }
    Err(Error::invalid(
        field,
        "must be 2 to 64 letters, digits, -, _ or . with at least one letter",
    ))
}

/// What somebody typed to say who they are, in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    Email(String),
    Phone(String),
    Handle(String),
}

impl Typed {
    pub fn as_str(&self) -> &str {
        match self {
            Typed::Email(text) | Typed::Phone(text) | Typed::Handle(text) => text,
        }
    }

    pub fn email(&self) -> Option<&str> {
        if let Typed::Email(email) = self { Some(email) } else { None }
    }

    pub fn phone(&self) -> Option<&str> {
        if let Typed::Phone(phone) = self { Some(phone) } else { None }
    }
}

/// Tells an e-mail address, a phone and an id of a product apart.
pub fn recognise(text: &str, country: &str) -> Option<Typed> {
    if text.contains('@') {
        return normalize_email(text, "email").ok().map(Typed::Email);
    }
    match canonical_phone(text, country) {
        Some(phone) => Some(Typed::Phone(phone)),
        None => normalize_handle(text, "email").ok().map(Typed::Handle),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn email(text: &str) -> Option<String> {
        normalize_email(text, "email").ok()
    }

    #[test]
    fn an_email_is_kept_in_lower_case() {
        assert_eq!(
            email(" Anna.B+x@Mail.Example.COM ").as_deref(),
            Some("anna.b+x@mail.example.com")
        );
    }

    #[test]
    fn what_is_no_email_is_refused() {
        for bad in [
            "", "@", "a@", "@b.c", "a@b", "a b@c.d", "a@b..c", ".a@b.c", "a.@b.c", "a..b@c.d",
            "a@-b.c", "a@b-.c", "a@b.c.", "a\n@b.c", "ä@b.c", "a@ä.c", "a@b@c.d", "a\0@b.c",
        ] {
            assert_eq!(email(bad), None, "{bad:?}");
        }
        assert_eq!(email(&format!("{}@b.c", "a".repeat(65))), None);
        assert_eq!(email(&format!("a@{}.c", "b".repeat(64))), None);
        assert_eq!(email(&format!("a@{}.c", ["b"; 130].join("."))), None);
    }

    #[test]
    fn the_same_phone_is_the_same_however_it_is_written() {
        for text in [
            "9876543210",
            "098765 43210",
            "+91 98765-43210",
            "919876543210",
            "0091 9876543210",
            " (98765) 43210 ",
            "+919876543210",
            "98765.43210",
        ] {
            assert_eq!(canonical_phone(text, "91").as_deref(), Some("9876543210"), "{text}");
        }
        for text in ["+1 202 555 0100", "001-202-555-0100"] {
            assert_eq!(canonical_phone(text, "91").as_deref(), Some("+12025550100"), "{text}");
        }
        assert_eq!(canonical_phone("+1 202 555 0100", "1").as_deref(), Some("2025550100"));
    }

    #[test]
    fn what_is_no_phone_is_refused() {
        for bad in [
            "",
            "+",
            "123",
            "98765432101",
            "987654321",
            "+91987654321",
            "+0123456789",
            "98765x3210",
            "9876543210 ext 5",
            "+1234567890123456",
            "٩٨٧٦٥٤٣٢١٠",
            "0987654321",
            "++919876543210",
        ] {
            assert_eq!(canonical_phone(bad, "91"), None, "{bad:?}");
        }
    }

    #[test]
    fn what_is_typed_is_recognised() {
        for (text, known) in [
            ("A@b.example", Some(Typed::Email("a@b.example".into()))),
            ("BPVP01", Some(Typed::Handle("bpvp01".into()))),
            ("+91 98765 43210", Some(Typed::Phone("9876543210".into()))),
            ("12345", None),
            ("a@", None),
            ("", None),
        ] {
            assert_eq!(recognise(text, "91"), known, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_canonical_form_is_its_own(text in ".{0,30}") {
            if let Some(email) = email(&text) {
                prop_assert_eq!(super::normalize_email(&email, "email").ok(), Some(email));
            }
            if let Some(phone) = canonical_phone(&text, "91") {
                prop_assert_eq!(canonical_phone(&phone, "91"), Some(phone));
            }
        }

        #[test]
        fn a_phone_of_the_country_has_one_form(
            number in "[1-9][0-9]{9}",
            country in "[1-9][0-9]{0,2}",
            gaps in proptest::collection::vec(0..10usize, 0..4),
        ) {
            let mut spaced = number.clone();
            for at in gaps {
                spaced.insert(at, if at % 2 == 0 { ' ' } else { '-' });
            }
            for prefix in ["", "0", "+", "00"] {
                let country = if prefix == "+" || prefix == "00" { country.as_str() } else { "" };
                let typed = format!("{prefix}{country}{spaced}");
                let found = canonical_phone(&typed, if country.is_empty() { "91" } else { country });
                prop_assert_eq!(found.as_deref(), Some(number.as_str()), "{}", typed);
            }
        }

        #[test]
        fn a_phone_of_another_country_keeps_its_plus(number in "[2-8][0-9]{6,14}") {
            prop_assume!(!number.starts_with("91"));
            let canonical = canonical_phone(&format!("+{number}"), "91");
            prop_assert_eq!(canonical, Some(format!("+{number}")));
        }

        #[test]
        fn an_email_keeps_its_letters(local in "[a-zA-Z0-9]{1,20}", domain in "[a-zA-Z0-9]{1,20}") {
            let canonical = email(&format!("{local}@{domain}.Example"));
            prop_assert_eq!(canonical, Some(format!("{local}@{domain}.example").to_lowercase()));
        }
    }
}
