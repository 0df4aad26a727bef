//! SQL of what is held back of earnings: of many people at once.

use crate::kernel::error::Result;
use crate::kernel::money::Currency;
use crate::kernel::spi::Query;
use crate::treasury::payable::{Days, Young};
use crate::treasury::split::returned;
use pgrx::Uuid;
use pgrx::datum::DatumWithOid;

/// `$what` of each share that somebody has of a young charge of which `$given_back`.
///
/// Our ids of charges begin with the time when we heard of them, which is not before they
/// were charged, but for clocks, and at most a month before they were captured: so the index
/// of shares leads to somebody's young ones. The
/// fence (`offset 0`) keeps it so. Without it the planner, who believes that next to no
/// charge has nothing given back, goes through all young charges once for each person.
macro_rules! of_young_shares {
    ($select:literal, $what:literal, $given_back:literal) => {
        concat!(
            $select,
            " from unnest($1::uuid[], $2::text[]) with ordinality as w (user_id, currency, n)
             cross join lateral (
                select greatest(c.charged_at, c.captured_at) > now() - make_interval(days => $3) as held, ",
            $what,
            "     from treasury.charge_shares s
                  join treasury.charges c on c.id = s.charge_id and c.currency = w.currency
                 where s.user_id = w.user_id
                   and s.charge_id >= (lpad(to_hex((extract(epoch from
                            now() - make_interval(days => greatest($3, $4) + 32)) * 1000)::bigint), 12, '0')
                         || '00000000000000000000')::uuid
                   and greatest(c.charged_at, c.captured_at) > now() - make_interval(days => greatest($3, $4))
                   and c.refunded_cents + c.disputed_cents ",
            $given_back,
            " offset 0) y"
        )
    };
}
static WHOLE: Query = Query::read_latest(concat!(
    of_young_shares!(
        "select w.n, y.held, sum(y.amount)::bigint",
        "s.amount_cents as amount",
        "= 0"
    ),
    " group by 1, 2"
))
.generic();
// Of those of which something was given back: what each share still has, is worked out.
static PARTIAL: Query = Query::read_latest(of_young_shares!(
    "select w.n, y.held, y.gone, y.shares, y.before",
    "c.refunded_cents + c.disputed_cents as gone,
     (select array_agg(x.amount_cents order by x.position)
        from treasury.charge_shares x where x.charge_id = c.id) as shares,
     (select count(*) from treasury.charge_shares x
       where x.charge_id = c.id and x.position < s.position) as before",
    "<> 0"
))
.generic();

/// What is left of each one's shares of young charges in a currency, in their order.
pub fn young(of: &[(Uuid, Currency)], days: Days) -> Result<Vec<Young>> {
    let mut found = vec![Young::default(); of.len()];
    let users: Vec<Uuid> = of.iter().map(|(user, _)| *user).collect();
    let codes: Vec<String> = of.iter().map(|(_, currency)| currency.code().to_owned()).collect();
    let args: [DatumWithOid<'_>; 4] =
        [users.into(), codes.into(), days.held.into(), days.reserved.into()];
    let mut add = |n: i64, is_held: bool, minor: i64| {
        let Some(young) = usize::try_from(n - 1).ok().and_then(|at| found.get_mut(at)) else {
            return;
        };
        let sum = if is_held { &mut young.held } else { &mut young.reservable };
        *sum = sum.saturating_add(minor);
    };
    for (n, is_held, minor) in
        WHOLE.all(&args, |row| Ok((row.get(1)?, row.get(2)?, row.get(3)?)))?
    {
        add(n, is_held, minor);
    }
    let partial = PARTIAL.all(&args, |row| {
        let (gone, shares, at): (i64, Vec<i64>, i64) = (row.get(3)?, row.get(4)?, row.get(5)?);
        Ok((row.get(1)?, row.get(2)?, left(&shares, gone, at as usize)))
    })?;
    for (n, is_held, minor) in partial {
        add(n, is_held, minor);
    }
    Ok(found)
}

/// What is left of one share of a charge once so much of it is gone.
fn left(shares: &[i64], gone: i64, at: usize) -> i64 {
    let total: i64 = shares.iter().sum();
    let back = returned(shares, gone.clamp(0, total));
    shares.get(at).copied().unwrap_or(0) - back.get(at).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_share() {
        assert_eq!(left(&[100, 900], 0, 1), 900);
        assert_eq!(left(&[100, 900], 500, 1), 450);
        assert_eq!(left(&[100, 900], 2_000, 1), 0);
        assert_eq!(left(&[100, 900], -5, 0), 100);
        assert_eq!(left(&[], 5, 0), 0);
    }
}
