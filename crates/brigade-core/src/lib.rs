//! Everything of brigade that is true without a network and without an engine.
//!
//! Read the folders in the order of the flow: [`data`] (what flows), [`schema`] (what it looks like), [`engine`] (who does
//! the work), [`mod@limit`] (may this one go on), [`cache`] (under which key), [`commit`] (may this write happen), [`log`]
//! (what happened, in which order), [`projection`] (how do I answer quickly), [`query`] (what is true now), [`live`] (what
//! becomes of it). The core opens no socket and no file, and never names an engine; `xtask check` enforces who may import
//! whom.

pub mod cache;
pub mod commit;
pub mod data;
pub mod engine;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod limit;
pub mod limits;
pub mod live;
pub mod log;
pub mod projection;
pub mod query;
pub mod schema;
pub mod session;
