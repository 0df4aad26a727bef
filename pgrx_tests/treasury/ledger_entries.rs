//! The document's ledger entries: what the view and the function show to whom.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::*;
    use crate::treasury::books::Account::*;
    use pgrx::prelude::*;

    /// Entries in the order that the view gives them, as text.
    fn shown(from: &str) -> Vec<String> {
        maybe::<Vec<String>>(&format!(
            "select array_agg(concat_ws(' ', coalesce(user_id::text, '-'), amount_cents, currency,
                    type, event_source, reference_id) order by created_at, amount_cents, type)
               from {from}"
        ))
        .unwrap_or_default()
    }

    #[pg_test]
    fn a_person_sees_the_entries_of_their_own_earnings() {
        let (host, artist) = (person("host"), person("artist"));
        sold(host, "ch_1");
        sold(artist, "ch_2");
        posting("refund", "re_1", &[(Earnings(host), Stripe, 40)]);
        become_person(host);
        let own = [
            format!("{host} 90 USD credit split ch_1"),
            format!("{host} 40 USD debit refund re_1"),
        ];
        assert_eq!(shown("treasury.ledger_entries"), own);
        assert_eq!(shown("treasury.list_ledger_entries()"), own);
        assert_eq!(shown(&format!("treasury.list_ledger_entries('{host}')")), own);
        expect_error("42501", &format!("select treasury.list_ledger_entries('{artist}')"));
        become_person(person("buyer"));
        assert!(shown("treasury.ledger_entries").is_empty());
        assert!(shown("treasury.list_ledger_entries()").is_empty());
    }

    #[pg_test]
    fn admins_see_both_sides_of_everything_in_the_treasury_and_nothing_else() {
        let (host, admin) = (person("host"), person("admin"));
        sold(host, "ch_1");
        run("select ledger.open_account('other', 'a', 'USD', 'asset'),
                    ledger.open_account('other', 'b', 'USD', 'asset')");
        run("select ledger.transfer('other', 'a', 'b', 7)");
        for caller in [Some(admin), None] {
            caller.map_or_else(become_service, become_person);
            let all = [
                "- 10 USD credit stripe_charge ch_1".to_owned(),
                "- 10 USD debit stripe_charge ch_1".to_owned(),
                format!("{host} 90 USD credit split ch_1"),
                "- 90 USD debit stripe_charge ch_1".to_owned(),
                "- 3 USD credit processing_fee txn_ch_1".to_owned(),
                "- 3 USD debit processing_fee txn_ch_1".to_owned(),
            ];
            assert_eq!(shown("treasury.ledger_entries"), all);
            assert_eq!(shown("treasury.list_ledger_entries()"), all);
            let of_host = shown(&format!("treasury.list_ledger_entries('{host}')"));
            assert_eq!(of_host, all[2..3]);
        }
    }

    #[pg_test]
    fn ids_are_the_same_for_ever_and_for_each_side_another() {
        let host = person("host");
        sold(host, "ch_1");
        let ids = |from: &str| -> Vec<i64> {
            one(&format!("select array_agg(id order by id) from {from}"))
        };
        let seen = ids("treasury.ledger_entries");
        assert_eq!(seen, ids("treasury.list_ledger_entries()"));
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]) && seen[0] >= 0);
        let expected: i64 =
            one("select ('x' || substr(md5(t.id || ':credit'), 1, 16))::bit(64)::bigint
                                        & 9007199254740991
               from ledger.transfers t where amount = 90");
        assert!(seen.contains(&expected));
        sold(host, "ch_2");
        assert!(seen.iter().all(|id| ids("treasury.ledger_entries").contains(id)));
    }

    #[pg_test]
    fn the_newest_come_first_page_by_page_whoever_asks() {
        let (host, artist) = (person("host"), person("artist"));
        for n in 1..=7 {
            sold(if n % 2 == 0 { artist } else { host }, &format!("ch_{n}"));
        }
        let list = |more: &str| -> Vec<i64> {
            maybe(&format!("select array_agg(id) from treasury.list_ledger_entries({more})"))
                .unwrap_or_default()
        };
        let all = list("");
        assert_eq!(all.len(), 42);
        let sorted: bool = one("select bool_and(a.created_at >= b.created_at)
               from (select created_at, row_number() over () as n from treasury.list_ledger_entries()) a
               join (select created_at, row_number() over () as n from treasury.list_ledger_entries()) b
                 on b.n = a.n + 1");
        assert!(sorted);
        for size in [1, 4, 5, 41, 42] {
            let mut pages = Vec::new();
            for start in (0..42).step_by(size) {
                let page = list(&format!("p_limit => {size}, p_offset => {start}"));
                assert!(page.len() <= size);
                pages.extend(page);
            }
            assert_eq!(pages, all, "{size}");
        }
        assert!(list("p_offset => 42").is_empty());
        become_person(host);
        let own = list("");
        assert_eq!(own.len(), 4);
        assert_eq!(list("p_limit => 1, p_offset => 2"), own[2..3]);
    }

    #[pg_test]
    fn entries_are_chosen_by_currency_and_time() {
        let host = person("host");
        sold(host, "ch_1");
        let count = |more: &str| -> i64 {
            one(&format!("select count(*) from treasury.list_ledger_entries({more})"))
        };
        assert_eq!(count("p_currency => 'USD'"), 6);
        assert_eq!(count("p_currency => 'EUR'"), 0);
        let at: String = one("select recorded_at::text from ledger.transfers where amount = 3");
        assert_eq!(count(&format!("p_to => '{at}'")), 4);
        assert_eq!(count(&format!("p_from => '{at}'")), 2);
        assert_eq!(count("p_to => '-infinity'"), 0);
        assert_eq!(count("p_from => 'infinity'"), 0);
        for (code, more) in [
            ("22023", "p_currency => 'usd'"),
            ("22023", "p_currency => ''"),
            ("22023", "p_limit => 0"),
            ("22023", "p_limit => 1001"),
            ("22023", "p_offset => -1"),
            ("22004", "p_limit => null"),
            ("22004", "p_offset => null"),
        ] {
            expect_error(code, &format!("select treasury.list_ledger_entries({more})"));
        }
        become_anonymous();
        expect_error("42501", "select treasury.list_ledger_entries()");
    }

    #[pg_test]
    fn balances_say_what_is_left_and_what_is_owed() {
        let host = person("host");
        sold(host, "ch_1");
        let of_host = || -> String {
            one("select concat_ws(' ', currency, earned_cents, paid_cents, balance_cents,
                                  available_cents, owed_cents) from treasury.balances")
        };
        become_person(host);
        assert_eq!(of_host(), "USD 90 0 90 90 0");
        posting("payout", "po_1", &[(Earnings(host), InTransit, 80)]);
        posting("refund", "re_1", &[(Earnings(host), Stripe, 90)]);
        become_person(host);
        assert_eq!(of_host(), "USD 90 170 -80 -80 80");
        become_person(person("artist"));
        assert_eq!(one::<i64>("select count(*) from treasury.balances"), 0);
        become_person(person("admin"));
        assert_eq!(of_host(), "USD 90 170 -80 -80 80");
    }

    /// Node types of a plan, as one text.
    fn plan(sql: &str) -> String {
        let lines = Spi::connect_mut(|client| {
            let rows = client.update(&format!("explain {sql}"), None, &[]).unwrap();
            rows.map(|row| row.get::<String>(1).unwrap().unwrap()).collect::<Vec<_>>()
        });
        lines.join("\n")
    }

    #[pg_test]
    fn somebodys_entries_are_found_by_indexes() {
        let host = person("host");
        sold(host, "ch_1");
        run("set local enable_seqscan = off");
        become_service();
        let plan = plan(&format!(
            "select * from treasury.ledger_entries where user_id = '{host}'
              order by created_at desc limit 10"
        ));
        for index in ["transfers_debit_", "transfers_credit_"] {
            assert!(plan.contains(index), "{index}\n{plan}");
        }
        assert!(!plan.contains("Seq Scan on transfers"), "{plan}");
    }
}
