//! backoffice: the back office of a business inside PostgreSQL.
//!
//! Floors, from the bottom: [`kernel`], then [`ops`] and [`identity`], then
//! [`ledger`], then the products ([`network`], [`treasury`]). A module uses the floors below
//! it and never one above; where a lower floor must reach up (a product wants
//! to know that somebody signed up) it calls a hook that [`_PG_init`] installs.

use pgrx::prelude::*;

::pgrx::pg_module_magic!(name, version);

mod identity;
mod kernel;
mod ledger;
mod network;
mod ops;
mod schema;
mod treasury;

#[allow(non_snake_case)]
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    kernel::init();
    ops::init();
    identity::init();
    // Products before the ledger: they know better why somebody cannot be erased.
    network::init();
    treasury::init();
    ledger::init();
}

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx_tests/mod.rs"]
mod pgrx_tests;

/// What `cargo pgrx test` looks for to start its server.
#[cfg(test)]
pub mod pg_test {
    pub fn setup(_options: Vec<&str>) {}

    #[must_use]
    pub fn postgresql_conf_options() -> Vec<&'static str> {
        crate::pgrx_tests::server_options()
    }
}
