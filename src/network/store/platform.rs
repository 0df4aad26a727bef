//! SQL of the platform's one row.

use crate::kernel::error::Result;
use crate::kernel::money::Currency;
use crate::kernel::spi::Query;
use crate::ledger::AccountId;
use crate::network::platform::Platform;

static FIND: Query = Query::read(
    "select admin_id, currency, wallet_account_id, commission_account_id, adjustment_account_id
       from network.platform",
);
static INSERT: Query = Query::write(
    "insert into network.platform
        (admin_id, currency, wallet_account_id, commission_account_id, adjustment_account_id)
     values ($1, $2, $3, $4, $5) on conflict do nothing",
);

pub fn find() -> Result<Option<Platform>> {
    FIND.first(&[], |row| {
        Ok(Platform {
            admin: row.get(1)?,
            currency: Currency::parse(&row.get::<String>(2)?, "currency")?,
            wallet: AccountId(row.get(3)?),
            commission_account: AccountId(row.get(4)?),
            adjustment_account: AccountId(row.get(5)?),
        })
    })
}

pub fn insert(new: &Platform) -> Result<()> {
    INSERT.run(&[
        new.admin.into(),
        new.currency.code().into(),
        new.wallet.0.into(),
        new.commission_account.0.into(),
        new.adjustment_account.0.into(),
    ])?;
    Ok(())
}
