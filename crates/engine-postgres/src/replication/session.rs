//! One connection to the slot, from its start to its end: receive, decode, and hand on to what fills the spool. What comes
//! again after a crash is passed over, and compared with what the spool has of it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use brigade_core::{
    data::{Error, Layout, Op, Result, SchemaChange, code},
    engine::Spool,
};
use futures_util::FutureExt;
use pg_walstream::{LogicalReplicationMessage as Message, LogicalReplicationParser};
use pgwire_replication::{PgWireError, ReplicationClient, ReplicationEvent};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_postgres::Client;

use super::{
    Ended, State, connection,
    decode::{self, Assembly, Step},
    filling::Filling,
    history::Again,
    publish::{Item, WAITING_MAX, publish, snapshot},
    relation::Relations,
    slot::{self, Ready},
};
use crate::{migrate::MESSAGE, truth::PostgresTruth};

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
    /// Holds the lock; asks for types and snapshots.
    client: Arc<Client>,
    stream: ReplicationClient,
    ready: Ready,
    slot: String,
    publisher: JoinHandle<Result<()>>,
    newest_xid: Arc<AtomicU64>,
    relations: Relations,
    parser: LogicalReplicationParser,
    filling: Filling,
    /// Transactions up to this commit LSN are in the spool.
    have: u64,
    again: Again,
    current: Option<Assembly>,
    is_passing: bool,
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
            again: Again::begin(spool, ready.identity.position_before(ready.confirmed)).await?,
            stream: connection::start(truth).await?,
            relations: Relations::new(truth.reach.config.schemas.clone()),
            parser: LogicalReplicationParser::with_protocol_version(1),
            slot: truth.reach.slot.clone(),
            filling: Filling::new(spool.clone(), items),
            client,
            ready,
            publisher,
            newest_xid,
            current: None,
            is_passing: false,
        };
        for waiting in spool.unpublished().await? {
            session.filling.send(Item { position: waiting.position, xid: Some(waiting.xid) }).await?;
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
        if self.filling.is_due() { self.flush().await } else { Ok(()) }
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
                let current = Assembly::new(&self.ready.identity, lsn, xid, commit_time_micros, reference);
                match self.is_passing {
                    true => self.again.came(current.mark()).await?,
                    false => self.again.ended().await?,
                }
                self.current = Some(current);
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
                if wal_end.as_u64() > self.have {
                    self.again.ended().await?;
                }
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
        match current.push(layout, step, schema) {
            Some(change) => self.filling.push(change, bytes),
            None => self.filling.count(bytes),
        }
        self.append_if_full().await
    }

    async fn commit(&mut self, end: u64) -> Result<(), Ended> {
        let Some(current) = self.current.take() else { return Ok(()) };
        let mark = current.mark().clone();
        let last = if self.is_passing { None } else { current.end() };
        self.is_passing = false;
        let xid = last.as_ref().and(mark.xid);
        if let Some(last) = last {
            self.have = mark.position.lsn();
            self.filling.end(last);
        }
        self.ended_at(end, xid);
        self.append_if_full().await
    }

    /// Everything below a place of the WAL has been received.
    fn ended_at(&mut self, lsn: u64, xid: Option<u64>) {
        self.filling.ended_at(lsn, Item { position: self.ready.identity.position_before(lsn), xid });
    }

    async fn append_if_full(&mut self) -> Result<(), Ended> {
        if self.filling.is_full() { self.append().await } else { Ok(()) }
    }

    async fn append(&mut self) -> Result<(), Ended> {
        let mut chunk = self.filling.take();
        if !chunk.is_empty() {
            self.relations.compute_generated(&self.client, &mut chunk).await?;
            self.filling.append(chunk).await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Ended> {
        self.append().await?;
        self.filling.flush(&mut self.stream).await
    }
}
