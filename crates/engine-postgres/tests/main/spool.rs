//! The simplest spool there is: the contract of `Spool` in memory, for tests of the source alone.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use brigade_core::{
    data::{Change, Error, Position, Result},
    engine::{Log, LogStatus, Spool, SpoolTransaction},
};
use tokio::sync::watch;

/// A spool in memory. Cloned, it is the same one, so that a test can open it "again".
#[derive(Clone)]
pub struct MemorySpool {
    inner: Arc<Mutex<Inner>>,
    tip: Arc<watch::Sender<Position>>,
}

#[derive(Default)]
struct Inner {
    changes: BTreeMap<u128, Change>,
    largest: usize,
    refuses: bool,
    start: Option<Position>,
    notes: BTreeMap<String, String>,
}

impl Default for MemorySpool {
    fn default() -> Self {
        Self { inner: Arc::default(), tip: Arc::new(watch::Sender::new(Position::START)) }
    }
}

impl MemorySpool {
    /// Forgets everything but the notes and the beginning, as if none of it had become durable.
    pub fn lose(&self) {
        self.inner.lock().unwrap().changes.clear();
    }

    /// Whether flushing fails: nothing is then durable, acknowledged or published.
    pub fn refuse_flushes(&self, refuses: bool) {
        self.inner.lock().unwrap().refuses = refuses;
    }

    /// The most changes that came in one call.
    pub fn largest_append(&self) -> usize {
        self.inner.lock().unwrap().largest
    }

    /// All that was appended, published or not.
    pub fn all(&self) -> Vec<Change> {
        self.inner.lock().unwrap().changes.values().cloned().collect()
    }

    fn transactions(&self) -> Vec<SpoolTransaction> {
        let inner = self.inner.lock().unwrap();
        let ends = inner.changes.values().filter(|c| c.last);
        let told = |c: &Change| SpoolTransaction {
            position: c.position,
            xid: c.transaction.xid.unwrap_or(0),
            time: c.transaction.time,
        };
        ends.map(told).collect()
    }
}

#[async_trait]
impl Log for MemorySpool {
    fn tip(&self) -> watch::Receiver<Position> {
        self.tip.subscribe()
    }

    async fn read(&self, after: Option<Position>, limit: usize) -> Result<Vec<Change>> {
        let (tip, after) = (self.tip.borrow().order, after.map_or(0, |p| p.order));
        let inner = self.inner.lock().unwrap();
        Ok(inner
            .changes
            .values()
            .filter(|c| (after + 1..=tip).contains(&c.position.order))
            .take(limit)
            .cloned()
            .collect())
    }

    async fn check(&self, _: Position) -> Result<()> {
        Ok(())
    }

    async fn count_after(&self, position: Option<Position>) -> Result<u64> {
        Ok(self.read(position, usize::MAX).await?.len() as u64)
    }

    async fn trim(&self, _: Position) -> Result<u64> {
        Ok(0)
    }

    async fn position_before(&self, _: i64) -> Result<Option<Position>> {
        Ok(None)
    }

    async fn status(&self) -> Result<LogStatus> {
        let inner = self.inner.lock().unwrap();
        Ok(LogStatus {
            engine: "memory",
            position: *self.tip.borrow(),
            oldest: inner.start.unwrap_or(Position::START),
            bytes: 0,
            changes: inner.changes.len() as u64,
            oldest_time: None,
            stopped: None,
        })
    }
}

#[async_trait]
impl Spool for MemorySpool {
    async fn append(&self, changes: Vec<Change>) -> Result<()> {
        let mut inner = self.inner.lock().unwrap();
        inner.largest = inner.largest.max(changes.len());
        for change in changes {
            inner.changes.entry(change.position.order).or_insert(change);
        }
        Ok(())
    }

    async fn flush(&self) -> Result<()> {
        match self.inner.lock().unwrap().refuses {
            true => Err(Error::unavailable("the disk is full", Duration::from_secs(1))),
            false => Ok(()),
        }
    }

    async fn unpublished(&self) -> Result<Vec<SpoolTransaction>> {
        let tip = *self.tip.borrow();
        Ok(self.transactions().into_iter().filter(|t| t.position > tip).collect())
    }

    async fn transactions_after(&self, after: Position, limit: usize) -> Result<Vec<SpoolTransaction>> {
        Ok(self.transactions().into_iter().filter(|t| t.position > after).take(limit).collect())
    }

    async fn publish(&self, upto: Position) -> Result<()> {
        self.inner.lock().unwrap().start.get_or_insert(upto);
        self.tip.send_if_modified(|tip| {
            let moves = upto > *tip;
            *tip = (*tip).max(upto);
            moves
        });
        Ok(())
    }

    async fn begin_anew(&self, at: Position) -> Result<()> {
        let mut inner = self.inner.lock().unwrap();
        inner.changes.clear();
        inner.start = Some(at);
        self.tip.send_replace(at);
        Ok(())
    }

    async fn appended(&self) -> Result<Option<Position>> {
        let last = self.transactions().last().map(|t| t.position);
        Ok(last.or(self.inner.lock().unwrap().start))
    }

    async fn note(&self, name: &str) -> Result<Option<String>> {
        Ok(self.inner.lock().unwrap().notes.get(name).cloned())
    }

    async fn set_note(&self, name: &str, value: &str) -> Result<()> {
        self.inner.lock().unwrap().notes.insert(name.to_owned(), value.to_owned());
        Ok(())
    }
}
