//! Reads of tables: a checked read becomes one SQL statement, and its rows become JSON or lines as they come, without
//! anything in between.
//!
//! In reading order: `node` writes the statement (its parts in `embed`, `condition`, `value`, `order`), `run` runs it, `row`
//! writes what a row shows; `functions` are those that SQL calls for what must be exact.

mod condition;
mod embed;
pub(crate) mod functions;
mod node;
mod order;
mod row;
mod run;
mod value;

use brigade_core::{
    data::Result,
    engine::{CheckedRead, ReadAnswer, Tables},
};

use crate::{SqliteTruth, readers};

#[async_trait::async_trait]
impl Tables for SqliteTruth {
    async fn read(&self, read: CheckedRead) -> Result<ReadAnswer> {
        let timeout = self.shared.config.statement_timeout;
        readers::read(&self.shared, move |conn| run::run(conn, &read, timeout)).await
    }
}
