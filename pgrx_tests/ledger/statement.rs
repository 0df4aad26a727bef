//! Statements: order, running balance, pages.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    /// Change and balance of every row, such as `+5=5 -2=3`.
    fn lines(arguments: &str) -> String {
        maybe(&format!(
            "select string_agg(to_char(change, 'FMSG999') || '=' || balance, ' ')
               from ledger.statement({arguments})"
        ))
        .unwrap_or_default()
    }

    fn transfer_at(debit: AccountId, credit: AccountId, minor: i64, effective: &str) {
        run(&call_transfer(
            debit,
            credit,
            &format!("p_amount => {minor}, p_effective_at => '{effective}'"),
        ));
    }

    #[pg_test]
    fn a_statement_runs_in_the_order_of_the_time_asked_for() {
        let (bank, wallet) = (open("bank"), open("wallet"));
        transfer_at(bank, wallet, 50, "2024-03-01");
        transfer_at(bank, wallet, 7, "2024-01-01");
        transfer_at(wallet, bank, 20, "2024-02-01");
        transfer(bank, wallet, 100).unwrap();
        assert_eq!(lines(&format!("{wallet}")), "+7=7 -20=-13 +50=37 +100=137");
        let recorded = format!("{wallet}, p_basis => 'recorded'");
        assert_eq!(lines(&recorded), "+50=50 +7=57 -20=37 +100=137");
        assert_eq!(lines(&format!("{bank}")), "-7=-7 +20=13 -50=-37 -100=-137");
    }

    #[pg_test]
    fn a_range_starts_with_its_first_moment_and_ends_before_its_last() {
        let (bank, wallet) = (open("bank"), open("wallet"));
        for (minor, day) in [(1, "2024-01-01"), (2, "2024-02-01"), (4, "2024-03-01")] {
            transfer_at(bank, wallet, minor, day);
        }
        let range = |from: &str, to: &str| lines(&format!("{wallet}, {from}, {to}"));
        assert_eq!(range("'2024-02-01'", "null"), "+2=3 +4=7");
        assert_eq!(range("'2024-01-15'", "'2024-03-01'"), "+2=3");
        assert_eq!(range("null", "'2024-02-01'"), "+1=1");
        assert_eq!(range("'2025-01-01'", "null"), "");
        assert_eq!(range("'2024-03-01'", "'2024-01-01'"), "");
    }

    #[pg_test]
    fn pages_join_without_gap_and_carry_the_balance_on() {
        let (bank, wallet) = (open("bank"), open("wallet"));
        // One journal: all at the same time, so that the ids must tell the order.
        let legs: Vec<Leg> = (1..=7).map(|n| leg(bank, wallet, n)).collect();
        post(&journal(None, &legs)).unwrap();
        for (minor, day) in [(8, "2024-01-01"), (9, "2024-01-01"), (10, "2024-06-01")] {
            transfer_at(wallet, bank, minor, day);
        }
        for basis in ["effective", "recorded"] {
            let whole = lines(&format!("{wallet}, p_basis => '{basis}'"));
            let (mut pages, mut after) = (Vec::new(), "null".to_owned());
            loop {
                let page =
                    format!("{wallet}, p_limit => 3, p_after => {after}, p_basis => '{basis}'");
                let Some(last) = maybe::<pgrx::Uuid>(&format!(
                    "select (array_agg(transfer_id))[count(*)] from ledger.statement({page})"
                )) else {
                    break;
                };
                pages.push(lines(&page));
                after = format!("'{last}'");
            }
            assert_eq!(pages.len(), 4);
            assert_eq!(pages.join(" "), whole);
        }
    }

    #[pg_test]
    fn a_page_may_start_after_a_transfer_that_is_before_the_range() {
        let (bank, wallet) = (open("bank"), open("wallet"));
        for (minor, day) in [(1, "2024-01-01"), (2, "2024-02-01")] {
            transfer_at(bank, wallet, minor, day);
        }
        let first: pgrx::Uuid = one("select id from ledger.transfers where amount = 1");
        assert_eq!(lines(&format!("{wallet}, '2024-01-15', p_after => '{first}'")), "+2=3");
    }

    #[pg_test]
    fn a_row_says_what_it_is() {
        let (bank, _, wallet) = funded(0);
        run(&call_transfer(
            bank,
            wallet,
            "p_amount => 5, p_kind => 'gift', p_description => 'for you'",
        ));
        let row: String = one(&format!(
            "select concat_ws(',', system, kind, description, direction, amount, counter_account_id)
               from ledger.statement({wallet})"
        ));
        assert_eq!(row, format!("test,gift,for you,credit,5,{bank}"));
        let legs = [leg(bank, wallet, 1), leg(bank, wallet, 2)];
        let journal = Journal { description: Some("both"), ..journal(None, &legs) };
        post(&journal).unwrap();
        let described: i64 = one(&format!(
            "select count(*) from ledger.statement({wallet}) where description = 'both'"
        ));
        assert_eq!(described, 2);
    }

    #[pg_test]
    fn a_statement_keeps_to_the_rules() {
        let (_, shop, wallet) = funded(100);
        let foreign = transfer(open("x"), shop, 1).unwrap().journal_id;
        for (code, arguments) in [
            ("22004", "null".to_owned()),
            ("PT404", "404404404".to_owned()),
            ("22023", format!("{wallet}, p_limit => 0")),
            ("22023", format!("{wallet}, p_limit => 1001")),
            ("22004", format!("{wallet}, p_limit => null")),
            ("22023", format!("{wallet}, p_basis => 'x'")),
            ("PT404", format!("{wallet}, p_after => '{}'", new_id())),
            ("PT404", format!("{wallet}, p_after => '{foreign}'")),
        ] {
            expect_error(code, &format!("select * from ledger.statement({arguments})"));
        }
    }
}
