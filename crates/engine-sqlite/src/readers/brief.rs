//! Short reads on the caller's own thread.
//!
//! Invariant: nothing here waits: not for a connection, not for a lock, and for the rows only as long as [`BRIEF_MAX`].

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use brigade_core::data::{Result, code};
use rusqlite::Connection;

use super::Readers;
use crate::error;

/// How long a read may take on a thread that others wait for: less than handing it to another thread and back costs them
/// all together, and the longest pause that tokio advises between two awaits
/// (<https://ryhl.io/blog/async-what-is-blocking/>).
const BRIEF_MAX: Duration = Duration::from_micros(100);

/// How long no read is tried on the caller's thread once more than one of [`SLOW_ONE_OF`] takes ten times longer than it may, as
/// where the rows come from a slow disk.
const SLOW_REST: Duration = Duration::from_millis(50);

/// See [`SLOW_REST`].
const SLOW_ONE_OF: u32 = 16;

/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 500;

impl Readers {
    /// Tries a read on the caller's own thread, which costs a fraction of two changes of threads. None where it is not done
    /// within [`BRIEF_MAX`], or a reader would have to wait for anything: then [`super::read`] does it.
    pub(crate) fn at_once<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<Option<T>> {
        let begin = Instant::now();
        if self.pace.rests(begin) {
            return Ok(None);
        }
        let Ok(_slot) = self.short.free.try_acquire() else { return Ok(None) };
        let Some(_passed) = self.gate.try_pass() else { return Ok(None) };
        let Some(mut conn) = self.idle.lock().expect("readers").pop() else { return Ok(None) };
        // A lock of another program is waited for elsewhere.
        conn.busy_timeout(Duration::ZERO).map_err(error::from_sqlite)?;
        let is_over = move || begin.elapsed() > BRIEF_MAX;
        conn.progress_handler(STEPS, Some(is_over)).map_err(error::from_sqlite)?;
        let done = work(&mut conn);
        conn.progress_handler(0, None::<fn() -> bool>).map_err(error::from_sqlite)?;
        conn.busy_timeout(self.config.busy_timeout).map_err(error::from_sqlite)?;
        self.give(conn);
        self.pace.note(begin, begin.elapsed());
        match done {
            Err(error) if matches!(error.code(), code::CANCELED | code::UNAVAILABLE) => Ok(None),
            done => done.map(Some),
        }
    }
}

/// Whether reads are quick enough to be tried on their callers' threads.
pub(super) struct Pace {
    begun: Instant,
    /// Until when none is tried, in microseconds since `begun`.
    rests: AtomicU64,
    /// Grows with each slow read and shrinks with each quick one.
    slow: AtomicU32,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), rests: AtomicU64::new(0), slow: AtomicU32::new(0) }
    }

    fn rests(&self, now: Instant) -> bool {
        self.since(now) < self.rests.load(Ordering::Relaxed)
    }

    fn since(&self, now: Instant) -> u64 {
        now.duration_since(self.begun).as_micros() as u64
    }

    /// Takes note of how long a read took. One that the system put aside for a moment says nothing: several do.
    fn note(&self, begin: Instant, took: Duration) {
        let slow = self.slow.load(Ordering::Relaxed);
        if took <= BRIEF_MAX * 10 {
            if slow > 0 {
                self.slow.store(slow - 1, Ordering::Relaxed);
            }
            return;
        }
        let slow = slow + SLOW_ONE_OF;
        let is_enough = slow > SLOW_ONE_OF * 4;
        if is_enough {
            let until = self.since(begin + took + SLOW_REST);
            self.rests.store(until, Ordering::Relaxed);
        }
        self.slow.store(if is_enough { 0 } else { slow }, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use brigade_core::data::{Error, code};
    use tempfile::TempDir;

    use super::*;
    use crate::{SqliteConfig, connection};

    fn readers() -> (TempDir, Arc<Readers>) {
        let folder = tempfile::tempdir().unwrap();
        let config = SqliteConfig { readers_max: 1, ..SqliteConfig::new(folder.path().join("truth.db")) };
        drop(connection::writer(&config).unwrap());
        let readers = Readers::new(config);
        readers.give(readers.take().unwrap());
        (folder, Arc::new(readers))
    }

    fn one(readers: &Readers) -> Option<i64> {
        let one = |conn: &mut Connection| conn.query_row("SELECT 1", [], |row| row.get(0));
        readers.at_once(|conn| one(conn).map_err(error::from_sqlite)).unwrap()
    }

    #[test]
    fn what_would_wait_is_not_tried() {
        let (_folder, readers) = readers();
        assert_eq!(one(&readers), Some(1));
        readers.gate().close(Duration::ZERO);
        assert_eq!(one(&readers), None, "the checkpointer holds readers back");
        readers.gate().open();
        assert_eq!(one(&readers), Some(1));
        let inner = readers.at_once(|_| Ok(one(&readers))).unwrap();
        assert_eq!(inner, Some(None), "the only connection is in use");
    }

    #[test]
    fn a_connection_comes_back_as_it_was() {
        let (_folder, readers) = readers();
        let sum =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) SELECT sum(i) FROM n";
        let long = |conn: &mut Connection| conn.query_row(sum, [], |row| row.get::<_, i64>(0));
        assert_eq!(readers.at_once(|conn| long(conn).map_err(error::from_sqlite)).unwrap(), None, "it takes too long");
        let wrong = readers.at_once::<()>(|_| Err(Error::new(code::MALFORMED, "wrong"))).unwrap_err();
        assert_eq!(wrong.code(), code::MALFORMED);
        let conn = readers.take().unwrap();
        assert_eq!(conn.query_row(sum, [], |row| row.get::<_, i64>(0)), Ok(4_999_950_000), "nothing interrupts it");
        let patience = conn.query_row("PRAGMA busy_timeout", [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(patience as u128, readers.config.busy_timeout.as_millis());
    }

    #[test]
    fn a_slow_disk_ends_the_tries_for_a_while() {
        let (quick, slow, pace) = (BRIEF_MAX, BRIEF_MAX * 11, Pace::new());
        let begin = Instant::now();
        for _ in 0..4 {
            pace.note(begin, slow);
            (0..SLOW_ONE_OF).for_each(|_| pace.note(begin, quick));
        }
        assert!(!pace.rests(begin), "one slow read of many is put aside");
        (0..5).for_each(|_| pace.note(begin, slow));
        assert!(pace.rests(begin) && pace.rests(begin + SLOW_REST) && !pace.rests(begin + SLOW_REST * 2));
    }
}
