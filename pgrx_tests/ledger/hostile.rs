//! Sizes that nobody needs, and numbers at the end of their range.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    #[pg_test]
    fn megabytes_of_metadata_are_refused_everywhere() {
        let (_, _, wallet) = funded(100);
        let held = hold(&new_hold(wallet, open("other"), 5)).unwrap();
        settle(held, None).unwrap();
        let before = (figures(wallet), count("transfers"), count("holds"));
        let legs = r#"'[{"debit": "bank", "credit": "wallet", "amount": 1}, {"debit": "bank", "credit": "wallet", "amount": 1}]'"#;
        for (argument, text) in [
            ("p_metadata", "to_jsonb(repeat('x', 65535))"),
            ("p_metadata", "jsonb_build_object('a', repeat('x', 5000000))"),
            ("p_description", "repeat('x', 4097)"),
            ("p_description", "repeat('x', 5000000)"),
        ] {
            for call in [
                "transfer('test', 'bank', 'wallet', 1".to_owned(),
                "transfer('test', 'wallet', 'bank', 1, p_balancing => 'debit'".to_owned(),
                format!("post_journal('test', 'k', {legs}"),
                format!("post_journal('test', 'k', {legs}, p_key => 'k'"),
                "hold('test', 'wallet', 'shop', 1".to_owned(),
                "sweep('test', 'shop', array['wallet']".to_owned(),
            ] {
                expect_error(
                    "22023",
                    &format!("select * from ledger.{call}, {argument} => {text})"),
                );
            }
        }
        assert_eq!(before, (figures(wallet), count("transfers"), count("holds")));
        run(
            "select ledger.transfer('test', 'bank', 'wallet', 1, p_metadata => to_jsonb(repeat('x', 65534)))",
        );
        run(
            "select ledger.transfer('test', 'bank', 'wallet', 1, p_description => repeat('x', 4096))",
        );
        expect_books_in_order();
    }

    #[pg_test]
    fn a_million_legs_are_refused_unread() {
        open("bank");
        open("wallet");
        run(r#"create temp table million as
                 select ('[' || repeat('{"debit": "bank", "credit": "wallet", "amount": 1},', 999999)
                        || '{"debit": "bank", "credit": "wallet", "amount": 1}]')::jsonb as legs"#);
        for call in ["post_journal('test', 'x', legs)", "post_batch('test', 'x', legs, 'each')"] {
            expect_error("22023", &format!("select count(*) from million, ledger.{call}"));
        }
        assert_eq!(one::<i64>("select count(*) from ledger.transfers"), 0);
    }

    #[pg_test]
    fn counters_at_their_end_refuse_every_way_to_move_more() {
        let (a, b) = (open("a"), open("b"));
        transfer(a, b, i64::MAX - 5).unwrap();
        let held = hold(&new_hold(a, b, 5)).unwrap();
        let before = (figures(a), figures(b), count("transfers"));
        for call in [
            "transfer('test', 'a', 'b', 1)",
            "transfer('test', 'a', 'b', 9223372036854775807)",
            r#"post_journal('test', 'k', '[{"debit": "a", "credit": "b", "amount": 1}, {"debit": "b", "credit": "a", "amount": 1}]')"#,
            r#"post_journal('test', 'k', '[{"debit": "a", "credit": "b", "amount": 1}]', p_key => 'k')"#,
            "hold('test', 'a', 'b', 1)",
        ] {
            expect_error("22003", &format!("select * from ledger.{call}"));
        }
        assert_eq!(before, (figures(a), figures(b), count("transfers")));
        // What is held fits still, and all of it can be brought back.
        settle(held, None).unwrap();
        let back =
            "select amount from ledger.transfer('test', 'b', 'a', null, p_balancing => 'both')";
        assert_eq!(one::<i64>(back), i64::MAX);
        assert_eq!((figures(a).0, figures(b).0), (0, 0));
        expect_error("PT409", back);
        expect_error("22003", "select * from ledger.transfer('test', 'b', 'a', 1)");
        expect_books_in_order();
    }

    #[pg_test]
    fn a_sweep_that_no_counter_can_take_is_refused() {
        let (bank, pot) = (open("bank"), open("pot"));
        let wallets = ["a", "b"].map(open);
        transfer(bank, wallets[0], i64::MAX - 1).unwrap();
        transfer(wallets[1], bank, i64::MAX - 1).unwrap();
        transfer(open("other"), wallets[1], i64::MAX).unwrap();
        transfer(open("third"), pot, i64::MAX - 1).unwrap();
        expect_error("22003", "select * from ledger.sweep('test', 'pot', array['a', 'b'])");
        expect_error("22003", "select * from ledger.sweep('test', 'pot', array['a'])");
        expect_books_in_order();
    }

    #[pg_test]
    fn accounts_that_are_closed_take_part_in_nothing() {
        let (bank, shop, wallet) = funded(100);
        let first = transfer(bank, shop, 5).unwrap().journal_id;
        transfer(shop, bank, 5).unwrap();
        close_account(shop).unwrap();
        let before = (figures(bank), figures(wallet), count("transfers"));
        for call in [
            "transfer('test', 'bank', 'shop', 1)".to_owned(),
            "transfer('test', 'wallet', 'shop', 1, p_balancing => 'debit')".to_owned(),
            "hold('test', 'bank', 'shop', 1)".to_owned(),
            format!("reverse_transfer('{first}', 'why')"),
            format!("reverse_transfer('{first}', 'why', p_amount => 1)"),
            "sweep('test', 'shop', array['wallet'])".to_owned(),
        ] {
            expect_error("PT409", &format!("select * from ledger.{call}"));
        }
        assert_eq!(before, (figures(bank), figures(wallet), count("transfers")));
        expect_books_in_order();
    }

    #[pg_test]
    fn one_id_twice_in_a_journal_is_refused() {
        let (_, _, wallet) = funded(100);
        let id = "01900000-0000-7000-8000-000000000007";
        let leg = format!(r#"{{"debit": "bank", "credit": "wallet", "amount": 1, "id": "{id}"}}"#);
        for rest in ["", ", p_id => gen_random_uuid()", ", p_key => 'k'"] {
            expect_error(
                "22023",
                &format!("select ledger.post_journal('test', 'k', '[{leg}, {leg}]'{rest})"),
            );
        }
        assert_eq!(figures(wallet).0, 100);
    }
}
