//! What a charge means for the books: a function of how much was captured and how much is
//! gone again, and of nothing else. Every event posts the difference between where the
//! charge stood and where it stands, so it does not matter in which order they come.

use crate::treasury::books::{Account, Move};
use crate::treasury::split::returned;
use pgrx::Uuid;

/// Whose a share of a charge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    Platform,
    Recipient(Uuid),
    /// Nobody is known yet whose it is.
    Unallocated,
}

impl Party {
    pub fn as_str(self) -> &'static str {
        match self {
            Party::Platform => "platform",
            Party::Recipient(_) => "recipient",
            Party::Unallocated => "unallocated",
        }
    }

    pub fn person(self) -> Option<Uuid> {
        match self {
            Party::Recipient(id) => Some(id),
            _ => None,
        }
    }

    /// As a table has it.
    pub fn stored(name: &str, person: Option<Uuid>) -> Option<Self> {
        match (name, person) {
            ("platform", None) => Some(Party::Platform),
            ("unallocated", None) => Some(Party::Unallocated),
            ("recipient", Some(id)) => Some(Party::Recipient(id)),
            _ => None,
        }
    }

    pub fn account(self) -> Account {
        match self {
            Party::Platform => Account::Revenue,
            Party::Recipient(id) => Account::Earnings(id),
            Party::Unallocated => Account::Unallocated,
        }
    }
}

/// A part of what was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    pub party: Party,
    pub amount: i64,
}

/// Where a charge stands: what each share still has, and what was given back beyond all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    kept: Vec<Share>,
    loss: i64,
}

impl Standing {
    /// With so much of the shares' sum gone, by refunds and disputes. Nothing stands, and
    /// nothing is lost, where nothing was captured: what is refunded then was only set aside.
    pub fn of(shares: &[Share], gone: i64) -> Self {
        let amounts: Vec<i64> = shares.iter().map(|share| share.amount).collect();
        let captured: i64 = amounts.iter().sum();
        if captured == 0 {
            return Standing::default();
        }
        let within = gone.clamp(0, captured);
        let back = returned(&amounts, within);
        let kept = shares
            .iter()
            .zip(back)
            .map(|(share, back)| Share { amount: share.amount - back, ..*share })
            .collect();
        Standing { kept, loss: gone - within }
    }

    /// What has to be posted to get from here to there.
    pub fn to(&self, next: &Standing) -> Vec<Move> {
        let mut moves: Vec<Move> = Vec::with_capacity(next.kept.len() + 1);
        let mut add =
            |account: Account, minor: i64| match moves.iter_mut().find(|one| one.credit == account)
            {
                Some(same) => same.minor += minor,
                None => moves.push(Move { debit: Account::Stripe, credit: account, minor }),
            };
        next.kept.iter().for_each(|share| add(share.party.account(), share.amount));
        self.kept.iter().for_each(|share| add(share.party.account(), -share.amount));
        add(Account::Losses, self.loss - next.loss);
        moves
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn person(n: u8) -> Uuid {
        Uuid::from_bytes([n; 16])
    }

    fn shares(amounts: &[i64]) -> Vec<Share> {
        let party = |n: usize| match n {
            0 => Party::Platform,
            n => Party::Recipient(person(n as u8)),
        };
        amounts.iter().enumerate().map(|(n, &amount)| Share { party: party(n), amount }).collect()
    }

    /// What moves leave on each account; of Stripe's what came in.
    fn post(moves: &[Move], balances: &mut BTreeMap<String, i64>) {
        for one in moves {
            *balances.entry(format!("{:?}", one.credit)).or_default() += one.minor;
            *balances.entry(format!("{:?}", one.debit)).or_default() += one.minor;
        }
        balances.retain(|_, balance| *balance != 0);
    }

    #[test]
    fn a_charge_pays_its_shares_and_a_refund_takes_them_back() {
        let shares = shares(&[1000, 7000, 2001]);
        let nothing = Standing::default();
        let paid = Standing::of(&shares, 0);
        let mut balances = BTreeMap::new();
        post(&nothing.to(&paid), &mut balances);
        assert_eq!(balances.values().sum::<i64>(), 2 * 10_001);
        let back = Standing::of(&shares, 10_001);
        post(&paid.to(&back), &mut balances);
        assert!(balances.is_empty(), "{balances:?}");
    }

    #[test]
    fn what_is_given_back_beyond_a_charge_is_a_loss() {
        let shares = shares(&[0, 100]);
        let mut balances = BTreeMap::new();
        post(&Standing::default().to(&Standing::of(&shares, 150)), &mut balances);
        assert_eq!(balances["Losses"], -50);
        assert_eq!(balances["Stripe"], -50);
    }

    #[test]
    fn what_was_only_set_aside_is_no_loss() {
        assert!(Standing::default().to(&Standing::of(&[], 500)).iter().all(|one| one.minor == 0));
    }

    #[test]
    fn a_party_is_read_as_it_is_written() {
        for party in [Party::Platform, Party::Unallocated, Party::Recipient(person(3))] {
            assert_eq!(Party::stored(party.as_str(), party.person()), Some(party));
        }
        assert_eq!(Party::stored("recipient", None), None);
    }

    proptest! {
        #[test]
        fn the_way_does_not_matter(
            amounts in prop::collection::vec(0_i64..100_000, 1..6),
            steps in prop::collection::vec(-50_000_i64..400_000, 1..8),
        ) {
            let shares = shares(&amounts);
            let (mut stepwise, mut at_once) = (BTreeMap::new(), BTreeMap::new());
            let mut standing = Standing::default();
            for &gone in &steps {
                let next = Standing::of(&shares, gone);
                post(&standing.to(&next), &mut stepwise);
                standing = next;
            }
            let last = Standing::of(&shares, steps[steps.len() - 1]);
            post(&Standing::default().to(&last), &mut at_once);
            prop_assert_eq!(stepwise, at_once);
        }

        #[test]
        fn stripe_has_what_is_not_gone(
            amounts in prop::collection::vec(0_i64..100_000, 1..6), gone in -1_000_i64..700_000,
        ) {
            let captured: i64 = amounts.iter().sum();
            prop_assume!(captured > 0);
            let mut balances = BTreeMap::new();
            post(&Standing::default().to(&Standing::of(&shares(&amounts), gone)), &mut balances);
            prop_assert_eq!(balances.get("Stripe").copied().unwrap_or(0), captured - gone);
        }
    }
}
