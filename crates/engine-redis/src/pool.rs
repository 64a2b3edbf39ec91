//! Connections, opened as they are needed and shared by all calls. A call never waits for a further connection while there
//! is one: opening goes on beside it, also after its caller has gone.
//!
//! Invariant: when one connection fails, all that were opened with it are given up, so that a server that came back is
//! found at the first try and not after as many tries as there were connections.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use brigade_core::{data::Error, limits};
use redis::{
    Cmd, Pipeline, RedisFuture, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster_async::ClusterConnection,
};
use tokio::{sync::watch, time::timeout};

use crate::{
    config::Reach,
    error::{away, from_redis, late},
};

/// One server or a cluster: commands go the same way.
#[derive(Clone)]
pub enum Connection {
    /// To one server.
    Server(MultiplexedConnection),
    /// To all nodes of a cluster; each command goes to the node of its key.
    Cluster(ClusterConnection),
}

/// The open connections.
pub(crate) struct Pool {
    reach: Arc<Reach>,
    state: Arc<Mutex<State>>,
}

struct State {
    /// Counts failures; what was opened before the last one is not used again.
    generation: u64,
    open: Vec<Member>,
    opening: Option<watch::Receiver<Option<Result<(), Error>>>>,
    /// No further one is opened before, after one was refused.
    rests_until: Instant,
}

struct Member {
    connection: Connection,
    calls: Arc<AtomicUsize>,
}

/// A connection for one call.
pub(crate) struct Lent {
    pub connection: Connection,
    pub generation: u64,
    calls: Arc<AtomicUsize>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    pub fn new(reach: Arc<Reach>) -> Self {
        let state = State { generation: 0, open: Vec::new(), opening: None, rests_until: Instant::now() };
        Self { reach, state: Arc::new(Mutex::new(state)) }
    }

    /// The generation that a call begins in.
    pub fn generation(&self) -> u64 {
        lock(&self.state).generation
    }

    /// The connection with the fewest calls; waits for one only where there is none. The wait has no bound of its own.
    pub async fn lend(&self) -> Result<Lent, Error> {
        loop {
            let mut opening = {
                let mut state = lock(&self.state);
                if let Some(lent) = self.least_used(&mut state) {
                    return Ok(lent);
                }
                self.open(&mut state)
            };
            let outcome = opening.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
            match outcome {
                Ok(Some(Err(error))) => return Err(error),
                Ok(_) => {}
                // Its task ended with the runtime that it ran on.
                Err(_) => {
                    lock(&self.state).opening = None;
                    return Err(away("connecting was given up"));
                }
            }
        }
    }

    /// What was opened in this generation is given up.
    pub fn fail(&self, generation: u64) {
        let mut state = lock(&self.state);
        if state.generation == generation {
            state.generation += 1;
            state.open.clear();
            state.opening = None;
        }
    }

    fn least_used(&self, state: &mut State) -> Option<Lent> {
        let member = state.open.iter().min_by_key(|member| member.calls.load(Ordering::Relaxed))?;
        let before = member.calls.fetch_add(1, Ordering::Relaxed);
        let (connection, calls) = (member.connection.clone(), Arc::clone(&member.calls));
        let lent = Lent { connection, generation: state.generation, calls };
        let grows = before > 0 && state.open.len() < self.reach.config.store.pool_size;
        if grows && state.opening.is_none() && state.rests_until <= Instant::now() {
            self.open(state);
        }
        Some(lent)
    }

    /// Opens one more beside the callers, unless somebody does already.
    fn open(&self, state: &mut State) -> watch::Receiver<Option<Result<(), Error>>> {
        if let Some(opening) = &state.opening {
            return opening.clone();
        }
        let (tell, told) = watch::channel(None);
        state.opening = Some(told.clone());
        let (reach, shared, generation) = (Arc::clone(&self.reach), Arc::clone(&self.state), state.generation);
        tokio::spawn(async move {
            let limit = reach.config.store.connect_timeout;
            let opened = timeout(limit, reach.connect()).await.unwrap_or_else(|_| Err(late(limit)));
            let mut state = lock(&shared);
            let outcome = opened.map(|connection| {
                if state.generation == generation {
                    state.open.push(Member { connection, calls: Arc::default() });
                }
            });
            if state.generation == generation {
                state.opening = None;
                if outcome.is_err() {
                    state.rests_until = Instant::now() + limits::REDIS_REST;
                }
            }
            drop(state);
            tell.send_replace(Some(outcome));
        });
        told
    }
}

impl Reach {
    /// A new connection. A single host may be a node of a cluster: it is asked, so that nobody has to say so.
    async fn connect(&self) -> Result<Connection, Error> {
        if let Some(client) = &self.single {
            let connecting = client.get_multiplexed_async_connection_with_config(&self.driver);
            let mut server = connecting.await.map_err(from_redis)?;
            let told: Result<String, _> = redis::cmd("INFO").arg("cluster").query_async(&mut server).await;
            // Who may not ask has no cluster to tell of, or names several of its nodes.
            if !told.is_ok_and(|info| info.contains("cluster_enabled:1")) {
                return Ok(Connection::Server(server));
            }
        }
        self.cluster.get_async_connection().await.map(Connection::Cluster).map_err(from_redis)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(server) => server.req_packed_command(cmd),
            Self::Cluster(cluster) => cluster.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        cmd: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(server) => server.req_packed_commands(cmd, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(cmd, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(server) => server.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}
