//! Payout accounts: the bank accounts to which promoters want their money.

use crate::kernel::blind_index;
use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::network::bank::BankDetails;
use crate::network::store::payout_accounts as store;
use pgrx::Uuid;

const INDEX: &str = "network.account_number_index";

/// The promoter's payout account with this number, noted when it comes for the
/// first time.
pub fn note(promoter: Uuid, bank: &BankDetails) -> Result<Uuid> {
    let hash = blind_index::hash(INDEX, indexed(&bank.account_number).as_bytes())?;
    store::note(promoter, &hash, bank)
}

/// Banks write the same number with and without leading zeros.
fn indexed(number: &str) -> &str {
    number.trim_start_matches('0')
}

/// Says that an account is the promoter's, or no longer so. Again it changes nothing.
pub fn verify(caller: &Caller, account: Uuid, verified: bool) -> Result<()> {
    if !store::verify(account, verified, caller.person())? {
        return Err(Error::not_found("payout account", account));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_do_not_make_another_account() {
        assert_eq!(indexed("000123456789"), indexed("123456789"));
        assert_ne!(indexed("1234567890"), indexed("123456789"));
    }
}
