//! A business with a past, made up from a seed: sellers of different prices and rhythms,
//! buyers, refunds and payouts, and among them some things that are odd on purpose. What
//! detectors say of it can then be held against what is true.

use crate::treasury::anomaly::finding::Kind;
use crate::treasury::anomaly::moment::{DAY, HOUR};
use pgrx::Uuid;
use std::collections::{BTreeMap, HashSet};

/// Midnight of a Monday, in seconds since 1970: 2025-09-01.
pub const START: i64 = 1_756_684_800;
pub const DAYS: i64 = 70;
const SELLERS: usize = 40;
const BUYERS: usize = 2500;

/// Numbers that look like chance and are the same for each seed (splitmix64).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5EED)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to below 1.
    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.part()
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    fn happens(&mut self, probability: f64) -> bool {
        self.part() < probability
    }

    /// Normally distributed (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.part()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.part()).cos()
    }

    fn poisson(&mut self, mean: f64) -> usize {
        let (limit, mut product, mut count) = ((-mean).exp(), self.part(), 0);
        while product > limit {
            product *= self.part();
            count += 1;
        }
        count
    }

    fn id(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.next().to_be_bytes());
        bytes[8..].copy_from_slice(&self.next().to_be_bytes());
        Uuid::from_bytes(bytes)
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Sale {
    pub id: Uuid,
    pub seller: Uuid,
    pub buyer: Uuid,
    pub at: i64,
    pub amount: i64,
    pub refunded: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Paid {
    pub id: i64,
    pub seller: Uuid,
    pub at: i64,
    pub amount: i64,
}

/// Something odd that was put there on purpose.
#[derive(Clone, Debug)]
pub struct Planted {
    pub kind: Kind,
    pub charges: HashSet<Uuid>,
    pub user: Option<Uuid>,
    pub payout: Option<i64>,
}

pub struct World {
    pub sellers: Vec<Uuid>,
    pub buyers: Vec<Uuid>,
    /// In the order of time, as are the payouts.
    pub sales: Vec<Sale>,
    pub payouts: Vec<Paid>,
    pub planted: Vec<Planted>,
}

/// How a seller sells.
struct Seller {
    id: Uuid,
    /// A price list of a few tickets, or prices spread around a level.
    tickets: bool,
    level: f64,
    spread: f64,
    /// Charges on an ordinary day, and how many times that on the days of a week.
    a_day: f64,
    week: [f64; 7],
    /// The middle of their day in hours UTC, and how wide it is.
    middle: f64,
    width: f64,
    refunds: f64,
}

impl Seller {
    fn new(chance: &mut Chance) -> Self {
        let weekend = chance.between(1.2, 2.2);
        Seller {
            id: chance.id(),
            tickets: chance.happens(0.35),
            level: (8.0 + chance.normal()).exp(),
            spread: chance.between(0.25, 0.6),
            a_day: (chance.normal() * 0.7).exp() * 1.2,
            week: [0.8, 0.8, 0.9, 1.0, weekend, weekend, 1.1],
            middle: chance.between(0.0, 24.0),
            width: chance.between(2.0, 3.2),
            refunds: chance.between(0.005, 0.05),
        }
    }

    fn amount(&self, chance: &mut Chance) -> i64 {
        if !self.tickets {
            return (self.level.ln() + self.spread * chance.normal()).exp().round().max(50.0)
                as i64;
        }
        let price = self.level * [1.0, 1.0, 1.0, 1.6, 2.5][chance.below(5)];
        let count = [1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 4.0][chance.below(7)];
        ((price / 100.0).round().max(1.0) * 100.0 * count) as i64
    }

    /// Somewhere on a day: mostly around the middle, now and then at any time.
    fn time(&self, day: i64, chance: &mut Chance) -> i64 {
        let hour = if chance.happens(0.02) {
            chance.between(0.0, 24.0)
        } else {
            self.middle + self.width * chance.normal()
        };
        START + day * DAY + (hour * HOUR as f64) as i64
    }

    /// Everything is a little busier on some days than on others.
    fn count(&self, day: i64, chance: &mut Chance) -> usize {
        let mood = (0.35 * chance.normal()).exp();
        chance.poisson(self.a_day * self.week[(day % 7) as usize] * mood)
    }
}

struct Maker {
    chance: Chance,
    sellers: Vec<Seller>,
    world: World,
}

impl Maker {
    fn sell(&mut self, seller: usize, buyer: Uuid, at: i64, amount: i64) -> Uuid {
        let id = self.chance.id();
        let seller = &self.sellers[seller];
        let refunded = self.chance.happens(seller.refunds);
        self.world.sales.push(Sale { id, seller: seller.id, buyer, at, amount, refunded });
        id
    }

    fn buyer(&mut self) -> Uuid {
        self.world.buyers[self.chance.below(BUYERS)]
    }

    /// What happens day by day. Some come back within minutes for something else, very few
    /// for the same.
    fn ordinary(&mut self) {
        for seller in 0..SELLERS {
            for day in 0..DAYS {
                for _ in 0..self.sellers[seller].count(day, &mut self.chance) {
                    let (who, buyer) =
                        (&self.sellers[seller], self.world.buyers[self.chance.below(BUYERS)]);
                    let at = who.time(day, &mut self.chance);
                    let amount = who.amount(&mut self.chance);
                    let other = who.amount(&mut self.chance);
                    self.sell(seller, buyer, at, amount);
                    if self.chance.happens(0.02) {
                        let again = if self.chance.happens(0.02) { amount } else { other };
                        let later = self.chance.between(60.0, 1800.0) as i64;
                        self.sell(seller, buyer, at + later, again);
                    }
                }
            }
            let mut week = DAY * 7;
            while week < DAYS * DAY {
                let level = self.sellers[seller].level * 6.0;
                let amount = (level.ln() + 0.4 * self.chance.normal()).exp() as i64;
                self.pay(seller, START + week, amount);
                week += 7 * DAY;
            }
        }
    }

    fn pay(&mut self, seller: usize, at: i64, amount: i64) -> i64 {
        let id = self.world.payouts.len() as i64 + 1;
        self.world.payouts.push(Paid { id, seller: self.sellers[seller].id, at, amount });
        id
    }

    fn plant(&mut self, kind: Kind, charges: Vec<Uuid>, user: Option<Uuid>, payout: Option<i64>) {
        let charges = charges.into_iter().collect();
        self.world.planted.push(Planted { kind, charges, user, payout });
    }

    /// A day on which there is a past to compare with.
    fn late_day(&mut self) -> i64 {
        25 + self.chance.below((DAYS - 30) as usize) as i64
    }

    fn plant_amounts(&mut self) {
        for n in 0..9 {
            let (seller, day) = (self.chance.below(SELLERS), self.late_day());
            let who = &self.sellers[seller];
            let far = if who.tickets { 60.0 } else { (9.0 * who.spread).exp() * 2.0 };
            let times = far * self.chance.between(1.0, 3.0);
            let times = if n % 4 == 3 { 1.0 / times } else { times };
            let at = self.sellers[seller].time(day, &mut self.chance);
            let amount = ((self.sellers[seller].level * times) as i64).max(1);
            let buyer = self.buyer();
            let id = self.sell(seller, buyer, at, amount);
            self.plant(Kind::Amount, vec![id], None, None);
        }
    }

    fn plant_bursts(&mut self) {
        for _ in 0..5 {
            let (seller, day) = (self.chance.below(SELLERS), self.late_day());
            let who = &self.sellers[seller];
            let start = START + day * DAY + (who.middle * HOUR as f64) as i64;
            let count = 14 + (who.a_day * 4.0) as usize + self.chance.below(10);
            let charges = (0..count).map(|_| {
                let at = start + self.chance.between(0.0, 2700.0) as i64;
                let (buyer, amount) = (self.buyer(), self.sellers[seller].amount(&mut self.chance));
                self.sell(seller, buyer, at, amount)
            });
            let charges = charges.collect();
            self.plant(Kind::SellerVelocity, charges, None, None);
        }
        for _ in 0..5 {
            let (buyer, day) = (self.buyer(), self.late_day());
            let start = START + day * DAY + self.chance.below(DAY as usize) as i64;
            let count = 7 + self.chance.below(5);
            let charges = (0..count).map(|_| {
                let seller = self.chance.below(SELLERS);
                let at = start + self.chance.between(0.0, 2400.0) as i64;
                let amount = self.sellers[seller].amount(&mut self.chance);
                self.sell(seller, buyer, at, amount)
            });
            let charges = charges.collect();
            self.plant(Kind::BuyerVelocity, charges, None, None);
        }
    }

    fn plant_duplicates(&mut self) {
        for _ in 0..9 {
            let (seller, buyer, day) = (self.chance.below(SELLERS), self.buyer(), self.late_day());
            let mut at = self.sellers[seller].time(day, &mut self.chance);
            let amount = self.sellers[seller].amount(&mut self.chance);
            let count = 2 + self.chance.below(3);
            let charges = (0..count).map(|_| {
                at += self.chance.between(2.0, 280.0) as i64;
                self.sell(seller, buyer, at, amount)
            });
            let charges = charges.collect();
            self.plant(Kind::Duplicate, charges, None, None);
        }
    }

    /// Four to seven within three hours, half a day away from the middle of the seller's.
    fn plant_nights(&mut self) {
        let busy: Vec<usize> = (0..SELLERS).filter(|&n| self.sellers[n].a_day > 1.0).collect();
        for n in 0..5 {
            let seller = busy[(n * 7 + self.chance.below(3)) % busy.len()];
            let day = 45 + self.chance.below((DAYS - 48) as usize) as i64;
            let start =
                START + day * DAY + ((self.sellers[seller].middle + 11.0) * HOUR as f64) as i64;
            let count = 4 + self.chance.below(4);
            let charges = (0..count).map(|_| {
                let at = start + self.chance.between(0.0, 7000.0) as i64;
                let (buyer, amount) = (self.buyer(), self.sellers[seller].amount(&mut self.chance));
                self.sell(seller, buyer, at, amount)
            });
            let charges = charges.collect();
            self.plant(Kind::Hours, charges, None, None);
        }
    }

    fn plant_refunds(&mut self) {
        let busy: Vec<usize> = (0..SELLERS).filter(|&n| self.sellers[n].a_day > 0.9).collect();
        for n in 0..3 {
            let seller = self.sellers[busy[(n * 5 + 1) % busy.len()]].id;
            let rate = self.chance.between(0.35, 0.5);
            let chance = &mut self.chance;
            let theirs = self.world.sales.iter_mut().filter(|sale| sale.seller == seller);
            theirs.for_each(|sale| sale.refunded = chance.happens(rate));
            self.plant(Kind::Refunds, Vec::new(), Some(seller), None);
        }
    }

    fn plant_payouts(&mut self) {
        for _ in 0..4 {
            let (seller, day) = (self.chance.below(SELLERS), self.late_day().max(36));
            let amount = self.sellers[seller].level * 6.0 * self.chance.between(25.0, 60.0);
            let id = self.pay(seller, START + day * DAY + HOUR, amount as i64);
            self.plant(Kind::Payout, Vec::new(), None, Some(id));
        }
    }
}

/// The business of a seed.
pub fn world(seed: u64) -> World {
    let mut chance = Chance::new(seed);
    let sellers: Vec<Seller> = (0..SELLERS).map(|_| Seller::new(&mut chance)).collect();
    let world = World {
        sellers: sellers.iter().map(|seller| seller.id).collect(),
        buyers: (0..BUYERS).map(|_| chance.id()).collect(),
        sales: Vec::new(),
        payouts: Vec::new(),
        planted: Vec::new(),
    };
    let mut maker = Maker { chance, sellers, world };
    maker.ordinary();
    maker.plant_amounts();
    maker.plant_bursts();
    maker.plant_duplicates();
    maker.plant_nights();
    maker.plant_refunds();
    maker.plant_payouts();
    let mut world = maker.world;
    world.sales.sort_by_key(|sale| sale.at);
    world.payouts.sort_by_key(|paid| paid.at);
    world
}

/// Something that was said to be odd.
#[derive(Clone, Debug)]
pub struct Said {
    pub kind: String,
    pub charge: Option<Uuid>,
    pub user: Option<Uuid>,
    pub payout: Option<i64>,
}

/// How much of what was said is right, and how much of what is odd was said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Score {
    pub said: u32,
    pub right: u32,
    pub planted: u32,
    pub found: u32,
}

