//! Schedules as cron has them: minute, hour, day of month, month, day of week.
//!
//! Each field is `*`, a number, a range `a-b`, either of `*` and a range with a
//! step `/n`, or a list of these. Sunday is 0 or 7. As in pg_cron, a day must
//! match both of its fields if one of them begins with `*`, otherwise either.

const MINUTES_OF_DAY: i64 = 24 * 60;
/// A 29th of February comes within eight years.
const MOST_DAYS: i64 = 8 * 366 + 1;

/// When something is due. The bits of a field are the numbers that match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    both_days: bool,
}

const FIELDS: [(&str, u32, u32); 5] =
    [("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7)];

impl Schedule {
    /// `Err` says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
        if words.len() != FIELDS.len() {
            return Err("must have five fields: minute hour day month weekday".to_owned());
        }
        let mut bits = [0; FIELDS.len()];
        for (at, (word, (name, least, most))) in words.iter().zip(FIELDS).enumerate() {
            bits[at] = field(word, least, most).ok_or_else(|| {
                format!("the {name} must be *, numbers from {least} to {most}, or ranges of them")
            })?;
        }
        let [minutes, hours, days, months, weekdays] = bits;
        let sunday = weekdays >> 7;
        Ok(Schedule {
            minutes,
            hours,
            days,
            months,
            weekdays: weekdays & 0x7f | sunday,
            both_days: words[2].starts_with('*') || words[4].starts_with('*'),
        })
    }

    /// The first due minute after `minute`; both count from the start of 1970 on the
    /// clock of the schedule's time zone. `None` for a day that never comes.
    pub fn next(&self, minute: i64) -> Option<i64> {
        let first = minute.checked_add(1)?;
        let today = first.div_euclid(MINUTES_OF_DAY);
        (today..today + MOST_DAYS).filter(|day| self.on_day(*day)).find_map(|day| {
            let start = day * MINUTES_OF_DAY;
            let from = (first - start).max(0);
            (from..MINUTES_OF_DAY).find(|at| self.at(*at)).map(|at| start + at)
        })
    }

    fn at(&self, minute_of_day: i64) -> bool {
        has(self.hours, minute_of_day / 60) && has(self.minutes, minute_of_day % 60)
    }

    fn on_day(&self, day: i64) -> bool {
        let (month, of_month) = month_and_day(day);
        let by_month = has(self.days, of_month);
        // 1970 began on a Thursday.
        let by_week = has(self.weekdays, (day + 4).rem_euclid(7));
        let day = if self.both_days { by_month && by_week } else { by_month || by_week };
        day && has(self.months, month)
    }
}

fn has(bits: u64, number: i64) -> bool {
    bits >> number & 1 == 1
}

/// The numbers that a field matches, as bits.
fn field(text: &str, least: u32, most: u32) -> Option<u64> {
    text.split(',').try_fold(0, |bits, part| Some(bits | item(part, least, most)?))
}

fn item(text: &str, least: u32, most: u32) -> Option<u64> {
    let (range, step) = match text.split_once('/') {
        Some((range, step)) => (range, Some(number(step)?)),
        None => (text, None),
    };
    let (from, to) = match range.split_once('-') {
        Some((from, to)) => (number(from)?, number(to)?),
        None if range == "*" => (least, most),
        // A step of a single number means nothing.
        None if step.is_some() => return None,
        None => (number(range)?, number(range)?),
    };
    let step = step.unwrap_or(1);
    if from < least || to > most || from > to || step == 0 || step > most {
        return None;
    }
    Some((from..=to).step_by(step as usize).fold(0, |bits, number| bits | 1 << number))
}

fn number(text: &str) -> Option<u32> {
    let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// Month and day of month of a day counted from 1970, in the Gregorian calendar.
///
/// Years here begin in March, so that the day that leap years add comes last, and
/// are counted in eras of 400 years, after which the calendar repeats.
fn month_and_day(day: i64) -> (i64, i64) {
    let of_era = (day + 719_468).rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    (if month < 10 { month + 3 } else { month - 9 }, of_month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-01-01 00:00, a Thursday.
    const NEW_YEAR: i64 = 20_454 * MINUTES_OF_DAY;
    const HOUR: i64 = 60;
    const DAY: i64 = MINUTES_OF_DAY;

    fn next(text: &str, after: i64) -> Option<i64> {
        Schedule::parse(text).expect("a good schedule").next(NEW_YEAR + after).map(|m| m - NEW_YEAR)
    }

    #[test]
    fn a_schedule_finds_its_next_minute() {
        assert_eq!(next("* * * * *", 0), Some(1));
        assert_eq!(next("*/5 * * * *", 4), Some(5));
        assert_eq!(next("*/5 * * * *", 5), Some(10));
        assert_eq!(next("17 3 * * *", 0), Some(3 * HOUR + 17));
        assert_eq!(next("17 3 * * *", 3 * HOUR + 17), Some(DAY + 3 * HOUR + 17));
        assert_eq!(next("0 9-11,13 * * *", 11 * HOUR), Some(13 * HOUR));
        assert_eq!(next("0 0 1 * *", 0), Some(31 * DAY));
        assert_eq!(next("10-30/10 0 * * *", 10), Some(20));
    }

    #[test]
    fn days_of_the_week_count_from_sunday_which_is_0_and_7() {
        assert_eq!(next("0 0 * * 0", 0), Some(3 * DAY));
        assert_eq!(next("0 0 * * 7", 0), Some(3 * DAY));
        assert_eq!(next("0 0 * * 5-7", 0), Some(DAY));
        assert_eq!(next("30 0 * * 4", 0), Some(30));
    }

    #[test]
    fn two_kinds_of_day_match_either_unless_one_is_open() {
        // The 10th is a Saturday; the 2nd is the first Friday.
        assert_eq!(next("0 0 10 * 5", 0), Some(DAY));
        assert_eq!(next("0 0 10 * *", 0), Some(9 * DAY));
        assert_eq!(next("0 0 */2 * 5", 0), Some(8 * DAY));
    }

    #[test]
    fn leap_days_come_and_days_that_do_not_exist_never() {
        // 2028 is the next leap year.
        assert_eq!(next("0 0 29 2 *", 0), Some((365 + 365 + 31 + 28) * DAY));
        assert_eq!(next("0 0 30 2 *", 0), None);
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "5/2 * * * *",
            "*/0 * * * *",
            "5-1 * * * *",
            "1,,2 * * * *",
            "-1 * * * *",
            "a * * * *",
            "@daily",
            "30 seconds",
            "* * * * *; drop table x",
            "*\t* * * *",
        ] {
            assert!(Schedule::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn the_next_minute_is_the_first_that_matches(
            after in -1_000_000_i64..4_000_000, minute in 0..60_u32, step in 1..24_u32,
        ) {
            let schedule = Schedule::parse(&format!("{minute} */{step} * * *")).expect("good");
            let found = schedule.next(after).expect("comes every day");
            let due = |at: i64| {
                let of_day = at.rem_euclid(DAY);
                of_day % 60 == i64::from(minute) && of_day / 60 % i64::from(step) == 0
            };
            prop_assert!(found > after && due(found));
            prop_assert!(((after + 1)..found).all(|at| !due(at)));
        }

        #[test]
        fn months_and_days_follow_each_other(day in -200_000_i64..200_000) {
            let ((month, of_month), (next_month, next_day)) = (month_and_day(day), month_and_day(day + 1));
            let same_month = next_month == month && next_day == of_month + 1;
            let first_of_next = next_day == 1 && next_month == month % 12 + 1 && of_month >= 28;
            prop_assert!(same_month || first_of_next);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[-0-9*,/ ]{0,20}", after in any::<i32>()) {
            if let Ok(schedule) = Schedule::parse(&text) {
                schedule.next(i64::from(after));
            }
        }
    }
}
