//! Holds.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use pgrx::prelude::*;

    #[pg_test]
    fn a_hold_counts_until_it_is_settled_or_released() {
        let (bank, wallet) = (open("bank"), open_limited("wallet"));
        transfer(bank, wallet, 1000).unwrap();
        let first = hold(&new_hold(wallet, bank, 600)).unwrap();
        assert_eq!(figures(wallet), (1000, 600, 400));
        assert_eq!(code(hold(&new_hold(wallet, bank, 401))), "PT409");
        settle(first, Some(inr(200))).unwrap();
        assert_eq!(figures(wallet), (800, 400, 400));
        settle(first, None).unwrap();
        assert_eq!(figures(wallet), (400, 0, 400));
        let second = hold(&new_hold(wallet, bank, 400)).unwrap();
        release(second).unwrap();
        assert_eq!(figures(wallet), (400, 0, 400));
        assert_eq!(figures(bank), (-400, 0, -400));
    }
}
