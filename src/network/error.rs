//! Everything that can go wrong in the network, and the one place that says
//! how it is reported.

use crate::kernel::error::{Error, sqlstate};
use crate::kernel::money::{Currency, Money};
use crate::network::debt::Position;
use pgrx::Uuid;

#[derive(Debug)]
pub enum NetworkError {
    /// No profile has this id.
    UnknownProfile { field: &'static str, id: Uuid },
    /// The profile exists but is no promoter.
    NotAPromoter { field: &'static str },
    /// The profile exists but is no customer.
    NotACustomer { field: &'static str },
    /// The promoter is not active.
    Inactive { field: &'static str },
    /// The first admin has not been made yet.
    NoPlatform,
    /// More PINs were to be taken than there are.
    TooFewPins { has: i32, needs: i64 },
    /// A PIN balance beyond what the column holds.
    TooManyPins,
    /// The line would be longer than the setting allows.
    TooDeep { most: i64 },
    /// The new parent stands below the promoter.
    Cycle,
    /// A withdrawal below the configured minimum.
    BelowMinimum { minimum: Money },
    /// More than what is payable.
    NotAvailable { position: Position, currency: Currency },
    /// A request that is not in a state for this step.
    WrongState { what: &'static str, is: String, to: String },
    /// The setting of the amounts has fewer entries than there are levels.
    AmountsMissing { levels: usize, amounts: usize },
    /// A customer with this id exists and is not the same.
    CustomerExists { field: &'static str },
    /// A change of the currency when there are wallets in another.
    CurrencyFixed,
    /// A request id that no row has.
    UnknownRequest { what: &'static str, key: String },
}

impl From<NetworkError> for Error {
    fn from(error: NetworkError) -> Self {
        use NetworkError::*;
        match error {
            UnknownProfile { field, id } => {
                Error::new(sqlstate::NOT_FOUND, format!("{field}: no such profile"))
                    .detail(format!("profile {id}"))
            }
            NotAPromoter { field } => Error::invalid(field, "must be a promoter"),
            NotACustomer { field } => Error::invalid(field, "must be a customer"),
            Inactive { field } => Error::conflict(format!("{field}: the promoter is inactive")),
            NoPlatform => Error::new(sqlstate::NOT_CONFIGURED, "the network has no admin yet")
                .hint(
                    "As the database's owner: select backoffice.bootstrap_admin(email, password).",
                ),
            TooFewPins { has, needs } => Error::conflict("not enough PINs")
                .detail(format!("the balance is {has}, {needs} needed"))
                .hint("Ask an admin for PINs, or request them with create_pin_request."),
            TooManyPins => {
                Error::out_of_range("p_pin_change_value", "the balance would be too large")
            }
            TooDeep { most } => Error::conflict("the line below this parent is full")
                .detail(format!("a line holds at most {most} promoters"))
                .hint("The setting network.max_depth says how many; null is no limit."),
            Cycle => Error::conflict("a promoter cannot stand below themselves"),
            BelowMinimum { minimum } => {
                Error::invalid("p_amount", format!("must be at least {minimum}"))
            }
            NotAvailable { position, currency } => {
                let money = |minor| Money::new(minor, currency);
                Error::conflict("not enough available").detail(format!(
                    "available {}, on hold {}, owed {}",
                    money(position.withdrawable()),
                    money(position.on_hold),
                    money(position.debt)
                ))
            }
            WrongState { what, is, to } => Error::conflict(format!("the {what} is {is}"))
                .detail(format!("it cannot become {to}")),
            AmountsMissing { levels, amounts } => Error::conflict(format!(
                "network.commission_amounts has {amounts} amounts for {levels} levels"
            ))
            .hint("Set as many amounts as network.commission_levels says, or fewer levels first."),
            CustomerExists { field } => {
                Error::conflict("a customer with this id exists and differs")
                    .detail(format!("{field} is not the same"))
            }
            CurrencyFixed => Error::conflict("the currency is fixed once there are wallets"),
            UnknownRequest { what, key } => Error::not_found(what, key),
        }
    }
}
