//! Posting journals.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use pgrx::prelude::*;

    #[pg_test]
    fn a_transfer_moves_money_from_one_balance_to_the_other() {
        let (a, b) = (open("a"), open("b"));
        let posted = transfer(a, b, 250).unwrap();
        assert_eq!(posted.transfer_ids, [posted.journal_id]);
        assert_eq!((figures(a), figures(b)), ((-250, 0, -250), (250, 0, 250)));
    }

    #[pg_test]
    fn a_journal_lands_as_a_whole() {
        let (a, b, c) = (open("a"), open_limited("b"), open("c"));
        let legs = [leg(a, b, 100), leg(b, c, 60)];
        assert_eq!(post(&journal(None, &legs)).unwrap().transfer_ids.len(), 2);
        assert_eq!((figures(a).0, figures(b).0, figures(c).0), (-100, 40, 60));
        let legs = [leg(a, c, 5), leg(b, c, 41)];
        assert_eq!(code(post(&journal(None, &legs))), "PT409");
        assert_eq!((figures(a).0, figures(b).0, figures(c).0), (-100, 40, 60));
    }
}
