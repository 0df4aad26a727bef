//! The kernel: what every other module stands on.
//!
//! Who is calling ([`caller`]), how an error gets its SQLSTATE ([`error`]), how
//! SQL is run ([`spi`]), what an amount is ([`money`]), configuration
//! ([`settings`]), and secrets ([`secrets`], with the key files in [`keys`]).
//! Its tables live in the schema `backoffice`, which the API never exposes.

pub mod api;
pub mod archive;
pub mod blind_index;
pub mod caller;
pub mod clock;
pub mod csv;
pub mod error;
pub mod idempotency;
pub mod ids;
pub mod input;
pub mod json;
pub mod jsonb;
pub mod jsonb_read;
pub mod jwt;
pub mod kept;
pub mod keys;
pub mod money;
pub mod numeric;
pub mod personal;
pub mod registry;
pub mod request;
pub mod restore;
pub mod roles;
pub mod rows;
pub mod secrets;
pub mod settings;
pub mod spi;
pub mod triggers;
pub mod values;

/// Runs once in every backend that loads the library.
pub fn init() {
    keys::define_gucs();
    kept::init();
    rows::init();
    // A backtrace in the server's environment would reach clients as DETAIL.
    // SAFETY: a backend is single-threaded and nothing has read it yet.
    unsafe { std::env::set_var("RUST_LIB_BACKTRACE", "0") };
}
