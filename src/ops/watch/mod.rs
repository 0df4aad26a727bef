//! Watching: whether all is well, for people and for programs that ask.
//!
//! A [`check`] looks for what should not be and raises an [`alert`], which stays
//! open until an admin resolves it or the check finds that it is over. [`health`]
//! says in one answer how the system is; [`metric`] gives numbers to Prometheus
//! and [`technical`] to people. What the floors above have to say they register
//! here when the library is loaded.

pub mod alert;
pub mod api;
pub mod check;
mod collect;
mod health;
mod jobs;
pub mod metric;
mod outbox;
pub mod period;
mod store;
pub mod technical;

pub use health::{Complaint, assemble};
pub use jobs::FAILED as JOBS_FAILED;

use crate::kernel::error::Result;
use crate::kernel::registry::Registry;
use crate::ops::watch::alert::Severity;
use serde_json::Value;

/// A part of the health that a module above answers for. It must be quick.
#[derive(Clone, Copy)]
pub struct Probe {
    pub name: &'static str,
    pub run: fn() -> Result<Finding>,
}

/// What a probe found, and what is bad about it.
pub struct Finding {
    pub value: Value,
    pub complaints: Vec<(Severity, String)>,
}

static PROBES: Registry<Probe> = Registry::new();

/// Called once for each probe when the library is loaded.
pub fn register_probe(probe: Probe) {
    PROBES.register(probe);
}

/// Runs once in every process that loads the library.
pub fn init() {
    outbox::init();
    jobs::init();
    crate::ops::events::register(&store::ALERTS);
}
