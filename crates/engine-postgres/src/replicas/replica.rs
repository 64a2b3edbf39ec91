//! One standby: its sessions, how far it has replayed, and whether it may be used. It owns that an answer of it is only given
//! on if the very session that read had replayed what was asked before it read, and was a standby's still when it had read.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use brigade_core::{
    data::{Error, Result, code},
    engine::{CheckedRead, ReadAnswer, ReplicaReads},
};
use deadpool_postgres::{ClientWrapper, Pool, PoolError, TimeoutType};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tokio_postgres::SimpleQueryMessage;

use super::look::Found;
use crate::{
    config::Reach,
    encode::lsn,
    error::{away, from_pg, from_pool},
    pool::{Session, make_pool},
};

/// Where a session's server is, in one word each.
const PLACE: &str = "SELECT pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn(), '0/0')";

/// A standby that answers reads.
pub(super) struct Replica {
    pub reach: Reach,
    /// `HOST:PORT/DATABASE`.
    pub name: String,
    pool: Pool,
    /// Why it is not used, if so.
    state: watch::Sender<Option<String>>,
    /// How far it had come when it was last looked at; a hint alone: what is answered was asked in its own session.
    replayed: AtomicU64,
    pub counts: Counts,
    pub looked: Mutex<Option<(std::time::Instant, u64)>>,
}

/// How reads of a replica ended.
#[derive(Debug, Default)]
pub(super) struct Counts {
    answered: AtomicU64,
    skipped: AtomicU64,
    conflicts: AtomicU64,
    failed: AtomicU64,
}

impl Counts {
    pub fn reads(&self) -> ReplicaReads {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ReplicaReads {
            answered: load(&self.answered),
            skipped: load(&self.skipped),
            conflicts: load(&self.conflicts),
            failed: load(&self.failed),
        }
    }
}

/// What came of asking a replica.
pub(super) enum Asked {
    /// The rows, and between which two places of the WAL the state lies that they show.
    Answer(ReadAnswer, u64, u64),
    /// It cannot, or not yet; another one may.
    Not,
    /// It began, and something came in between: the primary is asked, once.
    Broke,
    /// The same, where what it replayed was in the way of what it read.
    Conflict,
    /// The caller's own mistake or limit: the primary would say no other.
    Refused(Error),
}

impl Replica {
    pub fn new(reach: Reach) -> Result<Self> {
        Ok(Self {
            name: format!("{}:{}/{}", reach.host, reach.port, reach.database),
            pool: make_pool(&reach)?,
            reach,
            state: watch::Sender::new(Some("it has not been looked at yet".to_owned())),
            replayed: AtomicU64::new(0),
            counts: Counts::default(),
            looked: Mutex::default(),
        })
    }

    /// Why it is not used, if so.
    pub fn why_not(&self) -> Option<String> {
        self.state.borrow().clone()
    }

    /// How far it had come when it was last looked at.
    pub fn replayed(&self) -> u64 {
        self.replayed.load(Ordering::Relaxed)
    }

    /// Takes over what a look has found. What is being asked of one that is left out now is asked elsewhere.
    pub fn is_now(&self, found: &Found) {
        if found.why_not.is_none() {
            self.replayed.fetch_max(found.replayed, Ordering::Relaxed);
        } else {
            // It may come back as another one.
            self.replayed.store(found.replayed, Ordering::Relaxed);
        }
        self.say(found.why_not.clone());
    }

    fn say(&self, why_not: Option<String>) {
        self.state.send_if_modified(|state| {
            let is_other = *state != why_not;
            match (&why_not, state.is_some()) {
                (Some(why), false) => tracing::warn!(replica = self.name, "the replica is left out: {why}"),
                (None, true) => tracing::info!(replica = self.name, "the replica is used"),
                _ => {}
            }
            state.clone_from(&why_not);
            is_other
        });
    }

