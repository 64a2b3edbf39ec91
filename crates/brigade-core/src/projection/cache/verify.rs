//! Every entry against the truth, while both go on. An entry that differs counts only if it is still there once the cache has
//! applied everything that the truth had shown.

use std::{sync::Arc, time::Duration};

use super::Cache;
use crate::{
    data::{Error, Result, Value},
    engine::Entry,
    projection::{DIFFERENCES_MAX, Difference, DifferenceKind, Progress, Verification, line::Line, verify::reach_live},
};

/// Entries looked at at once.
const CHUNK: usize = 256;

/// Looks at one entry that changes under the look; then it is being written all the time, and the next one will do.
const LOOKS_MAX: usize = 10;

impl Cache {
    pub(in crate::projection) async fn compare(
        &self,
        line: &Arc<Line>,
        mend: bool,
        progress: Option<&Progress>,
    ) -> Result<Verification> {
        let position = *line.sources.log.tip().borrow();
        reach_live(line, position).await?;
        let mut found =
            Verification { projection: line.name().to_owned(), position, rows: 0, differences: Vec::new(), more: 0 };
        let mut after: Option<String> = None;
        loop {
            let entries = self.store.scan(after.as_deref(), CHUNK).await?;
            let Some((last, _)) = entries.last() else { return Ok(found) };
            after = Some(last.clone());
            for (key, entry) in entries {
                found.rows += 1;
                if let Some(kind) = self.judge(line, &key, entry).await? {
                    if mend {
                        self.delete(&key).await?;
                    }
                    if found.differences.len() == DIFFERENCES_MAX {
                        found.more += 1;
                        continue;
                    }
                    let key = vec![("key".to_owned(), Value::Text(key))];
                    found.differences.push(Difference { table: self.definition().of().to_owned(), key, kind });
                }
            }
            if let Some(progress) = progress {
                progress(found.rows, found.rows);
            }
        }
    }

    async fn judge(&self, line: &Arc<Line>, key: &str, mut entry: Arc<Entry>) -> Result<Option<DifferenceKind>> {
        for _ in 0..LOOKS_MAX {
            let (value, told_by) = self.look(key).await?;
            if value == entry.value {
                return Ok(None);
            }
            reach_live(line, told_by).await?;
            match self.store.get(key).await? {
                None => return Ok(None),
                Some(now) if now.position == entry.position && now.value == entry.value => {
                    return Ok(Some(match (&value, &entry.value) {
                        (None, _) => DifferenceKind::Extra,
                        (_, None) => DifferenceKind::Missing,
                        _ => DifferenceKind::Different,
                    }));
                }
                Some(now) => entry = now,
            }
        }
        Err(Error::unavailable(format!("key {key:?} changes faster than it can be compared"), Duration::from_secs(1))
            .hint("run it again when there are fewer writes"))
    }
}
