//! Everything that can go wrong in the treasury, and the one place that says how it is
//! reported.

use crate::kernel::error::{Error, sqlstate};
use crate::kernel::money::{Currency, Money};
use pgrx::Uuid;

#[derive(Debug)]
pub enum TreasuryError {
    /// No user has this id.
    UnknownUser { field: String, id: Uuid },
    /// No split rule has this id, or none any more.
    UnknownRule { id: i64 },
    /// Somebody else's rule, or none.
    NotYourRule,
    /// A buyer cannot have rules.
    NoSeller,
    /// The owner has as many rules as there may be.
    TooManyRules { most: i64 },
    /// The rule is for another currency.
    OtherCurrency { only: String },
    /// The person or the account at Stripe is linked otherwise.
    LinkedOtherwise { user: Uuid, account: String },
    /// No person has this account at Stripe.
    UnknownAccount { account: String },
    /// No charge has this id at Stripe, or none that the caller may know of.
    UnknownCharge { field: String, id: String },
    /// The charge is somebody's already.
    HasOwner { charge: String },
    /// No refund has this id.
    UnknownRefund { id: i64 },
    /// More than what is left of the charge.
    NotRefundable { left: Money },
    /// The refund is on its way, or over.
    RefundDecided { status: String },
    /// No dispute has this id.
    UnknownDispute { id: String },
    /// An event of the test mode for an account of the live mode, or the other way.
    OtherMode { live: bool },
    /// An adjustment would bring earnings below zero.
    Overdraft { user: Uuid, balance: i64, currency: Currency },
    /// No call of Stripe has this id.
    UnknownRequest { id: Uuid },
    /// No payout has this number.
    UnknownPayout { id: i64 },
    /// Somebody else's payout, or none.
    NotYourPayout,
    /// The payout's state does not allow it.
    PayoutState { id: i64, is: &'static str },
    /// Nobody can be paid to this account yet.
    NotReady { missing: Vec<String> },
    /// What an earlier payout that failed took to their account at Stripe is still there.
    NotBroughtBack,
    /// Less can be paid out than was asked for.
    NotPayable { payable: Money },
    /// Less than may be paid out at all.
    BelowMinimum { minimum: Money },
    /// Another session is paying everybody.
    RunUnderWay,
}

impl From<TreasuryError> for Error {
    fn from(error: TreasuryError) -> Self {
        use TreasuryError::*;
        match error {
            UnknownUser { field, id } => {
                Error::new(sqlstate::NOT_FOUND, format!("{field}: no such user"))
                    .detail(format!("user {id}"))
            }
            UnknownRule { id } => Error::not_found("split rule", id),
            NotYourRule => Error::forbidden("p_rule_id: must be your own, unless you are an admin"),
            NoSeller => Error::forbidden("only hosts, artists and admins have split rules")
                .hint("An admin of the treasury gives the role with ops.grant_role."),
            TooManyRules { most } => {
                Error::conflict(format!("an owner has at most {most} split rules"))
            }
            OtherCurrency { only } => {
                Error::invalid("p_currency", format!("the rule is for {only} only"))
            }
            LinkedOtherwise { user, account } => {
                Error::conflict("the person or the account is linked to another")
                    .detail(format!("user {user}, account {account}"))
            }
            UnknownAccount { account } => Error::not_found("Stripe account", account)
                .hint("Link it to its owner first: treasury.link_stripe_account."),
            Overdraft { user, balance, currency } => {
                Error::conflict("p_adjustment.amount_cents: it is more than the user has")
                    .detail(format!("user {user} has {balance} {currency} (minor units)"))
                    .hint("The setting adjustment_overdraft of treasury may allow it.")
            }
            UnknownCharge { field, id } => {
                Error::new(sqlstate::NOT_FOUND, format!("{field}: no such charge"))
                    .detail(format!("charge {id}"))
            }
            HasOwner { charge } => Error::conflict("charge_id: the charge is somebody's already")
                .detail(format!("charge {charge}")),
            UnknownRefund { id } => Error::not_found("refund", id),
            NotRefundable { left } => {
                Error::conflict("amount_cents: more than what is left of the charge")
                    .detail(format!("{left} can be refunded"))
            }
            RefundDecided { status } => {
                Error::conflict(format!("the refund does not wait for anybody: it is {status}"))
            }
            UnknownDispute { id } => Error::not_found("dispute", id),
            OtherMode { live } => {
                let mode = if live { "live" } else { "test" };
                Error::conflict(format!("p_live: the account is one of the {mode} mode"))
            }
            UnknownRequest { id } => Error::not_found("request to Stripe", id),
            UnknownPayout { id } => Error::not_found("payout", id),
            NotYourPayout => {
                Error::forbidden("p_payout_id: must be your own, unless you are an admin")
            }
            PayoutState { id, is } => Error::conflict("the state of the payout does not allow it")
                .detail(format!("payout {id} is {is}")),
            NotReady { missing } => Error::conflict("the account at Stripe cannot be paid to yet")
                .detail(format!("missing: {}", missing.join(", "))),
            NotBroughtBack => {
                Error::conflict("the money of an earlier payout has not come back yet")
                    .hint("It is with the account at Stripe; its transfer is being reversed.")
            }
            NotPayable { payable } => Error::conflict("not so much can be paid out now")
                .detail(format!("payable: {payable}"))
                .hint("treasury.payable says what is held back."),
            BelowMinimum { minimum } => Error::conflict(format!("at least {minimum} are paid out")),
            RunUnderWay => Error::conflict("a payout run is under way"),
        }
    }
}
