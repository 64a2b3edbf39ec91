//! What a change means for a cache: the keys of the row as it was and as it is, and of the rows that it hangs on; or, where that
//! cannot be told, everything.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    Cache,
    definition::{Concerned, Links, TableDefinition},
};
use crate::{
    data::{Change, Checkpoint, Position, Result, Row, Value},
    engine::{Entry, Gone},
};

impl Cache {
    /// Takes changes in: what they concern is gone, and with `fill = "write"` the new values are there.
    pub(super) async fn take_in(&self, changes: &[Change], checkpoint: Option<&Checkpoint>) -> Result<()> {
        let definition = self.definition();
        let (mut gone, mut rows) = (Vec::new(), BTreeMap::new());
        let (mut linked, mut linked_at) = (Links::new(), Position::START);
        for change in changes {
            let (before, after) = match definition.concerned(change) {
                Concerned::Keys { before, after, links } => {
                    for (at, values) in links {
                        linked.entry(at).or_default().extend(values);
                        linked_at = change.position;
                    }
                    (before, after)
                }
                Concerned::Gone(all) => {
                    if all.contains(&Gone::All) {
                        linked.clear();
                    }
                    gone.extend(all.into_iter().map(|one| (change.position, one)));
                    rows.clear();
                    continue;
                }
            };
            if self.config.fill_on_write
                && let Some(table) = definition.as_table()
            {
                before.iter().for_each(|key| drop(rows.remove(key)));
                let row = change.after.as_ref().map(|row| fitted(row, change, table));
                if let Some(row) = row.map(Arc::new) {
                    rows.extend(after.iter().map(|key| (key.clone(), (change.position, Arc::clone(&row)))));
                }
            }
            let keys = before.into_iter().chain(after);
            gone.extend(keys.map(|key| (change.position, Gone::Key(key))));
        }
        if let Some(table) = definition.as_table().filter(|_| !linked.is_empty()) {
            match self.keys_linked(table, linked, linked_at).await {
                Some(keys) => gone.extend(keys.into_iter().map(|key| (linked_at, Gone::Key(key)))),
                None => gone.push((linked_at, Gone::All)),
            }
        }
        gone.dedup();
        let Some(table) = definition.as_table().filter(|_| !rows.is_empty()) else {
            self.counters.invalidations.increment(self.store.invalidate(&gone, checkpoint).await?);
            return Ok(());
        };
        // What goes, goes before what comes, and the checkpoint is last: after a crash the rest is done again.
        self.counters.invalidations.increment(self.store.invalidate(&gone, None).await?);
        self.write(table, rows).await?;
        self.store.invalidate(&[], checkpoint).await.map(drop)
    }

    /// Writes the values of rows as the log tells them.
    async fn write(&self, definition: &TableDefinition, rows: BTreeMap<String, (Position, Arc<Row>)>) -> Result<()> {
        let images = rows.values().map(|(_, row)| row.as_ref().clone()).collect();
        let shown = self.tables.show(Arc::clone(&definition.shown), images).await?;
        let now = Instant::now();
        for ((key, (position, _)), value) in rows.into_iter().zip(shown) {
            // A load that is under way, or has ended, may have shown what comes after this: then the next one loads again.
            let is_behind = self.loads.contains(&key) || !self.shown.allows(&key, position);
            let Some(value) = value.filter(|_| !is_behind) else { continue };
            let entry = Entry {
                value: Some(Bytes::from(value)),
                position,
                loaded: now,
                expires: now + self.config.ttl,
                // It cost the truth nothing, so nobody loads it before its end.
                cost: Duration::ZERO,
            };
            self.store.put(&key, Arc::new(entry)).await?;
        }
        Ok(())
    }
}

/// The row with the columns of the relation.
fn fitted(row: &Row, change: &Change, definition: &TableDefinition) -> Row {
    let value = |name: &str| change.layout.column(name).map_or(Value::Null, |at| row[at].clone());
    definition.table.columns.iter().map(|column| value(&column.name)).collect()
}
