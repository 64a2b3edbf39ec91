//! One call to Redis: let through by the breaker, given a connection by the pool, and answered within the time limit,
//! whatever the server does.

use std::{fmt, sync::Arc, time::Instant};

use brigade_core::{
    data::{Error, Result},
    limits,
};
use redis::{Cmd, FromRedisValue, Pipeline, RedisResult, ScriptInvocation};
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    RedisConfig,
    breaker::{Breaker, Pass},
    config::Reach,
    error::{busy, from_redis, is_away, late},
    pool::{Connection, Pool},
};

/// A Redis, or a cluster. Cheap to clone; it connects when it is first asked, so the server need not be there before.
#[derive(Clone)]
pub struct Redis {
    inner: Arc<Inner>,
}

struct Inner {
    reach: Arc<Reach>,
    pool: Pool,
    breaker: Breaker,
    /// Calls at once.
    places: Semaphore,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("url", &self.inner.reach.shown).finish_non_exhaustive()
    }
}

impl Redis {
    /// Checks the configuration. Nothing is connected yet.
    ///
    /// # Errors
    /// BRGCFG for a URL or a certificate that cannot be read.
    pub fn new(config: RedisConfig) -> Result<Self> {
        let reach = Arc::new(config.reach()?);
        let places = reach.config.store.pool_size.saturating_mul(limits::REDIS_CALLS_MAX).min(Semaphore::MAX_PERMITS);
        let pool = Pool::new(Arc::clone(&reach));
        Ok(Self { inner: Arc::new(Inner { reach, pool, breaker: Breaker::default(), places: Semaphore::new(places) }) })
    }

    /// Runs one command. On a cluster it goes to the node of its key.
    ///
    /// # Errors
    /// BRG503 within the time limit, or at once while the server is known to be away. A call that timed out may have been
    /// done; an answer that says no (a key of another type) is BRG503 as well, and does not count as away.
    pub async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T> {
        self.call(async |connection| command.query_async(connection).await).await
    }

    /// Runs a script; the server gets its text where it has not seen it. On a cluster all its keys are of one slot.
    ///
    /// # Errors
    /// As [`Redis::run`].
    pub async fn run_script<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T> {
        self.call(async |connection| script.invoke_async(connection).await).await
    }

    /// Runs several commands in one round trip. On a cluster all their keys are of one slot.
    ///
    /// # Errors
    /// As [`Redis::run`].
    pub async fn run_all<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T> {
        self.call(async |connection| pipeline.query_async(connection).await).await
    }

    /// Runs whatever needs a connection for longer than one command, within the same time limit as one.
    ///
    /// # Errors
    /// As [`Redis::run`].
    pub async fn call<T>(&self, call: impl AsyncFnOnce(&mut Connection) -> RedisResult<T>) -> Result<T> {
        let inner = &*self.inner;
        let pass = inner.breaker.enter(Instant::now())?;
        let limit = inner.reach.config.store.timeout;
        let mut generation = inner.pool.generation();
        let mut has_place = false;
        let calling = async {
            let _place = inner.places.acquire().await.map_err(|_| Failure::Away(busy(limit)))?;
            has_place = true;
            let mut lent = inner.pool.lend().await.map_err(Failure::Away)?;
            generation = lent.generation;
            call(&mut lent.connection).await.map_err(|error| {
                if is_away(&error) { Failure::Away(from_redis(error)) } else { Failure::Refused(from_redis(error)) }
            })
        };
        match timeout(limit, calling).await {
            Ok(Ok(answer)) => {
                self.answered(pass);
                Ok(answer)
            }
            Ok(Err(Failure::Refused(error))) => {
                self.answered(pass);
                Err(error)
            }
            Ok(Err(Failure::Away(error))) => Err(self.fail(pass, generation, error)),
            // Whoever waited for others has learnt nothing of the server.
            Err(_) if !has_place => Err(busy(limit)),
            Err(_) => Err(self.fail(pass, generation, late(limit))),
        }
    }

    fn answered(&self, pass: Pass<'_>) {
        if pass.answered() {
            tracing::info!(url = self.shown(), "redis answers again");
        }
    }

    fn fail(&self, pass: Pass<'_>, generation: u64, error: Error) -> Error {
        // A failure of connections that were given up already says nothing of those that came after them.
        if generation == self.inner.pool.generation() {
            self.inner.pool.fail(generation);
            if pass.failed(Instant::now(), &error) {
                tracing::warn!(url = self.shown(), %error, "redis does not answer");
            }
        }
        error
    }

    /// Asks whether it answers.
    ///
    /// # Errors
    /// As [`Redis::run`].
    pub async fn ping(&self) -> Result<()> {
        self.run::<()>(&redis::cmd("PING")).await
    }

    /// Why it is taken to be away: what the last call failed with. Nobody is asked.
    pub fn away(&self) -> Option<Error> {
        self.inner.breaker.why_open()
    }

    /// The URL without secrets.
    pub fn shown(&self) -> &str {
        &self.inner.reach.shown
    }
}

enum Failure {
    /// Nobody answered.
    Away(Error),
    /// The answer was no.
    Refused(Error),
}
