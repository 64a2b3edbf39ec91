//! Keys that seemed to differ, once more, at one place of the log: the truth's row as a snapshot shows it, carried
//! forward by the changes between the snapshot and the checkpoint of what is held.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{DifferenceKind, Held};
use crate::{
    data::{Change, Checkpoint, Encoder, Error, Key, Layout, Op, Result, Row},
    limits::CHUNK_MAX,
    log::wait_for,
    projection::line::Line,
    schema::Table,
};

/// One key that differs, and how.
pub(super) struct Looked {
    pub key: Key,
    pub kind: DifferenceKind,
}

/// On PostgreSQL a snapshot may show transactions that the log has not published yet. What differs because of one is
/// equal once the log has come as far; so there a difference must last this many looks, with the log waited for between them.
const LOOKS_AHEAD: u32 = 5;

/// Looks at keys that go on changing, before it is said that they do.
const LOOKS_MAX: u32 = 20;

/// Changes after the checkpoint that are read to tell whether a key changes just now.
const AHEAD_MAX: usize = 10 * CHUNK_MAX;

/// The canonical bytes of a key: values have no order and no hash of their own.
pub(super) fn key_bytes(key: &Key) -> Vec<u8> {
    let mut out = Encoder::new();
    out.row(key);
    out.finish()
}

/// Rows by the bytes of their keys.
pub(super) fn by_key(layout: &Layout, rows: Vec<Row>) -> BTreeMap<Vec<u8>, Row> {
    rows.into_iter().filter_map(|row| Some((key_bytes(&layout.key_of(&row)?), row))).collect()
}

/// The keys that differ, of those given; with `mend` they are put right before what is held moves on.
pub(super) async fn at_one_place(
    line: &Arc<Line>,
    held: &mut Held<'_>,
    table: &Table,
    layout: &Layout,
    mut keys: Vec<Key>,
    mend: bool,
) -> Result<Vec<Looked>> {
    let mut looks = 0;
    loop {
        let mut snapshot = line.sources.truth.snapshot().await?;
        let at = snapshot.checkpoint().clone();
        let rows = snapshot.get(table, &keys).await?;
        drop(snapshot);
        let shaped = rows.into_iter().filter_map(|row| line.projection.shape(layout, row)).collect();
        let mut truth = by_key(layout, shaped);
        held.reach(line, at.position).await?;

        let turn = held.hold(line).await;
        let place = held.checkpoint(line).ok_or_else(|| Error::internal("what is compared has no checkpoint"))?;
        carry_forward(line, layout, &keys, &at, &place, &mut truth).await?;
        let there = by_key(layout, held.get(line, layout, &keys).await?);
        let (differ, wanted) = differing(&keys, &truth, &there);
        looks += 1;
        // An engine without transactions may show what its runner has begun to apply after the checkpoint.
        let moving = !differ.is_empty() && changes_ahead(line, layout, &differ, &place).await?;
        let lasts = at.seen.is_none() || looks >= LOOKS_AHEAD;
        if differ.is_empty() || (lasts && !moving) {
            if mend && matches!(held, Held::Live) {
                line.projection.put(layout, &wanted).await?;
            }
            return Ok(differ);
        }
        drop(turn);
        if looks == LOOKS_MAX {
            return Err(Error::unavailable(
                format!("rows of table {} change faster than they can be compared", table.name),
                Duration::from_secs(1),
            ));
        }
        keys = differ.into_iter().map(|looked| looked.key).collect();
        // A log that lags, as after a restart, would make a difference of everything that it has still to tell.
        if let Some(upto) = line.sources.truth.visible_upto().await? {
            wait_for(&line.sources.log, upto, line.options.stall_max).await?;
        }
        tokio::time::sleep(Duration::from_millis(10 << looks.min(6))).await;
    }
}

/// Whether one of the keys changes after the place of what is held.
async fn changes_ahead(line: &Line, layout: &Layout, differ: &[Looked], place: &Checkpoint) -> Result<bool> {
    let asked: BTreeSet<Vec<u8>> = differ.iter().map(|looked| key_bytes(&looked.key)).collect();
    let (mut after, mut count) = (place.position, 0);
    loop {
        let read = line.sources.log.read(Some(after), CHUNK_MAX).await?;
        let Some(last) = read.last() else { return Ok(false) };
        (after, count) = (last.position, count + read.len());
        let touches = |change: &Change| {
            change.layout.table == layout.table && change.key().is_none_or(|key| asked.contains(&key_bytes(&key)))
        };
        if count > AHEAD_MAX || read.iter().any(touches) {
            return Ok(true);
        }
    }
}

/// Applies the changes after the snapshot, up to the place of what is held, to the truth's rows.
async fn carry_forward(
    line: &Line,
    layout: &Layout,
    keys: &[Key],
    from: &Checkpoint,
    to: &Checkpoint,
    rows: &mut BTreeMap<Vec<u8>, Row>,
) -> Result<()> {
    let asked: BTreeSet<Vec<u8>> = keys.iter().map(key_bytes).collect();
    let layouts = line.layouts();
    let mut after = from.position;
    while after < to.position {
        let read = line.sources.log.read(Some(after), CHUNK_MAX).await?;
        let Some(last) = read.last() else { return Ok(()) };
        after = last.position;
        for change in read {
            if change.position > to.position {
                return Ok(());
            }
            if change.layout.table != layout.table {
                continue;
            }
            let Some(change) = line.fit(&layouts, change) else { continue };
            if change.op == Op::Truncate {
                rows.clear();
            }
            let Some(key) = change.key().map(|key| key_bytes(&key)).filter(|key| asked.contains(key)) else { continue };
            let Change { after: row, .. } = change;
            match row.and_then(|row| line.projection.shape(layout, row)) {
                Some(row) => drop(rows.insert(key, row)),
                None => drop(rows.remove(&key)),
            }
        }
    }
    Ok(())
}

type Wanted = Vec<(Key, Option<Row>)>;

/// Which keys differ and how, and what should be held under them.
fn differing(keys: &[Key], truth: &BTreeMap<Vec<u8>, Row>, held: &BTreeMap<Vec<u8>, Row>) -> (Vec<Looked>, Wanted) {
    let kind = |key: &Key| {
        let bytes = key_bytes(key);
        match (truth.get(&bytes), held.get(&bytes)) {
            (Some(_), None) => Some(DifferenceKind::Missing),
            (None, Some(_)) => Some(DifferenceKind::Extra),
            (Some(a), Some(b)) if !same(a, b) => Some(DifferenceKind::Different),
            _ => None,
        }
    };
    let looked: Vec<Looked> =
        keys.iter().filter_map(|key| Some(Looked { kind: kind(key)?, key: key.clone() })).collect();
    let wanted = looked.iter().map(|l| (l.key.clone(), truth.get(&key_bytes(&l.key)).cloned())).collect();
    (looked, wanted)
}

/// Equal to the last bit: a NaN is itself, and 0.0 is not -0.0.
pub(super) fn same(a: &Row, b: &Row) -> bool {
    key_bytes(a) == key_bytes(b)
}
