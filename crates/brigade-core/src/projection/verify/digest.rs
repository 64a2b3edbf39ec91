//! Digests by hash bucket of the canonical bytes of key and row. Not by key range: collations differ between engines, and
//! some cannot read ranges.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::{
    data::{Encoder, Key, Layout, Result, Row},
    engine::{Snapshot, Truth},
    limits::CHUNK_MAX,
    schema::Table,
};

/// Buckets of a table: 64 KiB of digests a side, and a hundredth of a million rows is looked at again for one difference.
const BUCKETS: usize = 4_096;

/// How long one snapshot is held: it keeps the write-ahead log of SQLite from being reset.
const SLICE: Duration = Duration::from_secs(1);

/// The sum of the rows' digests in each bucket: the order in which rows come does not matter.
pub(super) struct Buckets(Vec<u128>);

impl Buckets {
    pub(super) fn new() -> Self {
        Self(vec![0; BUCKETS])
    }

    pub(super) fn add(&mut self, layout: &Layout, row: &Row) {
        let sum = &mut self.0[bucket(layout, row)];
        *sum = sum.wrapping_add(xxh3_128(&bytes(row)));
    }

    pub(super) fn differing(&self, other: &Self) -> Differing {
        Differing(self.0.iter().zip(&other.0).map(|(a, b)| a != b).collect())
    }
}

/// Buckets whose digests differ.
pub(super) struct Differing(Vec<bool>);

impl Differing {
    pub(super) fn any(&self) -> bool {
        self.0.contains(&true)
    }

    pub(super) fn contains(&self, layout: &Layout, row: &Row) -> bool {
        self.0[bucket(layout, row)]
    }
}

fn bucket(layout: &Layout, row: &Row) -> usize {
    let key = layout.key_of(row).unwrap_or_default();
    (xxh3_64(&bytes(&key)) % BUCKETS as u64) as usize
}

fn bytes(row: &[crate::data::Value]) -> Vec<u8> {
    let mut out = Encoder::new();
    out.row(row);
    out.finish()
}

/// The rows of a table of the truth in chunks, from one snapshot after another, each held for a moment only. What
/// changes between them is looked at again later.
pub(super) struct Slices<'a> {
    truth: &'a Arc<dyn Truth>,
    table: &'a Table,
    layout: Layout,
    after: Option<Key>,
    snapshot: Option<(Box<dyn Snapshot>, Instant)>,
}

impl<'a> Slices<'a> {
    pub(super) fn new(truth: &'a Arc<dyn Truth>, table: &'a Table) -> Self {
        Self { truth, table, layout: table.layout(), after: None, snapshot: None }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Vec<Row>>> {
        if self.snapshot.as_ref().is_none_or(|(_, since)| since.elapsed() > SLICE) {
            self.snapshot = None;
            self.snapshot = Some((self.truth.snapshot().await?, Instant::now()));
        }
        let Some((snapshot, _)) = &mut self.snapshot else { return Ok(None) };
        let rows = snapshot.scan(self.table, self.after.as_ref(), CHUNK_MAX).await?;
        let Some(last) = rows.last() else {
            self.snapshot = None;
            return Ok(None);
        };
        self.after = self.layout.key_of(last);
        Ok(Some(rows))
    }
}
