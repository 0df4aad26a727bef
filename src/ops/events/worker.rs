//! The background process that looks for what changed and tells it.
//!
//! It runs where the library is in `shared_preload_libraries` and the setting
//! `backoffice.events_database` names a database. Each look is a transaction of
//! its own, so nothing holds back vacuum between them. Whatever goes wrong ends
//! the process; PostgreSQL starts it again, and since nobody knows what was
//! missed in between, it begins by telling everybody that there is more. It does
//! not start on a standby until that is promoted.

use crate::kernel::error::{Result, entry};
use crate::ops::events::horizon::{Horizon, Look};
use crate::ops::events::throttle::Throttle;
use crate::ops::events::{SOURCES, Source, store};
use pgrx::bgworkers::{BackgroundWorker, BackgroundWorkerBuilder, SignalWakeFlags};
use pgrx::pg_sys::panic::ErrorReportable;
use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, Uuid, pg_sys};
use serde_json::{Value, json};
use std::ffi::CString;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

/// What `pg_stat_activity.backend_type` calls the process.
pub const NAME: &str = "backoffice events";
/// Between two looks, and what part of the time they may take.
const PAUSE: Duration = Duration::from_millis(100);
const REST: u32 = 4;
/// While the extension is not there.
const LONG_PAUSE: Duration = Duration::from_secs(1);
/// After an error, and while the database is not there.
const RESTART: Duration = Duration::from_secs(2);
/// More rows than these in one look are told as one "more" for everybody.
const MOST: i64 = 10_000;

static DATABASE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);

/// Called when the library is loaded; registers the process if that is at the
/// start of the server.
pub fn init() {
    // SAFETY: a flag that is set while the server starts, before there are others.
    if !unsafe { pg_sys::process_shared_preload_libraries_in_progress } {
        return;
    }
    GucRegistry::define_string_guc(
        c"backoffice.events_database",
        c"Database whose changes are told by NOTIFY; none if empty.",
        c"A background process looks for them, so that writers do not wait for each other.",
        &DATABASE,
        GucContext::Postmaster,
        GucFlags::default(),
    );
    if database().is_some() {
        BackgroundWorkerBuilder::new(NAME)
            .set_library("backoffice")
            .set_function("backoffice_events_main")
            .enable_spi_access()
            .set_restart_time(Some(RESTART))
            .load();
    }
}

/// The database that events are told of.
pub fn database() -> Option<String> {
    let name = DATABASE.get()?.to_string_lossy().into_owned();
    (!name.is_empty()).then_some(name)
}

#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn backoffice_events_main(_argument: pg_sys::Datum) {
    BackgroundWorker::attach_signal_handlers(SignalWakeFlags::SIGHUP);
    // Unlike pgrx's handler this one also ends a wait for a lock. The process exits
    // with 1, so it is started again unless the server stops.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        pg_sys::pqsignal(pg_sys::SIGTERM as i32, Some(end));
        #[cfg(feature = "pg18")]
        pg_sys::pqsignal_be(pg_sys::SIGTERM as i32, Some(end));
    }
    BackgroundWorker::connect_worker_to_spi(database().as_deref(), None);
    transaction(prepare_session);
    let mut worker = Worker::default();
    loop {
        if BackgroundWorker::sighup_received() {
            // SAFETY: between transactions, as PostgreSQL's own processes do it.
            unsafe { pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP) }
        }
        let begun = Instant::now();
        transaction(|| worker.look());
        let pause = if worker.state.is_some() { PAUSE } else { LONG_PAUSE };
        if !BackgroundWorker::wait_latch(Some(pause.max(begun.elapsed() * REST))) {
            // SAFETY: the way a background process ends; nothing is open.
            unsafe { pg_sys::proc_exit(1) }
        }
    }
}

unsafe extern "C-unwind" fn end(signal: i32) {
    unsafe { pg_sys::die(signal) }
}

/// A transaction of the process. An error ends the process.
fn transaction(body: impl FnOnce() -> Result<()>) {
    BackgroundWorker::transaction(AssertUnwindSafe(|| entry(body).unwrap_or_report()));
}

