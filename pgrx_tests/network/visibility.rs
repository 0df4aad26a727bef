//! Who sees which rows of the network's tables, and that nobody writes them.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::network::*;
    use pgrx::Uuid;
    use pgrx::prelude::*;

    /// An admin; a line of three of whom the last brought a customer and asked for
    /// money and PINs; a stranger with a customer of their own.
    struct Cast {
        admin: Uuid,
        line: Vec<Uuid>,
        customer: Uuid,
        stranger: Uuid,
    }

    fn cast() -> Cast {
        let (admin, line, stranger) = (admin(), line(3), promoter(None));
        let customer = customer(line[2]);
        super::super::customer(stranger);
        run(&format!(
            "select network.create_withdrawal_request('{}', 100, '{{\"account_holder_name\": \"A\",
                \"account_number\": \"123456789012\", \"ifsc_code\": \"HDFC0001234\"}}')",
            line[2]
        ));
        run(&format!("select network.create_pin_request('{}', 1)", line[2]));
        Cast { admin, line, customer, stranger }
    }

    const TABLES: [&str; 11] = [
        "profiles",
        "promoters",
        "customers",
        "pin_transactions",
        "affiliate_commissions",
        "withdrawal_requests",
        "pin_requests",
        "promoter_wallet",
        "admin_wallet",
        "platform",
        "transaction_counters",
    ];

    /// How many rows of each table, in the order of [`TABLES`].
    fn seen() -> Vec<i64> {
        TABLES.iter().map(|table| one(&format!("select count(*) from network.{table}"))).collect()
    }

    #[pg_test]
    fn an_admin_sees_everything() {
        let cast = cast();
        become_person(cast.admin);
        assert_eq!(seen(), [7, 4, 2, 4, 8, 1, 1, 4, 1, 1, 5]);
    }

    #[pg_test]
    fn a_server_sees_everything() {
        cast();
        become_service();
        assert_eq!(seen(), [7, 4, 2, 4, 8, 1, 1, 4, 1, 1, 5]);
    }

    #[pg_test]
    fn a_promoter_sees_themselves_and_what_they_brought() {
        let cast = cast();
        become_person(cast.line[2]);
        assert_eq!(seen(), [2, 1, 1, 2, 1, 1, 1, 1, 0, 0, 0]);
    }

    #[pg_test]
    fn the_top_of_a_line_sees_its_promoters_but_neither_their_customers_nor_their_money() {
        let cast = cast();
        become_person(cast.line[0]);
        assert_eq!(seen(), [3, 3, 0, 0, 1, 0, 0, 1, 0, 0, 0]);
    }

    #[pg_test]
    fn nobody_sees_those_above() {
        let cast = cast();
        become_person(cast.line[1]);
        let above: i64 =
            one(&format!("select count(*) from network.profiles where id = '{}'", cast.line[0]));
        assert_eq!(above, 0);
    }

    #[pg_test]
    fn a_customer_sees_themselves() {
        let cast = cast();
        become_person(cast.customer);
        assert_eq!(seen(), [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[pg_test]
    fn a_stranger_sees_nothing_of_the_line() {
        let cast = cast();
        become_person(cast.stranger);
        let theirs: i64 = one(&format!(
            "select count(*) from network.profiles where id = any (array['{}', '{}', '{}', '{}']::uuid[])",
            cast.line[0], cast.line[1], cast.line[2], cast.customer
        ));
        assert_eq!(theirs, 0);
    }

    #[pg_test]
    fn a_visitor_may_not_even_look() {
        cast();
        become_anonymous();
        for table in TABLES {
            expect_error("42501", &format!("select * from network.{table}"));
        }
    }

    #[pg_test]
    fn the_inside_of_a_withdrawal_is_for_servers() {
        let cast = cast();
        become_person(cast.admin);
        expect_error("42501", "select * from network.withdrawal_holds");
        become_service();
        assert_eq!(one::<i64>("select count(*) from network.withdrawal_holds"), 1);
    }

    #[pg_test]
    fn nobody_writes_a_table_directly() {
        let cast = cast();
        let callers = [Some(cast.admin), Some(cast.line[2]), Some(cast.customer), None];
        for caller in callers {
            match caller {
                Some(person) => become_person(person),
                None => become_service(),
            }
            for table in &TABLES[..7] {
                expect_error("42501", &format!("insert into network.{table} default values"));
                expect_error("42501", &format!("update network.{table} set id = id"));
                expect_error("42501", &format!("delete from network.{table}"));
                expect_error("42501", &format!("truncate network.{table}"));
            }
        }
    }

    #[pg_test]
    fn nobody_writes_a_view_either() {
        let cast = cast();
        for service in [false, true] {
            if service {
                become_service()
            } else {
                become_person(cast.admin)
            }
            for (view, column) in [
                ("promoter_wallet", "balance"),
                ("admin_wallet", "balance"),
                ("transaction_counters", "last_number"),
            ] {
                expect_error("42501", &format!("insert into network.{view} default values"));
                expect_error("42501", &format!("update network.{view} set {column} = {column}"));
                expect_error("42501", &format!("delete from network.{view}"));
            }
        }
    }
}
