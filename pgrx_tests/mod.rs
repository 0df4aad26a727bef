//! Tests that run inside PostgreSQL, one file for each module, and what they share.

mod catalog;
mod described;
mod identity;
mod kernel;
mod ledger;
mod network;
mod ops;
mod permissions;
mod rows;
pub mod support;
mod treasury;
mod watch;

/// Settings of the server that `cargo pgrx test` starts.
#[cfg(test)]
pub fn server_options() -> Vec<&'static str> {
    support::server_options()
}
