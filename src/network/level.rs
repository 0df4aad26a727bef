//! Levels: Affiliate, Manager, Director. Settings say what makes a Manager and a
//! Director; a job promotes whoever meets it. A level that an admin set by hand
//! stays until the admin gives it back to the rules.

use crate::identity;
use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::money::{Currency, Money};
use crate::kernel::numeric;
use crate::kernel::settings::Settings;
use crate::network::profile::{self, Role};
use crate::network::store::levels::{self as store, Answer, Changed};
use crate::network::{SYSTEM, platform};
use pgrx::Uuid;
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// Promoters looked at in one statement.
const PAGE: i64 = 2000;
/// The most promoters that one run of the job changes.
const MOST: usize = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Affiliate,
    Manager,
    Director,
}

impl Level {
    pub const NAMES: [&'static str; 3] = ["Affiliate", "Manager", "Director"];

    pub fn as_str(self) -> &'static str {
        match self {
            Level::Affiliate => "Affiliate",
            Level::Manager => "Manager",
            Level::Director => "Director",
        }
    }

    pub fn parse(text: &str, field: &str) -> Result<Self> {
        [Level::Affiliate, Level::Manager, Level::Director]
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| {
                Error::invalid(field, format!("must be one of {}", Level::NAMES.join(", ")))
            })
    }
}

/// What counts for a promoter's level.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    pub customers: i64,
    pub promoters: i64,
    /// In major units.
    pub earnings: Decimal,
}

/// What a level asks for; nothing at all is a level that only an admin gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demand {
    pub customers: Option<i64>,
    pub promoters: Option<i64>,
    /// In major units.
    pub earnings: Option<Decimal>,
}

impl Demand {
    fn load(settings: &Settings, level: &str, currency: Currency) -> Result<Self> {
        let get = |what| settings.get::<Option<i64>>(&format!("level_{level}_{what}"));
        Ok(Demand {
            customers: get("customers")?,
            promoters: get("promoters")?,
            earnings: get("earnings")?.map(|minor| Money::new(minor, currency).to_major()),
        })
    }

    /// Whether the rules ever give this level.
    fn is_automatic(&self) -> bool {
        *self != Demand::default()
    }

    /// What is missing of each thing that is asked for.
    pub fn missing(&self, facts: &Facts) -> Demand {
        Demand {
            customers: self.customers.map(|wanted| (wanted - facts.customers).max(0)),
            promoters: self.promoters.map(|wanted| (wanted - facts.promoters).max(0)),
            earnings: self.earnings.map(|wanted| (wanted - facts.earnings).max(Decimal::ZERO)),
        }
    }

    fn is_met(&self, facts: &Facts) -> bool {
        let missing = self.missing(facts);
        self.is_automatic()
            && missing.customers.is_none_or(|count| count == 0)
            && missing.promoters.is_none_or(|count| count == 0)
            && missing.earnings.is_none_or(|amount| amount.is_zero())
    }
}

/// The rules in force.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub manager: Demand,
    pub director: Demand,
    pub window_days: Option<i64>,
    pub demotion: bool,
}

impl Rules {
    fn load() -> Result<Self> {
        let settings = Settings::of(SYSTEM)?;
        let currency = platform::load()?.currency;
        Ok(Rules {
            manager: Demand::load(&settings, "manager", currency)?,
            director: Demand::load(&settings, "director", currency)?,
            window_days: settings.get("level_window_days")?,
            demotion: settings.get("level_demotion")?,
        })
    }

    /// The highest level whose demand is met.
    pub fn earned(&self, facts: &Facts) -> Level {
        if self.director.is_met(facts) {
            Level::Director
        } else if self.manager.is_met(facts) {
            Level::Manager
        } else {
            Level::Affiliate
        }
    }

    /// The level to go to from `is`, if it is another.
    pub fn verdict(&self, is: Level, facts: &Facts) -> Option<Level> {
        let earned = self.earned(facts);
        (earned > is || (earned < is && self.demotion)).then_some(earned)
    }

    /// The next level above that the rules give, and what it asks for.
    fn next(&self, is: Level) -> Option<(Level, &Demand)> {
        [(Level::Manager, &self.manager), (Level::Director, &self.director)]
            .into_iter()
            .find(|(level, demand)| *level > is && demand.is_automatic())
    }

    /// Whether earnings have to be added up at all.
    fn counts_earnings(&self) -> bool {
        self.manager.earnings.is_some() || self.director.earnings.is_some()
    }
}

