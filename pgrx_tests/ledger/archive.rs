//! Old transfers move to the archive, and nothing that anybody asks for changes.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::ledger::archive::{Moved, move_before};
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::Uuid;
    use pgrx::prelude::*;

    const TRANSFER: &str = "11111111-1111-4111-8111-111111111111";
    const JOURNAL: &str = "22222222-2222-4222-8222-222222222222";
    const SETTLED: &str = "33333333-3333-4333-8333-333333333333";
    const REVERSAL: &str = "44444444-4444-4444-8444-444444444444";

    fn id(text: &str) -> Option<Uuid> {
        Some(crate::kernel::ids::parse_id(text, "id").unwrap())
    }

    struct Scene {
        bank: AccountId,
        shop: AccountId,
        wallet: AccountId,
        hold: Uuid,
    }

    /// Transfers of every kind, a hundred days old and sealed, and a new one.
    fn scene() -> Scene {
        alone();
        run("select backoffice.set_setting('ledger', 'seal_delay_seconds', '0')");
        let (bank, shop, wallet) = funded(100);
        post(&journal(None, &[Leg { id: id(TRANSFER), ..leg(wallet, shop, 10) }])).unwrap();
        let legs = [leg(bank, wallet, 1), leg(bank, shop, 2)];
        post(&Journal { description: Some("Order 17"), ..journal(id(JOURNAL), &legs) }).unwrap();
        let hold = hold(&new_hold(wallet, bank, 10)).unwrap();
        settle_with(&Settlement { hold, amount: Some(inr(4)), id: id(SETTLED), last: false })
            .unwrap();
        let undone = transfer(bank, shop, 7).unwrap().transfer_ids[0];
        reverse_transfer(undone, id(REVERSAL), "wrong").unwrap();
        let at = one("select now() - interval '200 days'");
        post(&Journal { effective_at: Some(at), ..journal(None, &[leg(bank, shop, 5)]) }).unwrap();
        age();
        run("select ledger.seal()");
        transfer(bank, shop, 3).unwrap();
        Scene { bank, shop, wallet, hold }
    }

    /// Makes everything that was posted a hundred days older; ids of version 7 too.
    fn age() {
        run("create or replace function pg_temp.older(id uuid) returns uuid language sql as $f$
                select case when substr(id::text, 15, 1) <> '7' then id
                    else (lpad(to_hex(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint - 8640000000), 12, '0')
                          || substr(replace(id::text, '-', ''), 13))::uuid end $f$;
             alter table ledger.transfers disable trigger user;
             alter table ledger.journals disable trigger user;
             update ledger.transfers set id = pg_temp.older(id), recorded_at = recorded_at - interval '100 days',
                    journal_id = pg_temp.older(journal_id), reverses_id = pg_temp.older(reverses_id);
             update ledger.journals set id = pg_temp.older(id), recorded_at = recorded_at - interval '100 days';
             alter table ledger.transfers enable always trigger transfers_append_only;
             alter table ledger.transfers enable always trigger transfers_no_truncate;
             alter table ledger.journals enable always trigger journals_append_only;
             alter table ledger.journals enable always trigger journals_no_truncate");
    }

    fn archive() -> Moved {
        move_before(i64::MAX).unwrap()
    }

    #[pg_test]
    fn sealed_transfers_and_their_journals_move_once() {
        scene();
        assert_eq!(archive(), Moved { transfers: 8, journals: 1, more: false });
        assert_eq!(archive(), Moved { transfers: 0, journals: 0, more: false });
        assert_eq!((count("transfers"), count("transfers_archive")), (1, 8));
        assert_eq!((count("journals"), count("journals_archive")), (0, 1));
        assert_eq!((count("all_transfers"), count("all_journals")), (9, 1));
        expect_books_in_order();
        let logged: String = one("select new_values->>'transfers' from ops.audit_logs
            where action = 'archive' and table_name = 'ledger.transfers'");
        assert_eq!(logged, "8");
    }

    #[pg_test]
    fn what_is_not_sealed_stays() {
        let Scene { bank, shop, .. } = scene();
        let unsealed = id("66666666-6666-4666-8666-666666666666");
        post(&journal(None, &[Leg { id: unsealed, ..leg(bank, shop, 1) }])).unwrap();
        assert_eq!(archive().transfers, 8);
        assert_eq!(count("transfers"), 2);
        run("select ledger.seal()");
        assert_eq!(archive().transfers, 1);
        assert_eq!(count("transfers"), 1);
    }

    #[pg_test]
    fn the_seals_hold_wherever_a_transfer_is() {
        scene();
        let head: String = one("select head from ledger.seal_head()");
        archive();
        let problems =
            || one::<i64>(&format!("select count(*) from ledger.verify(p_head => '{head}')"));
        assert_eq!(problems(), 0);
        run("alter table ledger.transfers_archive disable trigger user");
        run(&format!("update ledger.transfers_archive set amount = 11 where id = '{TRANSFER}'"));
        let found: String = one("select problem || ' ' || transfer_id from ledger.verify()");
        assert_eq!(found, format!("transfer_altered {TRANSFER}"));
        run(&format!("delete from ledger.transfers_archive where id = '{TRANSFER}'"));
        let found: String = one("select problem || ' ' || transfer_id from ledger.verify()");
        assert_eq!(found, format!("transfer_missing {TRANSFER}"));
    }

    #[pg_test]
    fn the_ledger_answers_the_same_before_and_after() {
        let scene = scene();
        let asked = || -> String {
            let of = |account: AccountId| {
                ["effective", "recorded"].map(|basis| format!(
                    "(select string_agg(s::text, ',') from ledger.statement({account}, p_basis => '{basis}') s),
                     (select string_agg(s::text, ',') from ledger.statement({account}, p_basis => '{basis}', p_limit => 2,
                        p_after => (select transfer_id from ledger.statement({account}, p_basis => '{basis}', p_limit => 1))) s),
                     (select string_agg(b::text, ',') from generate_series(now() - interval '210 days', now(), '15 days') at,
                        ledger.balance({account}, at, '{basis}') b)")).join(",")
            };
            one(&format!(
                "select concat_ws(E'\\n', {}, {}, {},
                    (select string_agg(t::text, ',') from ledger.trial_balance() t),
                    (select string_agg(t::text, ',') from ledger.trial_balance(p_at => now() - interval '99 days') t),
                    (select string_agg(t::text, ',') from ledger.trial_balance(p_at => now() - interval '101 days', p_basis => 'recorded') t),
                    (select string_agg(e::text, ',' order by recorded_at, transfer_id, account_id) from ledger.entries e))",
                of(scene.bank), of(scene.shop), of(scene.wallet)
            ))
        };
        let before = asked();
        archive();
        assert_eq!(asked(), before);
    }

    #[pg_test]
    fn a_repeat_finds_an_archived_transfer() {
        let Scene { bank, shop, wallet, hold } = scene();
        archive();
        let balances = || (figures(bank), figures(shop), figures(wallet));
        let before = balances();
        let single = [Leg { id: id(TRANSFER), ..leg(wallet, shop, 10) }];
        assert!(post(&journal(None, &single)).unwrap().replayed);
        assert!(post(&journal(id(TRANSFER), &[leg(wallet, shop, 10)])).unwrap().replayed);
        let legs = [leg(bank, wallet, 1), leg(bank, shop, 2)];
        let order = Journal { description: Some("Order 17"), ..journal(id(JOURNAL), &legs) };
        assert!(post(&order).unwrap().replayed);
        let settled =
            settle_with(&Settlement { hold, amount: Some(inr(4)), id: id(SETTLED), last: false })
                .unwrap();
        assert_eq!(Some(settled), id(SETTLED));
        let undone: Uuid =
            one("select reverses_id from ledger.transfers_archive where reverses_id is not null");
        assert_eq!(Some(reverse_transfer(undone, id(REVERSAL), "wrong").unwrap()), id(REVERSAL));
        // By SQL, through the short way.
        let call = call_transfer(
            wallet,
            shop,
            &format!("p_amount => 10, p_kind => 'payment', p_id => '{TRANSFER}'"),
        );
        assert!(one::<bool>(&call.replace("select *", "select replayed")));
        assert_eq!(balances(), before);
        assert_eq!(count("transfers"), 1);
    }

    #[pg_test]
    fn an_id_that_is_taken_in_the_archive_is_refused_for_other_content() {
        let Scene { bank, shop, wallet, hold } = scene();
        archive();
        for taken in [TRANSFER, SETTLED, REVERSAL, JOURNAL] {
            let other = [Leg { id: id(taken), ..leg(wallet, shop, 11) }];
            if taken != JOURNAL {
                assert_eq!(code(post(&journal(None, &other))), "PT409", "{taken}");
            }
            assert_eq!(
                code(post(&journal(id(taken), &[leg(bank, shop, 1), leg(bank, wallet, 1)]))),
                "PT409"
            );
        }
        let settlement = Settlement { hold, amount: Some(inr(1)), id: id(TRANSFER), last: false };
        assert_eq!(code(settle_with(&settlement)), "PT409");
        expect_books_in_order();
    }

    #[pg_test]
    fn an_archived_transfer_is_reversed_once() {
        let scene = scene();
        archive();
        let shop = figures(scene.shop).0;
        reverse_transfer(id(TRANSFER).unwrap(), None, "late").unwrap();
        assert_eq!(figures(scene.shop).0, shop - 10);
        assert_eq!(code(reverse_transfer(id(TRANSFER).unwrap(), None, "again")), "PT409");
        reverse_journal(id(JOURNAL).unwrap(), None, "late").unwrap();
        assert_eq!(code(reverse_journal(id(JOURNAL).unwrap(), None, "again")), "PT409");
        // Both the transfer and its reversal are in the archive.
        let undone: Uuid =
            one("select reverses_id from ledger.transfers_archive where reverses_id is not null");
        assert_eq!(code(reverse_transfer(undone, None, "again")), "PT409");
        assert_eq!(code(reverse_transfer(id(REVERSAL).unwrap(), None, "no")), "PT409");
        expect_books_in_order();
    }

    #[pg_test]
    fn what_has_an_id_that_says_it_is_new_stays_with_its_journal() {
        let Scene { bank, shop, .. } = scene();
        // Its transfers have ids of today.
        let legs = [leg(bank, shop, 1), leg(bank, shop, 2)];
        let young = post(&journal(id("55555555-5555-4555-8555-555555555555"), &legs)).unwrap();
        transfer(bank, shop, 4).unwrap();
        run("alter table ledger.transfers disable trigger user;
             alter table ledger.journals disable trigger user;
             update ledger.transfers set recorded_at = recorded_at - interval '90 days' where recorded_at > now() - interval '50 days';
             update ledger.journals set recorded_at = recorded_at - interval '90 days' where recorded_at > now() - interval '50 days';
             alter table ledger.transfers enable always trigger transfers_append_only;
             alter table ledger.journals enable always trigger journals_append_only");
        run("select ledger.seal()");
        assert_eq!(archive().transfers, 8);
        assert_eq!((count("transfers"), count("journals")), (4, 1));
        let lines = one::<i64>(&format!(
            "select count(*) from ledger.transfers where journal_id = '{}'",
            young.journal_id
        ));
        assert_eq!(lines, 2);
        assert!(!archive().more);
        assert!(post(&journal(Some(young.journal_id), &legs)).unwrap().replayed);
    }

    #[pg_test]
    fn a_posting_with_a_fresh_id_does_not_look_into_the_archive() {
        let Scene { bank, shop, .. } = scene();
        archive();
        // Whoever looked would find it there and be refused.
        let fresh = new_id();
        run(&format!("insert into ledger.transfers_archive
            select '{fresh}', debit_account_id, credit_account_id, amount, recorded_at, effective_at, kind_id
              from ledger.transfers_archive where id = '{TRANSFER}'"));
        let posted =
            post(&journal(None, &[Leg { id: Some(fresh), ..leg(bank, shop, 1) }])).unwrap();
        assert!(!posted.replayed);
        let found: i64 =
            one("select count(*) from ledger.check() where problem = 'archived_twice'");
        assert_eq!(found, 1);
    }

    #[pg_test]
    fn only_the_mover_deletes() {
        scene();
        archive();
        for role in
            ["", "set local role backoffice_owner", "set local session_replication_role = replica"]
        {
            run(role);
            for table in ["transfers", "transfers_archive", "journals_archive"] {
                expect_error("42501", &format!("delete from ledger.{table}"));
                expect_error("42501", &format!("truncate ledger.{table}"));
            }
            expect_error("42501", "update ledger.transfers_archive set amount = amount + 1");
            expect_error("42501", "update ledger.journals_archive set kind_id = 1");
            run("reset role; set local session_replication_role = origin");
        }
    }

    #[pg_test]
    fn what_is_younger_than_a_month_is_not_asked_for() {
        expect_error("22004", "select ledger.archive(null)");
        expect_error("22023", "select ledger.archive(now())");
        expect_error("22023", "select ledger.archive(now() - interval '30 days')");
        expect_error("22023", "select ledger.archive('infinity')");
        expect_error("22023", "select backoffice.set_setting('ledger', 'archive_months', '1')");
    }

    #[pg_test]
    fn the_job_moves_what_the_setting_says() {
        alone_with_jobs();
        scene();
        let moved = || {
            let run: Uuid = one("select id from ops.run_job('archive_ledger')");
            one::<i32>(&format!(
                "select (result->>'transfers')::int from ops.job_runs where id = '{run}'"
            ))
        };
        assert_eq!(moved(), 0);
        run("select backoffice.set_setting('ledger', 'archive_months', '6')");
        assert_eq!(moved(), 0);
        run("select backoffice.set_setting('ledger', 'archive_months', '2')");
        assert_eq!(moved(), 8);
        let left: i64 = one("select transfers from ledger.archive(now() - interval '40 days')");
        assert_eq!(left, 0);
    }

    #[pg_test]
    fn the_owner_of_an_account_reads_its_archived_transfers() {
        scene();
        run("select ledger.seal()");
        archive();
        let person = Uuid::from_bytes([7; 16]);
        run("alter table ledger.accounts disable trigger user");
        run(&format!(
            "update ledger.accounts set owner_id = '{person}' where system = 'test' and code = 'wallet'"
        ));
        become_person(person);
        let seen = (count("transfers_archive"), count("journals_archive"), count("all_transfers"));
        let entries: i64 = one("select count(*) from ledger.entries");
        become_database();
        // 100 in, 10 to the shop, 1 from the journal, 4 settled.
        assert_eq!((seen, entries), ((4, 1, 4), 4));
    }
}
