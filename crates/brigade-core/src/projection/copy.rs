//! The simplest projection: chosen tables, keyed, elsewhere. What it holds of a row is the row.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;

use super::Projection;
use crate::{
    data::{Change, Checkpoint, Error, Key, Layout, Result, Row, code},
    engine::{CopyStore, Filling},
    schema::Model,
};

/// `[copy.NAME]`: a keyed copy of tables in a [`CopyStore`].
pub struct CopyProjection {
    name: String,
    tables: Option<BTreeSet<String>>,
    store: Arc<dyn CopyStore>,
}

impl CopyProjection {
    /// A copy of the given tables, or of all that have a primary key. `name` is the one in brigade.toml.
    ///
    /// # Errors
    /// BRGCFG for a table that the model does not have, or that has no primary key.
    pub fn new(name: &str, tables: Option<&[String]>, model: &Model, store: Arc<dyn CopyStore>) -> Result<Self> {
        for table in tables.unwrap_or_default() {
            let found = model.table(table).ok_or_else(|| {
                Error::new(code::CONFIG, format!("[copy.{name}]: there is no table {table:?}"))
                    .hint("name a table of migrations/")
            })?;
            if found.primary_key.is_none() {
                return Err(Error::new(code::CONFIG, format!("[copy.{name}]: table {table:?} has no primary key"))
                    .hint("give the table a primary key, or leave it out of the copy"));
            }
        }
        Ok(Self { name: format!("copy.{name}"), tables: tables.map(|t| t.iter().cloned().collect()), store })
    }
}

#[async_trait]
impl Projection for CopyProjection {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "copy"
    }

    fn engine(&self) -> &'static str {
        self.store.engine()
    }

    fn wants(&self, table: &str) -> bool {
        self.tables.as_ref().is_none_or(|tables| tables.contains(table))
    }

    async fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        self.store.checkpoint().await
    }

    async fn layouts(&self) -> Result<Vec<Layout>> {
        self.store.layouts().await
    }

    async fn apply(&self, changes: &[Change], checkpoint: Option<&Checkpoint>) -> Result<()> {
        self.store.apply(changes, checkpoint).await
    }

    async fn fill(&self) -> Result<Box<dyn Filling>> {
        self.store.fill().await
    }

    async fn scan(&self, layout: &Layout, after: Option<&Key>, limit: usize) -> Result<Vec<Row>> {
        self.store.scan(layout, after, limit).await
    }

    async fn get(&self, layout: &Layout, keys: &[Key]) -> Result<Vec<Row>> {
        self.store.get(layout, keys).await
    }

    async fn put(&self, layout: &Layout, rows: &[(Key, Option<Row>)]) -> Result<()> {
        self.store.put(layout, rows).await
    }
}
