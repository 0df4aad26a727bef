//! How a module tells a floor below it what it has, without that floor knowing it.

use std::sync::{Mutex, PoisonError};

/// A list that modules add to when the library is loaded.
pub struct Registry<T: Copy>(Mutex<Vec<T>>);

impl<T: Copy> Registry<T> {
    pub const fn new() -> Self {
        Registry(Mutex::new(Vec::new()))
    }

    pub fn register(&self, item: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(item);
    }

    /// A copy, so that no lock is held while an item is used.
    pub fn all(&self) -> Vec<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
