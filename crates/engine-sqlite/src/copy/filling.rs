//! A generation of a copy beside the live one, in the same file under table numbers of its own. What is left of one that
//! was never swapped in goes at the next fill or start.

use std::collections::HashMap;

use async_trait::async_trait;
use brigade_core::{
    data::{Change, Checkpoint, Error, Key, Layout, Result, Row},
    engine::Filling,
};

use super::{SqliteCopy, Which};

pub(super) struct SqliteFilling {
    store: SqliteCopy,
    generation: i64,
    tables: HashMap<String, i64>,
}

impl SqliteFilling {
    pub(super) fn new(store: SqliteCopy, generation: i64) -> Self {
        Self { store, generation, tables: HashMap::new() }
    }

    fn which(&self, layout: &Layout) -> Result<Which> {
        let id = self.tables.get(&layout.table).copied();
        id.map(Which::Id).ok_or_else(|| Error::internal(format!("table {} was not put yet", layout.table)))
    }
}

#[async_trait]
impl Filling for SqliteFilling {
    async fn put(&mut self, layout: &Layout, rows: Vec<Row>) -> Result<()> {
        let (generation, layout) = (self.generation, layout.clone());
        let id = match self.tables.get(&layout.table).copied() {
            Some(id) => id,
            None => {
                let table = layout.clone();
                let id = self.store.write(move |w| w.table(generation, &table)).await?;
                self.tables.insert(layout.table.clone(), id);
                id
            }
        };
        if rows.is_empty() {
            return Ok(());
        }
        self.store.write(move |w| w.fill_rows(id, &layout, &rows)).await
    }

    async fn apply(&mut self, changes: &[Change], _checkpoint: &Checkpoint) -> Result<()> {
        let (tables, changes) = (self.tables.clone(), changes.to_vec());
        self.store.write(move |w| w.fill_changes(&tables, &changes)).await
    }

    async fn scan(&self, layout: &Layout, after: Option<&Key>, limit: usize) -> Result<Vec<Row>> {
        self.store.scan_table(self.which(layout)?, after, limit).await
    }

    async fn get(&self, layout: &Layout, keys: &[Key]) -> Result<Vec<Row>> {
        self.store.get_rows(self.which(layout)?, keys).await
    }

    async fn swap(self: Box<Self>, checkpoint: &Checkpoint) -> Result<()> {
        let (generation, checkpoint) = (self.generation, checkpoint.clone());
        self.store.write(move |w| w.swap(generation, &checkpoint)).await?;
        // The old one goes in small steps; what an interruption leaves goes at the next fill or start.
        while self.store.write(super::write::Writer::discard_step).await? {}
        Ok(())
    }
}
