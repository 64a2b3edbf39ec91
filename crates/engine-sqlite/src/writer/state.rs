//! What the writer's thread owns: the connection, and the place in the log up to which everything is stamped.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use brigade_core::data::{Error, Position, Result};
use fail::fail_point;
use rusqlite::{Connection, OptionalExtension, hooks::Action, params};

use crate::{error, log::position_of, shared::Shared, statement::Inserts};

/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;

/// How often expired keys are looked for.
const EXPIRE_EVERY: Duration = Duration::from_secs(1);

/// The last change of a transaction, and the transaction's tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The change's sequence number; 0 before everything.
    pub last: i64,
    /// The transaction's random tag.
    pub tag: u64,
}

impl Place {
    /// The position of that change.
    pub(crate) fn position(self) -> Position {
        if self.last == 0 { Position::START } else { position_of(self.last, self.tag) }
    }
}

/// Who made the changes that a stamp covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A transaction of brigade's.
    Own = 0,
    /// Another program.
    Outside = 1,
}

/// What the writer's thread owns.
pub(crate) struct State {
    /// The only connection that writes.
    pub conn: Connection,
    /// What other threads see.
    pub shared: Arc<Shared>,
    /// The newest durable transaction.
    pub place: Place,
    /// Size of the last group.
    pub expected: usize,
    /// SQL of the columns' defaults, by table.
    pub defaults: HashMap<String, Vec<Option<String>>>,
    /// Texts of inserts.
    pub(super) inserts: RefCell<Inserts>,
    /// `PRAGMA data_version` when last looked at.
    pub(super) data_version: i64,
    /// `PRAGMA schema_version` when last looked at.
    pub(super) schema_version: i64,
    /// The first error after which the disk's content is not known.
    pub(super) fatal: Cell<Option<String>>,
    /// The newest row of the log that a statement made, as SQLite tells while it makes it; 0 before the first.
    logged: Arc<AtomicI64>,
    /// How many rows of one table a statement made, while somebody counts.
    inserts_counted: Arc<InsertCount>,
    /// When the running statement is cancelled: microseconds after `started`; 0 for never.
    deadline: Arc<AtomicU64>,
    started: Instant,
    expired: Instant,
}

impl State {
    /// Takes over a connection on which the internal tables are there.
    pub(crate) fn new(mut conn: Connection, shared: Arc<Shared>) -> Result<Self> {
        let started = Instant::now();
        let deadline = Arc::new(AtomicU64::new(0));
        let watched = Arc::clone(&deadline);
        let late = move || {
            let deadline = watched.load(Ordering::Relaxed);
            deadline != 0 && started.elapsed().as_micros() as u64 > deadline
        };
        conn.progress_handler(STEPS, Some(late)).map_err(error::from_sqlite)?;
        let logged = Arc::default();
        let inserts_counted = Arc::default();
        note_rows(&mut conn, &logged, &inserts_counted).map_err(error::from_sqlite)?;
        let mut state = Self {
            conn,
            shared,
            place: Place::default(),
            expected: 1,
            defaults: HashMap::new(),
            inserts: RefCell::default(),
            data_version: 0,
            schema_version: 0,
            fatal: Cell::new(None),
            logged,
            inserts_counted,
            deadline,
            started,
            expired: started,
        };
        state.reload()?;
        Ok(state)
    }

    /// Reads the newest stamp and what tells of other programs; stamps what they left.
    pub(crate) fn reload(&mut self) -> Result<()> {
        self.place = newest(&self.conn).map_err(|e| self.failed(e))?;
        self.data_version = self.pragma("data_version")?;
        self.schema_version = self.pragma("schema_version")?;
        self.stamp_alone()?;
        self.publish();
        Ok(())
    }

    /// Moves the tip, which wakes readers.
    pub(crate) fn publish(&self) {
        let position = self.place.position();
        self.shared.tip.send_if_modified(|tip| std::mem::replace(tip, position) != position);
    }

    /// Gives the running statement its time from now on, or none.
    pub(crate) fn limit_time(&self, limited: bool) {
        let at = || (self.started.elapsed() + self.shared.config.statement_timeout).as_micros() as u64;
        self.deadline.store(if limited { at() } else { 0 }, Ordering::Relaxed);
    }

