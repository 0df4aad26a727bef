//! Countries, and VAT identification numbers as each writes them. Whether a number is
//! really somebody's only the registers know.

use crate::kernel::error::{Error, Result};

/// ISO 3166-1 alpha-2.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ \
    BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER \
    ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM \
    IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF \
    MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK \
    PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD \
    TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// What follows the prefix, in the states of the Union: 9 is a digit, A a letter, X either.
/// Source: European Commission, "VIES: VAT number structure".
const NUMBERS: [(&str, &[&str]); 27] = [
    ("AT", &["U99999999"]),
    ("BE", &["9999999999"]),
    ("BG", &["999999999", "9999999999"]),
    ("CY", &["99999999A"]),
    ("CZ", &["99999999", "999999999", "9999999999"]),
    ("DE", &["999999999"]),
    ("DK", &["99999999"]),
    ("EE", &["999999999"]),
    ("ES", &["X9999999X"]),
    ("FI", &["99999999"]),
    ("FR", &["XX999999999"]),
    ("GR", &["999999999"]),
    ("HR", &["99999999999"]),
    ("HU", &["99999999"]),
    ("IE", &["9X99999A", "9999999AA"]),
    ("IT", &["99999999999"]),
    ("LT", &["999999999", "999999999999"]),
    ("LU", &["99999999"]),
    ("LV", &["99999999999"]),
    ("MT", &["99999999"]),
    ("NL", &["999999999B99"]),
    ("PL", &["9999999999"]),
    ("PT", &["999999999"]),
    (
        "RO",
        &["99", "999", "9999", "99999", "999999", "9999999", "99999999", "999999999", "9999999999"],
    ),
    ("SE", &["999999999999"]),
    ("SI", &["99999999"]),
    ("SK", &["9999999999"]),
];

/// 22023 naming `field` unless it is a country.
pub fn check_country(country: &str, field: &str) -> Result<()> {
    if country.len() == 2 && COUNTRIES.split_whitespace().any(|one| one == country) {
        return Ok(());
    }
    Err(Error::invalid(field, "must be a country code of ISO 3166-1, such as DE"))
}

/// The number as it stands on invoices: in upper case, without spaces, dots and hyphens;
/// 22023 naming `field` unless it is one of the country's.
pub fn read(text: &str, country: &str, field: &str) -> Result<String> {
    let plain = |c: char| !matches!(c, ' ' | '.' | '-');
    let number = text.chars().filter(|c| plain(*c)).collect::<String>().to_ascii_uppercase();
    // Greece has another prefix than its code.
    let prefix = if country == "GR" { "EL" } else { country };
    let good = match NUMBERS.iter().find(|(of, _)| *of == country) {
        Some((_, patterns)) => number
            .strip_prefix(prefix)
            .is_some_and(|rest| patterns.iter().any(|pattern| matches(rest, pattern))),
        None => {
            let letters = number.chars().all(|c| c.is_ascii_alphanumeric());
            letters && (4..=20).contains(&number.len())
        }
    };
    if good {
        return Ok(number);
    }
    Err(Error::invalid(field, format!("must be a VAT identification number of {country}")))
}

fn matches(text: &str, pattern: &str) -> bool {
    let fits = |(c, p): (char, char)| match p {
        '9' => c.is_ascii_digit(),
        'A' => c.is_ascii_uppercase(),
        'X' => c.is_ascii_digit() || c.is_ascii_uppercase(),
        other => c == other,
    };
    text.len() == pattern.len() && text.chars().zip(pattern.chars()).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::treasury::invoice::vat::UNION;

    #[test]
    fn numbers_are_written_in_one_way() {
        for (text, country, number) in [
            ("de 123.456-789", "DE", "DE123456789"),
            ("ATU12345678", "AT", "ATU12345678"),
            ("EL123456789", "GR", "EL123456789"),
            ("IE1234567FA", "IE", "IE1234567FA"),
            ("NL123456789B01", "NL", "NL123456789B01"),
            ("CHE-123.456.788 MWST", "CH", "CHE123456788MWST"),
        ] {
            assert_eq!(read(text, country, "vat_id").unwrap(), number);
        }
    }

    #[test]
    fn what_is_no_number_of_the_country_is_refused() {
        for (text, country) in [
            ("DE12345678", "DE"),
            ("FR12345678901", "DE"),
            ("GR123456789", "GR"),
            ("DE12345678９", "DE"),
            ("=1+1", "US"),
            ("", "US"),
        ] {
            assert!(read(text, country, "vat_id").is_err(), "{text}");
        }
    }

    #[test]
    fn countries_are_known() {
        assert_eq!(COUNTRIES.split_whitespace().count(), 249);
        for country in UNION {
            assert!(check_country(country, "country").is_ok());
            assert!(NUMBERS.iter().any(|(of, _)| *of == country));
        }
        for bad in ["", "de", "XX", "DEU", "D ", "AD AE"] {
            assert!(check_country(bad, "country").is_err(), "{bad:?}");
        }
    }
}
