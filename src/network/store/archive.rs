//! SQL of archiving. Two runs at once share the work: each skips what the other
//! has taken.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use crate::ops::archive::Source;
use pgrx::Uuid;

static MOVE_PINS: Query = Query::write(
    "with moved as (
        delete from network.pin_transactions
         where id in (select id from network.pin_transactions
                       where created_at < now() - make_interval(months => $1)
                       limit $2 for update skip locked)
        returning *)
     insert into network.pin_transactions_archive select * from moved",
);
static MOVE_COMMISSIONS: Query = Query::write(
    "with moved as (
        delete from network.affiliate_commissions
         where id in (select id from network.affiliate_commissions
                       where created_at < now() - make_interval(months => $1)
                         and status <> 'pending'
                       limit $2 for update skip locked)
        returning *)
     insert into network.affiliate_commissions_archive select * from moved",
);
// Only what an admin has finished with; its inside goes along.
static MOVE_WITHDRAWALS: Query = Query::write(
    "with old as (
        select id from network.withdrawal_requests
         where processed_at < now() - make_interval(months => $1)
           and status in ('rejected', 'processed')
         limit $2 for update skip locked),
     holds as (
        delete from network.withdrawal_holds where request_id in (select id from old) returning *),
     kept as (
        insert into network.withdrawal_holds_archive select * from holds),
     moved as (
        delete from network.withdrawal_requests where id in (select id from old) returning *)
     insert into network.withdrawal_requests_archive select * from moved",
);
static PAID_FOR: Query = Query::read(
    "select id, user_id from network.pin_transactions_archive
      where related_entity_id = $1 and action_type = 'customer_creation'",
);

/// What is archived, by the names that the job reports.
pub static SOURCES: [(&str, &Source); 3] = [
    ("pin_transactions", &Source { tables: &["network.pin_transactions"], statement: &MOVE_PINS }),
    (
        "affiliate_commissions",
        &Source { tables: &["network.affiliate_commissions"], statement: &MOVE_COMMISSIONS },
    ),
    (
        "withdrawal_requests",
        &Source {
            tables: &["network.withdrawal_requests", "network.withdrawal_holds"],
            statement: &MOVE_WITHDRAWALS,
        },
    ),
];

/// The PIN transaction in the archive that paid for a customer, and whose PINs it took.
pub fn pins_for_customer(customer: Uuid) -> Result<Option<(Uuid, Uuid)>> {
    PAID_FOR.first(&[customer.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}
