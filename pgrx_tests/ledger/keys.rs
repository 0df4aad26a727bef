//! Journals by key, and ids that a journal and a transfer cannot share.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;
    use serde_json::json;

    fn field(error: crate::kernel::error::Error) -> String {
        assert_eq!(error.sqlstate.code(), "PT409");
        error.message.split(':').next().unwrap_or_default().to_owned()
    }

    #[pg_test]
    fn the_same_key_with_the_same_content_posts_once() {
        let (bank, shop, wallet) = funded(0);
        for legs in [vec![leg(bank, wallet, 9), leg(wallet, shop, 4)], vec![leg(bank, shop, 3)]] {
            let key = format!("order {}", legs.len());
            let first = post_keyed(&journal(None, &legs), &key).unwrap();
            let again = post_keyed(&journal(None, &legs), &key).unwrap();
            assert_eq!((first.replayed, again.replayed), (false, true));
            assert_eq!(
                (first.journal_id, first.transfer_ids),
                (again.journal_id, again.transfer_ids)
            );
        }
        assert_eq!((figures(wallet).0, figures(shop).0), (5, 7));
        assert_eq!((count("transfers"), count("journal_keys")), (3, 2));
        expect_books_in_order();
    }

    #[pg_test]
    fn other_content_is_refused_naming_the_first_field_that_differs() {
        let (bank, shop, wallet) = funded(0);
        let legs = [leg(bank, wallet, 9), leg(bank, shop, 4)];
        let base = Journal { metadata: Some(json!({"n": 1})), ..journal(None, &legs) };
        post_keyed(&base, "k").unwrap();
        let of = |journal: &Journal<'_>| field(post_keyed(journal, "k").unwrap_err());
        let other = |legs: &[Leg]| of(&Journal { legs, ..base.clone() });
        assert_eq!(other(&[leg(bank, wallet, 8), legs[1]]), "legs[0].amount");
        assert_eq!(other(&[legs[0], leg(wallet, shop, 4)]), "legs[1].debit");
        assert_eq!(other(&[legs[1], legs[0]]), "legs[0].credit");
        assert_eq!(other(&legs[..1]), "legs");
        assert_eq!(of(&Journal { kind: "other", ..base.clone() }), "kind");
        assert_eq!(of(&Journal { description: Some("x"), ..base.clone() }), "description");
        assert_eq!(of(&Journal { metadata: None, ..base.clone() }), "metadata");
        assert_eq!(of(&Journal { id: Some(new_id()), ..base.clone() }), "id");
        // Another system has keys of its own.
        post_keyed(&Journal { system: "other", ..base.clone() }, "k").unwrap();
        assert!(post_keyed(&base, "k").unwrap().replayed);
        assert_eq!(count("journals"), 2);
        expect_books_in_order();
    }

    #[pg_test]
    fn an_id_under_a_key_is_part_of_the_content() {
        let (bank, shop, _) = funded(0);
        let legs = [leg(bank, shop, 9), leg(bank, shop, 4)];
        let id = Some(new_id());
        post_keyed(&journal(id, &legs), "k").unwrap();
        assert!(post_keyed(&journal(id, &legs), "k").unwrap().replayed);
        assert_eq!(field(post_keyed(&journal(None, &legs), "k").unwrap_err()), "id");
        // The id alone finds the journal as well; another key does not get it again.
        assert!(post(&journal(id, &legs)).unwrap().replayed);
        assert!(post_keyed(&journal(id, &legs), "other").unwrap().replayed);
        assert_eq!((count("journals"), count("journal_keys")), (1, 1));
    }

    #[pg_test]
    fn a_refusal_leaves_the_key_free() {
        let (bank, shop, wallet) = funded(0);
        let legs = [leg(wallet, shop, 9), leg(bank, shop, 4)];
        assert_eq!(code(post_keyed(&journal(None, &legs), "k")), "PT409");
        assert_eq!(count("journal_keys"), 0);
        transfer(bank, wallet, 9).unwrap();
        assert!(!post_keyed(&journal(None, &legs), "k").unwrap().replayed);
        for bad in ["", "a\nb", &"x".repeat(201)] {
            assert_eq!(code(post_keyed(&journal(None, &legs), bad)), "22023");
        }
        expect_books_in_order();
    }

    #[pg_test]
    fn a_key_works_in_sql_and_its_answer_has_the_balances_of_now() {
        let (_, _, wallet) = funded(0);
        let call = "select * from ledger.post_journal('test', 'sale', '[
            {\"debit\": \"bank\", \"credit\": \"wallet\", \"amount\": 5},
            {\"debit\": \"bank\", \"credit\": \"shop\", \"amount\": 2}]', p_key => 'order 1')";
        let of = |column: &str| {
            one::<String>(&format!("select string_agg({column}::text, ' ') from ({call}) t"))
        };
        assert_eq!(of("credit_posted"), "5 2");
        run("select ledger.transfer('test', 'bank', 'wallet', 10)");
        assert_eq!(of("credit_posted"), "15 2");
        assert_eq!(of("replayed"), "true true");
        expect_error("PT409", &call.replace("\"amount\": 5", "\"amount\": 6"));
        assert_eq!(figures(wallet).0, 15);
        expect_books_in_order();
    }

    #[pg_test]
    fn nobody_changes_a_key() {
        alone();
        let (bank, shop, _) = funded(0);
        post_keyed(&journal(None, &[leg(bank, shop, 9), leg(bank, shop, 4)]), "k").unwrap();
        for role in ["select 1", "set local session_replication_role = replica"] {
            run(role);
            for trick in [
                "update ledger.journal_keys set key = 'x'",
                "delete from ledger.journal_keys",
                "truncate ledger.journal_keys",
            ] {
                expect_error("42501", trick);
            }
        }
    }

    #[pg_test]
    fn a_journal_and_a_transfer_never_have_the_same_id() {
        let (bank, shop, wallet) = funded(0);
        let id = Some(new_id());
        let legs = [leg(bank, wallet, 10), leg(bank, shop, 4)];
        let posted = post(&journal(id, &legs)).unwrap();
        // The first transfer has the journal's id, so no other can have it.
        assert_eq!(posted.transfer_ids[0], posted.journal_id);
        let single = [Leg { id, ..leg(bank, wallet, 10) }];
        assert_eq!(code(post(&journal(None, &single))), "PT409");
        let single = [Leg { id: Some(new_id()), ..leg(bank, wallet, 10) }];
        post(&journal(None, &single)).unwrap();
        assert_eq!(code(post(&journal(single[0].id, &legs))), "PT409");
        let own = [Leg { id: Some(new_id()), ..legs[0] }, legs[1]];
        let posted = post(&journal(Some(new_id()), &own)).unwrap();
        assert_eq!(posted.transfer_ids[1], posted.journal_id);
        assert_eq!(count("transfers"), 5);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_long_journal_with_any_id_is_repeated() {
        let (bank, shop, _) = funded(0);
        let legs: Vec<Leg> = (1..=40).map(|n| leg(bank, shop, n)).collect();
        for first in [0_u8, 255] {
            let id = Some(pgrx::Uuid::from_bytes([first; 16]));
            let posted = post(&journal(id, &legs)).unwrap();
            let again = post(&journal(id, &legs)).unwrap();
            assert_eq!(posted.transfer_ids, again.transfer_ids);
            let undone = reverse_journal(posted.journal_id, Some(new_id()), "x").unwrap();
            assert_eq!(count(&format!("transfers where journal_id = '{undone}'")), 40);
        }
        expect_books_in_order();
    }
}
