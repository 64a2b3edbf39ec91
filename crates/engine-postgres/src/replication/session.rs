//! One connection to the slot, from its start to its end: receive, decode, append, flush, acknowledge. What was received is
//! appended in chunks, so a transaction of any size fits in memory, and made durable when the stream pauses or enough has
//! come; only then is the server told that it may forget.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use brigade_core::{
    data::{Change, Error, Layout, Op, Result, SchemaChange, code},
    engine::Spool,
    limits::{CHUNK_BYTES_MAX, CHUNK_MAX},
};
use fail::fail_point;
use futures_util::FutureExt;
use pg_walstream::{LogicalReplicationMessage as Message, LogicalReplicationParser};
use pgwire_replication::{Lsn, PgWireError, ReplicationClient, ReplicationEvent};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_postgres::Client;

use super::{
    Ended, State, connection,
    decode::{self, Assembly, Step},
    publish::{Item, WAITING_MAX, publish, snapshot},
    relation::Relations,
    slot::{self, Ready},
};
use crate::{migrate::MESSAGE, truth::PostgresTruth};

/// Changes after which the spool is made durable although more is coming.
const FLUSH_CHANGES: usize = 10_000;

/// Time after which it is.
const FLUSH_AFTER: Duration = Duration::from_millis(20);

/// Follows the slot until something ends it.
pub(crate) async fn follow(
    truth: &PostgresTruth,
    spool: &Arc<dyn Spool>,
    state: &State,
    ready: &watch::Sender<bool>,
) -> Ended {
    match Session::begin(truth, spool, state, ready).await {
        Ok(mut session) => session.run().await,
        Err(ended) => ended,
    }
}

struct Session {
    spool: Arc<dyn Spool>,
    /// Holds the lock; asks for types and snapshots.
    client: Arc<Client>,
    stream: ReplicationClient,
    ready: Ready,
    slot: String,
    items: mpsc::Sender<Item>,
    publisher: JoinHandle<Result<()>>,
    newest_xid: Arc<AtomicU64>,
    relations: Relations,
    parser: LogicalReplicationParser,
    /// Transactions up to this commit LSN are in the spool.
    have: u64,
    current: Option<Assembly>,
    is_passing: bool,
    chunk: Vec<Change>,
    chunk_bytes: usize,
    unflushed: usize,
    flushed_at: Instant,
    /// Acknowledged and published after the next flush.
    ack: u64,
    publishable: Vec<Item>,
}

/// The publisher ends with its session, and with both the connection that holds the lock.
impl Drop for Session {
    fn drop(&mut self) {
        self.publisher.abort();
    }
}

impl Session {
    async fn begin(
        truth: &PostgresTruth,
        spool: &Arc<dyn Spool>,
        state: &State,
        is_ready: &watch::Sender<bool>,
    ) -> Result<Self, Ended> {
        let client = truth.reach.connect().await?;
        let ready = slot::prepare(truth, spool, &client).await?;
        let newest_xid = Arc::new(AtomicU64::new(snapshot(&client).await?.xmax));
        let (items, waiting) = mpsc::channel(WAITING_MAX);
        let publisher = tokio::spawn(publish(client.clone(), spool.clone(), waiting, newest_xid.clone()));
        let session = Self {
            have: slot::lsn_of(spool.appended().await?),
            stream: connection::start(truth).await?,
            relations: Relations::new(truth.reach.config.schemas.clone()),
            parser: LogicalReplicationParser::with_protocol_version(1),
            slot: truth.reach.slot.clone(),
            spool: spool.clone(),
            client,
            ready,
            items,
            publisher,
            newest_xid,
            current: None,
            is_passing: false,
            chunk: Vec::new(),
            chunk_bytes: 0,
            unflushed: 0,
            flushed_at: Instant::now(),
            ack: 0,
            publishable: Vec::new(),
        };
        for waiting in session.spool.unpublished().await? {
            session.send(Item { position: waiting.position, xid: Some(waiting.xid) }).await?;
        }
        state.runs();
        let _ = is_ready.send(true);
        Ok(session)
    }

    /// Ends at the first error, or when the server is asked whether it is there and does not say so: wherever the session
    /// waits for it at that moment.
    async fn run(&mut self) -> Ended {
        let (client, slot) = (Arc::clone(&self.client), self.slot.clone());
        tokio::select! {
            ended = self.turns() => ended,
            ended = connection::falls_silent(&client, &slot) => ended,
        }
    }

    async fn turns(&mut self) -> Ended {
        loop {
            if let Err(ended) = self.turn().await {
                return ended;
            }
        }
    }

    /// One message; before waiting for one, what has come is made durable.
    async fn turn(&mut self) -> Result<(), Ended> {
        let event = match self.stream.recv().now_or_never() {
            Some(event) => event,
            None => {
                self.flush().await?;
                self.wait().await?
            }
        };
        match event.map_err(connection::stream_error)? {
            Some(event) => self.take(event).await?,
            None => return Err(Ended::Again(Error::new(code::UNAVAILABLE, "the server ended the stream"))),
        }
        let is_due = self.unflushed > 0 && self.flushed_at.elapsed() > FLUSH_AFTER;
        if self.unflushed >= FLUSH_CHANGES || is_due {
            self.flush().await?;
        }
        Ok(())
    }

