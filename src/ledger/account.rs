//! Accounts: what a class means, what is available, and which change is allowed.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::Currency;
use crate::ledger::error::LedgerError;
use pgrx::Uuid;
use std::fmt;

/// The key of `ledger.accounts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub i64);

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The class of an account, from which follows on which side it grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Asset,
    Liability,
    Equity,
    Income,
    Expense,
}

impl Class {
    const ALL: [Class; 5] =
        [Class::Asset, Class::Liability, Class::Equity, Class::Income, Class::Expense];

    pub fn as_str(self) -> &'static str {
        match self {
            Class::Asset => "asset",
            Class::Liability => "liability",
            Class::Equity => "equity",
            Class::Income => "income",
            Class::Expense => "expense",
        }
    }

    /// The class of this name, or 22023 naming `field`.
    pub fn parse(text: &str, field: &str) -> Result<Self> {
        Class::ALL.into_iter().find(|class| class.as_str() == text).ok_or_else(|| {
            Error::invalid(field, "must be asset, liability, equity, income or expense")
        })
    }

    /// The side that makes the balance larger.
    pub fn normal_side(self) -> Side {
        match self {
            Class::Asset | Class::Expense => Side::Debit,
            Class::Liability | Class::Equity | Class::Income => Side::Credit,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Debit,
    Credit,
}

/// How far the balance of an account may go, below zero and above it, on its normal side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    None,
    NoOverdraft,
    /// Up to so many minor units below zero.
    Overdraft(i64),
    /// Both ways; `None` where there is no end.
    Between {
        max_overdraft: Option<i64>,
        max_balance: i64,
    },
}

impl Limit {
    /// As `ledger.accounts.max_overdraft` stores it.
    pub fn max_overdraft(self) -> Option<i64> {
        match self {
            Limit::None => None,
            Limit::NoOverdraft => Some(0),
            Limit::Overdraft(most) => Some(most),
            Limit::Between { max_overdraft, .. } => max_overdraft,
        }
    }

    /// As `ledger.accounts.max_balance` stores it.
    pub fn max_balance(self) -> Option<i64> {
        match self {
            Limit::Between { max_balance, .. } => Some(max_balance),
            _ => None,
        }
    }

    /// From what `ledger.accounts` stores.
    pub fn stored(max_overdraft: Option<i64>, max_balance: Option<i64>) -> Self {
        match (max_overdraft, max_balance) {
            (max_overdraft, Some(max_balance)) => Limit::Between { max_overdraft, max_balance },
            (None, None) => Limit::None,
            (Some(0), None) => Limit::NoOverdraft,
            (Some(most), None) => Limit::Overdraft(most),
        }
    }

    /// 22023 naming the part that is below zero.
    pub fn validate(self) -> Result<()> {
        for (field, most) in
            [("max_overdraft", self.max_overdraft()), ("max_balance", self.max_balance())]
        {
            if most.is_some_and(|most| most < 0) {
                return Err(Error::invalid(field, "must not be negative"));
            }
        }
        Ok(())
    }
}

/// An account to be opened.
#[derive(Clone, Copy, Debug)]
pub struct NewAccount<'a> {
    pub system: &'a str,
    /// Unique in the system.
    pub code: &'a str,
    pub name: &'a str,
    pub currency: Currency,
    pub class: Class,
    pub owner: Option<Uuid>,
    pub limit: Limit,
    /// Over how many rows the counters are spread, 2 to 64; 0 or 1 for one row.
    pub stripes: i32,
}

/// The most rows that an account's counters are spread over.
pub const MAX_STRIPES: i32 = 64;
/// The most that one stripe counts, and the most that is held on a striped account: what
/// 64 stripes count and what is held still fit 63 bits together, though no row has both.
pub const MAX_IN_STRIPE: i64 = MAX_HELD_ON_STRIPED / MAX_STRIPES as i64;
pub const MAX_HELD_ON_STRIPED: i64 = i64::MAX / 2;

