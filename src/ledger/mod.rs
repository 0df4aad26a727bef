//! ledger: money, in double entry.
//!
//! A transfer debits one account and credits another by the same amount, so
//! books that do not balance cannot be written. Transfers that belong together
//! are one journal and land together. A hold sets money aside until it is
//! settled, released, or expires. Products move money only by calling this
//! module in the transaction of their own rows:
//!
//! * [`open_account`], [`find_account`], [`find_accounts`], [`balance`], [`lock_balances`],
//!   [`lock_to_post`]
//! * [`post`], [`post_keyed`], [`post_up_to`], [`sweep`()], [`reverse_transfer`], [`reverse_journal`]
//! * [`hold`], [`settle`], [`release`]
//! * [`set_limit`], [`freeze`], [`unfreeze`]
//! * [`exchange`], [`post_late`]

mod access;
mod account;
mod accounts;
pub mod api;
pub mod archive;
mod balancing;
mod batch;
mod batching;
mod books;
mod drop_guard;
mod erasure;
mod error;
mod escrow;
mod expiry;
mod export;
mod fast;
pub mod history;
mod hold;
mod holding;
mod jobs;
mod journal;
mod keyed;
mod legs;
mod limits;
#[cfg(any(test, feature = "pg_test"))]
pub mod model;
mod opening;
mod posting;
pub mod reconcile;
mod replay;
pub mod report;
mod reversal;
pub mod seal;
mod store;
mod striped;
mod sweep;
pub mod triggers;
pub mod watch;

mod accounting;
mod chart;
mod demand;
mod exchange;
mod fraction;
mod period;
mod rates;
mod revaluation;
mod statements;
mod totals;

// The interface for products, whether one uses all of it yet or not.
#[allow(unused_imports)]
pub use account::{AccountId, Balance, Class, Limit, NewAccount};
#[allow(unused_imports)]
pub use accounts::{
    balance, close_account, find_account, find_accounts, lock_balances, lock_to_post, open_account,
    open_account_below,
};
#[allow(unused_imports)]
pub use balancing::{Balancing, post_up_to};
#[allow(unused_imports)]
pub use exchange::{Asked, Exchanged, NewExchange, Remainder, exchange};
#[allow(unused_imports)]
pub use fraction::{Fraction, Rounding};
#[allow(unused_imports)]
pub use hold::{NewHold, Settlement};
#[allow(unused_imports)]
pub use holding::{hold, release, settle, settle_with};
#[allow(unused_imports)]
pub use journal::{Journal, Leg, MAX_LEGS, Posted};
#[allow(unused_imports)]
pub use keyed::post_keyed;
#[allow(unused_imports)]
pub use limits::{freeze, set_limit, unfreeze};
#[allow(unused_imports)]
pub use period::post_late;
pub use posting::post;
#[allow(unused_imports)]
pub use reversal::{reverse_journal, reverse_transfer};
#[allow(unused_imports)]
pub use sweep::{Sweep, sweep};

/// Runs once in every backend: guards the books, and tells the floors below whom to ask.
pub fn init() {
    drop_guard::init();
    crate::identity::hooks::on_erasure(crate::identity::hooks::Erasure {
        may_erase: erasure::may_erase,
        erased: |_| Ok(()),
    });
    jobs::init();
    watch::init();
}
