//! Precision and recall of the detectors on businesses that are made up, a week at a
//! time, so that each charge is looked at with no more past than it has.

use super::amount;
use super::detect::{Context, of_buyers, of_sellers};
use super::finding::Finding;
use super::moment::DAY;
use super::payout::{self, Payout, Payouts};
use super::refunds::{self, Record};
use super::series::{Charge, Purchases, Series};
use super::simulation::{DAYS, START, Said, Sale, Score, World, score, table, world};
use super::surprise::Alarm;
use pgrx::Uuid;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;

const ALARM: Alarm = Alarm { least: 5.0 };

fn charge(sale: &Sale, since: i64) -> Charge {
    let Sale { id, at, amount, buyer, .. } = *sale;
    Charge { id, at, amount, buyer: Some(buyer), is_new: at >= since }
}

fn by<'a>(sales: &[&'a Sale], of: fn(&Sale) -> Uuid) -> Vec<(Uuid, Vec<&'a Sale>)> {
    let mut groups: HashMap<Uuid, Vec<&Sale>> = HashMap::new();
    sales.iter().for_each(|sale| groups.entry(of(sale)).or_default().push(sale));
    groups.into_iter().collect()
}

/// What is said in the week that ends at a time.
fn week(world: &World, end: i64) -> Vec<Finding> {
    let since = end - 7 * DAY;
    let past: Vec<&Sale> = world.sales.iter().filter(|sale| sale.at < end).collect();
    let amounts: Vec<i64> = past.iter().map(|sale| sale.amount).collect();
    let days = (end - START) as f64 / DAY as f64;
    let (sellers, buyers) = (by(&past, |sale| sale.seller), by(&past, |sale| sale.buyer));
    let count = past.len() as i64;
    let context = Context {
        alarm: ALARM,
        duplicate_minutes: 10,
        amounts: amount::everybody(&amounts)
            .map(|all| ("USD".to_owned(), all))
            .into_iter()
            .collect(),
        seller_rate: Context::rate(count, sellers.len() as i64, days),
        buyer_rate: Context::rate(count, buyers.len() as i64, days),
    };
    let charges = |sales: &[&Sale]| sales.iter().map(|sale| charge(sale, since)).collect();
    let sellers: Vec<Series> = sellers
        .iter()
        .map(|(owner, sales)| Series {
            owner: *owner,
            currency: "USD".to_owned(),
            charges: charges(sales),
        })
        .collect();
    let buyers: Vec<Purchases> = buyers
        .iter()
        .map(|(buyer, sales)| Purchases { buyer: *buyer, charges: charges(sales) })
        .collect();
    let mut found = of_sellers(&sellers, &context);
    found.extend(of_buyers(&buyers, &context));
    found.extend(payouts_and_refunds(world, &past, end));
    found
}

fn payouts_and_refunds(world: &World, past: &[&Sale], end: i64) -> Vec<Finding> {
    let paid: Vec<_> = world.payouts.iter().filter(|paid| paid.at < end).collect();
    let all = amount::everybody(&paid.iter().map(|paid| paid.amount).collect::<Vec<_>>());
    let of = |seller: &Uuid| Payouts {
        user: *seller,
        currency: "USD".to_owned(),
        payouts: paid
            .iter()
            .filter(|paid| paid.seller == *seller)
            .map(|paid| Payout {
                id: paid.id,
                amount: paid.amount,
                is_new: paid.at >= end - 7 * DAY,
            })
            .collect(),
    };
    let payouts =
        world.sellers.iter().flat_map(|seller| payout::find(&of(seller), all.as_ref(), ALARM));
    let record = |(owner, sales): (Uuid, Vec<&Sale>)| Record {
        owner,
        charges: sales.len() as u64,
        refunded: sales.iter().filter(|sale| sale.refunded).count() as u64,
    };
    let records: Vec<Record> = by(past, |sale| sale.seller).into_iter().map(record).collect();
    payouts.chain(refunds::find(&records, "month", 90, ALARM)).collect()
}

fn measure(seed: u64) -> BTreeMap<String, Score> {
    let world = world(seed);
    assert!(world.sales.len() > 2500, "{}", world.sales.len());
    let mut keys = HashSet::new();
    let weeks = (1..=DAYS / 7 + 1).flat_map(|n| week(&world, START + n * 7 * DAY));
    let said: Vec<Said> = weeks
        .filter(|finding| keys.insert(finding.key.clone()))
        .map(|one| Said {
            kind: one.kind.as_str().to_owned(),
            charge: one.charge,
            user: one.user,
            payout: one.payout,
        })
        .collect();
    score(&world.planted, &said)
}

#[test]
fn what_is_said_is_mostly_right_and_little_is_missed() {
    let mut total: BTreeMap<String, Score> = BTreeMap::new();
    for seed in 1..=8 {
        let scores = measure(seed);
        let (lines, all) = table(&scores);
        assert!(all.precision() >= 0.8 && all.recall() >= 0.9, "seed {seed}\n{lines}");
        scores.iter().for_each(|(kind, score)| total.entry(kind.clone()).or_default().add(score));
    }
    let (lines, _) = table(&total);
    // Past the capture, so that it is seen in every run.
    writeln!(std::io::stderr(), "{lines}").expect("the table on stderr");
    for (kind, score) in &total {
        assert!(score.precision() >= 0.75 && score.recall() >= 0.75, "{kind}\n{lines}");
    }
}
