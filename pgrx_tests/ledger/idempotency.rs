//! The same id again: the same content gives what is stored, other content is refused.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::kernel::money::Money;
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::datum::TimestampWithTimeZone;
    use pgrx::prelude::*;
    use serde_json::json;

    #[pg_test]
    fn a_transfer_that_is_repeated_is_posted_once() {
        let (bank, shop, wallet) = funded(100);
        let legs = [Leg { id: Some(new_id()), ..leg(wallet, shop, 100) }];
        let first = post(&journal(None, &legs)).unwrap();
        let again = post(&journal(None, &legs)).unwrap();
        assert_eq!(first.transfer_ids, again.transfer_ids);
        assert_eq!((first.replayed, again.replayed), (false, true));
        assert_eq!((figures(wallet).0, figures(shop).0), (0, 100));
        close_account(wallet).unwrap();
        assert!(post(&journal(None, &legs)).unwrap().replayed);
        // The journal's id is that of its only transfer.
        assert!(post(&journal(legs[0].id, &legs[..])).unwrap().replayed);
        assert!(post(&journal(legs[0].id, &[leg(wallet, shop, 100)])).unwrap().replayed);
        assert_eq!(figures(bank).0, -100);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_transfer_id_with_other_content_is_refused_naming_the_field() {
        let (bank, shop, wallet) = funded(1000);
        let id = Some(new_id());
        let good = [Leg { id, ..leg(wallet, shop, 10) }];
        let base = Journal { metadata: Some(json!({"n": 1})), ..journal(None, &good) };
        post(&base).unwrap();
        let legs = |changed: Leg| [Leg { id, ..changed }];
        let field = |journal: &Journal| {
            let error = post(journal).unwrap_err();
            assert_eq!(error.sqlstate.code(), "PT409");
            error.message.split(':').next().unwrap_or_default().to_owned()
        };
        let other = |legs: &[Leg]| field(&Journal { legs, ..base.clone() });
        assert_eq!(other(&legs(leg(wallet, shop, 11))), "amount");
        assert_eq!(other(&legs(leg(bank, shop, 10))), "debit");
        assert_eq!(other(&legs(leg(wallet, bank, 10))), "credit");
        let dollars = Money::new(10, currency("USD"));
        assert_eq!(other(&legs(Leg { amount: dollars, ..leg(wallet, shop, 10) })), "currency");
        assert_eq!(field(&Journal { system: "other", ..base.clone() }), "system");
        assert_eq!(field(&Journal { kind: "other", ..base.clone() }), "kind");
        assert_eq!(field(&Journal { description: Some("x"), ..base.clone() }), "description");
        assert_eq!(field(&Journal { metadata: None, ..base.clone() }), "metadata");
        let at = Some(TimestampWithTimeZone::try_from(0).unwrap());
        assert_eq!(field(&Journal { effective_at: at, ..base.clone() }), "effective_at");
        let two = [good[0], leg(bank, shop, 1)];
        assert_eq!(other(&two), "legs");
        assert_eq!((figures(wallet).0, count("transfers")), (990, 2));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_journal_that_is_repeated_is_posted_once() {
        let (bank, shop, wallet) = funded(0);
        let id = Some(new_id());
        let legs = [leg(bank, wallet, 10), leg(wallet, shop, 4), leg(bank, shop, 4)];
        let first = post(&journal(id, &legs)).unwrap();
        let again = post(&journal(id, &legs)).unwrap();
        assert_eq!((first.journal_id, first.transfer_ids), (again.journal_id, again.transfer_ids));
        let mut other = legs;
        other[1].amount = inr(5);
        let error = post(&journal(id, &other)).unwrap_err();
        assert_eq!(error.sqlstate.code(), "PT409");
        assert!(error.message.starts_with("legs[1].amount:"), "{}", error.message);
        assert_eq!(code(post(&journal(id, &legs[..2]))), "PT409");
        assert_eq!(code(post(&journal(id, &legs[..1]))), "PT409");
        assert_eq!((figures(wallet).0, figures(shop).0, count("transfers")), (6, 8, 3));
        expect_books_in_order();
    }

    #[pg_test]
    fn the_ids_of_legs_find_their_journal() {
        let (bank, shop, wallet) = funded(0);
        let keyed = |leg: Leg| Leg { id: Some(new_id()), ..leg };
        let legs = [keyed(leg(bank, wallet, 10)), keyed(leg(bank, shop, 5))];
        let first = post(&journal(None, &legs)).unwrap();
        let again = post(&journal(None, &legs)).unwrap();
        assert!(again.replayed);
        assert_eq!(again.journal_id, first.journal_id);
        let reversed = [legs[1], legs[0]];
        let again = post(&journal(None, &reversed)).unwrap();
        assert_eq!(again.transfer_ids, [first.transfer_ids[1], first.transfer_ids[0]]);
        assert_eq!(code(post(&journal(Some(new_id()), &legs))), "22023");
        assert_eq!(code(post(&journal(None, &[legs[0], keyed(leg(bank, shop, 5))]))), "PT409");
        assert_eq!(code(post(&journal(None, &legs[..1]))), "PT409");
        assert_eq!(code(post(&journal(None, &[legs[0], legs[0]]))), "22023");
        assert_eq!(count("transfers"), 2);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_hold_that_is_repeated_is_made_once() {
        let (bank, _, wallet) = funded(100);
        let new = NewHold { id: Some(new_id()), ..new_hold(wallet, bank, 80) };
        assert_eq!(hold(&new).unwrap(), hold(&new).unwrap());
        assert_eq!(figures(wallet), (100, 80, 20));
        let at = Some(TimestampWithTimeZone::positive_infinity());
        for other in [
            NewHold { amount: inr(81), ..new.clone() },
            NewHold { debit: bank, credit: wallet, ..new.clone() },
            NewHold { kind: "other", ..new.clone() },
            NewHold { system: "other", ..new.clone() },
            NewHold { description: Some("x"), ..new.clone() },
            NewHold { metadata: Some(json!(1)), ..new.clone() },
        ] {
            assert_eq!(code(hold(&other)), "PT409", "{other:?}");
        }
        assert_eq!(code(hold(&NewHold { expires_at: at, ..new })), "22023");
        expect_books_in_order();
    }

    #[pg_test]
    fn a_settlement_that_is_repeated_is_posted_once() {
        let (bank, shop, wallet) = funded(100);
        let held = hold(&new_hold(wallet, bank, 80)).unwrap();
        let part =
            Settlement { hold: held, amount: Some(inr(30)), id: Some(new_id()), last: false };
        assert_eq!(settle_with(&part).unwrap(), settle_with(&part).unwrap());
        assert_eq!(figures(wallet), (70, 50, 20));
        assert_eq!(code(settle_with(&Settlement { amount: Some(inr(31)), ..part })), "PT409");
        let rest = Settlement { amount: None, id: Some(new_id()), ..part };
        assert_eq!(settle_with(&rest).unwrap(), settle_with(&rest).unwrap());
        assert_eq!(figures(wallet), (20, 0, 20));
        let other = hold(&new_hold(wallet, shop, 10)).unwrap();
        assert_eq!(code(settle_with(&Settlement { hold: other, ..part })), "PT409");
        // An id of a settlement is no free transfer's, and the other way round.
        let legs = [Leg { id: part.id, ..leg(wallet, bank, 30) }];
        let same_kind = Journal { kind: "payout", ..journal(None, &legs) };
        assert_eq!(code(post(&same_kind)), "PT409");
        let free = transfer(wallet, shop, 1).unwrap().journal_id;
        assert_eq!(
            code(settle_with(&Settlement { hold: other, amount: None, id: Some(free), ..part })),
            "PT409"
        );
        expect_books_in_order();
    }

    #[pg_test]
    fn a_transfer_repeated_in_sql_says_so() {
        let (bank, _, wallet) = funded(0);
        let call = call_transfer(bank, wallet, &format!("p_amount => 5, p_id => '{}'", new_id()));
        assert!(!one::<bool>(&format!("select replayed from ({call}) t")));
        assert!(one::<bool>(&format!("select replayed from ({call}) t")));
        expect_error("PT409", &call.replace("p_amount => 5", "p_amount => 6"));
        assert_eq!(figures(wallet).0, 5);
    }
}