    /// Reads, if it has replayed up to `need` and `is_young` says that what it shows is young enough.
    pub async fn read(
        &self,
        read: &CheckedRead,
        need: u64,
        is_young: impl Fn(u64) -> bool + Send + Sync,
        deadline: Instant,
    ) -> Asked {
        if self.state.borrow().is_some() {
            return Asked::Not;
        }
        let mut state = self.state.subscribe();
        let asked = tokio::select! {
            asked = self.ask(read, need, is_young, deadline) => asked,
            _ = state.wait_for(Option::is_some) => Asked::Broke,
        };
        let count = match &asked {
            Asked::Answer(..) | Asked::Refused(_) => &self.counts.answered,
            Asked::Not => &self.counts.skipped,
            Asked::Conflict => &self.counts.conflicts,
            Asked::Broke => &self.counts.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
        asked
    }

    async fn ask(&self, read: &CheckedRead, need: u64, is_young: impl Fn(u64) -> bool, deadline: Instant) -> Asked {
        let mut session = match timeout_at(deadline, self.pool.get()).await {
            Ok(Ok(object)) => Session::new(object),
            Err(_) | Ok(Err(PoolError::Timeout(TimeoutType::Wait))) => return Asked::Not,
            Ok(Err(error)) => {
                self.say(Some(from_pool(error).message().to_owned()));
                return Asked::Not;
            }
        };
        // What is dropped in the middle is closed, not given to the next one.
        session.begin();
        let fits = |place: u64| place >= need && is_young(place);
        if !fits(self.replayed()) {
            match timeout_at(deadline, place(session.client())).await {
                Ok(Ok(found)) if fits(found) => {}
                Ok(Ok(_)) => {
                    session.end();
                    return Asked::Not;
                }
                _ => return Asked::Not,
            }
        }
        // Asked first and answered together: the place is of before the read's snapshot.
        let (before, found) =
            futures_util::future::join(place(session.client()), crate::read::attempt(session.client(), read)).await;
        let after = match &found {
            Ok(_) => place(session.client()).await,
            Err(_) => Ok(0),
        };
        let (Ok(before), Ok(after)) = (before, after) else { return Asked::Broke };
        self.replayed.fetch_max(before, Ordering::Relaxed);
        match found {
            Ok(answer) => {
                session.end();
                if fits(before) { Asked::Answer(answer, before, after) } else { Asked::Not }
            }
            Err(error) => {
                session.roll_back().await;
                // A table may have changed under a statement that was prepared before.
                session.client().statement_cache.clear();
                self.judge(error)
            }
        }
    }

    /// Whatever a standby alone may have to say (a conflict with recovery, a table that it does not know yet, a function
    /// that it may not run) is no answer.
    fn judge(&self, error: Error) -> Asked {
        if matches!(error.code(), code::LIMIT | code::CANCELED | "PGRST116" | "PGRST124") {
            return Asked::Refused(error);
        }
        if error.code() == code::SERIALIZATION { Asked::Conflict } else { Asked::Broke }
    }

    pub fn renew(&self, lifetime: Duration) {
        self.pool.retain(|_, metrics| metrics.age() < lifetime);
    }

    pub fn close(&self) {
        self.pool.close();
    }

    /// A connection of its own, for looking at it.
    pub async fn connect(&self, limit: Duration) -> Result<std::sync::Arc<tokio_postgres::Client>> {
        let connecting = tokio::time::timeout(limit, self.reach.connect()).await;
        connecting.unwrap_or_else(|_| Err(away(format!("no connection within {} ms", limit.as_millis()))))
    }
}

/// How far the session's server has replayed.
async fn place(client: &ClientWrapper) -> Result<u64> {
    let messages = client.simple_query(PLACE).await.map_err(from_pg)?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    match row.map(|row| (row.get(0), row.get(1))) {
        Some((Some("t"), Some(place))) => lsn(place),
        _ => Err(away("the server is no standby any more")),
    }
}