    async fn wait(&mut self) -> Result<Result<Option<ReplicationEvent>, PgWireError>, Ended> {
        tokio::select! {
            event = self.stream.recv() => Ok(event),
            ended = &mut self.publisher => Err(connection::publisher_ended(ended)),
        }
    }

    async fn take(&mut self, event: ReplicationEvent) -> Result<(), Ended> {
        match event {
            ReplicationEvent::Begin { final_lsn, xid, commit_time_micros } => {
                let reference = self.newest_xid.load(Ordering::Relaxed);
                let lsn = final_lsn.as_u64();
                self.is_passing = lsn <= self.have;
                self.current = Some(Assembly::new(&self.ready.identity, lsn, xid, commit_time_micros, reference));
            }
            ReplicationEvent::XLogData { data, .. } => self.change(data).await?,
            ReplicationEvent::Message { transactional: true, prefix, content, .. } if prefix == MESSAGE => {
                if let Some((schema, layout)) = decode::schema_change(&content) {
                    // Types may have been altered by it.
                    self.relations.forget();
                    let step = Step { op: Op::Schema, before: None, after: None };
                    self.push(layout, step, Some(schema), content.len()).await?;
                }
            }
            ReplicationEvent::Commit { end_lsn, .. } => self.commit(end_lsn.as_u64()).await?,
            ReplicationEvent::KeepAlive { wal_end, .. } if self.current.is_none() => {
                self.ended_at(wal_end.as_u64(), None);
            }
            _ => {}
        }
        Ok(())
    }

    async fn change(&mut self, data: bytes::Bytes) -> Result<(), Ended> {
        let bytes = data.len();
        let message = self
            .parser
            .parse_wal_message_bytes(data)
            .map_err(|e| Ended::Stopped(Error::internal(format!("a message of the stream cannot be read: {e}"))))?;
        match message.message {
            Message::Relation { relation_id, namespace, relation_name, columns, .. } => {
                self.relations.describe(&self.client, relation_id, &namespace, &relation_name, &columns).await?;
            }
            Message::Truncate { relation_ids, .. } => {
                for relation in relation_ids {
                    if let Some(relation) = self.relations.get(relation) {
                        let step = Step { op: Op::Truncate, before: None, after: None };
                        self.push(relation.layout.clone(), step, None, bytes).await?;
                    }
                }
            }
            other if !self.is_passing => {
                if let Some((layout, steps)) = self.relations.steps(&self.client, other).await? {
                    for step in steps {
                        self.push(layout.clone(), step, None, bytes).await?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn push(
        &mut self,
        layout: Arc<Layout>,
        step: Step,
        schema: Option<SchemaChange>,
        bytes: usize,
    ) -> Result<(), Ended> {
        if self.is_passing {
            return Ok(());
        }
        let Some(current) = &mut self.current else {
            return Err(Ended::Stopped(Error::internal("a change came outside a transaction")));
        };
        if let Some(change) = current.push(layout, step, schema) {
            self.chunk.push(change);
        }
        self.chunk_bytes += bytes;
        if self.chunk.len() >= CHUNK_MAX || self.chunk_bytes >= CHUNK_BYTES_MAX {
            self.append().await?;
        }
        Ok(())
    }

    async fn commit(&mut self, end: u64) -> Result<(), Ended> {
        let Some(current) = self.current.take() else { return Ok(()) };
        let mark = current.mark().clone();
        let last = if self.is_passing { None } else { current.end() };
        self.is_passing = false;
        let xid = last.as_ref().and(mark.xid);
        if let Some(last) = last {
            self.have = mark.position.lsn();
            self.chunk.push(last);
            self.unflushed += 1;
        }
        self.ended_at(end, xid);
        if self.chunk.len() >= CHUNK_MAX || self.chunk_bytes >= CHUNK_BYTES_MAX {
            self.append().await?;
        }
        Ok(())
    }

    /// Everything below a place of the WAL has been received.
    fn ended_at(&mut self, lsn: u64, xid: Option<u64>) {
        if lsn > self.ack {
            self.ack = lsn;
            let item = Item { position: self.ready.identity.position_before(lsn), xid };
            match self.publishable.last_mut() {
                Some(last) if last.xid.is_none() && xid.is_none() => *last = item,
                _ => self.publishable.push(item),
            }
        }
    }

    async fn append(&mut self) -> Result<(), Ended> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let mut chunk = std::mem::take(&mut self.chunk);
        self.chunk_bytes = 0;
        self.relations.compute_generated(&self.client, &mut chunk).await?;
        self.unflushed += chunk.len();
        self.spool.append(chunk).await?;
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Ended> {
        self.append().await?;
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
            self.stream.update_applied_lsn(Lsn::from_u64(self.ack));
            fail_point!("slot::acknowledged");
        }
        Ok(())
    }

    async fn send(&self, item: Item) -> Result<(), Ended> {
        self.items
            .send(item)
            .await
            .map_err(|_| Ended::Again(Error::new(code::UNAVAILABLE, "the connection that publishes was lost")))
    }
}
