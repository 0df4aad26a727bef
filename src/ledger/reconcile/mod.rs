//! Reconciliation: is what others say about our accounts what the books say?
//!
//! * [`import`] takes a statement of a bank as CSV or rows, once.
//! * [`run`] looks for the transfers that its lines are about: [`matching`] pairs
//!   them, [`groups`] finds several that are one, on plain values without a database.
//! * [`manual`] is for what people decide: confirm, reject, undo.
//! * [`proof`] explains the difference between both balances to the last unit.
//!
//! A line's amount is what it adds to the account's balance on its normal side. A
//! transfer is matched once for each account, a line once.

mod amount;
mod fields;
mod groups;
pub mod import;
pub mod manual;
mod matching;
mod options;
mod parse;
mod pool;
pub mod proof;
mod rules;
pub mod run;
mod words;

pub use matching::Entry;
pub use parse::Line;
pub use rules::Rules;