impl Score {
    pub fn precision(&self) -> f64 {
        if self.said == 0 { 1.0 } else { f64::from(self.right) / f64::from(self.said) }
    }

    pub fn recall(&self) -> f64 {
        if self.planted == 0 { 1.0 } else { f64::from(self.found) / f64::from(self.planted) }
    }

    pub fn add(&mut self, other: &Score) {
        self.said += other.said;
        self.right += other.right;
        self.planted += other.planted;
        self.found += other.found;
    }
}

/// Of each kind, by its name. What is said is right if anything that it is about was
/// planted; what was planted is found only if it is said to be of its kind.
pub fn score(planted: &[Planted], said: &[Said]) -> BTreeMap<String, Score> {
    let about = |one: &Said, odd: &Planted| {
        one.charge.is_some_and(|charge| odd.charges.contains(&charge))
            || one.payout.is_some() && one.payout == odd.payout
            || one.charge.is_none()
                && one.user.is_some()
                && one.user == odd.user
                && one.kind == odd.kind.as_str()
    };
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    for one in said {
        let score = scores.entry(one.kind.clone()).or_default();
        score.said += 1;
        score.right += u32::from(planted.iter().any(|odd| about(one, odd)));
    }
    for odd in planted {
        let found = said.iter().any(|one| one.kind == odd.kind.as_str() && about(one, odd));
        let score = scores.entry(odd.kind.as_str().to_owned()).or_default();
        score.planted += 1;
        score.found += u32::from(found);
    }
    scores
}

/// One line for each kind, and one for all.
pub fn table(scores: &BTreeMap<String, Score>) -> (String, Score) {
    let mut all = Score::default();
    scores.values().for_each(|score| all.add(score));
    let line = |name: &str, score: &Score| {
        let Score { said, right, planted, found } = *score;
        format!(
            "{name:16} precision {:.3} ({right}/{said})  recall {:.3} ({found}/{planted})\n",
            score.precision(),
            score.recall(),
        )
    };
    let lines: String = scores.iter().map(|(kind, score)| line(kind, score)).collect();
    (lines + &line("all", &all), all)
}
