//! Charges at a time of the day when their seller has none.
//!
//! The time of the day is an angle, since 23:00 is as near to 1:00 as 1:00 is to 3:00.
//! Whether a seller has a rhythm at all says Rayleigh's test; when, the density of their
//! times, smoothed around the circle. One charge at night is nothing; several in one night
//! are measured against what the density and the seller's rate expect there.

use crate::treasury::anomaly::amount::round;
use crate::treasury::anomaly::finding::{Finding, Kind};
use crate::treasury::anomaly::moment::{DAY, HOUR, Moment};
use crate::treasury::anomaly::series::Series;
use crate::treasury::anomaly::surprise::{Alarm, of_count};
use serde_json::json;
use std::f64::consts::TAU;

/// Of how many charges a rhythm follows.
const ENOUGH: f64 = 40.0;
/// Rayleigh's statistic and the length of the mean direction from which on there is one.
const RAYLEIGH: f64 = 12.0;
const LENGTH: f64 = 0.3;
/// An hour is quiet that has less than this part of what each would have without a rhythm.
const QUIET: f64 = 0.25;
/// So many hours together are one occasion, and so many charges in them are needed.
const SPAN: i64 = 3;
const LEAST: usize = 3;
/// How narrowly the density follows the times: von Mises with this concentration.
const CONCENTRATION: f64 = 8.0;
/// So many charges are thought to be at any time at all.
const ANY_TIME: f64 = 2.0;
const DISPERSION: f64 = 0.5;

/// How a seller's charges are spread over the day.
struct Rhythm {
    /// Of each hour of the day; together 1.
    density: [f64; 24],
    /// The middle of the day, in hours, and the length of the mean direction.
    middle: f64,
    length: f64,
    count: f64,
}

fn hour_of_day(at: i64) -> usize {
    (at.rem_euclid(DAY) / HOUR) as usize
}

/// Of times of the day counted by the hour; `None` where there is no rhythm.
fn rhythm(counts: &[f64; 24]) -> Option<Rhythm> {
    let count: f64 = counts.iter().sum();
    if count < ENOUGH {
        return None;
    }
    let angle = |hour: usize| TAU * (hour as f64 + 0.5) / 24.0;
    let of = |part: fn(f64) -> f64| {
        counts.iter().enumerate().map(|(hour, n)| n * part(angle(hour))).sum::<f64>() / count
    };
    let (sine, cosine) = (of(f64::sin), of(f64::cos));
    let length = sine.hypot(cosine);
    if length < LENGTH || count * length.powi(2) < RAYLEIGH {
        return None;
    }
    let weight = |hours: usize| (CONCENTRATION * ((TAU * hours as f64 / 24.0).cos() - 1.0)).exp();
    let total: f64 = (0..24).map(weight).sum();
    let near = |hour: usize| (0..24).map(|h| counts[h] * weight(h.abs_diff(hour))).sum::<f64>();
    let density = std::array::from_fn(|hour| near(hour) / total / count);
    let middle = (sine.atan2(cosine) / TAU * 24.0).rem_euclid(24.0);
    Some(Rhythm { density, middle, length, count })
}

impl Rhythm {
    fn is_quiet(&self, hour: usize) -> bool {
        self.density[hour] < QUIET / 24.0
    }

    /// The part of all charges that is expected in the hours up to this one.
    fn part(&self, hour: usize) -> f64 {
        let hours = (0..SPAN as usize).map(|back| self.density[(hour + 24 - back) % 24]);
        (hours.sum::<f64>() * self.count + ANY_TIME * SPAN as f64 / 24.0) / (self.count + ANY_TIME)
    }
}

/// An occasion at a quiet time.
struct Occasion {
    first: usize,
    last: usize,
    count: usize,
    expected: f64,
    surprise: f64,
    rhythm: Rhythm,
}