impl NewAccount<'_> {
    /// The number of stripes as stored: 0 where there is one row.
    pub fn stored_stripes(&self) -> i16 {
        if self.stripes <= 1 { 0 } else { self.stripes as i16 }
    }

    pub fn validate(&self) -> Result<()> {
        check_text("system", self.system, 63)?;
        check_text("code", self.code, 200)?;
        check_text("name", self.name, 200)?;
        if !(0..=MAX_STRIPES).contains(&self.stripes) {
            let rule = format!("must be from 0 to {MAX_STRIPES}");
            return Err(Error::invalid("stripes", rule));
        }
        self.limit.validate()
    }
}

/// What a row of `ledger.accounts` must keep to, whoever writes it.
pub struct StoredShape<'a> {
    pub id: Option<AccountId>,
    pub parent: Option<AccountId>,
    pub currency: &'a str,
    pub limit: Limit,
    pub stripes: i16,
}

impl StoredShape<'_> {
    pub fn validate(&self) -> Result<()> {
        Currency::parse(self.currency, "currency")?;
        self.limit.validate()?;
        if self.stripes != 0 && !(2..=MAX_STRIPES).contains(&self.stripes.into()) {
            let rule = format!("must be 0 or from 2 to {MAX_STRIPES}");
            return Err(Error::invalid("stripes", rule));
        }
        if self.parent.is_some() && self.parent == self.id {
            return Err(Error::invalid("parent_id", "an account is no part of itself"));
        }
        Ok(())
    }
}

/// 22023 unless `text` has 1 to `most` bytes and no control characters.
pub fn check_text(field: &str, text: &str, most: usize) -> Result<()> {
    if text.is_empty() || text.len() > most || text.chars().any(char::is_control) {
        let rule = format!("must have 1 to {most} bytes and no control characters");
        return Err(Error::invalid(field, rule));
    }
    Ok(())
}

/// The four counters of an account. They never go below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub debits_posted: i64,
    pub credits_posted: i64,
    pub debits_pending: i64,
    pub credits_pending: i64,
}

/// What a posting adds to the counters of one account; releasing a hold takes away.
pub type Change = Counters;

impl Counters {
    /// Counters after a change, or `None` where one leaves its range. A posted
    /// counter and its pending one must also fit together, so that no balance
    /// computed from them can overflow.
    pub fn plus(&self, change: &Change) -> Option<Counters> {
        let add = |a: i64, b: i64| a.checked_add(b).filter(|sum| *sum >= 0);
        let sum = Counters {
            debits_posted: add(self.debits_posted, change.debits_posted)?,
            credits_posted: add(self.credits_posted, change.credits_posted)?,
            debits_pending: add(self.debits_pending, change.debits_pending)?,
            credits_pending: add(self.credits_pending, change.credits_pending)?,
        };
        sum.debits_posted.checked_add(sum.debits_pending)?;
        sum.credits_posted.checked_add(sum.credits_pending)?;
        Some(sum)
    }

    /// The posted part and the pending part.
    pub fn split(&self) -> (Counters, Counters) {
        let posted = Counters { debits_pending: 0, credits_pending: 0, ..*self };
        let pending = Counters { debits_posted: 0, credits_posted: 0, ..*self };
        (posted, pending)
    }

    /// The change that undoes this one.
    pub fn inverse(&self) -> Change {
        Change {
            debits_posted: -self.debits_posted,
            credits_posted: -self.credits_posted,
            debits_pending: -self.debits_pending,
            credits_pending: -self.credits_pending,
        }
    }

    pub fn posted(&self, side: Side) -> i64 {
        match side {
            Side::Debit => self.debits_posted - self.credits_posted,
            Side::Credit => self.credits_posted - self.debits_posted,
        }
    }

    /// What open holds may still take from a balance that grows on `side`.
    pub fn held(&self, side: Side) -> i64 {
        match side {
            Side::Debit => self.credits_pending,
            Side::Credit => self.debits_pending,
        }
    }

    /// What open holds may still bring to a balance that grows on `side`.
    pub fn expected(&self, side: Side) -> i64 {
        match side {
            Side::Debit => self.debits_pending,
            Side::Credit => self.credits_pending,
        }
    }
}

