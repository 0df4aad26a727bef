//! Times as the detectors count them: seconds since 1970, UTC.

pub const HOUR: i64 = 3600;
pub const DAY: i64 = 24 * HOUR;

/// Hours since 1970.
pub fn hour_of(at: i64) -> i64 {
    at.div_euclid(HOUR)
}

/// When something happened, and whether it is looked at now or history only.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub at: i64,
    pub is_new: bool,
}

/// How many things happened in each hour from the first to the last of them.
pub struct Hours {
    first: i64,
    counts: Vec<u32>,
}

impl Hours {
    /// Of moments in the order of time; `None` of none.
    pub fn of(moments: &[Moment]) -> Option<Self> {
        let (first, last) = (hour_of(moments.first()?.at), hour_of(moments.last()?.at));
        let mut counts = vec![0; usize::try_from(last - first + 1).ok()?];
        for moment in moments {
            counts[(hour_of(moment.at) - first) as usize] += 1;
        }
        Some(Hours { first, counts })
    }

    /// How many happened from one hour to another, both included.
    pub fn between(&self, from: i64, to: i64) -> u32 {
        let last = self.counts.len() as i64 - 1;
        let (from, to) = ((from - self.first).max(0), (to - self.first).min(last));
        if from > to { 0 } else { self.counts[from as usize..=to as usize].iter().sum() }
    }

    /// The hours of other days at the same time of the day as `hour`.
    pub fn same_time(&self, hour: i64) -> impl Iterator<Item = i64> + use<> {
        let (first, last) = (self.first, self.first + self.counts.len() as i64 - 1);
        let start = first + (hour - first).rem_euclid(24);
        (start..=last).step_by(24).filter(move |&other| other != hour)
    }

    /// How many hours there are.
    pub fn len(&self) -> usize {
        self.counts.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: &[i64]) -> Vec<Moment> {
        hours.iter().map(|hour| Moment { at: hour * HOUR + 5, is_new: false }).collect()
    }

    #[test]
    fn hours_are_counted_and_found_again_on_other_days() {
        let hours = Hours::of(&at(&[10, 10, 12, 34, 60])).unwrap();
        assert_eq!(hours.len(), 51);
        assert_eq!((hours.between(10, 12), hours.between(11, 11), hours.between(0, 99)), (3, 0, 5));
        assert_eq!(hours.between(70, 80), 0);
        assert_eq!(hours.same_time(34).collect::<Vec<_>>(), [10, 58]);
        assert_eq!(hours.same_time(33).collect::<Vec<_>>(), [57]);
        assert!(Hours::of(&[]).is_none());
        assert_eq!(hour_of(-1), -1);
    }
}
