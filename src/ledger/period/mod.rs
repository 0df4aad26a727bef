//! Periods: the books of a system are closed up to a time, and nothing is posted for
//! an earlier one any more.
//!
//! A transfer is in the books of its accounts' systems, both of them. One that names
//! no effective time counts from when it is recorded, which is never closed, since
//! books are closed up to a time that is past: it pays nothing for all this. One that
//! names a time takes a lock that it shares with its like ([`gate`]) and that a
//! closing takes alone ([`closing`]).

pub mod closing;
pub mod gate;
mod late;
pub mod reopening;

pub use late::post_late;

use crate::kernel::error::{Error, Result};
use pgrx::datum::TimestampWithTimeZone;

/// A moment in microseconds, as PostgreSQL counts them.
type Micros = i64;

/// The last change of a system's books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub number: i32,
    /// The first moment that is open; none where all is.
    pub closed_until: Option<Micros>,
    pub retained_earnings: Option<String>,
}

/// What a request to close or reopen comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is as asked for already: this row says so.
    Repeat(i32),
    /// Done as this row.
    Next(i32),
}

fn next(state: Option<&State>) -> Result<Step> {
    let number = state.map_or(Some(1), |state| state.number.checked_add(1));
    number.map(Step::Next).ok_or_else(|| Error::out_of_range("p_system", "too many periods"))
}

/// What closing up to `until` comes to. PT409 where the books are closed further
/// already, or up to there with other closing entries.
pub fn close_step(state: Option<&State>, until: Micros, retained: Option<&str>) -> Result<Step> {
    let Some((state, closed)) = state.and_then(|state| Some((state, state.closed_until?))) else {
        return next(state);
    };
    match until.cmp(&closed) {
        std::cmp::Ordering::Greater => next(Some(state)),
        std::cmp::Ordering::Equal if state.retained_earnings.as_deref() == retained => {
            Ok(Step::Repeat(state.number))
        }
        std::cmp::Ordering::Equal => {
            Err(Error::conflict("the books are closed up to there with other closing entries")
                .hint("Reopen the period first."))
        }
        std::cmp::Ordering::Less => Err(Error::conflict("the books are closed further already")
            .hint("To open the time after p_until again, reopen it.")),
    }
}

/// What reopening from `until` on comes to; from the beginning where there is none.
/// PT409 where nothing is closed, or the books are open from an earlier time on.
pub fn reopen_step(state: Option<&State>, until: Option<Micros>) -> Result<Step> {
    let Some(state) = state else {
        return Err(Error::conflict("no period of the system was ever closed"));
    };
    if state.closed_until == until {
        return Ok(Step::Repeat(state.number));
    }
    match (state.closed_until, until) {
        (Some(closed), Some(until)) if until > closed => {
            Err(Error::conflict("the books are open from an earlier time on"))
        }
        (None, _) => Err(Error::conflict("no period of the system is closed")),
        _ => next(Some(state)),
    }
}

/// The moment before another: the last one of the period that ends there.
pub fn moment_before(at: TimestampWithTimeZone) -> Result<TimestampWithTimeZone> {
    let before = at.into_inner().checked_sub(1);
    before
        .and_then(|micros| TimestampWithTimeZone::try_from(micros).ok())
        .ok_or_else(|| Error::out_of_range("time", "is before all time"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::error::sqlstate;

    fn state(closed_until: Option<Micros>, retained: Option<&str>) -> Option<State> {
        Some(State { number: 4, closed_until, retained_earnings: retained.map(str::to_owned) })
    }

    #[test]
    fn books_close_further_and_never_back() {
        assert_eq!(close_step(None, 10, None).unwrap(), Step::Next(1));
        let closed = state(Some(10), None);
        assert_eq!(close_step(closed.as_ref(), 11, Some("re")).unwrap(), Step::Next(5));
        assert_eq!(close_step(closed.as_ref(), 10, None).unwrap(), Step::Repeat(4));
        for (until, retained) in [(9, None), (10, Some("re"))] {
            let refused = close_step(closed.as_ref(), until, retained).unwrap_err();
            assert_eq!(refused.sqlstate, sqlstate::CONFLICT);
        }
        let open = state(None, None);
        assert_eq!(close_step(open.as_ref(), 10, None).unwrap(), Step::Next(5));
    }

    #[test]
    fn books_reopen_only_where_they_are_closed() {
        let closed = state(Some(10), None);
        assert_eq!(reopen_step(closed.as_ref(), Some(9)).unwrap(), Step::Next(5));
        assert_eq!(reopen_step(closed.as_ref(), None).unwrap(), Step::Next(5));
        assert_eq!(reopen_step(closed.as_ref(), Some(10)).unwrap(), Step::Repeat(4));
        assert_eq!(reopen_step(state(None, None).as_ref(), None).unwrap(), Step::Repeat(4));
        for (state, until) in [(None, None), (state(None, None), Some(5)), (closed, Some(11))] {
            let refused = reopen_step(state.as_ref(), until).unwrap_err();
            assert_eq!(refused.sqlstate, sqlstate::CONFLICT);
        }
    }

    #[test]
    fn a_number_too_many_is_refused() {
        let last = State { number: i32::MAX, closed_until: None, retained_earnings: None };
        let refused = close_step(Some(&last), 1, None).unwrap_err();
        assert_eq!(refused.sqlstate, sqlstate::OUT_OF_RANGE);
    }
}
