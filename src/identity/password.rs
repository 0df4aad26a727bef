//! Passwords: which are strong enough, and how they are kept (Argon2id).

use crate::kernel::error::{Error, Result, sqlstate};
use crate::kernel::settings::Settings;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// Longer ones would only cost time to hash.
const MOST_BYTES: usize = 256;

/// What a password must be, from the settings.
pub struct Policy {
    pub least: usize,
    pub required: Required,
}

/// The classes of characters that a password must contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Required {
    Nothing,
    LettersDigits,
    LowerUpperDigits,
    LowerUpperDigitsSymbols,
}

impl Required {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "none" => Required::Nothing,
            "letters_digits" => Required::LettersDigits,
            "lower_upper_digits" => Required::LowerUpperDigits,
            "lower_upper_digits_symbols" => Required::LowerUpperDigitsSymbols,
            _ => return None,
        })
    }

    fn met_by(self, password: &str) -> bool {
        let any = |class: fn(char) -> bool| password.chars().any(class);
        let digit = || any(|c| c.is_ascii_digit());
        let cases = || any(char::is_lowercase) && any(char::is_uppercase);
        match self {
            Required::Nothing => true,
            Required::LettersDigits => any(char::is_alphabetic) && digit(),
            Required::LowerUpperDigits => cases() && digit(),
            Required::LowerUpperDigitsSymbols => {
                cases() && digit() && any(|c| !c.is_alphanumeric() && !c.is_whitespace())
            }
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Required::Nothing => "",
            Required::LettersDigits => "letters and digits",
            Required::LowerUpperDigits => "lower-case and upper-case letters and digits",
            Required::LowerUpperDigitsSymbols => {
                "lower-case and upper-case letters, digits and symbols"
            }
        }
    }
}

/// Why a password was refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Weakness {
    /// `length`, `characters`, as clients know them.
    pub reasons: Vec<&'static str>,
    pub message: String,
}

impl From<Weakness> for Error {
    fn from(weakness: Weakness) -> Self {
        Error::new(sqlstate::UNPROCESSABLE, format!("password: {}", weakness.message))
            .detail(weakness.reasons.join(", "))
    }
}

impl Policy {
    pub fn from_settings(settings: &Settings) -> Result<Self> {
        let least = settings.get::<i64>("password_min_length")?;
        let required = settings.get::<String>("password_required")?;
        Ok(Policy {
            least: usize::try_from(least).unwrap_or(usize::MAX),
            required: Required::parse(&required)
                .ok_or_else(|| Error::internal("identity.password_required"))?,
        })
    }

    /// Whether the password is strong enough, and all that is wrong if not.
    pub fn check(&self, password: &str) -> Result<(), Weakness> {
        let (mut reasons, mut rules) = (Vec::new(), Vec::new());
        if password.chars().count() < self.least {
            reasons.push("length");
            rules.push(format!("must have at least {} characters", self.least));
        }
        if password.len() > MOST_BYTES {
            reasons.push("length");
            rules.push(format!("must have at most {MOST_BYTES} bytes"));
        }
        if !self.required.met_by(password) {
            reasons.push("characters");
            rules.push(format!("must contain {}", self.required.describe()));
        }
        if reasons.is_empty() {
            return Ok(());
        }
        Err(Weakness { reasons, message: rules.join(" and ") })
    }
}

/// The Argon2id hash to keep, with a salt and the parameters in it.
pub fn hash(password: &str) -> Result<String> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|e| Error::internal(format!("a password could not be hashed: {e}")))
}

/// Whether the password is the one that was hashed. Takes as long without a hash,
/// so that the time does not tell whether there is such a person.
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    // Nobody signs in with a password this long; do not spend time on it.
    if password.len() > MOST_BYTES {
        return false;
    }
    let matches = |hash: &str| {
        PasswordHash::new(hash)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    };
    let right = matches(hash.unwrap_or(NOBODYS_HASH));
    right && hash.is_some()
}

/// A hash with our parameters that no password has: its bytes are random.
const NOBODYS_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$/TVPCyZ33KIGEkTAdFqUZg\
    $iJa4fsdiQn2qdxdjkVtT6Sr531SVihnzRVuftyzu1LI";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reasons(required: Required, password: &str) -> Vec<&'static str> {
        Policy { least: 8, required }.check(password).err().map_or(vec![], |weak| weak.reasons)
    }

    #[test]
    fn every_class_that_is_required_must_be_there() {
        use Required::*;
        for (required, good, bad) in [
            (Nothing, "aaaaaaaa", ""),
            (LettersDigits, "aaaaaaa1", "aaaaaaaa"),
            (LettersDigits, "ääääääa1", "12345678"),
            (LowerUpperDigits, "aaaaaaA1", "aaaaaaa1"),
            (LowerUpperDigitsSymbols, "aaaaaA1!", "aaaaaaA1"),
            (LowerUpperDigitsSymbols, "aaaaaA1-", "aaaaaA1 "),
        ] {
            assert_eq!(reasons(required, good), Vec::<&str>::new(), "{good}");
            if !bad.is_empty() {
                assert_eq!(reasons(required, bad), ["characters"], "{bad}");
            }
        }
    }

    #[test]
    fn length_counts_characters_and_all_reasons_are_told() {
        assert_eq!(reasons(Required::Nothing, "äöüäöüä"), ["length"]);
        assert_eq!(reasons(Required::Nothing, "äöüäöüäö"), Vec::<&str>::new());
        assert_eq!(reasons(Required::LettersDigits, "abc"), ["length", "characters"]);
        assert_eq!(reasons(Required::Nothing, &"a".repeat(257)), ["length"]);
    }

    #[test]
    fn only_the_password_that_was_hashed_is_right() {
        let hash = hash("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(verify("correct horse", Some(&hash)));
        assert!(!verify("correct horsE", Some(&hash)));
        assert!(PasswordHash::new(NOBODYS_HASH).is_ok());
        assert!(!verify("", None));
        assert!(!verify("x", Some("not a hash")));
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_a_panic(password in ".{0,300}") {
            for required in [Required::Nothing, Required::LowerUpperDigitsSymbols] {
                let _ = Policy { least: 8, required }.check(&password);
            }
        }
    }
}