    /// Forgets what was logged, before a member begins.
    pub(super) fn log_nothing_yet(&self) {
        self.logged.store(0, Ordering::Relaxed);
    }

    /// Counts the rows of a table that come into being, until the guard's end: an upsert itself does not tell.
    pub(super) fn count_inserts(&self, table: &str) -> Counting<'_> {
        let count = &*self.inserts_counted;
        table.clone_into(&mut count.table.lock().unwrap_or_else(PoisonError::into_inner));
        count.rows.store(0, Ordering::Relaxed);
        count.is_on.store(true, Ordering::Relaxed);
        Counting(count)
    }

    /// The place of what was logged since [`State::log_nothing_yet`]; `before` if nothing was. The stamp itself is
    /// written with the group's others.
    pub(super) fn place_after(&self, before: Place) -> Place {
        match self.logged.load(Ordering::Relaxed) {
            last if last > before.last => Place { last, tag: rand::random() },
            _ => before,
        }
    }

    /// A statement of the writer's own failed: remembers it if the writer must stop.
    pub(crate) fn failed(&self, cause: rusqlite::Error) -> Error {
        self.notice(&cause);
        error::from_sqlite(cause)
    }

    /// Remembers an error after which the writer must stop.
    pub(crate) fn notice(&self, cause: &rusqlite::Error) {
        if error::is_fatal(cause) {
            let first = self.fatal.take().unwrap_or_else(|| cause.to_string());
            self.fatal.set(Some(first));
        }
    }

    /// Stops for good, if an error was seen after which nothing more may be written.
    pub(crate) fn stop_if_fatal(&mut self) {
        if let Some(reason) = self.fatal.take() {
            tracing::error!(reason, "the writer has stopped");
            metrics::gauge!("brigade_writer_stopped").set(1.0);
            self.shared.stopped.write().expect("stopped").get_or_insert(reason);
        }
    }

    /// BRG503 once the writer has stopped.
    pub(crate) fn refuse_stopped(&self) -> Result<()> {
        self.shared.stopped().map_or(Ok(()), |reason| Err(error::stopped(&reason)))
    }

    /// Counts jobs that have left the queue.
    pub(super) fn taken(&self, jobs: usize) {
        let left = self.shared.depth.fetch_sub(jobs, Ordering::Relaxed).saturating_sub(jobs);
        metrics::gauge!("brigade_commit_queue_depth").set(left as f64);
    }

    /// The value of a pragma that answers one number.
    pub(super) fn pragma(&self, name: &str) -> Result<i64> {
        let mut statement = self.conn.prepare_cached(&format!("PRAGMA {name}")).map_err(|e| self.failed(e))?;
        statement.query_row([], |row| row.get(0)).map_err(|e| self.failed(e))
    }

    /// What is done between two groups: a checkpoint's small rest, and keys that have expired.
    pub(super) fn between_groups(&mut self) {
        if self.shared.stopped().is_some() {
            return;
        }
        if self.shared.finish_checkpoint.swap(false, Ordering::AcqRel)
            && let Err(e) = self.conn.wal_checkpoint_v2(Some("main"), rusqlite::wal::CheckpointMode::PASSIVE)
        {
            tracing::warn!(error = %e, "checkpoint failed");
        }
        if self.expired.elapsed() >= EXPIRE_EVERY {
            self.expired = Instant::now();
            fail_point!("keys::expiring");
            if let Err(e) = super::key::expire(&self.conn, self.shared.clock.now()) {
                self.notice(&e);
                self.stop_if_fatal();
            }
        }
    }

    /// Empties the write-ahead log and notes that the file was closed in order.
    pub(super) fn close(&mut self) {
        if self.shared.stopped().is_none() {
            let _ = tables_meta(&self.conn, "clean", "1");
            let _ = self.conn.wal_checkpoint_v2(Some("main"), rusqlite::wal::CheckpointMode::TRUNCATE);
        }
    }

    /// Runs `work` in a transaction of its own, stamped before and after: what it changes is one transaction of the log.
    pub(crate) fn alone<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.begin()?;
        let before = self.place;
        let done = self.stamp(before, Origin::Outside).and_then(|place| {
            self.place = place;
            let done = work(self)?;
            self.place = self.stamp(place, Origin::Own)?;
            Ok(done)
        });
        let ended = match done {
            Ok(done) => {
                fail_point!("alone::stamped");
                let committed = self.conn.execute_batch("COMMIT").map(|()| done).map_err(|e| self.failed(e));
                fail_point!("alone::committed");
                committed
            }
            Err(e) => Err(e),
        };
        if ended.is_err() {
            self.place = before;
            if !self.conn.is_autocommit() {
                let _ = self.conn.execute_batch("ROLLBACK");
            }
        }
        self.stop_if_fatal();
        self.publish();
        ended
    }

    /// Begins a transaction, waiting for other programs within the configured bound.
    pub(super) fn begin(&self) -> Result<()> {
        super::begin::begin(&self.conn, self.shared.config.busy_timeout).map_err(|e| self.failed(e))
    }

    /// Stamps changes after `place` as one transaction. Inside a transaction.
    pub(super) fn stamp(&self, place: Place, origin: Origin) -> Result<Place> {
        stamp(&self.conn, place, origin, self.shared.clock.now()).map_err(|e| self.failed(e))
    }
}

