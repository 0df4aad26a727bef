//! How good the detectors are when the job runs day by day, and how fast.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::anomalies::*;
    use crate::treasury::anomaly::simulation::{DAYS, START, Said, World, score, table, world};
    use pgrx::prelude::*;
    use std::time::Instant;

    const DAY: i64 = 86_400;

    /// Everybody in it becomes a user, without what that takes elsewhere.
    fn people(ids: &[Uuid]) {
        run("set local session_replication_role = replica");
        for ids in ids.chunks(500) {
            let rows: Vec<String> = ids.iter().map(|id| format!("('{id}', 'buyer')")).collect();
            run(&format!("insert into treasury.users (id, role) values {}", rows.join(",")));
        }
        run("set local session_replication_role = origin");
    }

    /// Charges from one time to another, as they would have been learned of then.
    fn sell(world: &World, from: i64, to: i64) {
        let sales = world.sales.iter().filter(|sale| (from..to).contains(&sale.at));
        let rows: Vec<String> = sales
            .map(|sale| {
                let refunded = if sale.refunded { sale.amount } else { 0 };
                format!(
                    "('{0}', 'ch_{0}', 'captured', {1}, 'USD', '{2}', '{3}', {refunded}, to_timestamp({4}), to_timestamp({4}))",
                    sale.id, sale.amount, sale.seller, sale.buyer, sale.at
                )
            })
            .collect();
        if !rows.is_empty() {
            run(&format!(
                "insert into treasury.charges (id, stripe_charge_id, status, amount_cents, currency, owner_id, buyer_id,
                    refunded_cents, charged_at, created_at) values {}",
                rows.join(",")
            ));
        }
    }

    fn said() -> Vec<Said> {
        let sql = "select kind, charge_id, user_id, payout_id from treasury.anomalies";
        Spi::connect(|client| {
            let rows = client.select(sql, None, &[]).expect("anomalies");
            rows.map(|row| Said {
                kind: row.get(1).expect("text").expect("a kind"),
                charge: row.get(2).expect("uuid"),
                user: row.get(3).expect("uuid"),
                payout: row.get(4).expect("bigint"),
            })
            .collect()
        })
    }

    /// Payouts from one time to another.
    fn pay(world: &World, from: i64, to: i64) {
        for paid in world.payouts.iter().filter(|paid| (from..to).contains(&paid.at)) {
            run(&format!(
                "insert into treasury.payouts (id, user_id, status, amount_cents, currency, stripe_account_id, initiated_at)
                 values ({}, '{}', 'paid', {}, 'USD', 'acct_1', to_timestamp({}))",
                paid.id, paid.seller, paid.amount, paid.at
            ));
        }
    }

    fn measure(seed: u64) {
        // The job and not an admin, who also has the books looked at, which are empty here.
        alone_with_jobs();
        let world = world(seed);
        people(&world.sellers);
        people(&world.buyers);
        // What is older than the settings look back is not refunded within it.
        run(&format!(
            "select backoffice.set_setting('treasury', 'anomaly_history_days',
                to_jsonb(least(730, ceil(extract(epoch from now()) / 86400 - {})::integer)))",
            START / DAY
        ));
        for day in 0..=DAYS {
            sell(&world, START + day * DAY, START + (day + 1) * DAY);
            pay(&world, START + day * DAY, START + (day + 1) * DAY);
            let status: String = one("select status from ops.run_job('detect_anomalies')");
            assert_eq!(status, "succeeded");
            // As if what was learned of had been seen by then.
            run(&format!(
                "update treasury.anomaly_marks set since = to_timestamp({})",
                START + (day + 1) * DAY
            ));
        }
        let (lines, all) = table(&score(&world.planted, &said()));
        println!("seed {seed}\n{lines}");
        assert!(all.precision() >= 0.8 && all.recall() >= 0.9, "seed {seed}\n{lines}");
    }

    #[pg_test]
    fn day_by_day_most_is_right_and_little_is_missed_1() {
        measure(101);
    }

    #[pg_test]
    fn day_by_day_most_is_right_and_little_is_missed_2() {
        measure(102);
    }

    #[pg_test]
    fn a_hundred_thousand_charges_take_seconds() {
        let users: Vec<Uuid> = (0..700).map(|_| new_id()).collect();
        people(&users);
        run(&format!(
            "create temp table people on commit drop as
                select id, row_number() over () as n from unnest(array['{}']::uuid[]) as id",
            users.iter().map(Uuid::to_string).collect::<Vec<_>>().join("','")
        ));
        run("insert into treasury.charges (id, stripe_charge_id, status, amount_cents, currency, owner_id, buyer_id,
                charged_at, created_at)
             select gen_random_uuid(), 'ch_' || x.n, 'captured', 1000 + (x.n * 7919) % 4000, 'USD', s.id, b.id, at, at
               from (select n, now() - (100000 - n) * interval '72 seconds' as at from generate_series(1, 100000) n) x
               join people s on s.n = 1 + x.n % 200
               join people b on b.n = 201 + (x.n * 31) % 500");
        run("analyze treasury.charges");
        let begun = Instant::now();
        assert_eq!(detect("charges"), 100_000);
        let seconds = begun.elapsed().as_secs_f64();
        println!("100,000 charges: {seconds:.1} s");
        assert!(seconds < 60.0, "{seconds}");
    }
}
