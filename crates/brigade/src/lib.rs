//! The front door of brigade: open a project, write through transactions, read the log, look after projections.
//!
//! One truth, a specialist for each job. [`Brigade::open`] reads `PROJECT/brigade.toml`, opens (creating on first use) the
//! stores it names, and takes the lock that keeps a second process away.
//!
//! ```no_run
//! use brigade::{Brigade, OpenOptions, Row, filter};
//!
//! # async fn example() -> brigade::data::Result<()> {
//! let brigade = Brigade::open(OpenOptions::project("apps/smo1")).await?;
//! let receipt = brigade
//!     .transaction()
//!     .update("links", filter("uid", "abc"), Row::new().add("total_clicks", 1))
//!     .expect(1)
//!     .commit()
//!     .await?;
//! println!("committed at {}", receipt.position);
//! # Ok(())
//! # }
//! ```
//!
//! In reading order: `project` (the files), `stores` (the one `match` from URL to engine), `open`, `brigade` (what an
//! open project can do), `read` and `table_write` (tables), `routines` (named queries), `caching` (what is kept ready), `limiting` (how often),
//! `sessions` (who is logged in), `operate` (migrations, projections, health), `keys` (who may come in).

mod brigade;
mod caching;
mod keys;
mod limiting;
mod lock;
mod open;
mod operate;
mod project;
mod read;
mod routines;
mod sessions;
mod stores;
mod table_write;
mod write;

pub use brigade_core::{cache, commit, data, engine, limit, limits, live, log, projection, query, schema, session};

pub use brigade::{Brigade, OpenOptions};
pub use brigade_core::{
    commit::{Row, filter},
    projection::cache::{Answer, Outcome},
    projection::{DIFFERENCES_MAX, Difference, DifferenceKind, Progress, ProjectionStatus, Verification},
};
pub use caching::CacheHandle;
pub use keys::{API_KEY_PREFIX, ApiKey, ApiKeys, NewApiKey};
pub use limiting::{Ask, Limit};
pub use lock::{Holder, Lock, holder};
pub use operate::MigrationState;
pub use project::Project;
pub use read::Fresh;
pub use routines::Call;
pub use sessions::{NewSession, SESSION_PREFIX, Sessions};
pub use table_write::TableWrite;
pub use write::Write;
