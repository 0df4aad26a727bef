//! The SQL of identity, by what it is about.

pub mod people;
pub mod sessions;
pub mod tokens;
