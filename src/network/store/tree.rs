//! SQL of the hierarchy as a tree.

use crate::kernel::error::Result;
use crate::kernel::numeric;
use crate::kernel::spi::{Query, Row};
use crate::network::tree::{Counts, Node};
use pgrx::{AnyNumeric, Uuid};

/// A promoter and everybody below, nearest first, with what each has brought; the
/// argument is what each has earned, by id. Who is below is asked three times, so
/// that the planner knows each time how many they are.
macro_rules! branch {
    ($earned:literal) => {
        concat!(
            "with branch as materialized (
                select r.id, coalesce(array_position(r.ancestors, $1), 0) as below,
                       cardinality(r.ancestors) + 1 as depth
                  from network.promoters r
                 where r.id = $1 or r.ancestors @> array[$1]),
             brought as (
                select c.parent_promoter_id as id, count(*) as customers,
                       count(*) filter (where c.status = 'Active') as active
                  from network.promoters r
                  join network.profiles c on c.parent_promoter_id = r.id
                 where (r.id = $1 or r.ancestors @> array[$1]) and c.role = 'customer'
                 group by 1),
             earned as (",
            $earned,
            ")
             select b.id, p.parent_promoter_id, p.promoter_id, p.name, p.role_level::text, p.status::text, b.depth,
                    coalesce(brought.customers, 0), coalesce(brought.active, 0), coalesce(earned.amount, 0)
               from branch b
               join network.profiles p on p.id = b.id
               left join brought on brought.id = b.id
               left join earned on earned.id = b.id
              order by b.below, b.id"
        )
    };
}

static BRANCH: Query = Query::read(branch!(
    "select a.recipient_id as id, sum(a.amount) as amount
       from network.promoters r
       join network.commission_history a on a.recipient_id = r.id
      where (r.id = $1 or r.ancestors @> array[$1])
        and a.recipient_type = 'promoter' and a.status = 'credited'
      group by 1"
));
static BRANCH_AS: Query = Query::read(branch!(
    "select a.initiator_promoter_id as id, sum(a.amount) as amount
       from network.commission_history a
      where a.recipient_id = $2 and a.recipient_type = 'promoter' and a.status = 'credited'
      group by 1"
));

fn node(row: &Row<'_>) -> Result<Node> {
    Ok(Node {
        id: row.get(1)?,
        parent: row.opt(2)?,
        promoter_id: row.get(3)?,
        name: row.opt(4)?,
        role_level: row.get(5)?,
        status: row.get(6)?,
        depth: row.get(7)?,
        own: Counts {
            customers: row.get(8)?,
            active_customers: row.get(9)?,
            commissions: numeric::to_decimal(&row.get::<AnyNumeric>(10)?, "commissions")?,
        },
    })
}

/// With what each promoter earned.
pub fn branch(root: Uuid) -> Result<Vec<Node>> {
    BRANCH.all(&[root.into()], node)
}

/// With what `viewer` earned from each promoter's customers.
pub fn branch_as(root: Uuid, viewer: Uuid) -> Result<Vec<Node>> {
    BRANCH_AS.all(&[root.into(), viewer.into()], node)
}
