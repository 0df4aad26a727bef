//! What listeners are told: the three subscriptions of the document.

use crate::kernel::spi::Query;
use crate::network::SYSTEM;
use crate::ops::events::{Order, Source};

pub static SOURCES: [Source; 3] = [
    // Append-only, so all there is to tell are new rows.
    Source {
        system: SYSTEM,
        table: "pin_transactions",
        event: "INSERT",
        order: Order::Id,
        rows: Query::read(
            "select id::text, user_id, xmin::text::bigint
               from network.pin_transactions
              where id >= $1 and ((xmin::text::bigint - $2) & 4294967295) < 2147483648
              order by id limit $3",
        ),
        published: Some(&["id", "user_id"]),
    },
    Source {
        system: SYSTEM,
        table: "affiliate_commissions",
        event: "INSERT",
        order: Order::Number {
            last: Query::read(
                "select coalesce(max(id), 0)::bigint from network.affiliate_commissions",
            ),
        },
        rows: Query::read(
            "select id::text, recipient_id, xmin::text::bigint
               from network.affiliate_commissions
              where id >= $1 and ((xmin::text::bigint - $2) & 4294967295) < 2147483648
              order by id limit $3",
        ),
        published: Some(&["id", "recipient_id"]),
    },
    // A row that its own transaction changed again is a new one, not a changed one.
    Source {
        system: SYSTEM,
        table: "withdrawal_requests",
        event: "UPDATE",
        order: Order::Time,
        rows: Query::read(
            "select id::text, promoter_id, xmin::text::bigint,
                    (extract(epoch from updated_at) * 1000000)::bigint
               from network.withdrawal_requests
              where updated_at >= $1 and updated_at <> created_at
                and ((xmin::text::bigint - $2) & 4294967295) < 2147483648
              order by updated_at limit $3",
        ),
        published: Some(&["id", "promoter_id"]),
    },
];
