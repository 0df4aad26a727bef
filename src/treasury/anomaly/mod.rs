//! Anomalies: what is so unlikely that somebody should look at it.
//!
//! Each detector is a rule on plain values and a file of its own: [`amount`], [`velocity`],
//! [`duplicate`], [`hours`], [`refunds`], [`payout`], and [`drift`], which is no matter of
//! chance. How unlikely something is they say in one unit ([`surprise`]). A [`job`] lets
//! them look at what is new ([`detect`]) and has what they find kept ([`record`]);
//! [`watch`] has the checks. How good they are is measured on a [`simulation`].

pub mod amount;
mod detect;
pub mod drift;
mod duplicate;
mod finding;
mod hours;
mod job;
mod moment;
pub mod payout;
mod record;
pub mod refunds;
pub mod series;
#[cfg(any(test, feature = "pg_test"))]
pub mod simulation;
mod surprise;
mod velocity;
mod watch;

#[cfg(test)]
mod measure_tests;

pub use finding::Finding;
pub use job::detect as detect_now;
pub use record::{Flag, flag, list, resolve, resolve_request};

/// Called once when the library is loaded.
pub fn init() {
    job::init();
    watch::init();
}
