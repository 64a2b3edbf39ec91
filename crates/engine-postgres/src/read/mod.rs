//! Reads of tables: a checked read becomes one SQL statement, whose rows the server writes as JSON itself.
//!
//! In reading order: `node` writes the statement (its parts in `embed`, `condition`, `value`, `order`), `run` runs it.

mod condition;
mod embed;
mod node;
mod order;
mod run;
mod value;

use brigade_core::{
    data::Result,
    engine::{CheckedRead, ReadAnswer, Tables},
};

use crate::truth::PostgresTruth;

#[async_trait::async_trait]
impl Tables for PostgresTruth {
    async fn read(&self, read: CheckedRead) -> Result<ReadAnswer> {
        let mut session = self.session().await?;
        // A caller that goes away in the middle leaves the session with a question open: it is closed then.
        session.begin();
        let answer = run::run(session.client(), &read).await;
        session.end();
        answer
    }
}
