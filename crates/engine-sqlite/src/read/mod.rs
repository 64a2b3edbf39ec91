//! Reads of tables: a checked read becomes one SQL statement, and its rows become JSON or lines as they come, without
//! anything in between.
//!
//! In reading order: `node` writes the statement (its parts in `embed`, `condition`, `value`, `order`), `run` runs it,
//! `row` writes what a row shows, `explain` says how it would be run; `given` reads rows that are in no table, `called`
//! those that a statement returned; `functions` are those that SQL calls for what must be exact.

mod called;
mod condition;
mod embed;
mod explain;
pub(crate) mod functions;
mod given;
mod node;
mod order;
mod routine;
mod row;
mod run;
mod value;

use std::sync::Arc;

use brigade_core::{
    data::{Result, Row},
    engine::{CheckedNode, CheckedRead, Explain, ReadAnswer, Routine, Tables},
    schema::{Model, NamedQuery, Table},
};
use rusqlite::{Connection, types::Value as Bound};

use crate::{SqliteTruth, readers};

pub(crate) use called::{called, plain};
pub(crate) use run::within;

#[async_trait::async_trait]
impl Tables for SqliteTruth {
    async fn read(&self, read: CheckedRead) -> Result<ReadAnswer> {
        if read.is_quick_to_judge()
            && let Some(done) = self.shared.readers.at_once(|conn| run::answer(conn, &read))?
        {
            return Ok(done);
        }
        let timeout = self.shared.config.statement_timeout;
        readers::read(&self.shared, move |conn| run::run(conn, &read, timeout)).await
    }

    async fn explain(&self, read: CheckedRead, how: Explain) -> Result<String> {
        let timeout = self.shared.config.statement_timeout;
        readers::read(&self.shared, move |conn| explain::explain(conn, &read, how, timeout)).await
    }

    async fn show(&self, read: Arc<CheckedRead>, rows: Vec<Row>) -> Result<Vec<Option<String>>> {
        let timeout = self.shared.config.statement_timeout;
        readers::read(&self.shared, move |conn| given::show(conn, &read, &rows, timeout)).await
    }

    async fn prepare(&self, query: &NamedQuery, model: &Arc<Model>) -> Result<Routine> {
        let (query, model) = (query.clone(), Arc::clone(model));
        readers::read(&self.shared, move |conn| routine::prepare(conn, &query, &model)).await
    }
}

/// The conditions of a node, for a statement that writes its table under the name `t0`.
pub(crate) fn conditions(model: &Model, node: &CheckedNode) -> Result<(String, Vec<Bound>)> {
    node::Sql::new(model).only_conditions(node)
}

/// Reads the rows of a table that lie at these places, in their order unless the read has one: what a write shows.
pub(crate) fn at_places(conn: &Connection, read: &CheckedRead, table: &Table, places: &[i64]) -> Result<ReadAnswer> {
    run::at_places(conn, read, table, places)
}
