//! SQL of the platform's one row.

use crate::kernel::error::Result;
use crate::kernel::kept::Kept;
use crate::kernel::money::Currency;
use crate::kernel::spi::Query;
use crate::ledger::AccountId;
use crate::network::platform::Platform;
use std::rc::Rc;

static FIND: Query = Query::read_latest(
    "select admin_id, currency, wallet_account_id, commission_account_id, adjustment_account_id
       from network.platform",
);
static INSERT: Query = Query::write(
    "insert into network.platform
        (admin_id, currency, wallet_account_id, commission_account_id, adjustment_account_id)
     values ($1, $2, $3, $4, $5) on conflict do nothing",
);

thread_local! {
    static KEPT: Kept<Platform> = Kept::default();
}

pub fn find() -> Result<Option<Rc<Platform>>> {
    KEPT.with(|kept| kept.get("", read))
}

fn read() -> Result<Option<Platform>> {
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
