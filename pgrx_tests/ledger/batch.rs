//! Batches of transfers.

#[pgrx::pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    /// A batch of transfers `(debit, credit, amount, id)` in SQL.
    fn batch(mode: &str, transfers: &[(AccountId, AccountId, i64, Option<pgrx::Uuid>)]) -> String {
        let one = |(debit, credit, amount, id): &(
            AccountId,
            AccountId,
            i64,
            Option<pgrx::Uuid>,
        )| {
            let id = id.map_or("null".to_owned(), |id| format!(r#""{id}""#));
            format!(
                r#"{{"id": {id}, "debit_account_id": {debit}, "credit_account_id": {credit}, "amount": {amount}}}"#
            )
        };
        let all: Vec<String> = transfers.iter().map(one).collect();
        format!(
            "select * from ledger.post_batch('test', 'batch', '[{}]', '{mode}')",
            all.join(", ")
        )
    }

    fn results(call: &str) -> String {
        one(&format!(
            "select string_agg(coalesce(sqlstate, result), ' ' order by position) from ({call}) b"
        ))
    }

    #[pg_test]
    fn each_transfer_is_judged_by_what_those_before_it_left() {
        let (bank, wallet, shop) = (open("bank"), open_limited("wallet"), open("shop"));
        let call = batch(
            "each",
            &[
                (wallet, shop, 5, None),
                (bank, wallet, 10, None),
                (wallet, shop, 6, None),
                (wallet, shop, 6, None),
                (wallet, shop, 4, None),
            ],
        );
        assert_eq!(results(&call), "PT409 ok ok PT409 ok");
        assert_eq!(figures(wallet).0, 0);
        assert_eq!(figures(shop).0, 10);
        expect_books_in_order();
    }

    #[pg_test]
    fn the_balances_are_those_that_each_transfer_left() {
        let (bank, wallet) = (open("bank"), open_limited("wallet"));
        let call = batch("each", &[(bank, wallet, 10, None), (wallet, bank, 3, None)]);
        let text: String = one(&format!(
            "select string_agg(debit_posted || '/' || credit_posted || '/' || credit_available, ' '
                order by position) from ({call}) b"
        ));
        assert_eq!(text, "-10/10/10 7/-7/-7");
    }

    #[pg_test]
    fn all_or_nothing_stores_nothing_where_one_is_refused() {
        let (bank, wallet, shop) = (open("bank"), open_limited("wallet"), open("shop"));
        let call = batch("all", &[(bank, wallet, 10, None), (wallet, shop, 11, None)]);
        expect_error("PT409", &call);
        assert_eq!(figures(wallet).0, 0);
        assert_eq!(one::<i64>("select count(*) from ledger.transfers"), 0);
        let call = batch("all", &[(bank, wallet, 10, None), (wallet, shop, 10, None)]);
        assert_eq!(results(&call), "ok ok");
        expect_books_in_order();
    }

    #[pg_test]
    fn a_batch_that_is_repeated_moves_nothing_twice() {
        let (bank, wallet) = (open("bank"), open("wallet"));
        let (a, b) = (new_id(), new_id());
        let call = batch("all", &[(bank, wallet, 10, Some(a)), (bank, wallet, 7, Some(b))]);
        assert_eq!(results(&call), "ok ok");
        assert_eq!(results(&call), "exists exists");
        let more = batch("all", &[(bank, wallet, 10, Some(a)), (bank, wallet, 1, None)]);
        assert_eq!(results(&more), "exists ok");
        assert_eq!(figures(wallet).0, 18);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_batch_is_repeated_also_where_its_accounts_would_not_allow_it_again() {
        let (bank, wallet, shop) = (open("bank"), open_limited("wallet"), open("shop"));
        let (a, b) = (new_id(), new_id());
        transfer(bank, wallet, 10).unwrap();
        let transfers = [(wallet, shop, 6, Some(a)), (wallet, shop, 4, Some(b))];
        for mode in ["all", "each"] {
            let expected = if mode == "all" { "ok ok" } else { "exists exists" };
            assert_eq!(results(&batch(mode, &transfers)), expected);
            assert_eq!(results(&batch(mode, &transfers)), "exists exists");
        }
        freeze(wallet, "lost").unwrap();
        assert_eq!(results(&batch("all", &transfers)), "exists exists");
        let more = [transfers[0], (wallet, shop, 1, None), transfers[1]];
        assert_eq!(results(&batch("each", &more)), "exists PT409 exists");
        unfreeze(wallet, "found").unwrap();
        // What was posted before does not count again against what is new.
        transfer(bank, wallet, 8).unwrap();
        let more = [transfers[0], (wallet, shop, 5, None)];
        assert_eq!(results(&batch("all", &more)), "exists ok");
        assert_eq!((figures(wallet).0, figures(shop).0), (3, 15));
        expect_books_in_order();
    }

    #[pg_test]
    fn an_id_that_is_taken_by_other_content_is_refused_and_names_the_field() {
        let (bank, wallet, shop) = (open("bank"), open("wallet"), open("shop"));
        let id = new_id();
        post(&journal(None, &[Leg { id: Some(id), ..leg(bank, wallet, 10) }])).unwrap();
        // Of another kind, too.
        assert_eq!(results(&batch("each", &[(bank, wallet, 10, Some(id))])), "PT409");
        let (a, b) = (new_id(), new_id());
        assert_eq!(results(&batch("each", &[(bank, wallet, 10, Some(a))])), "ok");
        let call = batch("each", &[(bank, wallet, 11, Some(a)), (bank, shop, 10, Some(a))]);
        let reasons: String =
            one(&format!("select string_agg(reason, '; ' order by position) from ({call}) b"));
        assert!(reasons.contains("p_transfers[0].amount: differs"), "{reasons}");
        assert!(reasons.contains("p_transfers[1].credit: differs"), "{reasons}");
        // A journal's id is taken as well.
        let legs = [leg(bank, wallet, 1), leg(bank, shop, 1)];
        post(&journal(Some(b), &legs)).unwrap();
        assert_eq!(results(&batch("each", &[(bank, wallet, 1, Some(b))])), "PT409");
        expect_books_in_order();
    }

    #[pg_test]
    fn the_same_id_twice_in_one_batch_moves_once() {
        let (bank, wallet) = (open("bank"), open("wallet"));
        let id = Some(new_id());
        let same =
            batch("each", &[(bank, wallet, 10, id), (bank, wallet, 10, id), (bank, wallet, 9, id)]);
        assert_eq!(results(&same), "ok exists PT409");
        assert_eq!(figures(wallet).0, 10);
        expect_books_in_order();
    }

    #[pg_test]
    fn what_is_wrong_with_a_transfer_refuses_that_one() {
        let (bank, wallet) = (open("bank"), open("wallet"));
        let euro =
            open_account(&NewAccount { currency: currency("EUR"), ..plain("euro") }).unwrap();
        let nobody = AccountId(0);
        let gone = open("gone");
        close_account(gone).unwrap();
        let call = batch(
            "each",
            &[
                (bank, wallet, 0, None),
                (bank, wallet, -5, None),
                (bank, bank, 5, None),
                (bank, euro, 5, None),
                (bank, nobody, 5, None),
                (bank, gone, 5, None),
                (bank, wallet, i64::MAX, None),
                (bank, wallet, 1, None),
            ],
        );
        assert_eq!(results(&call), "22023 22023 22023 22023 PT404 PT409 ok 22003");
        expect_books_in_order();
    }

    #[pg_test]
    fn striped_accounts_and_those_with_limits_take_part() {
        let bank = open("bank");
        let pool = open_account(&NewAccount { stripes: 8, ..plain("pool") }).unwrap();
        let capped =
            open_account(&NewAccount { stripes: 4, limit: Limit::NoOverdraft, ..plain("capped") })
                .unwrap();
        let call = batch("each", &[(bank, pool, 10, None), (pool, bank, 4, None)]);
        assert_eq!(results(&call), "ok ok");
        let call = batch(
            "each",
            &[(bank, capped, 10, None), (capped, pool, 11, None), (capped, pool, 10, None)],
        );
        assert_eq!(results(&call), "ok PT409 ok");
        assert_eq!(figures(pool).0, 16);
        assert_eq!(figures(capped).0, 0);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_hold_counts_until_its_time_and_no_longer() {
        alone();
        let (bank, wallet, shop) = (open("bank"), open_limited("wallet"), open("shop"));
        transfer(bank, wallet, 10).unwrap();
        hold(&new_hold(wallet, shop, 8)).unwrap();
        assert_eq!(results(&batch("each", &[(wallet, shop, 3, None)])), "PT409");
        set_expiry("clock_timestamp()");
        assert_eq!(results(&batch("each", &[(wallet, shop, 10, None)])), "ok");
        assert_eq!(figures(wallet), (0, 0, 0));
    }

    #[pg_test]
    fn a_malformed_batch_is_refused_whole() {
        let (bank, wallet) = (open("bank"), open("wallet"));
        let good = format!(
            r#"{{"debit_account_id": {bank}, "credit_account_id": {wallet}, "amount": 1}}"#
        );
        for (code, transfers, mode) in [
            ("22023", "[]".to_owned(), "'each'"),
            ("22023", "{}".to_owned(), "'each'"),
            ("22023", "[1]".to_owned(), "'each'"),
            (
                "22023",
                format!(
                    "[{good}, {{\"debit\": \"a\", \"credit\": \"b\", \"amount\": 1, \"x\": 1}}]"
                ),
                "'each'",
            ),
            ("22004", format!("[{good}, {{\"debit\": \"a\", \"credit\": \"b\"}}]"), "'each'"),
            (
                "22003",
                format!("[{}]", good.replace("\"amount\": 1", "\"amount\": 9223372036854775808")),
                "'each'",
            ),
            ("22023", format!("[{good}]"), "'some'"),
            ("22004", format!("[{good}]"), "null"),
        ] {
            expect_error(
                code,
                &format!(
                    "select * from ledger.post_batch('test', 'k', {}, {mode})",
                    literal(&transfers)
                ),
            );
        }
        expect_error("22004", "select * from ledger.post_batch(null, 'k', '[]')");
        expect_error("22004", "select * from ledger.post_batch('test', 'k', null)");
        let many = format!("(select jsonb_agg('{good}'::jsonb) from generate_series(1, 10001))");
        expect_error("22023", &format!("select * from ledger.post_batch('test', 'k', {many})"));
        assert_eq!(one::<i64>("select count(*) from ledger.transfers"), 0);
    }

    #[pg_test]
    fn codes_name_accounts_and_an_unknown_one_refuses_its_transfer() {
        open("a");
        open("b");
        let call = r#"select * from ledger.post_batch('test', 'k',
            '[{"debit": "a", "credit": "b", "amount": 1}, {"debit": "a", "credit": "c", "amount": 1}]', 'each')"#;
        assert_eq!(results(call), "ok PT404");
    }
}
