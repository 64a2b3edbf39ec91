//! What was received and is on its way into the spool. It is appended in chunks, so a transaction of any size fits in memory,
//! and made durable when the stream pauses or enough has come; only then is the server told that it may forget.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use brigade_core::{
    data::{Change, Error, Result, code},
    engine::Spool,
    limits::{CHUNK_BYTES_MAX, CHUNK_MAX},
};
use fail::fail_point;
use pgwire_replication::{Lsn, ReplicationClient};
use tokio::sync::mpsc;

use super::{Ended, publish::Item};

/// Changes after which the spool is made durable although more is coming.
const FLUSH_CHANGES: usize = 10_000;

/// Time after which it is.
const FLUSH_AFTER: Duration = Duration::from_millis(20);

pub(super) struct Filling {
    spool: Arc<dyn Spool>,
    /// To the publisher.
    items: mpsc::Sender<Item>,
    chunk: Vec<Change>,
    chunk_bytes: usize,
    unflushed: usize,
    flushed_at: Instant,
    /// Acknowledged and published after the next flush.
    ack: u64,
    publishable: Vec<Item>,
}

impl Filling {
    pub fn new(spool: Arc<dyn Spool>, items: mpsc::Sender<Item>) -> Self {
        Self {
            spool,
            items,
            chunk: Vec::new(),
            chunk_bytes: 0,
            unflushed: 0,
            flushed_at: Instant::now(),
            ack: 0,
            publishable: Vec::new(),
        }
    }

    /// Takes a change in. `bytes` came with it.
    pub fn push(&mut self, change: Change, bytes: usize) {
        self.chunk.push(change);
        self.count(bytes);
    }

    /// Bytes that came with a change that is still held back.
    pub fn count(&mut self, bytes: usize) {
        self.chunk_bytes += bytes;
    }

    /// Takes the last change of a transaction in.
    pub fn end(&mut self, last: Change) {
        self.chunk.push(last);
        self.unflushed += 1;
    }

    /// Everything below a place of the WAL has been received.
    pub fn ended_at(&mut self, lsn: u64, item: Item) {
        if lsn > self.ack {
            self.ack = lsn;
            match self.publishable.last_mut() {
                Some(last) if last.xid.is_none() && item.xid.is_none() => *last = item,
                _ => self.publishable.push(item),
            }
        }
    }

    /// Whether a chunk has come together.
    pub fn is_full(&self) -> bool {
        self.chunk.len() >= CHUNK_MAX || self.chunk_bytes >= CHUNK_BYTES_MAX
    }

    /// Whether it is time to flush, although more is coming.
    pub fn is_due(&self) -> bool {
        self.unflushed >= FLUSH_CHANGES || (self.unflushed > 0 && self.flushed_at.elapsed() > FLUSH_AFTER)
    }

    /// The chunk as it is now.
    pub fn take(&mut self) -> Vec<Change> {
        self.chunk_bytes = 0;
        std::mem::take(&mut self.chunk)
    }

    /// Appends a chunk.
    pub async fn append(&mut self, chunk: Vec<Change>) -> Result<(), Ended> {
        self.unflushed += chunk.len();
        self.spool.append(chunk).await?;
        Ok(())
    }

    /// Makes durable what was appended, hands it to the publisher and acknowledges it.
    pub async fn flush(&mut self, stream: &mut ReplicationClient) -> Result<(), Ended> {
        if self.unflushed > 0 {
            self.spool.flush().await?;
            self.unflushed = 0;
        }
        self.flushed_at = Instant::now();
        for item in std::mem::take(&mut self.publishable) {
            self.send(item).await?;
        }
        if self.ack > 0 {
            fail_point!("slot::acknowledging");
            stream.update_applied_lsn(Lsn::from_u64(self.ack));
            fail_point!("slot::acknowledged");
        }
        Ok(())
    }

    /// Hands a durable place to the publisher.
    pub async fn send(&self, item: Item) -> Result<(), Ended> {
        self.items
            .send(item)
            .await
            .map_err(|_| Ended::Again(Error::new(code::UNAVAILABLE, "the connection that publishes was lost")))
    }
}
