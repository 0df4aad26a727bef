//! Limits of striped accounts: each stripe has a share of what the limits allow.
//!
//! No row of a striped account knows the balance, so the room that its limits leave
//! is dealt out among its stripes. A posting that fits the share of its stripe fits the
//! account, whatever other stripes do meanwhile; one that does not is decided with all
//! stripes locked, and the room is dealt out anew. What keeps it exact:
//!
//! * the shares of an overdraft add up to no more than the overdraft less what live
//!   holds may take; those of a balance to no more than the balance less what live
//!   holds may bring;
//! * no stripe leaves its share: its net plus its overdraft's share is never below
//!   zero, and its net never above its balance's share;
//! * what a stripe may do stands in its own row, so that whoever changes a limit or
//!   freezes the account tells every posting by changing all rows of stripes.
//!
//! What a hold gives back when it is released or expires stays undealt until the next
//! time that all stripes are locked.

use crate::ledger::account::{Account, Change, Counters, MAX_IN_STRIPE, Side};

/// How far a stripe may go on its own; nothing where there is no limit. A share may be
/// below zero: a stripe that has much lends to the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    pub overdraft: Option<i64>,
    pub balance: Option<i64>,
}

/// One row of `ledger.account_stripes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stripe {
    pub number: i16,
    /// The posted ones.
    pub counters: Counters,
    pub shares: Shares,
    /// Whether the account is.
    pub frozen: bool,
}

/// The most room that is dealt to one stripe, so that shares fit 64 bits.
const MOST_ROOM: i128 = (i64::MAX / 2) as i128;

impl Stripe {
    /// Whether it speaks for itself only in its shares, or not at all.
    pub fn is_guarded(&self) -> bool {
        self.frozen || self.shares != Shares::default()
    }

    /// The counters after a posting, if the stripe can count it.
    pub fn count(&self, posted: &Change) -> Option<Counters> {
        let sum = self.counters.plus(posted)?;
        (sum.debits_posted.max(sum.credits_posted) <= MAX_IN_STRIPE).then_some(sum)
    }

    /// The counters after a posting, if the stripe may decide on it.
    pub fn fit(&self, side: Side, posted: &Change) -> Option<Counters> {
        let sum = self.count(posted).filter(|_| !self.frozen)?;
        let (was, net) = (wide(self.counters.posted(side)), wide(sum.posted(side)));
        let low = self.shares.overdraft.is_some_and(|share| net < was && net + wide(share) < 0);
        let high = self.shares.balance.is_some_and(|share| net > was && net > wide(share));
        (!low && !high).then_some(sum)
    }
}

fn wide(number: i64) -> i128 {
    number.into()
}

/// The posted counters of all stripes together: at most 64 numbers below 2^56.
pub fn total(stripes: &[Stripe]) -> Counters {
    stripes.iter().fold(Counters::default(), |sum, stripe| Counters {
        debits_posted: sum.debits_posted + stripe.counters.debits_posted,
        credits_posted: sum.credits_posted + stripe.counters.credits_posted,
        ..sum
    })
}

/// Deals out the room that the limits leave `account`, whose counters are those of
/// all stripes: the same to each, and what cannot be divided to the first ones. Tells
/// them also whether it is frozen.
pub fn deal(stripes: &mut [Stripe], account: &Account) {
    let (side, limit) = (account.side(), account.limit);
    let floor = limit.max_overdraft().map(|most| account.available() + wide(most));
    let ceiling = limit.max_balance().map(|most| wide(most) - account.reach());
    let count = stripes.len() as i128;
    for (n, stripe) in stripes.iter_mut().enumerate() {
        let part = |room: i128| {
            let room = room.max(0);
            (room / count + i128::from((n as i128) < room % count)).min(MOST_ROOM) as i64
        };
        let net = stripe.counters.posted(side);
        stripe.shares = Shares {
            overdraft: floor.map(|room| part(room) - net),
            balance: ceiling.map(|room| part(room) + net),
        };
        stripe.frozen = account.frozen;
    }
}

#[cfg(test)]
#[path = "escrow_tests.rs"]
mod tests;
