//! A copy in memory. A transaction larger than a chunk waits beside the rows until its end is there; so it becomes
//! visible whole, with its checkpoint, as in an engine with transactions.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use brigade_core::{
    data::{Change, Checkpoint, Encoder, Error, Key, Layout, Op, Result, Row},
    engine::{CopyStore, Filling},
};

/// A keyed copy of tables in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryCopy(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    live: Generation,
    checkpoint: Option<Checkpoint>,
    /// Changes of a transaction whose end has not come.
    open: Vec<Change>,
}

/// Tables by name, rows by the canonical bytes of their keys.
#[derive(Clone, Debug, Default)]
struct Generation(BTreeMap<String, (Layout, BTreeMap<Vec<u8>, Row>)>);

impl MemoryCopy {
    /// An empty copy.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl CopyStore for MemoryCopy {
    fn engine(&self) -> &'static str {
        "memory"
    }

    async fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        Ok(self.state().checkpoint.clone())
    }

    async fn layouts(&self) -> Result<Vec<Layout>> {
        Ok(self.state().live.0.values().map(|(layout, _)| layout.clone()).collect())
    }

    async fn apply(&self, changes: &[Change], checkpoint: Option<&Checkpoint>) -> Result<()> {
        let mut state = self.state();
        let state = &mut *state;
        if let Err(error) = changes.iter().try_for_each(check) {
            // All since the last checkpoint comes again.
            state.open.clear();
            return Err(error);
        }
        let Some(checkpoint) = checkpoint else {
            state.open.extend_from_slice(changes);
            return Ok(());
        };
        for change in state.open.drain(..) {
            state.live.apply(&change);
        }
        changes.iter().for_each(|change| state.live.apply(change));
        state.checkpoint = Some(checkpoint.clone());
        Ok(())
    }

    async fn get(&self, layout: &Layout, keys: &[Key]) -> Result<Vec<Row>> {
        Ok(self.state().live.get(layout, keys))
    }

    async fn scan(&self, layout: &Layout, after: Option<&Key>, limit: usize) -> Result<Vec<Row>> {
        Ok(self.state().live.scan(layout, after, limit))
    }

    async fn put(&self, layout: &Layout, rows: &[(Key, Option<Row>)]) -> Result<()> {
        let mut state = self.state();
        for (key, row) in rows {
            state.live.set(layout, key, row.as_ref());
        }
        Ok(())
    }

    async fn fill(&self) -> Result<Box<dyn Filling>> {
        Ok(Box::new(MemoryFilling { store: self.clone(), generation: Generation::default() }))
    }
}

struct MemoryFilling {
    store: MemoryCopy,
    generation: Generation,
}

#[async_trait]
impl Filling for MemoryFilling {
    async fn put(&mut self, layout: &Layout, rows: Vec<Row>) -> Result<()> {
        self.generation.table(layout);
        for row in rows {
            let key = layout.key_of(&row).ok_or_else(|| keyless(layout))?;
            self.generation.set(layout, &key, Some(&row));
        }
        Ok(())
    }

    async fn apply(&mut self, changes: &[Change], _checkpoint: &Checkpoint) -> Result<()> {
        changes.iter().try_for_each(check)?;
        changes.iter().for_each(|change| self.generation.apply(change));
        Ok(())
    }

    async fn scan(&self, layout: &Layout, after: Option<&Key>, limit: usize) -> Result<Vec<Row>> {
        Ok(self.generation.scan(layout, after, limit))
    }

    async fn get(&self, layout: &Layout, keys: &[Key]) -> Result<Vec<Row>> {
        Ok(self.generation.get(layout, keys))
    }

    async fn swap(self: Box<Self>, checkpoint: &Checkpoint) -> Result<()> {
        let mut state = self.store.state();
        *state = State { live: self.generation, checkpoint: Some(checkpoint.clone()), open: Vec::new() };
        Ok(())
    }
}

impl Generation {
    fn table(&mut self, layout: &Layout) -> &mut BTreeMap<Vec<u8>, Row> {
        &mut self.0.entry(layout.table.clone()).or_insert_with(|| (layout.clone(), BTreeMap::new())).1
    }

    fn set(&mut self, layout: &Layout, key: &Key, row: Option<&Row>) {
        let table = self.table(layout);
        match row {
            Some(row) => drop(table.insert(bytes(key), row.clone())),
            None => drop(table.remove(&bytes(key))),
        }
    }

    fn apply(&mut self, change: &Change) {
        match (change.op, change.key()) {
            (Op::Truncate, _) => self.table(&change.layout).clear(),
            (_, Some(key)) => self.set(&change.layout, &key, change.after.as_ref()),
            (_, None) => {}
        }
    }

    fn get(&self, layout: &Layout, keys: &[Key]) -> Vec<Row> {
        let Some((_, rows)) = self.0.get(&layout.table) else { return Vec::new() };
        keys.iter().filter_map(|key| rows.get(&bytes(key)).cloned()).collect()
    }

    fn scan(&self, layout: &Layout, after: Option<&Key>, limit: usize) -> Vec<Row> {
        let Some((_, rows)) = self.0.get(&layout.table) else { return Vec::new() };
        let from = after.map_or(Bound::Unbounded, |key| Bound::Excluded(bytes(key)));
        rows.range((from, Bound::Unbounded)).take(limit).map(|(_, row)| row.clone()).collect()
    }
}

fn check(change: &Change) -> Result<()> {
    let has_key = matches!(change.op, Op::Truncate | Op::Schema) || change.key().is_some();
    if has_key { Ok(()) } else { Err(keyless(&change.layout)) }
}

fn keyless(layout: &Layout) -> Error {
    Error::internal(format!("table {} has no primary key: a copy cannot hold it", layout.table))
}

fn bytes(key: &Key) -> Vec<u8> {
    let mut out = Encoder::new();
    out.row(key);
    out.finish()
}
