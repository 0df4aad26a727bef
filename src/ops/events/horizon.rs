//! How far back a look must go to find every row that became visible since the
//! last one, and which of those it finds are new.
//!
//! A row becomes visible when its transaction ends, but stands in the order of
//! its table where it was written: an id from a clock or a sequence, or the time
//! its transaction began. So a look starts at the least place where a
//! transaction that has ended since the last look can have written. For one that
//! was never seen running that is where the table ended at the last look (less
//! some slack); for one that was seen, where the table ended when it was not yet
//! running. Of what lies behind that place, new is what was written by a
//! transaction that the last look did not see yet, and was not told before.
//!
//! Transaction ids alone decide what is new, and cover subtransactions; the
//! order only makes it quick to find.

use std::collections::{HashMap, HashSet, VecDeque};

/// Between taking the time at which it begins and showing that it runs, a
/// transaction may be interrupted for so long.
const SLACK_US: i64 = 5_000_000;

/// A running transaction: process and begin; of a prepared one: 0 and its id.
pub type Transaction = (i32, i64);

/// Where each source's table ended, by its own order.
pub type Places = Vec<i64>;

struct Mark {
    at: i64,
    places: Places,
}

/// A row that was told: source, id, and the transaction that wrote this version.
type Told = (usize, String, u32);

pub struct Horizon {
    /// The last looks, the oldest a slack before the newest.
    marks: VecDeque<Mark>,
    /// Where each running transaction can have written; `None` for those that
    /// ran already when the first look was taken.
    running: HashMap<Transaction, Option<Places>>,
    /// The same of those that ended just before the last look: they may have
    /// ended after its snapshot was taken.
    ended: Vec<Places>,
    /// The oldest transaction that was running at the last look.
    since: u32,
    told: HashMap<Told, i64>,
}

/// What a look has to read.
pub struct Look {
    pub from: Places,
    /// Rows of this transaction and later ones.
    pub since: u32,
    /// Whether a transaction ended of which nobody knows where it wrote.
    pub unsure: bool,
}

