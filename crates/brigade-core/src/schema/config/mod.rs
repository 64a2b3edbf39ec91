//! brigade.toml: which engine plays which role, and what is derived from the truth.
//!
//! Unknown keys are errors with the nearest known one; every error names file, line and column.

mod access;
mod auth;
mod cache;
mod cache_store;
mod document;
mod limits;
mod read;
mod routes;
mod sessions;
#[cfg(test)]
mod tests;
mod units;

use std::{collections::BTreeMap, time::Duration};

use crate::{data::Result, limits as bounds};

use super::{TableSettings, access::Access};
pub use auth::{AuthConfig, SECRET_BYTES_MIN, Secret};
pub use cache::{CacheConfig, Cached};
pub use cache_store::CacheStore;
pub use limits::{LimitConfig, Quotas};
pub use routes::{ENDPOINT, Network, RouteLimit};
pub use sessions::{SameSite, SessionsConfig};
pub use units::{read_bytes, read_duration};

/// brigade.toml, read and checked as far as it can be without the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The project's name; by default its folder's.
    pub name: String,
    /// Which engine plays which role.
    pub stores: Stores,
    /// How much of the log is kept.
    pub log: LogConfig,
    /// How commits are taken.
    pub commit: CommitConfig,
    /// Where the tables come from.
    pub schema: SchemaConfig,
    /// Settings of tables, by name.
    pub tables: BTreeMap<String, TableSettings>,
    /// Caches, by name.
    pub caches: BTreeMap<String, CacheConfig>,
    /// Copies, by name.
    pub copies: BTreeMap<String, CopyConfig>,
    /// Limits, by name.
    pub limits: BTreeMap<String, LimitConfig>,
    /// How long sessions last, and how browsers keep their tokens.
    pub sessions: SessionsConfig,
    /// The table API.
    pub rest: RestConfig,
    /// The HTTP server.
    pub server: ServerConfig,
    /// Whose word is believed about who is asking; none: nobody is asked.
    pub auth: Option<AuthConfig>,
    /// What each role may do.
    pub access: Access,
    /// Where sections and keys stand: `tables.links` at `brigade.toml:LINE:COLUMN`.
    pub places: BTreeMap<String, String>,
}

impl Config {
    /// Reads brigade.toml. `folder` gives the project its name where the file does not; `env` answers for `${NAME}` and
    /// for `BRIGADE_*`, which stand above the file.
    ///
    /// # Errors
    /// BRGCFG whose message begins with `brigade.toml:LINE:COLUMN`, with the nearest known key for an unknown one.
    pub fn parse(text: &str, folder: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        read::read(text, folder, env)
    }

    /// The configuration of a project without brigade.toml.
    pub fn default_for(name: &str) -> Self {
        Self {
            name: name.to_string(),
            stores: Stores {
                truth: TruthStore::at("sqlite:data/truth.db"),
                log: "embedded:data/log".to_string(),
                cache: CacheStore::at("memory:"),
            },
            log: LogConfig {
                keep: Duration::from_secs(24 * 3600),
                keep_bytes: 1 << 30,
                budget: 8 << 30,
                at_budget: AtBudget::DetachSlowest,
            },
            commit: CommitConfig {
                idempotency_keep: Duration::from_secs(24 * 3600),
                statements_max: bounds::STATEMENTS_MAX,
                rows_max: bounds::ROWS_MAX,
            },
            schema: SchemaConfig { existing: false, schemas: vec!["public".to_string()] },
            tables: BTreeMap::new(),
            caches: BTreeMap::new(),
            copies: BTreeMap::new(),
            limits: BTreeMap::new(),
            sessions: SessionsConfig::default(),
            rest: RestConfig::default(),
            server: ServerConfig { body_max: bounds::BODY_BYTES_MAX, limits: Vec::new(), trusted_proxies: Vec::new() },
            auth: None,
            access: Access::default(),
            places: BTreeMap::new(),
        }
    }

    /// Where a section or key stands: `brigade.toml:LINE:COLUMN`, or the file alone for what it does not say.
    pub fn place(&self, path: &[&str]) -> String {
        self.places.get(&path.join(".")).cloned().unwrap_or_else(|| FILE.to_string())
    }
}

/// Name of the configuration file, as errors call it.
const FILE: &str = "brigade.toml";

impl TruthStore {
    /// A truth at a URL, everything else as it is by default.
    pub fn at(url: &str) -> Self {
        Self {
            url: url.to_string(),
            relaxed: false,
            pool_min: 2,
            pool_max: 10,
            pool_lifetime: Duration::from_secs(30 * 60),
            pool_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            tls_ca: None,
            slot: None,
            publication: None,
            replicas: Vec::new(),
            replica_lag_max: Duration::from_secs(5),
        }
    }
}

