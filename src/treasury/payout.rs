//! Payouts: what somebody is paid of their earnings, and the platform's own to its bank.
//!
//! review → pending → in_transit → paid, or canceled, or failed; it only moves forward, and
//! what is paid may still fail. What is in the books is a function of the status: every
//! step posts the difference between the two, with the payout's row locked, so it does not
//! matter in which order news come or how often.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::{Currency, Money};
use crate::treasury::books::{self, Account, Move};
use crate::treasury::error::TreasuryError;
use crate::treasury::sending;
use crate::treasury::store::payouts as store;
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;

/// The event_source of its entries.
pub const KIND: &str = "payout";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// An admin must let it.
    Review,
    /// To be asked of Stripe, or asked.
    Pending,
    InTransit,
    /// As far as Stripe knows.
    Paid,
    Canceled,
    Failed,
}

/// Where the money of a payout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Where it came from.
    Home,
    OnItsWay,
    Arrived,
}

impl Status {
    /// In the order in which one may become the other.
    pub const ALL: [Status; 6] = [
        Status::Review,
        Status::Pending,
        Status::InTransit,
        Status::Paid,
        Status::Canceled,
        Status::Failed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Review => "review",
            Status::Pending => "pending",
            Status::InTransit => "in_transit",
            Status::Paid => "paid",
            Status::Canceled => "canceled",
            Status::Failed => "failed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Status::ALL.into_iter().find(|status| status.as_str() == text)
    }

    fn stage(self) -> Stage {
        match self {
            Status::Review | Status::Pending | Status::InTransit => Stage::OnItsWay,
            Status::Paid => Stage::Arrived,
            Status::Canceled | Status::Failed => Stage::Home,
        }
    }

    /// Whether nothing more is expected of it.
    pub fn is_complete(self) -> bool {
        self.stage() != Stage::OnItsWay
    }

    /// Whether the money is back.
    pub fn is_undone(self) -> bool {
        self.stage() == Stage::Home
    }
}

/// How it gets there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Standard,
    Instant,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Standard => "standard",
            Method::Instant => "instant",
        }
    }

    /// As Stripe or a table says; whatever else there may be one day is no instant one.
    pub fn parse(text: &str) -> Self {
        if text == "instant" { Method::Instant } else { Method::Standard }
    }
}

/// A payout as it stands, its row locked.
#[derive(Clone, Debug)]
pub struct Payout {
    pub id: i64,
    /// Whose earnings; nobody's for one of the platform.
    pub user: Option<Uuid>,
    pub status: Status,
    pub amount: Money,
    pub method: Method,
    /// The connected account.
    pub account: Option<String>,
    pub stripe_id: Option<String>,
    pub transfer: Option<String>,
    /// Whether it was handed to the worker.
    pub sent: bool,
    /// Whether its time has come.
    pub due: bool,
}

/// What has to be posted so that a payout that stood somewhere, or was not there, stands
/// elsewhere.
fn moves(user: Option<Uuid>, minor: i64, from: Option<Status>, to: Status) -> Vec<Move> {
    let transit = Account::InTransit;
    // Money of the platform's own is on its way as soon as it leaves Stripe's balance. What
    // somebody earned is there until it is paid, but no longer theirs to ask for.
    let steps = match user {
        Some(user) => [(Account::Earnings(user), transit), (transit, Account::Stripe)],
        None => [(transit, Account::Stripe), (Account::Bank, transit)],
    };
    let passed = |status: Status| {
        [status.stage() >= Stage::OnItsWay, status.stage() >= Stage::Arrived].map(i64::from)
    };
    let (before, after) = (from.map_or([0, 0], passed), passed(to));
    let step = |at: usize| {
        let (debit, credit) = steps[at];
        Move { debit, credit, minor: minor * (after[at] - before[at]) }
    };
    vec![step(0), step(1)]
}

/// Posts what a step means; the transfer that takes it off the earnings, if there is one.
pub fn post(
    payout: &Payout,
    from: Option<Status>,
    to: Status,
) -> Result<Option<(Uuid, books::Side)>> {
    let moves = moves(payout.user, payout.amount.minor, from, to);
    let own = || format!("payout:{}", payout.id);
    let reference = payout.stripe_id.clone().unwrap_or_else(own);
    let posted = books::post(KIND, Some(&reference), None, payout.amount.currency, &moves)?;
    let first = moves.iter().find(|one| one.minor != 0);
    let is_first = payout.user.is_some() && first.is_some_and(|one| is_earnings(one.debit));
    let side = if payout.amount.minor > 0 { books::Side::Debit } else { books::Side::Credit };
    Ok(posted.filter(|_| is_first).map(|posted| (posted.transfers[0], side)))
}