/// Whether transaction `a` is older than `b`, as PostgreSQL counts: in a circle.
fn is_older(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

fn least(places: &mut Places, others: &Places) {
    for (place, other) in places.iter_mut().zip(others) {
        *place = (*place).min(*other);
    }
}

impl Horizon {
    /// The first look: everything before it is taken as known.
    pub fn new(at: i64, places: Places, running: HashSet<Transaction>, oldest: u32) -> Self {
        Horizon {
            marks: VecDeque::from([Mark { at, places }]),
            running: running.into_iter().map(|transaction| (transaction, None)).collect(),
            ended: Vec::new(),
            since: oldest,
            told: HashMap::new(),
        }
    }

    fn floor(&self) -> &Places {
        &self.marks[0].places
    }

    /// Begins a look, given what runs; `running` was read after its snapshot.
    pub fn look(&mut self, running: &HashSet<Transaction>) -> Look {
        let floor = self.floor().clone();
        let (mut now_ended, mut unsure) = (Vec::new(), false);
        self.running.retain(|transaction, places| {
            let still = running.contains(transaction);
            if !still {
                unsure |= places.is_none();
                now_ended.extend(places.take());
            }
            still
        });
        let mut from = floor.clone();
        for places in now_ended.iter().chain(&self.ended) {
            least(&mut from, places);
        }
        for &transaction in running {
            // A prepared one goes on with what a session began.
            let begin = if transaction.0 == 0 { from.clone() } else { floor.clone() };
            self.running.entry(transaction).or_insert(Some(begin));
        }
        self.ended = now_ended;
        Look { from, since: self.since, unsure }
    }

    /// Whether a row was not seen before; from now on it was.
    pub fn is_new(&mut self, source: usize, id: &str, xid: u32, place: i64) -> bool {
        self.told.insert((source, id.to_owned(), xid), place).is_none()
    }

    /// Ends a look that saw all that was visible when `oldest` was the oldest
    /// running transaction.
    pub fn finish(&mut self, at: i64, places: Places, oldest: u32) {
        self.since = oldest;
        self.marks.push_back(Mark { at, places });
        while self.marks.len() > 1 && at - self.marks[1].at >= SLACK_US {
            self.marks.pop_front();
        }
        // What no later look can meet again need not be remembered.
        let mut floor = self.floor().clone();
        for places in self.running.values().flatten().chain(&self.ended) {
            least(&mut floor, places);
        }
        self.told
            .retain(|(source, _, xid), place| !is_older(*xid, oldest) && *place >= floor[*source]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Begin(u8),
        /// Takes a subtransaction where it says so.
        Write(u8, bool),
        Commit(u8),
        Rollback(u8),
        Prepare(u8),
        Look,
        Wait(u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            2 => (0..6u8).prop_map(Step::Begin),
            5 => (0..6u8, any::<bool>()).prop_map(|(n, sub)| Step::Write(n, sub)),
            2 => (0..6u8).prop_map(Step::Commit),
            1 => (0..6u8).prop_map(Step::Rollback),
            1 => (0..6u8).prop_map(Step::Prepare),
            3 => Just(Step::Look),
            1 => (0..12_000_000u32).prop_map(Step::Wait),
        ]
    }

    struct Row {
        source: usize,
        id: String,
        xid: u32,
        top: u32,
        place: i64,
    }

    #[derive(Clone)]
    struct Session {
        begun: i64,
        xid: Option<u32>,
        prepared: bool,
    }

    /// A database with two tables: one ordered by the time a transaction began,
    /// one by a number from a sequence.
    struct Database {
        now: i64,
        next_xid: u32,
        serial: i64,
        sessions: HashMap<u8, Session>,
        rows: Vec<Row>,
        committed: HashSet<u32>,
        rolled_back: HashSet<u32>,
        seen: Vec<String>,
        unsure: bool,
    }

    impl Database {
        fn new() -> Self {
            Database {
                now: 1_000_000_000,
                // So that the counter goes round during the test.
                next_xid: u32::MAX - 40,
                serial: 0,
                sessions: HashMap::new(),
                rows: Vec::new(),
                committed: HashSet::new(),
                rolled_back: HashSet::new(),
                seen: Vec::new(),
                unsure: false,
            }
        }

        fn running(&self) -> HashSet<Transaction> {
            let key = |(n, s): (&u8, &Session)| match (s.prepared, s.xid) {
                (true, xid) => xid.map(|xid| (0, i64::from(xid))),
                (false, _) => Some((i32::from(*n) + 1, s.begun)),
            };
            self.sessions.iter().filter_map(key).collect()
        }

        fn oldest(&self) -> u32 {
            let ages = self.sessions.values().filter_map(|s| s.xid);
            ages.min_by_key(|xid| xid.wrapping_sub(self.next_xid) as i32).unwrap_or(self.next_xid)
        }

        fn take_xid(&mut self) -> u32 {
            self.next_xid = self.next_xid.wrapping_add(1);
            self.next_xid.wrapping_sub(1)
        }

        fn write(&mut self, n: u8, sub: bool) {
            let Some(mut session) = self.sessions.get(&n).cloned() else { return };
            if session.prepared {
                return;
            }
            let top = session.xid.unwrap_or_else(|| self.take_xid());
            session.xid = Some(top);
            let begun = session.begun;
            self.sessions.insert(n, session);
            let xid = if sub { self.take_xid() } else { top };
            self.serial += 1;
            for (source, place) in [(0, begun), (1, self.serial)] {
                self.rows.push(Row { source, id: format!("{}", self.serial), xid, top, place });
            }
        }

        fn end(&mut self, n: u8, committed: bool) {
            if let Some(Session { xid: Some(xid), .. }) = self.sessions.remove(&n) {
                if committed { &mut self.committed } else { &mut self.rolled_back }.insert(xid);
            }
        }

        /// A look whose snapshot is taken before `between` happens, and whose list of
        /// running transactions after it.
        fn look(&mut self, horizon: &mut Horizon, between: impl FnOnce(&mut Self)) {
            let (visible, oldest, at) = (self.committed.clone(), self.oldest(), self.now);
            between(self);
            let look = horizon.look(&self.running());
            self.unsure |= look.unsure;
            let last = |rows: &[Row]| {
                let numbers = rows.iter().filter(|r| r.source == 1 && visible.contains(&r.top));
                numbers.map(|r| r.place).max().unwrap_or(0)
            };
            let places = vec![at, last(&self.rows)];
            for row in &self.rows {
                let found = visible.contains(&row.top)
                    && row.place >= look.from[row.source]
                    && !is_older(row.xid, look.since);
                if found && horizon.is_new(row.source, &row.id, row.xid, row.place) {
                    self.seen.push(format!("{}/{}", row.source, row.id));
                }
            }
            horizon.finish(at, places, oldest);
        }

        fn play(&mut self, step: &Step, horizon: &mut Horizon) {
            self.now += 1000;
            let now = self.now;
            match *step {
                Step::Begin(n) => {
                    let begun = Session { begun: now, xid: None, prepared: false };
                    self.sessions.entry(n).or_insert(begun);
                }
                Step::Write(n, sub) => self.write(n, sub),
                Step::Commit(n) => self.end(n, true),
                Step::Rollback(n) => self.end(n, false),
                Step::Prepare(n) => {
                    if let Some(session) = self.sessions.get_mut(&n) {
                        session.prepared = session.xid.is_some();
                    }
                }
                // Something may end while the look is taken.
                Step::Look => self.look(horizon, |db| db.end((now / 1000 % 6) as u8, true)),
                Step::Wait(us) => self.now += i64::from(us),
            }
        }
    }

    fn horizon(db: &Database) -> Horizon {
        Horizon::new(db.now, vec![db.now - SLACK_US, db.serial], db.running(), db.oldest())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn every_committed_row_is_told_exactly_once(
            steps in prop::collection::vec(step(), 1..120)
        ) {
            let mut db = Database::new();
            let mut horizon = horizon(&db);
            for step in &steps {
                db.play(step, &mut horizon);
            }
            for n in 0..6 {
                db.end(n, true);
            }
            db.now += 1000;
            db.look(&mut horizon, |_| ());
            let mut wanted: Vec<String> = db.rows.iter()
                .filter(|row| db.committed.contains(&row.top))
                .map(|row| format!("{}/{}", row.source, row.id)).collect();
            wanted.sort();
            db.seen.sort();
            prop_assert_eq!(&db.seen, &wanted);
            prop_assert!(!db.unsure);
        }
    }

    #[test]
    fn a_transaction_older_than_the_first_look_makes_it_unsure() {
        let mut db = Database::new();
        db.play(&Step::Begin(1), &mut Horizon::new(0, vec![0, 0], HashSet::new(), 0));
        let mut horizon = horizon(&db);
        db.look(&mut horizon, |_| ());
        assert!(!db.unsure);
        db.end(1, true);
        db.look(&mut horizon, |_| ());
        assert!(db.unsure);
    }

    #[test]
    fn what_was_told_is_forgotten_once_no_look_can_meet_it_again() {
        let mut db = Database::new();
        let mut horizon = horizon(&db);
        for round in 0..100 {
            db.play(&Step::Begin(1), &mut horizon);
            db.play(&Step::Write(1, round % 2 == 0), &mut horizon);
            db.end(1, true);
            db.look(&mut horizon, |_| ());
        }
        assert_eq!(db.seen.len(), 200);
        assert!(horizon.told.len() <= 4, "{}", horizon.told.len());
    }

    #[test]
    fn a_reader_that_runs_for_long_does_not_move_looks_back() {
        let mut db = Database::new();
        let mut horizon = horizon(&db);
        db.play(&Step::Begin(5), &mut horizon);
        let begun = db.now;
        for _ in 0..20 {
            db.play(&Step::Wait(1_000_000), &mut horizon);
            db.play(&Step::Begin(1), &mut horizon);
            db.play(&Step::Write(1, false), &mut horizon);
            db.end(1, true);
            db.look(&mut horizon, |_| ());
        }
        assert!(horizon.look(&db.running()).from[0] > begun);
        db.end(5, true);
        assert!(horizon.look(&db.running()).from[0] <= begun);
    }
}
