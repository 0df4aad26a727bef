//! What would become of an amount: the shares of a rule, and what a refund takes back.

use crate::kernel::caller::Caller;
use crate::kernel::clock::clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::json::JsonArg;
use crate::kernel::money::Currency;
use crate::treasury::error::TreasuryError;
use crate::treasury::rule::{Recipient, Rules};
use crate::treasury::split::{returned, split};
use crate::treasury::store::rules as store;
use crate::treasury::{ownership, platform_fee};
use pgrx::Uuid;

/// What is asked for.
pub struct Question {
    pub amount: i64,
    pub currency: Currency,
    pub rule: Option<i64>,
    pub rules: Option<JsonArg>,
    pub refunded: i64,
}

/// Whose a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    Platform,
    Recipient(Recipient),
}

impl Party {
    pub fn as_str(self) -> &'static str {
        match self {
            Party::Platform => "platform",
            Party::Recipient(Recipient::Owner) => "owner",
            Party::Recipient(Recipient::Person(_)) => "recipient",
        }
    }

    pub fn person(self) -> Option<Uuid> {
        match self {
            Party::Platform => None,
            Party::Recipient(recipient) => recipient.person(),
        }
    }
}

/// One part of an amount.
pub struct Part {
    pub party: Party,
    pub share: i64,
    pub refunded: i64,
}

/// The platform's part first, then those of the rule in its order.
pub fn preview(caller: &Caller, question: Question) -> Result<Vec<Part>> {
    let Question { amount, currency, refunded, .. } = question;
    if amount < 1 {
        return Err(Error::invalid("p_amount", "must be above zero"));
    }
    if !(0..=amount).contains(&refunded) {
        return Err(Error::invalid("p_refunded", "must be from 0 to p_amount"));
    }
    let rules = rules(caller, &question)?;
    let fee = platform_fee::at(currency, clock())?.of(amount);
    let mut shares = vec![fee];
    shares.extend(split(amount - fee, &rules.terms()));
    let returned = returned(&shares, refunded);
    let parties = std::iter::once(Party::Platform).chain(rules.recipients().map(Party::Recipient));
    let parts = parties.zip(shares).zip(returned);
    Ok(parts.map(|((party, share), refunded)| Part { party, share, refunded }).collect())
}

/// A rule of the caller's, or one that is only being thought of.
fn rules(caller: &Caller, question: &Question) -> Result<Rules> {
    match (question.rule, &question.rules) {
        (Some(id), None) => {
            ownership::of_existing(caller, id)?;
            let (rule, _) = store::find(id)?.ok_or(TreasuryError::UnknownRule { id })?;
            match rule.currency {
                Some(only) if only != question.currency => {
                    Err(TreasuryError::OtherCurrency { only: only.code().to_owned() }.into())
                }
                _ => Ok(rule.rules),
            }
        }
        (None, Some(rules)) => {
            ownership::require_seller(caller)?;
            Rules::parse("p_rules", &rules.value("p_rules")?, Some(question.currency))
        }
        _ => Err(Error::invalid("p_rule_id", "give either p_rule_id or p_rules")),
    }
}
