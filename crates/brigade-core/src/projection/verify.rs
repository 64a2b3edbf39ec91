//! Any row that differs between the truth and a projection is found, while both go on being written; and none is
//! reported that only changed meanwhile.
//!
//! Three looks. Digests by hash bucket of both sides, streamed: equal buckets are done with. Then only rows of differing
//! buckets, side by side, in chunks. Then each key that still differs once more, at one place of the log. Memory is
//! bounded by the buckets and one chunk, however large the tables and however many the differences.

mod digest;
mod held;
mod look;

use std::sync::Arc;

use self::{
    digest::{Buckets, Slices},
    look::Looked,
};
use super::{Progress, line::Line};
use crate::{
    data::{Error, Key, Layout, Position, Result, Row, Value},
    limits::CHUNK_MAX,
    schema::Table,
};

pub(crate) use held::{Held, reach_live};

/// How a row differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// In the truth alone.
    Missing,
    /// In the projection alone.
    Extra,
    /// In both, not equal.
    Different,
}

impl DifferenceKind {
    /// The word in HTTP and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Different => "different",
        }
    }
}

/// One row that differs between the truth and a projection.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The table.
    pub table: String,
    /// Column names and values of its key.
    pub key: Vec<(String, Value)>,
    /// How.
    pub kind: DifferenceKind,
}

/// What `verify` found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// The projection.
    pub projection: String,
    /// Every difference that was there at this position, and still is, was found.
    pub position: Position,
    /// Rows compared.
    pub rows: u64,
    /// Differences, at most [`DIFFERENCES_MAX`].
    pub differences: Vec<Difference>,
    /// Differences beyond those listed.
    pub more: u64,
}

impl Verification {
    /// Whether nothing differs.
    pub fn equal(&self) -> bool {
        self.differences.is_empty() && self.more == 0
    }
}

/// Differences listed by one verify; the rest is counted.
pub const DIFFERENCES_MAX: usize = 1_000;

/// Compares what is held with the truth; with `mend` it also puts right what differs.
pub(crate) async fn compare(
    line: &Arc<Line>,
    held: &mut Held<'_>,
    mend: bool,
    progress: Option<&Progress>,
) -> Result<Verification> {
    let position = *line.sources.log.tip().borrow();
    held.reach(line, position).await?;
    let model = line.model();
    // A generation beside the live one is nobody's to swap but its maker's.
    let generation = |held: &Held| matches!(held, Held::Live).then(|| line.known.borrow().generation);
    let began = generation(held);
    let found =
        Verification { projection: line.name().to_owned(), position, rows: 0, differences: Vec::new(), more: 0 };
    let mut run = Run { line, held, mend, found, total: 0, progress };
    let tables = line.tables(&model);
    for table in &tables {
        run.total += line.sources.truth.snapshot().await?.estimate(table).await?;
    }
    for table in &tables {
        run.table(table).await?;
    }
    let (held, found) = (run.held, run.found);
    if line.model().version != model.version || generation(held) != began {
        return Err(Error::unavailable(
            format!("{} was made anew while it was compared", line.name()),
            std::time::Duration::from_secs(1),
        )
        .hint("run it again"));
    }
    Ok(found)
}

struct Run<'r, 'h> {
    line: &'r Arc<Line>,
    held: &'r mut Held<'h>,
    mend: bool,
    found: Verification,
    total: u64,
    progress: Option<&'r Progress>,
}

impl Run<'_, '_> {
    async fn table(&mut self, table: &Arc<Table>) -> Result<()> {
        let layout = self.held.layouts(self.line).into_iter().find(|l| **l == table.layout()).ok_or_else(|| {
            Error::unavailable(format!("table {} is not taken in yet", table.name), std::time::Duration::from_secs(1))
        })?;
        let differing = self.digests(table, &layout).await?;
        if differing.any() {
            self.drill_truth(table, &layout, &differing).await?;
            self.drill_held(table, &layout, &differing).await?;
        }
        Ok(())
    }

