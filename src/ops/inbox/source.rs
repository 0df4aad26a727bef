//! The providers whose webhooks are understood.

use crate::kernel::error::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Stripe,
    Razorpay,
}

impl Source {
    pub const ALL: [Source; 2] = [Source::Stripe, Source::Razorpay];

    pub fn as_str(self) -> &'static str {
        match self {
            Source::Stripe => "stripe",
            Source::Razorpay => "razorpay",
        }
    }

    pub fn find(name: &str) -> Option<Self> {
        Source::ALL.into_iter().find(|source| source.as_str() == name)
    }

    /// The source that an argument names, or 22023.
    pub fn parse(name: &str, field: &str) -> Result<Self> {
        Source::find(name).ok_or_else(|| {
            let names = Source::ALL.map(Source::as_str).join(" or ");
            Error::invalid(field, format!("must be {names}"))
        })
    }

    /// The header that the signature comes in.
    pub fn signature_header(self) -> &'static str {
        match self {
            Source::Stripe => "stripe-signature",
            Source::Razorpay => "x-razorpay-signature",
        }
    }
}
