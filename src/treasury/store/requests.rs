//! SQL of requests to Stripe.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use crate::treasury::request::NewRequest;
use pgrx::{JsonB, Uuid};

static INSERT: Query = Query::write(
    "insert into treasury.stripe_requests
        (id, subject, subject_id, method, path, stripe_account_id, params)
     values ($1, $2, $3, $4, $5, $6, $7)",
);

pub fn insert(id: Uuid, new: &NewRequest<'_>) -> Result<()> {
    INSERT.run(&[
        id.into(),
        new.subject.name().into(),
        new.subject.id().into(),
        new.method.into(),
        new.path.into(),
        new.account.into(),
        JsonB(new.params.clone()).into(),
    ])?;
    Ok(())
}
