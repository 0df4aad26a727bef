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
