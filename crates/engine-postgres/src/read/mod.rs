//! Reads of tables: a checked read becomes one SQL statement, whose rows the server writes as JSON itself.
//!
//! In reading order: `node` writes the statement (its parts in `embed`, `condition`, `value`, `order`), `run` runs it,
//! `explain` says how it would be run; `given` reads rows that are in no table; `routine` makes named queries ready and
//! calls those that read, `called` is what of the others `commit` runs, and `functions` finds the database's own.

pub(crate) mod called;
mod condition;
mod embed;
mod explain;
mod functions;
mod given;
mod node;
mod order;
mod routine;
mod run;
mod value;

use std::sync::Arc;

use brigade_core::{
    data::{Position, Result, Row},
    engine::{CheckedNode, CheckedRead, Explain, ReadAnswer, Routine, Tables},
    schema::{Model, NamedQuery},
};

use deadpool_postgres::ClientWrapper;

use crate::{encode::Param, truth::PostgresTruth};

pub(crate) use run::run;

/// Runs a read in a session that is a standby's, or may be: what it leaves open after an error is for the caller to end.
pub(crate) async fn attempt(client: &ClientWrapper, read: &CheckedRead) -> Result<ReadAnswer> {
    match read.source {
        Some(_) => routine::attempt(client, read).await,
        None => run::run(client, read).await,
    }
}

#[async_trait::async_trait]
impl Tables for PostgresTruth {
    async fn read(&self, read: CheckedRead) -> Result<ReadAnswer> {
        if read.source.is_some() {
            return routine::call(self, &read).await;
        }
        let mut session = self.session().await?;
        // A caller that goes away in the middle leaves the session with a question open: it is closed then.
        session.begin();
        let answer = run::run(session.client(), &read).await;
        session.end();
        answer
    }

    async fn explain(&self, read: CheckedRead, how: Explain) -> Result<String> {
        explain::explain(self, &read, how).await
    }

    async fn read_follower(&self, read: &CheckedRead, after: &[Position]) -> Result<Option<ReadAnswer>> {
        match &self.replicas {
            Some(replicas) => replicas.read(self, read, after).await,
            None => Ok(None),
        }
    }

    async fn answered(&self, position: Position) -> Result<()> {
        if let Some(replicas) = &self.replicas {
            replicas.note(position, self.insert_place().await?);
        }
        Ok(())
    }

    async fn show(&self, read: Arc<CheckedRead>, rows: Vec<Row>) -> Result<Vec<Option<String>>> {
        let mut session = self.session().await?;
        session.begin();
        let shown = given::show(session.client(), &read, &rows).await;
        session.end();
        shown
    }

    async fn prepare(&self, query: &NamedQuery, _: &Arc<Model>) -> Result<Routine> {
        routine::prepare(self, query).await
    }

    async fn functions(&self, model: &Arc<Model>) -> Result<Vec<Routine>> {
        functions::read(self, model).await
    }
}

/// The conditions of a node, for a statement that writes its table under the name `t0`. What they bind comes behind
/// `params`.
pub(crate) fn conditions(node: &CheckedNode, params: Vec<Param>) -> Result<(String, Vec<Param>)> {
    node::Sql::behind(params).only_conditions(node)
}

/// The statement that shows the rows of `from`, which has the columns of the read's table.
pub(crate) fn of_rows(read: &CheckedRead, from: &str, params: Vec<Param>) -> Result<(String, Vec<Param>)> {
    let mut sql = node::Sql::behind(params);
    run::page_of(&mut sql, read, node::From::Relation(from))?;
    Ok((sql.text, sql.params))
}

/// What the rows of [`of_rows`] are as an answer; their columns begin at `skip`.
pub(crate) fn shown<'r>(
    read: &CheckedRead,
    rows: impl Iterator<Item = &'r tokio_postgres::Row>,
    skip: usize,
) -> Result<ReadAnswer> {
    let mut page = run::Page::begin(read);
    for row in rows {
        page.row(row, skip)?;
    }
    Ok(page.finish())
}