/// What `get_promoter_level` answers: the level, what counts for it, and what is
/// missing to the next.
pub fn describe(promoter: Uuid) -> Result<String> {
    profile::require(promoter, Role::Promoter, "p_promoter_id")?;
    let rules = Rules::load()?;
    let one = store::facts_of(promoter, rules.window_days)?;
    let next = rules.next(one.level);
    let missing = next.map(|(_, demand)| demand.missing(&one.facts)).unwrap_or_default();
    store::encode(&Answer {
        promoter,
        level: one.level,
        set_by_hand: one.set_by_hand,
        earned: rules.earned(&one.facts),
        customers: one.facts.customers,
        promoters: one.facts.promoters,
        earnings: numeric::from_decimal(one.facts.earnings)?,
        window_days: rules.window_days,
        next: next.map(|(level, _)| level),
        missing_customers: missing.customers,
        missing_promoters: missing.promoters,
        missing_earnings: missing.earnings.map(numeric::from_decimal).transpose()?,
    })
}

/// The job: gives every promoter the level that the rules say, but those that an
/// admin set by hand. One run at a time; `more` is true where it stopped early.
pub fn promote() -> Result<Value> {
    let rules = Rules::load()?;
    if !(rules.manager.is_automatic() || rules.director.is_automatic()) {
        return Ok(json!({"changed": 0, "more": false}));
    }
    if !store::try_lock_run()? {
        return Ok(json!({"changed": 0, "more": false, "skipped": "another run is at work"}));
    }
    let (mut changed, mut after) = (0, None);
    while changed < MOST {
        let page = store::page(after, PAGE, rules.window_days, rules.counts_earnings())?;
        let Some(last) = page.last() else { return Ok(json!({"changed": changed, "more": false})) };
        after = Some(last.promoter);
        let changes: Vec<Changed> = page
            .iter()
            .filter_map(|one| {
                let to = rules.verdict(one.level, &one.facts)?;
                Some(Changed { promoter: one.promoter, from: one.level, to, facts: &one.facts })
            })
            .take(MOST - changed)
            .collect();
        changed += store::change(&changes)?;
    }
    Ok(json!({"changed": changed, "more": true}))
}

/// An admin sets a level by hand, which stays; `None` gives it back to the rules.
pub fn set_by_hand(
    caller: &Caller,
    promoter: Uuid,
    level: Option<Level>,
    note: Option<&str>,
) -> Result<()> {
    caller.require_admin(SYSTEM)?;
    profile::require(promoter, Role::Promoter, "p_promoter_id")?;
    let Some(level) = level else { return store::release(promoter) };
    identity::refuse_erased(promoter)?;
    store::set(promoter, level, note, caller.person())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn facts(customers: i64, promoters: i64, earnings: i64) -> Facts {
        Facts { customers, promoters, earnings: Decimal::from(earnings) }
    }

    fn rules() -> Rules {
        Rules {
            manager: Demand { customers: Some(10), promoters: Some(2), earnings: None },
            director: Demand {
                customers: Some(50),
                promoters: None,
                earnings: Some(Decimal::from(1000)),
            },
            ..Rules::default()
        }
    }

    #[test]
    fn a_level_needs_everything_that_it_asks_for() {
        assert_eq!(rules().earned(&facts(10, 1, 0)), Level::Affiliate);
        assert_eq!(rules().earned(&facts(10, 2, 0)), Level::Manager);
        assert_eq!(rules().earned(&facts(50, 0, 999)), Level::Affiliate);
        assert_eq!(rules().earned(&facts(50, 0, 1000)), Level::Director);
    }

    #[test]
    fn a_level_that_asks_for_nothing_is_never_given() {
        assert_eq!(Rules::default().earned(&facts(9999, 9999, 9999)), Level::Affiliate);
        assert!(Rules::default().next(Level::Affiliate).is_none());
    }

    #[test]
    fn what_is_missing_is_told_for_what_is_asked() {
        let missing = rules().director.missing(&facts(8, 0, 300));
        let expected =
            Demand { customers: Some(42), promoters: None, earnings: Some(Decimal::from(700)) };
        assert_eq!(missing, expected);
    }

    #[test]
    fn the_next_level_skips_one_that_only_an_admin_gives() {
        let rules = Rules { manager: Demand::default(), ..rules() };
        assert_eq!(rules.next(Level::Affiliate).map(|(level, _)| level), Some(Level::Director));
        assert_eq!(rules.next(Level::Director), None);
    }

    proptest! {
        #[test]
        fn nobody_is_demoted_unless_the_setting_says_so(
            customers in 0i64..100, promoters in 0i64..5, earnings in 0i64..2000, demotion: bool, is in 0usize..3,
        ) {
            let rules = Rules { demotion, ..rules() };
            let is = [Level::Affiliate, Level::Manager, Level::Director][is];
            match rules.verdict(is, &facts(customers, promoters, earnings)) {
                Some(to) => prop_assert!(to > is || demotion),
                None => prop_assert!(
                    rules.earned(&facts(customers, promoters, earnings)) <= is),
            }
        }
    }
}
