//! SQL of runs that pay everybody.

use crate::kernel::error::Result;
use crate::kernel::money::{Currency, Money};
use crate::kernel::rows::Record;
use crate::kernel::spi::Query;
use crate::treasury::payout::Status;
use crate::treasury::payout_run::{Pay, Progress};
use crate::treasury::store::payouts::ToSend;
use crate::treasury::store::stripe_accounts;
use crate::treasury::stripe_account;
use pgrx::{JsonB, Uuid};

static TRY_LOCK: Query =
    Query::write("select pg_try_advisory_xact_lock(hashtextextended('treasury.run_payouts', 0))");
static OPEN: Query = Query::write(
    "insert into treasury.payout_runs (id, day, currency, started_by)
     values ($1, (now() at time zone 'utc')::date, $2, $3)
     on conflict do nothing",
);
static FIND: Query = Query::read_latest(
    "select id, finished_at is not null, last_account_id, accounts, payouts, reviews, totals, skipped
       from treasury.payout_runs
      where day = (now() at time zone 'utc')::date and currency is not distinct from $1",
);
// Accounts by their ids from the last one on, whatever was opened since.
static CANDIDATES: Query = Query::read_latest(
    "select l.id, l.owner_id, l.currency, a.stripe_account_id,
            a.details_submitted, a.payouts_enabled, a.charges_enabled, a.requirements,
            exists (select from treasury.payouts p
                     where p.user_id = l.owner_id and p.currency = l.currency
                       and p.run_day = (now() at time zone 'utc')::date),
            l.frozen_at is not null
       from ledger.accounts l
       left join treasury.stripe_accounts a on a.id = l.owner_id
      where l.id > $1 and l.system = 'treasury' and l.owner_id is not null
        and l.code like 'earnings:%' and l.credits_posted > l.debits_posted
        and ($2 is null or l.currency = $2)
      order by l.id
      limit $3",
)
.generic();
// The number of the entry as in treasury.ledger_entries.
static INSERT: Query = Query::write(
    "insert into treasury.payouts
        (user_id, status, risk_score, amount_cents, currency, stripe_account_id, run_id, run_day,
         sent_at, ledger_entry_id)
     select u.user_id, u.status, u.score, u.amount, u.currency, u.account, r.id, r.day,
            case when u.status = 'pending' then now() end,
            ('x' || substr(md5(u.transfer::text || ':debit'), 1, 16))::bit(64)::bigint
                & 9007199254740991
       from treasury.payout_runs r,
            unnest($2::uuid[], $3::text[], $4::real[], $5::bigint[], $6::text[], $7::text[], $8::uuid[])
                with ordinality as u (user_id, status, score, amount, currency, account, transfer, n)
      where r.id = $1
      order by u.n
     returning id, user_id, currency",
)
.generic();
static UPDATE: Query = Query::write(
    "update treasury.payout_runs
        set last_account_id = $2, accounts = $3, payouts = $4, reviews = $5, totals = $6,
            skipped = $7, finished_at = case when $8 then now() end
      where id = $1",
);
static ROW: Query = Query::read_latest("select r from treasury.payout_runs r where id = $1");

/// Whether nobody else is paying everybody; nobody is until this transaction ends.
pub fn try_lock() -> Result<bool> {
    TRY_LOCK.one(&[], |row| row.get(1))
}

/// Today's run, begun where there was none.
pub fn open(id: Uuid, currency: Option<Currency>, by: Option<Uuid>) -> Result<Progress> {
    let code = currency.map(|currency| currency.code().to_owned());
    OPEN.run(&[id.into(), code.clone().into(), by.into()])?;
    FIND.one(&[code.into()], |row| {
        let (JsonB(totals), JsonB(skipped)) = (row.get(7)?, row.get(8)?);
        Ok(Progress {
            run: row.get(1)?,
            finished: row.get(2)?,
            last_account: row.get(3)?,
            accounts: row.get(4)?,
            payouts: row.get(5)?,
            reviews: row.get(6)?,
            totals: totals.as_object().cloned().unwrap_or_default(),
            skipped: skipped.as_object().cloned().unwrap_or_default(),
        })
    })
}

/// Somebody with earnings.
pub struct Candidate {
    pub ledger_account: i64,
    pub user: Uuid,
    pub currency: Currency,
    pub account: Option<(String, stripe_account::Account)>,
    pub paid_today: bool,
    pub frozen: bool,
}

/// The next ones after an account of the ledger.
pub fn candidates(after: i64, currency: Option<Currency>, most: i64) -> Result<Vec<Candidate>> {
    let code = currency.map(|currency| currency.code().to_owned());
    CANDIDATES.all(&[after.into(), code.into(), most.into()], |row| {
        let account: Option<String> = row.opt(4)?;
        let read =
            |id| Ok::<_, crate::kernel::error::Error>((id, stripe_accounts::read_account(row, 5)?));
        Ok(Candidate {
            ledger_account: row.get(1)?,
            user: row.get(2)?,
            currency: Currency::parse(&row.get::<String>(3)?, "currency")?,
            account: account.map(read).transpose()?,
            paid_today: row.get(9)?,
            frozen: row.get(10)?,
        })
    })
}

/// Stores payouts that were posted, each with its transfer; their numbers in that order.
pub fn insert(run: Uuid, pays: &[Pay], transfers: Vec<Uuid>) -> Result<Vec<i64>> {
    fn each<T>(pays: &[Pay], of: impl Fn(&Pay) -> T) -> Vec<T> {
        pays.iter().map(of).collect()
    }
    let rows = INSERT.all(
        &[
            run.into(),
            each(pays, |pay| pay.user).into(),
            each(pays, |pay| pay.status().as_str().to_owned()).into(),
            each(pays, |pay| pay.risk.score as f32).into(),
            each(pays, |pay| pay.amount.minor).into(),
            each(pays, |pay| pay.amount.currency.code().to_owned()).into(),
            each(pays, |pay| pay.account.clone()).into(),
            transfers.into(),
        ],
        |row| Ok(((row.get::<Uuid>(2)?, row.get::<String>(3)?), row.get::<i64>(1)?)),
    )?;
    let numbers: std::collections::HashMap<_, _> = rows.into_iter().collect();
    let number = |pay: &Pay| {
        let found = numbers.get(&(pay.user, pay.amount.currency.code().to_owned())).copied();
        found.ok_or_else(|| crate::kernel::error::Error::internal("a payout was not stored"))
    };
    pays.iter().map(number).collect()
}

/// What has to be known to ask Stripe for those that need no review.
pub fn to_send(pays: &[Pay], numbers: &[i64]) -> Vec<ToSend> {
    let pending = pays.iter().zip(numbers).filter(|(pay, _)| pay.status() == Status::Pending);
    let one = |(pay, id): (&Pay, &i64)| ToSend {
        id: *id,
        amount: Money::new(pay.amount.minor, pay.amount.currency),
        account: pay.account.clone(),
    };
    pending.map(one).collect()
}

pub fn update(progress: &Progress) -> Result<()> {
    UPDATE.run(&[
        progress.run.into(),
        progress.last_account.into(),
        progress.accounts.into(),
        progress.payouts.into(),
        progress.reviews.into(),
        JsonB(progress.totals.clone().into()).into(),
        JsonB(progress.skipped.clone().into()).into(),
        progress.finished.into(),
    ])?;
    Ok(())
}

pub fn row(id: Uuid) -> Result<Record> {
    ROW.one(&[id.into()], |row| row.get(1))
}
