//! Checkpoints: answers about the past are the same with and without them.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::ledger::report::{Basis, trial_balance_at};
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::datum::TimestampWithTimeZone;
    use pgrx::prelude::*;

    const BASES: [(&str, &str, Basis); 2] = [
        ("recorded", "recorded_at", Basis::Recorded),
        ("effective", "coalesce(effective_at, recorded_at)", Basis::Effective),
    ];

    /// Numbers that look random and are the same each time.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: i64) -> i64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((self.0 >> 33) % limit.max(1) as u64) as i64
        }
    }

    /// Books whose clock goes a few microseconds a step, so that many times are equal.
    struct Scene {
        random: Random,
        system: String,
        accounts: Vec<AccountId>,
        kind: i16,
        /// Nothing is recorded at or before it any more.
        horizon: i64,
        now: i64,
    }

    fn time(n: i64) -> String {
        format!("('2024-01-01'::timestamptz + interval '{n} microseconds')")
    }

    fn value(n: i64) -> TimestampWithTimeZone {
        one(&format!("select {}", time(n)))
    }

    impl Scene {
        fn new(seed: u64) -> Self {
            let system = format!("random{seed}");
            let open = |code| open_account(&NewAccount { system: &system, ..plain(code) }).unwrap();
            let accounts = vec![open("a"), open("b"), open("c")];
            let kind = one(&format!(
                "insert into ledger.transfer_kinds (system, kind) values ('{system}', 'any')
                 returning id"
            ));
            Scene { random: Random(seed), accounts, system, kind, horizon: 0, now: 1 }
        }

        /// Two accounts; the first is in most transfers.
        fn pair(&mut self) -> (AccountId, AccountId) {
            let other = self.accounts[1 + self.random.below(2) as usize];
            let pair = match self.random.below(8) {
                0 => (self.accounts[1], self.accounts[2]),
                _ => (self.accounts[0], other),
            };
            if self.random.below(2) == 0 { pair } else { (pair.1, pair.0) }
        }

        fn post(&mut self) {
            self.now += self.random.below(3);
            for _ in 0..=self.random.below(4) {
                // Who waited for nobody may be seen later than who came after him.
                let recorded = self.horizon + 1 + self.random.below(self.now - self.horizon);
                let effective = match self.random.below(3) {
                    0 => time(self.random.below(self.now + 10) / 3 * 3),
                    _ => "null".to_owned(),
                };
                let (debit, credit) = self.pair();
                let id = self.random.below(i64::MAX);
                let table =
                    ["transfers", "transfers_archive"][usize::from(self.random.below(4) == 0)];
                run(&format!(
                    "insert into ledger.{table} (id, debit_account_id, credit_account_id, amount,
                        recorded_at, effective_at, kind_id)
                     values (md5('{id}')::uuid, {debit}, {credit}, {}, {}, {effective}, {})",
                    1 + self.random.below(99),
                    time(recorded),
                    self.kind,
                ));
            }
        }

        fn checkpoint(&mut self) {
            self.horizon += self.random.below(self.now - self.horizon + 1);
            self.now = self.now.max(self.horizon + 1);
            let until = value(self.horizon).into_inner();
            for account in self.accounts.clone() {
                if self.random.below(4) > 0 {
                    let pass = 5 + self.random.below(20);
                    history::checkpoint_account(account, until, 3, pass).unwrap();
                }
            }
        }

        fn moment(&mut self) -> i64 {
            self.random.below(self.now + 12) - 2
        }

        fn account(&mut self) -> AccountId {
            self.accounts[self.random.below(3) as usize]
        }

        /// The balance as of some moment, and from scratch.
        fn compare_balance(&mut self) {
            let (account, at) = (self.account(), time(self.moment()));
            for (basis, order, _) in BASES {
                let found: i64 =
                    one(&format!("select posted from ledger.balance({account}, {at}, '{basis}')"));
                let expected: i64 = one(&format!(
                    "select coalesce(sum(case {account} when credit_account_id then amount
                                             when debit_account_id then -amount end), 0)::bigint
                       from ledger.all_transfers where {order} <= {at}"
                ));
                assert_eq!(found, expected, "{basis} balance of {account} as of {at}");
            }
        }

        /// A page from some moment to another, after some transfer or none, and from scratch.
        fn compare_page(&mut self) {
            let account = self.account();
            let (from, to) = (time(self.moment()), time(self.moment() + 5));
            let limit = 1 + self.random.below(9);
            let after = match self.random.below(2) {
                0 => None,
                _ => maybe::<String>(&format!(
                    "select id::text from ledger.all_transfers
                      where {account} in (debit_account_id, credit_account_id)
                      order by id offset {} limit 1",
                    self.random.below(20)
                )),
            };
            let after = after.map_or("null".to_owned(), |id| format!("'{id}'::uuid"));
            for (basis, order, _) in BASES {
                let found = maybe::<String>(&format!(
                    "select string_agg(transfer_id || '=' || balance, ' ')
                       from ledger.statement({account}, {from}, {to}, {limit}, {after}, '{basis}')"
                ));
                let expected = maybe::<String>(&format!(
                    "with e as (
                        select id, {order} as at,
                               case {account} when credit_account_id then amount else -amount end as change
                          from ledger.all_transfers where {account} in (debit_account_id, credit_account_id)),
                     s as (select *, sum(change) over (order by at, id) as balance from e)
                     select string_agg(id || '=' || balance, ' ' order by at, id)
                       from (select * from s
                              where at >= {from} and at < {to}
                                and ({after} is null
                                     or (at, id) > (select at, id from e where id = {after}))
                              order by at, id limit {limit}) page"
                ));
                assert_eq!(found, expected, "{basis} {account} {from} {to} {limit} {after}");
            }
        }

        /// Both ways to the trial balance.
        fn compare_trial_balance(&mut self) {
            let at = value(self.moment());
            for (_, _, basis) in BASES {
                let rows = |by_account| {
                    let rows = trial_balance_at(Some(&self.system), at, basis, by_account).unwrap();
                    let row = |row: &report::TrialRow| {
                        let sums =
                            [&row.debits, &row.credits, &row.debit_balance, &row.credit_balance];
                        (row.account, sums.map(ToString::to_string))
                    };
                    rows.iter().map(row).collect::<Vec<_>>()
                };
                assert_eq!(rows(true), rows(false), "{basis:?} as of {at}");
            }
        }
    }

    #[pg_test]
    fn every_answer_is_what_the_transfers_add_up_to() {
        for seed in 1..=4 {
            let mut scene = Scene::new(seed);
            for step in 0..120 {
                match scene.random.below(5) {
                    0 => scene.checkpoint(),
                    _ => scene.post(),
                }
                scene.compare_balance();
                scene.compare_page();
                if step % 10 == 0 {
                    scene.compare_trial_balance();
                }
            }
            let of = format!("where account_id >= {}", scene.accounts[0]);
            let problems = format!("select count(*) from ledger.checkpoint_problems {of}");
            assert_eq!(one::<i64>(&problems), 0);
            for table in ["checkpoints", "dated_checkpoints"] {
                assert!(one::<i64>(&format!("select count(*) from ledger.{table} {of}")) > 20);
            }
        }
    }

    /// Checkpoints over everything posted so far.
    fn checkpoint(account: AccountId, spacing: usize) -> usize {
        let now: TimestampWithTimeZone = one("select clock_timestamp()");
        history::checkpoint_account(account, now.into_inner(), spacing, 50).unwrap().checkpoints
    }

    fn post_at(debit: AccountId, credit: AccountId, minor: i64, effective: &str) {
        run(&call_transfer(
            debit,
            credit,
            &format!("p_amount => {minor}, p_effective_at => '{effective}'"),
        ));
    }

    #[pg_test]
    fn a_late_posting_counts_at_once() {
        let (bank, wallet) = (open("bank"), open("wallet"));
        for month in 1..=9 {
            post_at(bank, wallet, 10, &format!("2024-0{month}-15"));
        }
        assert!(checkpoint(wallet, 2) > 4);
        post_at(bank, wallet, 1, "2024-02-01");
        let balance =
            |at: &str| one::<i64>(&format!("select posted from ledger.balance({wallet}, '{at}')"));
        let expected = || {
            assert_eq!(
                ["2024-01-31", "2024-02-02", "2024-06-01", "infinity"].map(balance),
                [10, 11, 51, 91]
            )
        };
        expected();
        assert!(checkpoint(wallet, 1) > 0);
        expected();
        expect_books_in_order();
    }

    #[pg_test]
    fn striped_and_closed_accounts_have_checkpoints_too() {
        let (fees, wallet) =
            (open_account(&NewAccount { stripes: 4, ..plain("fees") }).unwrap(), open("wallet"));
        for n in 1..=6 {
            transfer(wallet, fees, n).unwrap();
        }
        assert_eq!(checkpoint(fees, 2), 3);
        transfer(fees, wallet, 21).unwrap();
        close_account(fees).unwrap();
        assert_eq!(checkpoint(fees, 1), 1);
        let sums = format!(
            "select array_agg(credits - debits order by at) from ledger.checkpoints where account_id = {fees}"
        );
        assert_eq!(one::<Vec<i64>>(&sums), [3, 10, 21, 0]);
        assert_eq!(
            one::<i64>(&format!(
                "select posted from ledger.balance({fees}, 'infinity', 'recorded')"
            )),
            0
        );
        expect_books_in_order();
    }

    #[pg_test]
    fn nothing_new_makes_no_checkpoint() {
        let (bank, wallet) = (open("bank"), open("wallet"));
        for _ in 0..5 {
            transfer(bank, wallet, 1).unwrap();
        }
        assert_eq!(checkpoint(wallet, 2), 2);
        assert_eq!(checkpoint(wallet, 2), 0);
        transfer(bank, wallet, 1).unwrap();
        assert_eq!(checkpoint(wallet, 2), 1);
    }

    #[pg_test]
    fn a_checkpoint_that_was_altered_is_found() {
        let (bank, wallet) = (open("bank"), open("wallet"));
        for day in 1..=8 {
            post_at(bank, wallet, 10, &format!("2024-01-0{day}"));
        }
        assert!(checkpoint(wallet, 2) > 4);
        expect_books_in_order();
        for change in [
            "update ledger.checkpoints set credits = credits + 1",
            "update ledger.checkpoints set dated_credits = dated_credits - 1",
            "update ledger.dated_checkpoints set debits = debits + 1",
            "update ledger.dated_checkpoints set entries = entries + 1",
            "update ledger.checkpoints set at = at - interval '1 day'",
            "delete from ledger.dated_checkpoints where at = 'infinity'; update ledger.dated_checkpoints set at = at + interval '1 day'",
        ] {
            run(&format!(
                "do $$ begin
                    begin
                        {change};
                        if not exists (select from ledger.check() where problem = 'checkpoint') then
                            raise exception using errcode = 'XX124';
                        end if;
                        raise exception using errcode = 'XX123';
                    exception when sqlstate 'XX123' then null;
                    end;
                 end $$"
            ));
        }
        expect_books_in_order();
    }

    #[pg_test]
    fn the_job_is_for_admins_and_says_what_it_did() {
        let made: String = one(
            "select string_agg(k, ',' order by k) from jsonb_object_keys(ledger.make_checkpoints()) k",
        );
        assert_eq!(made, "accounts,checkpoints");
        expect_error("22004", "select ledger.make_checkpoints(null)");
        let job = "select schedule from ops.job_status() where name = 'checkpoint_ledger'";
        assert_eq!(one::<String>(job), "*/5 * * * *");
    }
}
