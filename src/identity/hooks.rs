//! How a product learns that somebody signed up, became an admin or is to be
//! erased, without identity knowing the product.

use crate::kernel::error::Result;
use pgrx::Uuid;
use serde_json::Value;
use std::sync::{Mutex, PoisonError};

/// What a system wants to be told. Both run in the transaction that causes them.
#[derive(Clone, Copy)]
pub struct Hooks {
    pub system: &'static str,
    /// A person signed up in the system; with what they told about themselves.
    pub signed_up: fn(Uuid, &Value) -> Result<()>,
    /// A person became an admin of every system. May come more than once.
    pub admin_made: fn(Uuid) -> Result<()>,
}

static INSTALLED: Mutex<Vec<Hooks>> = Mutex::new(Vec::new());

/// Called once for each product when the library is loaded.
pub fn install(hooks: Hooks) {
    INSTALLED.lock().unwrap_or_else(PoisonError::into_inner).push(hooks);
}

/// A copy, so that no lock is held while a hook runs.
fn installed() -> Vec<Hooks> {
    INSTALLED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Whether people can sign up in a system: whether one takes them in.
pub(super) fn takes_sign_ups(system: &str) -> bool {
    installed().iter().any(|hooks| hooks.system == system)
}

/// Tells the system that a person signed up there.
pub(super) fn signed_up(system: &str, person: Uuid, metadata: &Value) -> Result<()> {
    installed()
        .iter()
        .filter(|hooks| hooks.system == system)
        .try_for_each(|hooks| (hooks.signed_up)(person, metadata))
}

/// Tells every system that a person is an admin.
pub(super) fn admin_made(person: Uuid) -> Result<()> {
    installed().iter().try_for_each(|hooks| (hooks.admin_made)(person))
}

/// What a module has to say when a person is erased. Both run in the transaction
/// that erases.
#[derive(Clone, Copy)]
pub struct Erasure {
    /// Refuses while something of the person is open.
    pub may_erase: fn(Uuid) -> Result<()>,
    /// What the module changes besides its registered columns.
    pub erased: fn(Uuid) -> Result<()>,
}

static ERASURE: Mutex<Vec<Erasure>> = Mutex::new(Vec::new());

/// Called once for each module when the library is loaded.
pub fn on_erasure(hook: Erasure) {
    ERASURE.lock().unwrap_or_else(PoisonError::into_inner).push(hook);
}

fn on_erasures() -> Vec<Erasure> {
    ERASURE.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Whether every module lets the person be erased.
pub(super) fn may_erase(person: Uuid) -> Result<()> {
    on_erasures().iter().try_for_each(|hook| (hook.may_erase)(person))
}

/// Tells every module that the person's columns were erased.
pub(super) fn erased(person: Uuid) -> Result<()> {
    on_erasures().iter().try_for_each(|hook| (hook.erased)(person))
}
