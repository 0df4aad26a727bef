//! What listeners are told of the treasury: that something was paid, given back, disputed or
//! paid out, and that this changed.

use crate::kernel::spi::Query;
use crate::ops::events::{Order, Source};
use crate::treasury::SYSTEM;

/// A table whose rows change: new ones and changed ones, by the time of the change.
macro_rules! changing {
    ($table:literal, $person:literal, $published:expr) => {
        Source {
            system: SYSTEM,
            table: $table,
            event: "UPDATE",
            order: Order::Time,
            rows: Query::read(concat!(
                "select t.id::text, ",
                $person,
                ", t.xmin::text::bigint, (extract(epoch from t.updated_at) * 1000000)::bigint
                   from treasury.",
                $table,
                " t where t.updated_at >= $1
                    and ((t.xmin::text::bigint - $2) & 4294967295) < 2147483648
                  order by t.updated_at limit $3"
            )),
            published: Some($published),
        }
    };
}

pub static SOURCES: [Source; 4] = [
    // What becomes of a charge is told by its refunds and disputes. One that changes at once,
    // before the next look, is told as the new one that it is.
    Source {
        system: SYSTEM,
        table: "charges",
        event: "INSERT",
        order: Order::Id,
        rows: Query::read(
            "select id::text, owner_id, xmin::text::bigint from treasury.charges
              where id >= $1 and ((xmin::text::bigint - $2) & 4294967295) < 2147483648
              order by id limit $3",
        ),
        published: Some(&["id", "owner_id"]),
    },
    changing!("payouts", "t.user_id", &["id", "user_id"]),
    changing!(
        "refunds",
        "(select c.owner_id from treasury.charges c where c.stripe_charge_id = t.original_charge_id)",
        &["id"]
    ),
    changing!(
        "disputes",
        "(select c.owner_id from treasury.charges c where c.stripe_charge_id = t.charge_id)",
        &["id"]
    ),
];
