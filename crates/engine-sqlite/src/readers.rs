//! The readers' connections: a bounded number, kept open, each used by one call at a time on a thread that may block.
//!
//! A reader keeps frames of the write-ahead log alive. The gate lets the checkpointer hold new readers back for a moment,
//! without which a log under readers that overlap would grow for ever.

mod brief;
mod gate;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use brigade_core::{
    data::{Error, Result},
    engine::PoolStatus,
};
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{SqliteConfig, connection};
use brief::Pace;
use gate::{Gate, Passed};

/// How long a call waits for a connection before it answers BRG503.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The readers' connections.
pub(crate) struct Readers {
    config: SqliteConfig,
    idle: Mutex<Vec<Connection>>,
    short: Slots,
    long: Slots,
    gate: Arc<Gate>,
    pace: Pace,
}

/// How many may have a connection at a time.
struct Slots {
    max: usize,
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// A connection that a long view holds; it is closed with it.
pub(crate) struct Held {
    pub conn: Connection,
    _slot: OwnedSemaphorePermit,
    _passed: Passed,
}

impl Readers {
    pub(crate) fn new(config: SqliteConfig) -> Self {
        Self {
            short: Slots::new(config.readers_max),
            long: Slots::new(config.readers_max),
            config,
            idle: Mutex::default(),
            gate: Arc::default(),
            pace: Pace::new(),
        }
    }

    /// The gate that the checkpointer closes.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// A connection of its own for a view that lasts.
    pub(crate) async fn hold(&self) -> Result<Held> {
        let slot = self.long.acquire().await?;
        let (gate, config) = (Arc::clone(&self.gate), self.config.clone());
        blocking(move || Ok(Held { _passed: gate.pass(), conn: connection::reader(&config)?, _slot: slot })).await
    }

    /// Closes connections that are not in use, so that the last one to close the file is the writer's, which tidies up.
    pub(crate) fn close(&self) {
        self.idle.lock().expect("readers").clear();
    }

    /// Figures of short reads, and of views that last (each opens a connection of its own).
    pub(crate) fn pools(&self) -> Vec<PoolStatus> {
        let (reads, views) = (self.short.in_use(), self.long.in_use());
        let idle = self.idle.lock().expect("readers").len();
        vec![self.short.status("readers", reads, idle), self.long.status("views", views, 0)]
    }

    fn take(&self) -> Result<Connection> {
        let idle = self.idle.lock().expect("readers").pop();
        idle.map_or_else(|| connection::reader(&self.config), Ok)
    }

    fn give(&self, conn: Connection) {
        if conn.is_autocommit() {
            self.idle.lock().expect("readers").push(conn);
        }
    }
}

/// Runs a short read on a pooled connection.
pub(crate) async fn read<T: Send + 'static>(
    shared: &Arc<crate::shared::Shared>,
    work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
) -> Result<T> {
    let slot = shared.readers.short.acquire().await?;
    let shared = Arc::clone(shared);
    blocking(move || {
        let _slot = slot;
        let _passed = shared.readers.gate.pass();
        let mut conn = shared.readers.take()?;
        let done = work(&mut conn);
        shared.readers.give(conn);
        done
    })
    .await
}

/// Runs something that blocks on a thread for that.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|e| Err(Error::internal("a read ended before it was done").source(e)))
}

impl Slots {
    fn new(max: usize) -> Self {
        let max = max.max(1);
        Self { max, free: Arc::new(Semaphore::new(max)), waiting: AtomicUsize::new(0) }
    }

    fn in_use(&self) -> usize {
        self.max - self.free.available_permits()
    }

    fn status(&self, name: &'static str, in_use: usize, idle: usize) -> PoolStatus {
        let waiting = self.waiting.load(Ordering::Relaxed);
        PoolStatus { name, max: self.max, open: in_use + idle, in_use, waiting }
    }

    async fn acquire(&self) -> Result<OwnedSemaphorePermit> {
        if let Ok(slot) = Arc::clone(&self.free).try_acquire_owned() {
            return Ok(slot);
        }
        let _waiting = Waiting::new(&self.waiting);
        match tokio::time::timeout(WAIT_MAX, Arc::clone(&self.free).acquire_owned()).await {
            Ok(Ok(slot)) => Ok(slot),
            _ => Err(Error::unavailable("all readers of the database are busy", Duration::from_secs(1))),
        }
    }
}

/// Counts a caller as long as it waits, also where it goes away meanwhile.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
