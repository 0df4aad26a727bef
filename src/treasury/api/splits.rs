//! What would become of an amount.

use crate::kernel::caller;
use crate::kernel::error::{entry, required};
use crate::kernel::json::JsonArg;
use crate::kernel::money::Currency;
use crate::treasury::preview::{self, Question};
use pgrx::Uuid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// What each would get of `p_amount` (minor units of `p_currency`, ISO 4217) by rule
/// `p_rule_id` or by `p_rules` (as in create_split_rule), and give back once `p_refunded`
/// (0 to p_amount) of it was refunded. The first row is the platform's. `party` is
/// platform, recipient or owner; share, refunded and kept in minor units, each summing
/// exactly. Nothing is kept of it. For the rule's owner; with p_rules for hosts, artists
/// and admins. 22023/22004 bad input, PT404 unknown rule (to its owner and admins), 42501
/// not allowed.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "treasury",
    name = "preview_split",
    stable,
    security_definer,
    requires = ["treasury_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_preview_split(
    p_amount: Option<i64>,
    p_currency: Option<&str>,
    p_rule_id: default!(Option<i64>, "null"),
    p_rules: default!(Option<JsonArg>, "null"),
    p_refunded: default!(Option<i64>, "0"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(party, String),
            name!(recipient_id, Option<Uuid>),
            name!(share, i64),
            name!(refunded, i64),
            name!(kept, i64),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        let question = Question {
            amount: required(p_amount, "p_amount")?,
            currency: Currency::parse(required(p_currency, "p_currency")?, "p_currency")?,
            rule: p_rule_id,
            rules: p_rules,
            refunded: required(p_refunded, "p_refunded")?,
        };
        let parts = preview::preview(&caller::current(), question)?;
        Ok(TableIterator::new(parts.into_iter().map(|part| {
            let kept = part.share - part.refunded;
            let party = part.party;
            (party.as_str().to_owned(), party.person(), part.share, part.refunded, kept)
        })))
    })
}
