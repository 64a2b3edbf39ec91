//! Read replicas: standbys of the truth that answer reads in its place, as far as they may.
//!
//! **Order.** A position names a place in the primary's WAL, and a transaction is where its commit record begins. A standby
//! shows transactions in the order of the WAL, each once its record was replayed. So one that has replayed up to `R` shows just
//! what the primary had committed below `R`, and `position < R` is all that is asked before a read. (On the primary the order
//! of visibility is another one; its answers name the published tip, below which everything is visible there.)
//!
//! **Monotonic reads.** An answer names a place from before its snapshot, and may show more. [`shown`] remembers how much
//! more, of every answer, so that who sends a position back never sees less than what came with it.
//!
//! In reading order: [`Replicas::read`] chooses, `replica` asks one, `look` judges them, `heard` knows their age.

mod heard;
mod look;
mod replica;
mod shown;

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use brigade_core::{
    data::{Position, Result},
    engine::{CheckedRead, ReadAnswer, ReplicaStatus},
    limits::REPLICA_WAIT,
};
use tokio::{task::JoinHandle, time::Instant};

use crate::{config::PostgresConfig, identity::Identity, truth::PostgresTruth};
use heard::Heard;
use replica::{Asked, Replica};
use shown::Shown;

/// The standbys of a truth.
pub(crate) struct Replicas {
    each: Vec<Replica>,
    next: AtomicUsize,
    heard: Heard,
    shown: Shown,
    /// What every replica must have replayed to be used: the model's tables, and what was answered before this process began.
    floor: AtomicU64,
}

impl Replicas {
    /// Reaches those that are configured; none: no replicas.
    ///
    /// # Errors
    /// BRGCFG for one that is no standby of this truth. One that is away is no error.
    pub async fn open(config: &PostgresConfig, primary: &Identity) -> Result<Option<Self>> {
        if config.store.replicas.is_empty() {
            return Ok(None);
        }
        let mut each = Vec::new();
        for url in &config.store.replicas {
            each.push(Replica::new(config.of_replica(url).reach()?)?);
        }
        futures_util::future::try_join_all(each.iter().map(|replica| look::first(replica, primary))).await?;
        Ok(Some(Self {
            each,
            next: AtomicUsize::new(0),
            heard: Heard::default(),
            shown: Shown::default(),
            floor: AtomicU64::new(u64::MAX),
        }))
    }

    /// Begins to look at primary and replicas. The tasks end with the truth.
    pub fn follow(truth: &Arc<PostgresTruth>) -> Vec<JoinHandle<()>> {
        let weak = || -> Weak<PostgresTruth> { Arc::downgrade(truth) };
        let Some(replicas) = &truth.replicas else { return Vec::new() };
        let mut tasks = vec![tokio::spawn(look::hear(weak()))];
        tasks.extend((0..replicas.each.len()).map(|index| tokio::spawn(look::follow(weak(), index))));
        tasks
    }

    /// From now on a replica must have replayed up to here, whatever is asked of it.
    pub fn begin_at(&self, place: u64) {
        self.floor.store(place, Ordering::Release);
    }

    /// The primary has answered `answered`, and showed nothing from `upto` on.
    pub fn note(&self, answered: Position, upto: u64) {
        self.shown.note(answered, upto);
    }

    /// The answer of a replica that shows all of `after`, and no less than any answer that named one of these; none: there is
    /// no such replica now, and the primary is to be asked.
    ///
    /// # Errors
    /// What the primary would say as well.
    pub async fn read(
        &self,
        truth: &PostgresTruth,
        read: &CheckedRead,
        after: &[Position],
    ) -> Result<Option<ReadAnswer>> {
        let identity = truth.identity();
        let Some(need) = self.need(&identity, after) else { return Ok(None) };
        let bound = truth.reach.config.store.replica_lag_max;
        let is_young = |place| self.heard.age(place).is_some_and(|age| age <= bound);
        let deadline = Instant::now() + REPLICA_WAIT;
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        for i in 0..self.each.len() {
            let replica = &self.each[first.wrapping_add(i) % self.each.len()];
            match replica.read(read, need, is_young, deadline).await {
                Asked::Answer(mut answer, before, after) => {
                    let position = identity.position_before(before);
                    self.shown.note(position, after);
                    answer.position = Some(position);
                    return Ok(Some(answer));
                }
                Asked::Refused(error) => return Err(error),
                Asked::Broke | Asked::Conflict => return Ok(None),
                Asked::Not => {}
            }
        }
        Ok(None)
    }

    /// How far a replica must have come. None: only the primary knows what to say to these positions.
    fn need(&self, identity: &Identity, after: &[Position]) -> Option<u64> {
        let mut need = self.floor.load(Ordering::Acquire);
        for position in after {
            if position.tag != identity.tag() || position.era() != identity.era() {
                return None;
            }
            need = need.max(self.shown.upto(*position));
        }
        Some(need)
    }

    /// For `/status` and `/metrics`.
    pub fn status(&self) -> Vec<ReplicaStatus> {
        let status = |replica: &Replica| ReplicaStatus {
            name: replica.name.clone(),
            why_not: replica.why_not(),
            lag: self.heard.age(replica.replayed()),
            reads: replica.counts.reads(),
        };
        self.each.iter().map(status).collect()
    }

    /// Sessions older than this are replaced.
    pub fn renew(&self, lifetime: Duration) {
        self.each.iter().for_each(|replica| replica.renew(lifetime));
    }

    pub fn close(&self) {
        self.each.iter().for_each(Replica::close);
    }
}
