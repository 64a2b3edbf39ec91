//! Sessions: opened, shared, and given back only when they are clean.

use brigade_core::{
    data::{Error, Result},
    engine::PoolStatus,
};
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Timeouts};

use crate::config::Reach;

/// Prepared statements of one session; past it they are forgotten together and prepared again.
const STATEMENTS_MAX: usize = 512;

/// A pool as `[stores.truth]` describes it.
pub(crate) fn make_pool(reach: &Reach) -> Result<Pool> {
    let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match &reach.tls {
        Some(tls) => Manager::from_config(reach.driver.clone(), tls.clone(), manager),
        None => Manager::from_config(reach.driver.clone(), tokio_postgres::NoTls, manager),
    };
    let store = &reach.config.store;
    Pool::builder(manager)
        .max_size(store.pool_max.max(1))
        .timeouts(Timeouts {
            wait: Some(store.pool_timeout),
            create: Some(store.connect_timeout),
            recycle: Some(store.connect_timeout),
        })
        .runtime(deadpool_postgres::Runtime::Tokio1)
        .build()
        .map_err(|e| Error::internal(e.to_string()))
}

/// The pool's figures.
pub(crate) fn pool_status(pool: &Pool) -> PoolStatus {
    let status = pool.status();
    PoolStatus {
        name: "sessions",
        max: status.max_size,
        open: status.size,
        in_use: status.size.saturating_sub(status.available),
        waiting: status.waiting,
    }
}

/// A session of the pool. Unless it was marked clean it is closed when dropped, so that a transaction that was left in the
/// middle (the caller went away) cannot reach the next user of the session.
pub(crate) struct Session {
    object: Option<Object>,
    is_clean: bool,
}

impl Session {
    pub fn new(object: Object) -> Self {
        if object.statement_cache.size() > STATEMENTS_MAX {
            object.statement_cache.clear();
        }
        Self { object: Some(object), is_clean: true }
    }

    pub fn client(&self) -> &deadpool_postgres::ClientWrapper {
        self.object.as_ref().expect("held until dropped or abandoned")
    }

    /// From here on something is open in it.
    pub fn begin(&mut self) {
        self.is_clean = false;
    }

    /// What was open has ended.
    pub fn end(&mut self) {
        self.is_clean = true;
    }

    /// Ends an open transaction without effect.
    pub async fn roll_back(&mut self) {
        if self.object.is_some() && self.client().batch_execute("ROLLBACK").await.is_ok() {
            self.end();
        }
    }

    /// Closes it now. Its place in the pool is free at once: whoever goes on with another session must not hold this one,
    /// or as many callers as the pool has places would wait for each other. Nothing may be asked in it afterwards.
    pub fn abandon(&mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.is_clean {
            self.abandon();
        }
    }
}