/// Rows that came into being in one table.
#[derive(Debug, Default)]
struct InsertCount {
    is_on: AtomicBool,
    table: Mutex<String>,
    rows: AtomicU64,
}

impl InsertCount {
    fn note(&self, action: Action, table: &str) {
        if action == Action::SQLITE_INSERT
            && self.is_on.load(Ordering::Relaxed)
            && *self.table.lock().unwrap_or_else(PoisonError::into_inner) == table
        {
            self.rows.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Counts until it is dropped.
pub(super) struct Counting<'c>(&'c InsertCount);

impl Counting<'_> {
    /// How many there were.
    pub(super) fn end(self) -> u64 {
        self.0.rows.load(Ordering::Relaxed)
    }
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        self.0.is_on.store(false, Ordering::Relaxed);
    }
}

/// Keeps `logged` at the newest row of the log: to ask for it after each member would cost a statement more. Counts rows
/// that come into being, for those who ask.
fn note_rows(conn: &mut Connection, logged: &Arc<AtomicI64>, inserts: &Arc<InsertCount>) -> rusqlite::Result<()> {
    let (logged, inserts) = (Arc::clone(logged), Arc::clone(inserts));
    let note = move |action: Action, _: &str, table: &str, row: i64| {
        if action == Action::SQLITE_INSERT && table == "brigade_log" {
            logged.store(row, Ordering::Relaxed);
            fail_point!("commit::change_logged");
        } else if !table.starts_with("brigade_") {
            inserts.note(action, table);
            fail_point!("commit::row_written");
        }
    };
    conn.update_hook(Some(note))
}

/// Stamps changes after `place` as one transaction. Inside a transaction.
pub(crate) fn stamp(conn: &Connection, place: Place, origin: Origin, now: i64) -> rusqlite::Result<Place> {
    let newest: Option<i64> = conn.prepare_cached("SELECT max(seq) FROM brigade_log")?.query_row([], |r| r.get(0))?;
    match newest {
        Some(last) if last > place.last => {
            let stamped = Place { last, tag: rand::random() };
            conn.prepare_cached("INSERT INTO brigade_transaction(last, tag, at, origin) VALUES(?,?,?,?)")?
                .execute(params![last, stamped.tag as i64, now, origin as i64])?;
            Ok(stamped)
        }
        _ => Ok(place),
    }
}

/// The newest stamped transaction.
pub(crate) fn newest(conn: &Connection) -> rusqlite::Result<Place> {
    let place = conn
        .prepare_cached("SELECT last, tag FROM brigade_transaction ORDER BY last DESC LIMIT 1")?
        .query_row([], |row| Ok(Place { last: row.get(0)?, tag: row.get::<_, i64>(1)? as u64 }))
        .optional()?;
    Ok(place.unwrap_or_default())
}

/// Sets an entry of the file's own notes.
pub(crate) fn tables_meta(conn: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO brigade_meta(name, value) VALUES(?,?) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
    )?
    .execute(params![name, value])
    .map(|_| ())
}