fn is_earnings(account: Account) -> bool {
    matches!(account, Account::Earnings(_))
}

/// Moves a payout forward; whether it was not there yet. `at` is when it happened, if
/// anybody said so.
pub fn advance(
    payout: &Payout,
    to: Status,
    at: Option<TimestampWithTimeZone>,
    failure: Option<&str>,
) -> Result<bool> {
    if to <= payout.status {
        return Ok(false);
    }
    post(payout, Some(payout.status), to)?;
    store::advance(payout.id, to, at, failure)?;
    if to.is_undone() && !payout.status.is_undone() {
        sending::bring_back(payout)?;
    }
    Ok(true)
}

/// The payout, its row locked, or PT404.
pub fn lock(id: i64) -> Result<Payout> {
    Ok(store::lock(id)?.ok_or(TreasuryError::UnknownPayout { id })?)
}

/// PT409 for what cannot be done to a payout that stands so.
pub fn wrong_state(payout: &Payout) -> Error {
    TreasuryError::PayoutState { id: payout.id, is: payout.status.as_str() }.into()
}

/// The amount of somebody's setting for a currency.
pub fn of_currency(
    amounts: &std::collections::BTreeMap<String, i64>,
    currency: Currency,
) -> Option<i64> {
    amounts.get(currency.code()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn user() -> Uuid {
        Uuid::from_bytes([7; 16])
    }

    /// What moves leave on accounts; debits above zero.
    fn post_all(moves: Vec<Move>, balances: &mut BTreeMap<String, i64>) {
        for one in moves {
            *balances.entry(format!("{:?}", one.debit)).or_default() += one.minor;
            *balances.entry(format!("{:?}", one.credit)).or_default() -= one.minor;
        }
        balances.retain(|_, balance| *balance != 0);
    }

    fn standing(user: Option<Uuid>, status: Status) -> BTreeMap<String, i64> {
        let mut balances = BTreeMap::new();
        post_all(moves(user, 500, None, status), &mut balances);
        balances
    }

    #[test]
    fn the_books_follow_from_the_status() {
        let earnings = format!("{:?}", Account::Earnings(user()));
        for status in [Status::Review, Status::Pending, Status::InTransit] {
            let expected = [(earnings.clone(), 500), ("InTransit".to_owned(), -500)];
            assert_eq!(standing(Some(user()), status), BTreeMap::from(expected));
            let expected = [("InTransit".to_owned(), 500), ("Stripe".to_owned(), -500)];
            assert_eq!(standing(None, status), BTreeMap::from(expected));
        }
        let expected = [(earnings, 500), ("Stripe".to_owned(), -500)];
        assert_eq!(standing(Some(user()), Status::Paid), BTreeMap::from(expected));
        let expected = [("Bank".to_owned(), 500), ("Stripe".to_owned(), -500)];
        assert_eq!(standing(None, Status::Paid), BTreeMap::from(expected));
        for status in [Status::Canceled, Status::Failed] {
            assert!(standing(Some(user()), status).is_empty());
            assert!(standing(None, status).is_empty());
        }
    }

    #[test]
    fn a_status_is_read_as_it_is_written_and_they_have_an_order() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
        assert!(Status::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(Status::parse("completed"), None);
        assert_eq!(Method::parse("instant"), Method::Instant);
        assert_eq!(Method::parse("wire"), Method::Standard);
    }

    proptest! {
        #[test]
        fn the_way_does_not_matter(
            steps in prop::collection::vec(0_usize..6, 1..10), own: bool, minor in -1_000_i64..1_000,
        ) {
            let user = own.then(user);
            let (mut stepwise, mut status) = (BTreeMap::new(), None);
            for step in steps {
                let next = Status::ALL[step];
                if status.is_some_and(|status| next <= status) {
                    continue;
                }
                post_all(moves(user, minor, status, next), &mut stepwise);
                status = Some(next);
            }
            let mut at_once = BTreeMap::new();
            post_all(moves(user, minor, None, status.unwrap()), &mut at_once);
            prop_assert_eq!(stepwise, at_once);
        }
    }
}
