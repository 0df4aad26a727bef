//! The SQL of identity, by what it is about.

pub mod erasures;
pub mod factors;
pub mod people;
pub mod sessions;
pub mod throttle;
pub mod tokens;
pub mod users;
pub mod watch;
