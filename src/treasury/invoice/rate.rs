//! Standard rates of VAT, by country and day. Those that are known are here; an admin may
//! write down more (`treasury.set_vat_rate`).

use crate::kernel::error::{Error, Result};
use crate::treasury::invoice::vat_id::check_country;
use crate::treasury::store::tax as store;
use pgrx::datum::Date;

/// Country, the day it holds from, hundredths of a per cent. The Union's as the European
/// Commission lists them (Taxes in Europe Database); besides it the United Kingdom,
/// Switzerland and Norway.
const RATES: [(&str, &str, i32); 42] = [
    ("AT", "2000-01-01", 2000),
    ("BE", "2000-01-01", 2100),
    ("BG", "2007-01-01", 2000),
    ("CH", "2018-01-01", 770),
    ("CH", "2024-01-01", 810),
    ("CY", "2014-01-13", 1900),
    ("CZ", "2013-01-01", 2100),
    ("DE", "2007-01-01", 1900),
    ("DE", "2020-07-01", 1600),
    ("DE", "2021-01-01", 1900),
    ("DK", "2000-01-01", 2500),
    ("EE", "2009-07-01", 2000),
    ("EE", "2024-01-01", 2200),
    ("EE", "2025-07-01", 2400),
    ("ES", "2012-09-01", 2100),
    ("FI", "2013-01-01", 2400),
    ("FI", "2024-09-01", 2550),
    ("FR", "2014-01-01", 2000),
    ("GB", "2011-01-04", 2000),
    ("GR", "2016-06-01", 2400),
    ("HR", "2013-07-01", 2500),
    ("HU", "2012-01-01", 2700),
    ("IE", "2012-01-01", 2300),
    ("IE", "2020-09-01", 2100),
    ("IE", "2021-03-01", 2300),
    ("IT", "2013-10-01", 2200),
    ("LT", "2009-09-01", 2100),
    ("LU", "2015-01-01", 1700),
    ("LU", "2023-01-01", 1600),
    ("LU", "2024-01-01", 1700),
    ("LV", "2012-07-01", 2100),
    ("MT", "2004-01-01", 1800),
    ("NL", "2012-10-01", 2100),
    ("NO", "2005-01-01", 2500),
    ("PL", "2011-01-01", 2300),
    ("PT", "2011-01-01", 2300),
    ("RO", "2017-01-01", 1900),
    ("RO", "2025-08-01", 2100),
    ("SE", "2000-01-01", 2500),
    ("SI", "2013-07-01", 2200),
    ("SK", "2011-01-01", 2000),
    ("SK", "2025-01-01", 2300),
];

/// The rate of a country on a day; PT409 where none is known.
pub fn on(country: &str, day: &str) -> Result<i32> {
    let unknown = || {
        Error::conflict("no rate of VAT is known")
            .detail(format!("country {country}, day {day}"))
            .hint("An admin writes it down with treasury.set_vat_rate.")
    };
    let known = known(country, day);
    let ours = store::rate(country, day)?;
    match (known, ours) {
        (Some((from, rate)), Some((since, _))) if *from > *since => Ok(rate),
        (known, ours) => {
            let known = known.map(|(_, rate)| rate);
            ours.map(|(_, rate)| rate).or(known).ok_or_else(unknown)
        }
    }
}

/// Days are written so that texts sort as they do.
fn known(country: &str, day: &str) -> Option<(&'static str, i32)> {
    let begun = RATES.iter().filter(|(of, from, _)| *of == country && *from <= day);
    begun.max_by_key(|(_, from, _)| *from).map(|(_, from, rate)| (*from, *rate))
}

/// Checks what an admin writes down.
pub fn check(country: &str, valid_from: &Date, basis_points: i32) -> Result<()> {
    check_country(country, "p_country")?;
    if valid_from.is_infinity()
        || valid_from.is_neg_infinity()
        || !(2000..=2100).contains(&valid_from.year())
    {
        return Err(Error::invalid("p_valid_from", "must be a day from 2000 to 2100"));
    }
    if !(0..=10_000).contains(&basis_points) {
        return Err(Error::invalid("p_basis_points", "must be from 0 to 10000"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::treasury::invoice::vat::UNION;

    #[test]
    fn the_latest_that_has_begun_holds() {
        let rate = |day| known("DE", day).map(|(_, rate)| rate);
        assert_eq!(rate("2020-06-30"), Some(1900));
        assert_eq!(rate("2020-07-01"), Some(1600));
        assert_eq!(rate("2020-12-31"), Some(1600));
        assert_eq!(rate("2026-11-25"), Some(1900));
        assert_eq!(known("US", "2026-01-01"), None);
        assert_eq!(known("DE", "1999-01-01"), None);
    }

    #[test]
    fn every_state_of_the_union_has_one() {
        for country in UNION {
            let (_, rate) = known(country, "2026-01-01").expect(country);
            // Article 97 of the directive: at least 15 per cent.
            assert!((1500..=2700).contains(&rate), "{country}");
        }
    }
}
