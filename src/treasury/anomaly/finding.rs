//! What a detector says: something is unlikely, how unlikely, and by which numbers.

use crate::treasury::anomaly::moment::hour_of;
use pgrx::Uuid;
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Low,
    Medium,
    High,
}

impl Severity {
    pub const NAMES: [&'static str; 3] = ["low", "medium", "high"];

    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Severity::Low, Severity::Medium, Severity::High].into_iter().find(|s| s.as_str() == name)
    }
}

/// What kind of thing is odd; also how it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An amount far from what the seller takes.
    Amount,
    /// More charges of a seller in an hour than there should be.
    SellerVelocity,
    /// More charges of a buyer in an hour than there should be.
    BuyerVelocity,
    /// The same buyer paid the same seller the same within minutes.
    Duplicate,
    /// A seller gives back more than others do.
    Refunds,
    /// Charges at a time of the day when the seller has none.
    Hours,
    /// A payout far from what the person is paid.
    Payout,
    /// The ledger says otherwise than the charges.
    Drift,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Amount => "amount",
            Kind::SellerVelocity => "seller_velocity",
            Kind::BuyerVelocity => "buyer_velocity",
            Kind::Duplicate => "duplicate",
            Kind::Refunds => "refunds",
            Kind::Hours => "hours",
            Kind::Payout => "payout",
            Kind::Drift => "drift",
        }
    }
}

/// Something odd, and what it is about.
#[derive(Clone, Debug)]
pub struct Finding {
    pub kind: Kind,
    /// Two findings with one key are one: the job may look again.
    pub key: String,
    pub severity: Severity,
    /// Ids and numbers, no personal data.
    pub description: String,
    /// How unlikely it is: the zeros of its probability. For what is no matter of
    /// chance how large it is.
    pub score: f64,
    pub user: Option<Uuid>,
    pub charge: Option<Uuid>,
    pub payout: Option<i64>,
    pub currency: Option<String>,
    pub amount: Option<i64>,
    /// The numbers that made it.
    pub explanation: Value,
}

impl Finding {
    /// The key of something that a user did around a time.
    pub fn key_at(kind: Kind, user: Uuid, currency: &str, at: i64) -> String {
        format!("{}:{user}:{currency}:{}", kind.as_str(), hour_of(at))
    }
}