/// An account as a posting sees it, locked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Account {
    pub id: AccountId,
    pub currency: Currency,
    pub class: Class,
    pub limit: Limit,
    pub closed: bool,
    /// It takes nothing until somebody unfreezes it.
    pub frozen: bool,
    pub stripes: i16,
    pub counters: Counters,
    /// The part of what is held whose holds have expired: it counts no more.
    pub expired: i64,
    /// The part of what is expected whose holds have expired.
    pub expired_expected: i64,
}

impl Account {
    pub fn side(&self) -> Side {
        self.class.normal_side()
    }

    /// Whether a posting must look at more of it than that it is not closed.
    pub fn is_guarded(&self) -> bool {
        self.limit != Limit::None || self.frozen
    }

    /// Whether open holds count for what it may do.
    pub fn has_holds(&self) -> bool {
        let (held, expected) =
            (self.counters.held(self.side()), self.counters.expected(self.side()));
        held > 0 || (self.limit.max_balance().is_some() && expected > 0)
    }

    /// The part of its pending debits whose holds have expired.
    pub fn expired_debits(&self) -> i64 {
        if self.side() == Side::Credit { self.expired } else { self.expired_expected }
    }

    /// The part of its pending credits whose holds have expired.
    pub fn expired_credits(&self) -> i64 {
        if self.side() == Side::Debit { self.expired } else { self.expired_expected }
    }

    /// What may still be taken from it, less than nothing in an overdraft.
    pub fn available(&self) -> i128 {
        let held = i128::from(self.counters.held(self.side())) - i128::from(self.expired);
        i128::from(self.counters.posted(self.side())) - held
    }

    /// The balance it comes to where every hold that is open brings what it may.
    pub fn reach(&self) -> i128 {
        let expected = i128::from(self.counters.expected(self.side()));
        i128::from(self.counters.posted(self.side())) + expected - i128::from(self.expired_expected)
    }

    /// The account after a change, if its state and its limits allow it.
    ///
    /// A change that goes away from a limit is allowed also where the limit is broken.
    pub fn apply(&self, change: &Change) -> Result<Account, LedgerError> {
        if self.closed {
            return Err(LedgerError::Closed(self.id));
        }
        if self.frozen {
            return Err(LedgerError::Frozen(self.id));
        }
        let counters = self
            .counters
            .plus(change)
            .filter(|sum| {
                let held = sum.debits_pending.max(sum.credits_pending);
                self.stripes == 0 || held <= MAX_HELD_ON_STRIPED
            })
            .ok_or(LedgerError::OutOfRange { account: self.id })?;
        let after = Account { counters, ..*self };
        let taken = self.available() - after.available();
        if let Some(most) = self.limit.max_overdraft()
            && taken > 0
            && after.available() < -i128::from(most)
        {
            return Err(LedgerError::LimitExceeded {
                account: self.id,
                currency: self.currency,
                available: self.available() + i128::from(most),
                requested: taken,
            });
        }
        let given = after.reach() - self.reach();
        if let Some(most) = self.limit.max_balance()
            && given > 0
            && after.reach() > i128::from(most)
        {
            return Err(LedgerError::BalanceExceeded {
                account: self.id,
                currency: self.currency,
                room: i128::from(most) - self.reach(),
                requested: given,
            });
        }
        Ok(after)
    }

    pub fn balance(&self) -> Balance {
        let side = self.class.normal_side();
        let posted = self.counters.posted(side);
        let pending = self.counters.held(side) - self.expired;
        Balance {
            account: self.id,
            currency: self.currency,
            posted,
            pending,
            available: posted.saturating_sub(pending),
            frozen: self.frozen,
        }
    }
}

/// The balance of an account, on the side that is normal for its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    pub account: AccountId,
    pub currency: Currency,
    /// What transfers add up to.
    pub posted: i64,
    /// What open holds may still take.
    pub pending: i64,
    /// Posted less pending; an overdraft is not counted in.
    pub available: i64,
    /// Whether it takes nothing until it is unfrozen.
    pub frozen: bool,
}
