//! Moves the write-ahead log into the database on a thread and connection of its own, in small steps, so that no commit
//! waits for it.
//!
//! A PASSIVE step never waits, and never begins the log anew while commits go on: when little is left, the writer does
//! that little between two groups. Above [`limits::WAL_BYTES_MAX`] new readers are held back for a moment, too.

use std::{
    ffi::{c_char, c_int, c_void},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use brigade_core::{
    data::{Error, Result},
    limits,
};
use fail::fail_point;
use rusqlite::{Connection, ffi, wal::CheckpointMode};

use crate::{connection, shared::Shared};

/// How often the thread looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Frames (4 KiB pages) of one step: about 4 MiB.
const STEP_FRAMES: i64 = 1_000;

/// A quiet log is checkpointed after this, however small.
const QUIET: Duration = Duration::from_millis(500);

/// Frames above which the log is to begin anew: about 16 MiB, kept as a file and written over.
const RESTART_FRAMES: i64 = 4_096;

/// Bytes of a page, as brigade makes its files.
const PAGE: u64 = 4_096;

/// How long readers are waited for above the cap.
const HOLD: Duration = Duration::from_millis(250);

/// The thread.
pub(crate) struct Checkpointer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread.
    pub(crate) fn start(shared: Arc<Shared>) -> Result<Self> {
        let conn = connection::checkpointer(&shared.config)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("sqlite-checkpoint".to_owned())
            .spawn(move || run(&shared, &conn, &stopping))
            .map_err(|e| Error::internal("cannot start the checkpointer's thread").source(e))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared, conn: &Connection, stop: &AtomicBool) {
    // Frames when last looked at, when that last changed, and frames that are checkpointed.
    let (mut seen, mut since, mut done) = (0, Instant::now(), 0);
    while !stop.load(Ordering::Acquire) {
        std::thread::park_timeout(LOOK_EVERY);
        let frames = shared.wal_frames.load(Ordering::Acquire);
        if frames < seen {
            done = 0;
        }
        if frames != seen {
            (seen, since) = (frames, Instant::now());
        }
        let quiet = frames > done && since.elapsed() >= QUIET;
        if frames - done < STEP_FRAMES && !quiet {
            continue;
        }
        fail_point!("wal::moving");
        match conn.wal_checkpoint_v2(Some("main"), CheckpointMode::PASSIVE) {
            Ok((log, checkpointed)) => {
                fail_point!("wal::moved");
                done = i64::from(checkpointed);
                begin_anew(shared, conn, i64::from(log), done);
            }
            Err(e) => tracing::warn!(error = %e, "checkpoint failed"),
        }
        if quiet {
            // Readers may keep the rest: the next look at it is when something changes.
            done = frames;
        }
    }
}

/// Lets the log begin anew where it has grown and little is left to move.
fn begin_anew(shared: &Shared, conn: &Connection, log: i64, done: i64) {
    metrics::gauge!("brigade_wal_bytes").set((log.max(0) as u64 * PAGE) as f64);
    if log.max(0) as u64 * PAGE > limits::WAL_BYTES_MAX {
        let gate = shared.readers.gate();
        gate.close(HOLD);
        let restarted =
            conn.busy_timeout(HOLD).and_then(|()| conn.wal_checkpoint_v2(Some("main"), CheckpointMode::RESTART));
        gate.open();
        if let Err(e) = restarted {
            tracing::warn!(error = %e, bytes = log as u64 * PAGE, "the write-ahead log cannot begin anew: a reader holds it");
        }
    } else if log > RESTART_FRAMES && log - done < 2 * STEP_FRAMES {
        shared.finish_checkpoint.store(true, Ordering::Release);
    }
}

/// Keeps [`Shared::wal_frames`] up to date with every commit of a connection.
pub(crate) fn count_frames(conn: &Connection, shared: &Arc<Shared>) {
    extern "C" fn committed(counter: *mut c_void, _: *mut ffi::sqlite3, _: *const c_char, frames: c_int) -> c_int {
        // SAFETY: the counter lies in a `Shared` that the connection's owner keeps alive longer than the connection.
        let counter = unsafe { &*counter.cast::<AtomicI64>() };
        counter.store(i64::from(frames), Ordering::Release);
        ffi::SQLITE_OK
    }
    let counter = std::ptr::from_ref(&shared.wal_frames).cast_mut().cast::<c_void>();
    // SAFETY: the handle is open; the callback only stores a number.
    unsafe {
        ffi::sqlite3_wal_hook(conn.handle(), Some(committed), counter);
    }
}
