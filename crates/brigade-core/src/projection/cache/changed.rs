//! What a change means for a cache: the keys of the row as it was and as it is, or, where only the truth could tell which
//! rows it hangs on, everything.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use tokio::time::Instant;

use super::{Cache, definition::Definition};
use crate::{
    data::{Change, Checkpoint, Image, Op, Position, Result, Row, Value},
    engine::{Entry, Gone},
};

impl Cache {
    /// Takes changes in: what they concern is gone, and with `fill = "write"` the new values are there.
    pub(super) async fn take_in(&self, changes: &[Change], checkpoint: Option<&Checkpoint>) -> Result<()> {
        let definition = self.definition();
        let (mut gone, mut rows) = (Vec::new(), BTreeMap::new());
        for change in changes {
            let Some(keys) = concerned(&definition, change) else {
                gone.push((change.position, Gone::All));
                rows.clear();
                continue;
            };
            if self.config.fill_on_write {
                keys.before.iter().for_each(|key| drop(rows.remove(key)));
                let row = change.after.as_ref().map(|row| fitted(row, change, &definition));
                if let Some(row) = row.map(Arc::new) {
                    rows.extend(keys.after.iter().map(|key| (key.clone(), (change.position, Arc::clone(&row)))));
                }
            }
            let keys = keys.before.into_iter().chain(keys.after);
            gone.extend(keys.map(|key| (change.position, Gone::Key(key))));
        }
        gone.dedup();
        if rows.is_empty() {
            self.counters.invalidations.increment(self.store.invalidate(&gone, checkpoint).await?);
            return Ok(());
        }
        // What goes, goes before what comes, and the checkpoint is last: after a crash the rest is done again.
        self.counters.invalidations.increment(self.store.invalidate(&gone, None).await?);
        self.write(&definition, rows).await?;
        self.store.invalidate(&[], checkpoint).await.map(drop)
    }

    /// Writes the values of rows as the log tells them.
    async fn write(&self, definition: &Definition, rows: BTreeMap<String, (Position, Arc<Row>)>) -> Result<()> {
        let images = rows.values().map(|(_, row)| row.as_ref().clone()).collect();
        let shown = self.tables.show(Arc::clone(&definition.shown), images).await?;
        let now = std::time::Instant::now();
        for ((key, (position, _)), value) in rows.into_iter().zip(shown) {
            // A load that is under way, or has ended, may have shown what comes after this: then the next one loads again.
            let is_behind = self.loads.contains(&key) || !self.shown.allows(&key, position);
            let Some(value) = value.filter(|_| !is_behind) else { continue };
            let entry = Entry {
                value: Some(Bytes::from(value)),
                position,
                loaded: now,
                expires: now + self.config.ttl,
                cost: Instant::now().into_std() - now,
            };
            self.store.put(&key, Arc::new(entry)).await?;
        }
        Ok(())
    }
}

/// The keys of a row before and after a change.
struct Keys {
    before: Vec<String>,
    after: Vec<String>,
}

/// None where any entry may be concerned.
fn concerned(definition: &Definition, change: &Change) -> Option<Keys> {
    let is_own = change.layout.table == definition.table.name;
    if !is_own || change.op == Op::Truncate || definition.embedded.contains(&change.layout.table) {
        return None;
    }
    let layout = &change.layout;
    let before = match &change.before {
        None => Vec::new(),
        Some(Image::Whole(row)) => definition.keys_of(layout, |at| Some(row[at].clone()))?,
        // Of a row whose key alone is told, its other keys are not known.
        Some(Image::Key(key)) => {
            let value = |at: usize| key.get(layout.key.iter().position(|&k| k == at)?).cloned();
            definition.keys_of(layout, value)?
        }
    };
    let after = match &change.after {
        None => Vec::new(),
        Some(row) => definition.keys_of(layout, |at| Some(row[at].clone()))?,
    };
    Some(Keys { before, after })
}

/// The row with the columns of the relation.
fn fitted(row: &Row, change: &Change, definition: &Definition) -> Row {
    let value = |name: &str| change.layout.column(name).map_or(Value::Null, |at| row[at].clone());
    definition.table.columns.iter().map(|column| value(&column.name)).collect()
}
