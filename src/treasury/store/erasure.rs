//! SQL of what is open of a person.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use pgrx::Uuid;

static UNSETTLED: Query = Query::read(
    "select (credits_posted - debits_posted)::bigint, currency from ledger.accounts
      where owner_id = $1 and system = 'treasury' and credits_posted <> debits_posted
      order by currency limit 1",
);
// A buyer's refund that is open goes to the buyer; both take from whoever has a share.
static OPEN: Query = Query::read(
    "select o.what, o.id from (
        select 'refund' as what, r.id::text from treasury.refunds r
          join treasury.charges c on c.stripe_charge_id = r.original_charge_id
         where (c.buyer_id = $1 or c.owner_id = $1 or exists (
                    select from treasury.charge_shares s where s.charge_id = c.id and s.user_id = $1))
           and r.status in ('requested', 'pending')
        union all
        select 'dispute', d.stripe_dispute_id from treasury.disputes d
          join treasury.charges c on c.stripe_charge_id = d.charge_id
         where (c.owner_id = $1 or exists (
                    select from treasury.charge_shares s where s.charge_id = c.id and s.user_id = $1))
           and d.status in ('warning_needs_response', 'warning_under_review', 'needs_response', 'under_review')
        union all
        select 'payout', p.id::text from treasury.payouts p
         where p.user_id = $1 and p.status in ('review', 'pending', 'in_transit')
        union all
        select 'adjustment', a.id::text from treasury.adjustments a
         where a.user_id = $1 and a.status = 'waiting'
        union all
        select 'override', v.id::text from treasury.overrides v
         where v.status = 'waiting'
           and (v.target = $1::text or v.arguments ->> 'owner_id' = $1::text)) o (what, id)
      limit 1",
);

/// The balance of the person's earnings that is not zero, in minor units.
pub fn unsettled(person: Uuid) -> Result<Option<(i64, String)>> {
    UNSETTLED.first(&[person.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}

/// What of the person is not over, and its id.
pub fn open(person: Uuid) -> Result<Option<(String, String)>> {
    OPEN.first(&[person.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}
