//! A copy without transactions, as many engines are: rows become visible one by one, a write may stop in the middle, and
//! an answer may be lost after the write was done. Each row keeps the position that wrote it; so doing it again changes
//! nothing, and an older write never covers a newer one.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use brigade_core::{
    data::{Change, Checkpoint, Encoder, Error, Key, Layout, Op, Result, Row},
    engine::{CopyStore, Filling},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// A copy that tears its writes. Clones share it.
#[derive(Clone)]
pub struct TornCopy(Arc<Mutex<State>>);

struct State {
    live: Generation,
    checkpoint: Option<Checkpoint>,
    chance: StdRng,
    /// Of a hundred writes, so many fail.
    failing: u32,
}

/// Rows with the position that wrote them; a row that went leaves its position.
#[derive(Clone, Default)]
struct Generation(BTreeMap<String, (Layout, Versions)>);

/// By key: the place of the change that wrote last, and the row; none: it was removed there.
type Versions = BTreeMap<Vec<u8>, (u128, Option<Row>)>;

impl TornCopy {
    /// An empty copy. Of a hundred writes `failing` are torn, or lose their answer, as the seed decides.
    pub fn new(seed: u64, failing: u32) -> Self {
        let chance = StdRng::seed_from_u64(seed);
        Self(Arc::new(Mutex::new(State { live: Generation::default(), checkpoint: None, chance, failing })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn torn() -> Error {
    Error::unavailable("the connection was lost", Duration::from_millis(1))
}

#[async_trait]
impl CopyStore for TornCopy {
    fn engine(&self) -> &'static str {
        "torn"
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
        let fails = state.chance.random_range(0..100) < state.failing;
        // One past the end: everything is written, the checkpoint too, and only the answer is lost.
        let stop = if fails { state.chance.random_range(0..=changes.len() + 1) } else { usize::MAX };
        for change in changes.iter().take(stop) {
            state.live.apply(change);
        }
        if stop > changes.len()
            && let Some(checkpoint) = checkpoint
        {
            state.checkpoint = Some(checkpoint.clone());
        }
        if fails { Err(torn()) } else { Ok(()) }
    }

    async fn get(&self, layout: &Layout, keys: &[Key]) -> Result<Vec<Row>> {
        Ok(self.state().live.get(layout, keys))
    }

    async fn scan(&self, layout: &Layout, after: Option<&Key>, limit: usize) -> Result<Vec<Row>> {
        Ok(self.state().live.scan(layout, after, limit))
    }

    async fn put(&self, layout: &Layout, rows: &[(Key, Option<Row>)]) -> Result<()> {
        let mut state = self.state();
        let at = state.checkpoint.as_ref().map_or(0, |c| c.position.order);
        rows.iter().for_each(|(key, row)| state.live.set(layout, key, at, row.clone(), true));
        Ok(())
    }

    async fn fill(&self) -> Result<Box<dyn Filling>> {
        Ok(Box::new(TornFilling { store: self.clone(), generation: Generation::default() }))
    }
}

struct TornFilling {
    store: TornCopy,
    generation: Generation,
}

#[async_trait]
impl Filling for TornFilling {
    async fn put(&mut self, layout: &Layout, rows: Vec<Row>) -> Result<()> {
        self.generation.table(layout);
        for row in rows {
            let key = layout.key_of(&row).expect("a key");
            self.generation.set(layout, &key, 0, Some(row), true);
        }
        Ok(())
    }

    async fn apply(&mut self, changes: &[Change], _checkpoint: &Checkpoint) -> Result<()> {
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
        state.live = self.generation;
        state.checkpoint = Some(checkpoint.clone());
        Ok(())
    }
}

impl Generation {
    fn table(&mut self, layout: &Layout) -> &mut BTreeMap<Vec<u8>, (u128, Option<Row>)> {
        &mut self.0.entry(layout.table.clone()).or_insert_with(|| (layout.clone(), BTreeMap::new())).1
    }

    /// Writes a row unless a later position wrote it; at the same position only if `again`.
    fn set(&mut self, layout: &Layout, key: &Key, at: u128, row: Option<Row>, again: bool) {
        let slot = self.table(layout).entry(bytes(key)).or_insert((0, None));
        if slot.0 < at || (again && slot.0 <= at) {
            *slot = (at, row);
        }
    }

    fn apply(&mut self, change: &Change) {
        let at = change.position.order;
        match (change.op, change.key()) {
            (Op::Truncate, _) => {
                self.table(&change.layout).values_mut().filter(|slot| slot.0 < at).for_each(|slot| *slot = (at, None));
            }
            (_, Some(key)) => self.set(&change.layout, &key, at, change.after.clone(), false),
            (_, None) => {}
        }
    }

    fn get(&self, layout: &Layout, keys: &[Key]) -> Vec<Row> {
        let Some((_, rows)) = self.0.get(&layout.table) else { return Vec::new() };
        keys.iter().filter_map(|key| rows.get(&bytes(key))?.1.clone()).collect()
    }

    fn scan(&self, layout: &Layout, after: Option<&Key>, limit: usize) -> Vec<Row> {
        let Some((_, rows)) = self.0.get(&layout.table) else { return Vec::new() };
        let from = after.map_or(Bound::Unbounded, |key| Bound::Excluded(bytes(key)));
        rows.range((from, Bound::Unbounded)).filter_map(|(_, (_, row))| row.clone()).take(limit).collect()
    }
}

fn bytes(key: &Key) -> Vec<u8> {
    let mut out = Encoder::new();
    out.row(key);
    out.finish()
}
