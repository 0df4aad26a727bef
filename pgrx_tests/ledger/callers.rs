//! Who may do and see what.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    /// A bank, and the wallets of two people, one of whom holds a hold.
    struct Scene {
        owner: pgrx::Uuid,
        stranger: pgrx::Uuid,
        wallet: AccountId,
        transfer: pgrx::Uuid,
    }

    fn scene() -> Scene {
        let (owner, stranger) = (new_id(), new_id());
        let (bank, other) = (
            open("bank"),
            open_account(&NewAccount { owner: Some(stranger), ..plain("other") }).unwrap(),
        );
        let wallet =
            open_account(&NewAccount { owner: Some(owner), stripes: 2, ..plain("wallet") })
                .unwrap();
        let transfer_id = transfer(bank, wallet, 100).unwrap().journal_id;
        transfer(bank, other, 50).unwrap();
        post(&journal(None, &[leg(bank, wallet, 1), leg(bank, wallet, 2)])).unwrap();
        hold(&new_hold(wallet, bank, 10)).unwrap();
        Scene { owner, stranger, wallet, transfer: transfer_id }
    }

    fn admin_of(system: &str) -> pgrx::Uuid {
        let admin = new_id();
        run(&format!(
            "insert into backoffice.role_definitions values ('test', 'admin', 'x') on conflict do nothing;
             select backoffice.grant_role('{admin}', '{system}', 'admin')"
        ));
        admin
    }

    /// Rows that the caller sees of each table and view.
    fn seen() -> [i64; 8] {
        [
            "accounts",
            "account_stripes",
            "transfers",
            "journals",
            "holds",
            "balances",
            "entries",
            "transfer_kinds",
        ]
        .map(count)
    }

    #[pg_test]
    fn an_owner_sees_the_account_and_what_was_posted_to_it() {
        let scene = scene();
        become_person(scene.owner);
        assert_eq!(seen(), [1, 2, 3, 1, 1, 1, 3, 2]);
        become_person(scene.stranger);
        assert_eq!(seen(), [1, 0, 1, 0, 0, 1, 1, 2]);
        become_person(new_id());
        assert_eq!(seen(), [0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(one::<i64>("select count(*) from ledger.admin_systems()"), 0);
    }

    #[pg_test]
    fn admins_of_the_ledger_and_of_the_system_see_everything() {
        scene();
        let all = [3, 2, 4, 1, 1, 3, 8, 2];
        for system in ["ledger", "test", "*"] {
            become_database();
            let admin = admin_of(system);
            become_person(admin);
            assert_eq!(seen(), all, "{system}");
        }
        become_database();
        let admin = admin_of("ops");
        become_person(admin);
        assert_eq!(seen(), [0, 0, 0, 0, 0, 0, 0, 2]);
        become_service();
        assert_eq!(seen(), all);
    }

    #[pg_test]
    fn a_visitor_sees_nothing_and_does_nothing() {
        let scene = scene();
        become_anonymous();
        for table in [
            "accounts",
            "account_stripes",
            "transfers",
            "journals",
            "holds",
            "balances",
            "entries",
            "transfer_kinds",
            "problems",
        ] {
            expect_error("42501", &format!("select * from ledger.{table}"));
        }
        for call in calls(&scene) {
            expect_error("42501", &format!("select * from {call}"));
        }
    }

    /// A call of every function.
    fn calls(scene: &Scene) -> Vec<String> {
        let (wallet, id) = (scene.wallet, scene.transfer);
        [
            writes(scene),
            corrections(scene),
            vec![
                format!("ledger.balance({wallet})"),
                format!("ledger.statement({wallet})"),
                "ledger.trial_balance()".to_owned(),
                "ledger.check()".to_owned(),
                format!("ledger.reverse_journal('{id}', 'x')"),
            ],
        ]
        .concat()
    }

    fn writes(_: &Scene) -> Vec<String> {
        let id = new_id();
        vec![
            "ledger.open_account('test', 'new', 'INR', 'asset')".to_owned(),
            "ledger.close_account(1)".to_owned(),
            r#"ledger.post_journal('test', 'k', '[{"debit":"bank","credit":"other","amount":1}]')"#
                .to_owned(),
            "ledger.hold('test', 'bank', 'other', 1)".to_owned(),
            format!("ledger.settle('{id}')"),
            format!("ledger.release('{id}')"),
            "ledger.expire_holds()".to_owned(),
        ]
    }

    fn corrections(scene: &Scene) -> Vec<String> {
        vec![
            "ledger.transfer('test', 'bank', 'other', 1)".to_owned(),
            format!("ledger.reverse_transfer('{}', 'x')", scene.transfer),
        ]
    }

    #[pg_test]
    fn a_person_moves_no_money_not_even_their_own() {
        let scene = scene();
        for person in [scene.owner, scene.stranger] {
            become_person(person);
            for call in [writes(&scene), corrections(&scene)].concat() {
                expect_error("42501", &format!("select * from {call}"));
            }
            expect_error("42501", "select * from ledger.trial_balance()");
            expect_error("42501", "select * from ledger.check()");
            expect_error("42501", "select * from ledger.problems");
        }
    }

    #[pg_test]
    fn an_admin_of_the_ledger_corrects_and_does_not_run_the_business() {
        let scene = scene();
        let admin = admin_of("ledger");
        become_person(admin);
        for call in corrections(&scene) {
            run(&format!("select * from {call}"));
        }
        for call in writes(&scene) {
            expect_error("42501", &format!("select * from {call}"));
        }
        assert_eq!(count("check()"), 0);
        run("select * from ledger.trial_balance()");
        become_database();
        let logged = format!(
            "select string_agg(action, ' ' order by id) from ops.audit_logs
              where actor_id = '{admin}' and table_name = 'ledger'"
        );
        assert_eq!(one::<String>(&logged), "transfer reverse_transfer");
        let admin = admin_of("test");
        become_person(admin);
        for call in [writes(&scene), corrections(&scene)].concat() {
            expect_error("42501", &format!("select * from {call}"));
        }
    }

    #[pg_test]
    fn what_a_server_moves_through_the_api_is_logged() {
        scene();
        become_service();
        run("select * from ledger.transfer('test', 'bank', 'other', 1)");
        run(
            r#"select * from ledger.post_journal('test', 'k', '[{"debit":"bank","credit":"other","amount":1}]')"#,
        );
        become_database();
        let logged: String = one("select string_agg(action, ' ' order by id) from ops.audit_logs
              where table_name = 'ledger' and actor_role = 'service'");
        assert_eq!(logged, "transfer post_journal");
    }

    #[pg_test]
    fn an_admin_without_the_second_factor_is_none_where_it_is_asked_for() {
        scene();
        let admin = admin_of("ledger");
        run("select backoffice.set_setting('backoffice', 'admin_second_factor', 'true')");
        become_person(admin);
        assert_eq!(count("accounts"), 0);
        expect_error("42501", "select * from ledger.check()");
        become_person_at(admin, "aal2");
        assert_eq!(count("accounts"), 3);
    }

    #[pg_test]
    fn balance_and_statement_are_for_the_owner_and_admins() {
        let scene = scene();
        let wallet = scene.wallet;
        let reads = [format!("ledger.balance({wallet})"), format!("ledger.statement({wallet})")];
        become_person(scene.owner);
        for call in &reads {
            run(&format!("select * from {call}"));
        }
        become_person(scene.stranger);
        for call in &reads {
            expect_error("42501", &format!("select * from {call}"));
        }
        expect_error("42501", "select * from ledger.balance(404404404)");
        for system in ["test", "ledger"] {
            become_database();
            let admin = admin_of(system);
            become_person(admin);
            for call in &reads {
                run(&format!("select * from {call}"));
            }
        }
    }

    #[pg_test]
    fn the_service_role_may_do_everything() {
        let scene = scene();
        become_service();
        run("select ledger.open_account('test', 'new', 'INR', 'asset')");
        run("select ledger.transfer('test', 'bank', 'new', 5)");
        run(&format!("select ledger.reverse_transfer('{}', 'x')", scene.transfer));
        run("select ledger.settle(hold_id) from ledger.hold('test', 'bank', 'new', 1)");
        run("select ledger.release(hold_id) from ledger.hold('test', 'bank', 'new', 1)");
        run("select ledger.expire_holds()");
        assert_eq!(count("check()"), 0);
    }

    #[pg_test]
    fn nobody_writes_the_tables() {
        let scene = scene();
        let admin = admin_of("*");
        let statements = [
            "insert into ledger.accounts (system, code, name, currency, class) values ('a', 'a', 'a', 'INR', 'asset')",
            "update ledger.accounts set credits_posted = 1",
            "delete from ledger.accounts",
            "truncate ledger.accounts cascade",
            "update ledger.account_stripes set credits_posted = 1",
            "update ledger.transfers set amount = 1",
            "delete from ledger.transfers",
            "truncate ledger.transfers",
            "update ledger.holds set amount = 1",
            "insert into ledger.transfer_kinds (system, kind) values ('a', 'b')",
            "select nextval('ledger.accounts_id_seq')",
            "copy ledger.transfers from program 'true'",
        ];
        become_person(scene.owner);
        for statement in statements {
            expect_error("42501", statement);
        }
        become_person(admin);
        for statement in statements {
            expect_error("42501", statement);
        }
        become_service();
        for statement in statements {
            expect_error("42501", statement);
        }
    }
}