    /// The first look.
    async fn digests(&mut self, table: &Arc<Table>, layout: &Arc<Layout>) -> Result<digest::Differing> {
        let (mut truth, mut held) = (Buckets::new(), Buckets::new());
        let mut slices = Slices::new(&self.line.sources.truth, table);
        while let Some(rows) = slices.next().await? {
            self.found.rows += rows.len() as u64;
            self.shape(layout, rows).iter().for_each(|row| truth.add(layout, row));
            if let Some(progress) = self.progress {
                progress(self.found.rows, self.total.max(self.found.rows));
            }
        }
        let mut after: Option<Key> = None;
        loop {
            let rows = self.held.scan(self.line, layout, after.as_ref(), CHUNK_MAX).await?;
            let Some(last) = rows.last() else { break };
            after = layout.key_of(last);
            rows.iter().for_each(|row| held.add(layout, row));
        }
        Ok(truth.differing(&held))
    }

    /// The second look, from the truth: finds what is missing or different.
    async fn drill_truth(&mut self, table: &Arc<Table>, layout: &Layout, differing: &digest::Differing) -> Result<()> {
        let truth = Arc::clone(&self.line.sources.truth);
        let mut slices = Slices::new(&truth, table);
        while let Some(rows) = slices.next().await? {
            let rows: Vec<Row> = self.shape(layout, rows);
            let rows: Vec<Row> = rows.into_iter().filter(|row| differing.contains(layout, row)).collect();
            let keys: Vec<Key> = rows.iter().filter_map(|row| layout.key_of(row)).collect();
            if keys.is_empty() {
                continue;
            }
            let held = self.held.get(self.line, layout, &keys).await?;
            let held = look::by_key(layout, held);
            let suspects: Vec<Key> = rows
                .iter()
                .zip(&keys)
                .filter(|(row, key)| held.get(&look::key_bytes(key)).is_none_or(|other| !look::same(other, row)))
                .map(|(_, key)| key.clone())
                .collect();
            self.confirm(table, layout, suspects, |kind| kind != DifferenceKind::Extra).await?;
        }
        Ok(())
    }

    /// The second look, from what is held: finds what is there too much.
    async fn drill_held(&mut self, table: &Arc<Table>, layout: &Layout, differing: &digest::Differing) -> Result<()> {
        let mut after: Option<Key> = None;
        loop {
            let rows = self.held.scan(self.line, layout, after.as_ref(), CHUNK_MAX).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = layout.key_of(last);
            let keys: Vec<Key> = rows
                .iter()
                .filter(|row| differing.contains(layout, row))
                .filter_map(|row| layout.key_of(row))
                .collect();
            if keys.is_empty() {
                continue;
            }
            let mut snapshot = self.line.sources.truth.snapshot().await?;
            let there = look::by_key(layout, self.shape(layout, snapshot.get(table, &keys).await?));
            drop(snapshot);
            let suspects: Vec<Key> = keys.into_iter().filter(|k| !there.contains_key(&look::key_bytes(k))).collect();
            self.confirm(table, layout, suspects, |kind| kind == DifferenceKind::Extra).await?;
        }
    }

    /// The third look, at one place of the log; with `mend` what differs there is put right before anything moves on.
    async fn confirm(
        &mut self,
        table: &Arc<Table>,
        layout: &Layout,
        keys: Vec<Key>,
        counts: impl Fn(DifferenceKind) -> bool,
    ) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        for Looked { key, kind } in look::at_one_place(self.line, self.held, table, layout, keys, self.mend).await? {
            if !counts(kind) {
                continue;
            }
            if self.found.differences.len() == DIFFERENCES_MAX {
                self.found.more += 1;
                continue;
            }
            let names = layout.key.iter().map(|&i| layout.columns[i].name.clone());
            self.found.differences.push(Difference { table: table.name.clone(), key: names.zip(key).collect(), kind });
        }
        Ok(())
    }

    fn shape(&self, layout: &Layout, rows: Vec<Row>) -> Vec<Row> {
        rows.into_iter().filter_map(|row| self.line.projection.shape(layout, row)).collect()
    }
}