fn prepare_session() -> Result<()> {
    for setting in [
        "set search_path = pg_catalog, pg_temp",
        // The places where a look begins are near the end of an index, whatever
        // the statistics say.
        "set enable_seqscan = off",
        // Whoever holds a table for long finds the process gone, not waiting with a snapshot.
        "set lock_timeout = '2s'",
        // What listeners are told is not worth a wait for the disk.
        "set synchronous_commit = off",
    ] {
        store::execute(setting)?;
    }
    Ok(())
}

#[derive(Default)]
struct Worker {
    state: Option<State>,
}

/// What the process knows while the extension is there.
struct State {
    extension: (i64, String),
    sources: Vec<&'static Source>,
    horizon: Horizon,
    throttle: Throttle,
    clock: Instant,
    snapshot: String,
    places: Vec<i64>,
    /// Nobody knows what happened before.
    unsure: bool,
}

impl Worker {
    fn look(&mut self) -> Result<()> {
        let Some(extension) = store::installed()? else {
            self.state = None;
            return Ok(());
        };
        match &mut self.state {
            Some(state) if state.extension == extension => state.look(),
            _ => {
                self.state = Some(State::begin(extension)?);
                Ok(())
            }
        }
    }
}

impl State {
    fn begin(extension: (i64, String)) -> Result<Self> {
        let mut sources = Vec::new();
        for source in SOURCES.all() {
            // A table may come with a later version than the one that is installed.
            if store::table_exists(source)? {
                sources.push(source);
            }
        }
        let snapshot = store::snapshot()?;
        let running = store::running()?;
        let places = places(&sources, snapshot.at)?;
        Ok(State {
            extension,
            horizon: Horizon::new(snapshot.at, places.clone(), running, snapshot.oldest),
            throttle: Throttle::default(),
            clock: Instant::now(),
            sources,
            snapshot: String::new(),
            places,
            unsure: true,
        })
    }

    /// Tells what became visible since the last look.
    fn look(&mut self) -> Result<()> {
        let now = i64::try_from(self.clock.elapsed().as_micros()).unwrap_or(i64::MAX);
        for (person, source) in self.throttle.due(now) {
            self.tell(source, "more", None, person)?;
        }
        let snapshot = store::snapshot()?;
        // Nothing has ended since.
        if snapshot.text == self.snapshot && !self.unsure {
            return Ok(());
        }
        let look = self.horizon.look(&store::running()?);
        let everybody = std::mem::take(&mut self.unsure) || look.unsure;
        let mut ends = places(&self.sources, snapshot.at)?;
        for source in 0..self.sources.len() {
            let overflow = self.look_at(source, &look, now)?;
            if (everybody || overflow) && self.throttle.admit(now, None, source) {
                self.tell(source, "more", None, None)?;
            }
        }
        // A table that was emptied does not end before it did.
        for (end, before) in ends.iter_mut().zip(&self.places) {
            *end = (*end).max(*before);
        }
        self.places.clone_from(&ends);
        self.horizon.finish(snapshot.at, ends, snapshot.oldest);
        self.snapshot = snapshot.text;
        Ok(())
    }

    /// Whether there was more than one look tells row by row.
    fn look_at(&mut self, source: usize, look: &Look, now: i64) -> Result<bool> {
        let rows = store::rows(self.sources[source], look.from[source], look.since, MOST)?;
        let overflow = rows.len() as i64 >= MOST;
        for row in rows {
            let new = self.horizon.is_new(source, &row.id, row.xid, row.place);
            if new && self.throttle.admit(now, row.person, source) {
                self.tell(source, self.sources[source].event, Some(&row.id), row.person)?;
            }
        }
        Ok(overflow)
    }

    fn tell(&self, source: usize, event: &str, id: Option<&str>, to: Option<Uuid>) -> Result<()> {
        store::notify(&payload(self.sources[source], event, id, to).to_string())
    }
}

fn places(sources: &[&'static Source], at: i64) -> Result<Vec<i64>> {
    sources.iter().map(|source| store::end_of(source, at)).collect()
}

/// Ids, and nothing else: PostgreSQL lets everybody listen who can connect.
fn payload(source: &Source, event: &str, id: Option<&str>, person: Option<Uuid>) -> Value {
    json!({
        "system": source.system,
        "table": source.table,
        "event": event,
        "id": id,
        "user_id": person.map(|id| id.to_string()),
    })
}
