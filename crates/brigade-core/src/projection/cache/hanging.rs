//! Changes of embedded rows: which entries they concern, asked of the truth and of the log together.
//!
//! The truth tells which rows a changed row hangs on now; an entry may show one on which it hung when that was loaded. Such a row
//! has been changed since, and so lies in the log between the change and what the truth has shown. Where that is not told soon,
//! or there is too much of it, everything goes.

use std::sync::Arc;

use super::{
    Cache,
    definition::{Links, TableDefinition, everything},
};
use crate::{
    data::{Error, Position, Result},
    limits::{CACHE_LINKED_ROWS_MAX, CACHE_LINKED_WAIT, CACHE_LINKS_MAX, CHUNK_MAX},
    log,
};

impl Cache {
    /// The keys of all rows that values linked with changed rows at a position or later; none where that is too much to tell.
    pub(super) async fn keys_linked(
        &self,
        table: &TableDefinition,
        mut links: Links,
        position: Position,
    ) -> Option<Vec<String>> {
        let mut keys = table.keys_of_links(&mut links);
        if links.values().map(|values| values.len()).sum::<usize>() > CACHE_LINKS_MAX {
            return None;
        }
        if !links.is_empty() {
            let found = self.ask_linked(table, &links, position).await.unwrap_or_else(|error| {
                tracing::debug!(cache = self.name, %error, "which rows a change concerns is not known");
                None
            });
            keys.extend(found?);
        }
        Some(keys)
    }

    async fn ask_linked(
        &self,
        table: &TableDefinition,
        links: &Links,
        position: Position,
    ) -> Result<Option<Vec<String>>> {
        let rows_max = CACHE_LINKED_ROWS_MAX;
        let read = everything(&table.read_linked(links, rows_max + 1), &self.relations())?;
        let mut snapshot = self.truth.snapshot().await?;
        let answer = snapshot.read(Arc::new(read)).await?;
        if answer.rows > rows_max {
            return Ok(None);
        }
        let told_by = snapshot.told_by().await?;
        drop(snapshot);
        let answered = table.keys_answered(&answer.body);
        let mut keys = answered.ok_or_else(|| Error::internal("the truth's own rows cannot be read"))?;
        log::wait_for(&self.log, told_by, CACHE_LINKED_WAIT).await?;
        let (mut after, mut count) = (position, 0);
        while after < told_by {
            let read = self.log.read(Some(after), CHUNK_MAX).await?;
            let Some(last) = read.last() else { break };
            (after, count) = (last.position, count + read.len());
            if count > CHUNK_MAX {
                return Ok(None);
            }
            for change in &read {
                match table.keys_unlinked(change, links) {
                    Some(unlinked) => keys.extend(unlinked),
                    None => return Ok(None),
                }
            }
        }
        Ok(Some(keys))
    }
}