fn occasions(moments: &[Moment], alarm: Alarm) -> Vec<Occasion> {
    let (Some(start), Some(end)) = (moments.first(), moments.last()) else { return Vec::new() };
    let days = ((end.at - start.at) as f64 / DAY as f64).max(1.0);
    let mut all = [0.0; 24];
    moments.iter().for_each(|moment| all[hour_of_day(moment.at)] += 1.0);
    let mut found: Vec<Occasion> = Vec::new();
    let (mut first, mut near) = (0, 0);
    for (at, moment) in moments.iter().enumerate() {
        while moments[first].at <= moment.at - SPAN * HOUR {
            first += 1;
        }
        while moments[near].at < moment.at - DAY / 2 {
            near += 1;
        }
        let count = at - first + 1;
        if !moment.is_new || count < LEAST {
            continue;
        }
        // The rhythm of all other days.
        let mut others = all;
        let around = moments[near..].iter().take_while(|other| other.at <= moment.at + DAY / 2);
        around.for_each(|other| others[hour_of_day(other.at)] -= 1.0);
        let Some(rhythm) = rhythm(&others) else { continue };
        if (first..=at).any(|index| !rhythm.is_quiet(hour_of_day(moments[index].at))) {
            continue;
        }
        let part = rhythm.part(hour_of_day(moment.at));
        let expected = part * rhythm.count / (days - 1.0).max(1.0);
        let dispersion = DISPERSION + 1.0 / (part * rhythm.count + 1.0);
        let surprise = of_count(count, expected, dispersion);
        if alarm.severity(surprise).is_none() {
            continue;
        }
        let occasion = Occasion { first, last: at, count, expected, surprise, rhythm };
        match found.last_mut() {
            Some(before) if moment.at - moments[before.last].at <= SPAN * HOUR => {
                if count >= before.count {
                    *before = Occasion { first: before.first, ..occasion };
                }
            }
            _ => found.push(occasion),
        }
    }
    found
}

/// Charges of a seller at times that are none of theirs.
pub fn find(series: &Series, alarm: Alarm) -> Vec<Finding> {
    let describe = |one: Occasion| {
        let (first, last) = (&series.charges[one.first], &series.charges[one.last]);
        let hour = hour_of_day(last.at);
        Some(Finding {
            kind: Kind::Hours,
            key: Finding::key_at(Kind::Hours, series.owner, &series.currency, first.at),
            severity: alarm.severity(one.surprise)?,
            description: format!(
                "Seller {} has {} charges up to {hour}:00 UTC, when there are none usually.",
                series.owner, one.count
            ),
            score: one.surprise,
            user: Some(series.owner),
            charge: Some(last.id),
            payout: None,
            currency: Some(series.currency.clone()),
            amount: None,
            explanation: json!({
                "value": one.count,
                "expected": round(one.expected),
                "hours": SPAN,
                "hour": hour,
                "middle": round(one.rhythm.middle),
                "concentration": round(one.rhythm.length),
                "charges": one.rhythm.count,
                "threshold": round(alarm.least),
            }),
        })
    };
    occasions(&series.moments(), alarm).into_iter().filter_map(describe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALARM: Alarm = Alarm { least: 5.0 };

    /// Four a day around an hour, for sixty days, and some more at other times.
    fn around(hour: i64, more: &[i64]) -> Vec<Moment> {
        let times = (0..240).map(|n| (n / 4) * DAY + (hour + n % 4) * HOUR + (n * 977) % HOUR);
        let mut times: Vec<i64> = times.chain(more.iter().copied()).collect();
        times.sort_unstable();
        times.into_iter().map(|at| Moment { at, is_new: true }).collect()
    }

    /// Four within two hours of one night, so many hours after the usual time.
    fn night(hour: i64) -> Vec<i64> {
        (0..4).map(|n| 30 * DAY + hour * HOUR + n * 1500).collect()
    }

    #[test]
    fn several_at_a_quiet_time_are_odd_and_one_is_not() {
        assert!(occasions(&around(18, &[]), ALARM).is_empty());
        assert!(occasions(&around(18, &night(8)[..1]), ALARM).is_empty());
        let found = occasions(&around(18, &night(8)), ALARM);
        assert_eq!((found.len(), found[0].count), (1, 4));
        assert!((found[0].rhythm.middle - 20.0).abs() < 0.5);
        // At the usual time they are not.
        assert!(occasions(&around(18, &night(19)), ALARM).is_empty());
    }

    #[test]
    fn who_sells_at_any_time_has_no_unusual_hours() {
        let times = (0..400).map(|n| n * 5 * HOUR);
        let mut times: Vec<i64> = times.chain(night(8)).collect();
        times.sort_unstable();
        let moments: Vec<Moment> = times.iter().map(|&at| Moment { at, is_new: true }).collect();
        assert!(occasions(&moments, ALARM).is_empty());
        assert!(occasions(&[], ALARM).is_empty());
    }

    proptest! {
        /// Midnight is a time like any other.
        #[test]
        fn the_clock_may_be_turned(turn in 0_i64..24, hour in 6_i64..12) {
            let night: Vec<i64> = night(18 + hour);
            let count = |moments: Vec<Moment>| {
                occasions(&moments, ALARM).iter().map(|one| one.count).collect::<Vec<_>>()
            };
            let turned = around(18, &night).iter()
                .map(|moment| Moment { at: moment.at + turn * HOUR, ..*moment }).collect();
            prop_assert_eq!(count(around(18, &night)), count(turned));
        }
    }
}
