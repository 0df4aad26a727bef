//! The charges of one seller in one currency, as the detectors look at them.

use crate::treasury::anomaly::moment::Moment;
use pgrx::Uuid;

#[derive(Clone, Copy, Debug)]
pub struct Charge {
    pub id: Uuid,
    /// Seconds since 1970.
    pub at: i64,
    /// Minor units, above zero.
    pub amount: i64,
    pub buyer: Option<Uuid>,
    /// Whether it is looked at now; the others are history.
    pub is_new: bool,
}

/// In the order of time.
#[derive(Clone, Debug)]
pub struct Series {
    pub owner: Uuid,
    pub currency: String,
    pub charges: Vec<Charge>,
}

impl Series {
    pub fn moments(&self) -> Vec<Moment> {
        self.charges.iter().map(|charge| Moment { at: charge.at, is_new: charge.is_new }).collect()
    }
}

/// Everything that one buyer was charged, in the order of time.
#[derive(Clone, Debug)]
pub struct Purchases {
    pub buyer: Uuid,
    pub charges: Vec<Charge>,
}