/// The stores of this project, one for each role in use.
#[derive(Clone, Debug, PartialEq)]
pub struct Stores {
    /// The truth.
    pub truth: TruthStore,
    /// The log: `embedded:FOLDER`. On SQLite the log lies in the truth's own file and this is not used.
    pub log: String,
    /// Caches, limits and sessions.
    pub cache: CacheStore,
}

/// The truth's store: a URL alone, or a table with these keys.
#[derive(Clone, Debug, PartialEq)]
pub struct TruthStore {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: String,
    /// SQLite: `full` (default) or `relaxed`. PostgreSQL: `full` or `relaxed` (`synchronous_commit`).
    pub relaxed: bool,
    /// PostgreSQL: connections kept open at least and opened at most (S0-21).
    pub pool_min: usize,
    /// See `pool_min`.
    pub pool_max: usize,
    /// PostgreSQL: a connection older than this is replaced.
    pub pool_lifetime: Duration,
    /// PostgreSQL: how long to wait for a connection.
    pub pool_timeout: Duration,
    /// PostgreSQL: how long connecting may take.
    pub connect_timeout: Duration,
    /// How long one statement may run.
    pub statement_timeout: Duration,
    /// PostgreSQL: file of the certificate authority to trust (PEM), relative to the project.
    pub tls_ca: Option<String>,
    /// PostgreSQL: name of the replication slot, where it is not made from the project's name.
    pub slot: Option<String>,
    /// PostgreSQL: name of the publication, where it is not made from the project's name.
    pub publication: Option<String>,
    /// PostgreSQL: URLs of streaming standbys that answer reads.
    pub replicas: Vec<String>,
    /// PostgreSQL: a standby whose data is older answers none.
    pub replica_lag_max: Duration,
}

/// How much of the log is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// Trimmed once every projection has passed and it is older than this …
    pub keep: Duration,
    /// … unless the log is smaller than this.
    pub keep_bytes: u64,
    /// At this size something is done about it.
    pub budget: u64,
    /// What is done.
    pub at_budget: AtBudget,
}

/// What happens when the log has reached its budget, after everything that all have passed was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtBudget {
    /// The slowest projection stops: it must be rebuilt.
    DetachSlowest,
    /// brigade takes no more writes (nobody can refuse those of other programs).
    RefuseWrites,
}

/// How commits are taken.
#[derive(Clone, Debug, PartialEq)]
pub struct CommitConfig {
    /// How long an idempotency key is kept.
    pub idempotency_keep: Duration,
    /// Statements of one transaction.
    pub statements_max: usize,
    /// Rows of one transaction.
    pub rows_max: usize,
}

/// Where the tables come from.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaConfig {
    /// Whether the PostgreSQL's own tables are taken, and none of migrations/.
    pub existing: bool,
    /// Which schemas of PostgreSQL.
    pub schemas: Vec<String>,
}

/// A copy.
#[derive(Clone, Debug, PartialEq)]
pub struct CopyConfig {
    /// Which tables; none: all.
    pub tables: Option<Vec<String>>,
    /// `sqlite:PATH` or `memory:`.
    pub store: String,
    /// Past this lag the server is not ready; none: any lag is fine.
    pub max_lag: Option<Duration>,
    /// Where it stands in brigade.toml: `brigade.toml:LINE:COLUMN`, for errors found later.
    pub place: String,
}

/// The table API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestConfig {
    /// Rows of a page, at the top and in every embed; none: as many as there are.
    pub max_rows: Option<u64>,
    /// Whether sums and their like may be asked for.
    pub aggregates: bool,
    /// Whether `Prefer: tx=rollback` is heeded.
    pub tx_override: bool,
    /// Whether PATCH and DELETE without a filter change every row; else they are refused.
    pub unfiltered_writes: bool,
    /// The language of a text search that names none.
    pub text_search: String,
    /// Whether a read may be asked how it would be run.
    pub plan: bool,
}

impl Default for RestConfig {
    fn default() -> Self {
        Self {
            max_rows: None,
            aggregates: false,
            tx_override: false,
            unfiltered_writes: false,
            text_search: "english".to_string(),
            plan: false,
        }
    }
}

/// The HTTP server.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerConfig {
    /// Bytes of a request's body.
    pub body_max: usize,
    /// Limits of routes; of those that a request meets, the longest counts.
    pub limits: Vec<RouteLimit>,
    /// Who is believed when it says for whom it passes a request on.
    pub trusted_proxies: Vec<Network>,
}
