//! Is a disk after a power cut right? Every acknowledged transaction is there, none is there by half, SQLite finds its file
//! whole, and brigade's log replayed from empty gives the tables.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context, Result};
use brigade::{Brigade, OpenOptions, data::Op};
use rusqlite::Connection;

/// Rows of one transaction.
const ROWS: u64 = 2;

/// What is wrong with a disk.
#[derive(Debug)]
pub enum Finding {
    /// This many acknowledged transactions are gone.
    Lost(u64),
    /// It is corrupt, holds half a transaction, or its log and its tables differ.
    Broken(String),
}

/// Checks the files in a folder; with `replay`, brigade opens them too.
pub async fn check(image: &Path, acknowledged: &BTreeSet<u64>, replay: bool) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    match batches(&image.join("truth.db")) {
        Ok(batches) => {
            let lost = acknowledged.iter().filter(|batch| !batches.contains_key(batch)).count() as u64;
            if lost > 0 {
                findings.push(Finding::Lost(lost));
            }
            for (batch, rows) in batches.iter().filter(|(_, rows)| **rows != ROWS) {
                findings.push(Finding::Broken(format!("transaction {batch} has {rows} of its {ROWS} rows")));
            }
            if replay && !batches.is_empty() {
                let logged = replayed(image).await?;
                if logged != batches.values().sum::<u64>() {
                    findings.push(Finding::Broken(format!("the log holds {logged} rows, the table another number")));
                }
            }
        }
        Err(error) => findings.push(Finding::Broken(format!("{error:#}"))),
    }
    Ok(findings)
}

/// Transactions that are there, with their rows; none where the table itself is not there yet. SQLite recovers its
/// write-ahead log on opening.
fn batches(file: &Path) -> Result<BTreeMap<u64, u64>> {
    let connection = Connection::open(file)?;
    // The disk under test was built already: what the check writes may be lost.
    connection.pragma_update(None, "synchronous", "off")?;
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    anyhow::ensure!(verdict == "ok", "integrity_check: {verdict}");
    if !connection.table_exists(None, "effects")? {
        return Ok(BTreeMap::new());
    }
    let mut list = connection.prepare("SELECT batch, count(*) FROM effects GROUP BY batch")?;
    let rows = list.query_map([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Rows that the log leaves when it is replayed from empty, each compared with the table's by its key.
async fn replayed(image: &Path) -> Result<u64> {
    let project = tempfile::tempdir()?;
    let source = image.parent().context("an image lies in a folder")?;
    std::fs::create_dir_all(project.path().join("migrations"))?;
    std::fs::copy(source.join("brigade.toml"), project.path().join("brigade.toml"))?;
    std::fs::copy(source.join("migrations/0001_init.sql"), project.path().join("migrations/0001_init.sql"))?;
    let data = Some(image.to_owned());
    let options = OpenOptions { project: project.path().to_owned(), data, migrate: true, run: false };
    let brigade = Brigade::open(options).await?;
    let (mut rows, mut after) = (BTreeSet::new(), None);
    loop {
        let changes = brigade.read_changes(after, brigade::limits::CHUNK_MAX).await?;
        let Some(last) = changes.last() else { break };
        after = Some(last.position);
        for change in changes.iter().filter(|change| change.layout.table == "effects") {
            let key = format!("{:?}", change.key());
            let fits = match change.op {
                Op::Insert => rows.insert(key),
                Op::Delete => rows.remove(&key),
                _ => rows.contains(&key),
            };
            anyhow::ensure!(fits, "the log holds {:?} of a row that does not allow it", change.op);
        }
    }
    brigade.close().await;
    Ok(rows.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(sql: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("truth.db")).unwrap();
        connection.execute_batch(sql).unwrap();
        folder
    }

    fn shown(image: &Path, acknowledged: &[u64]) -> String {
        let acknowledged = acknowledged.iter().copied().collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        format!("{:?}", runtime.block_on(check(image, &acknowledged, false)).unwrap())
    }

    #[test]
    fn what_is_lost_half_there_or_damaged_is_seen() {
        const TABLE: &str = "CREATE TABLE effects (id INTEGER PRIMARY KEY, batch, part);";
        const WHOLE: &str = "INSERT INTO effects VALUES (0, 0, 0), (1, 0, 1), (2, 1, 0), (3, 1, 1);";
        for (sql, acknowledged, expected) in [
            ("", &[][..], "[]"),
            ("", &[0], "[Lost(1)]"),
            (TABLE, &[0, 1], "[Lost(2)]"),
            (&format!("{TABLE}{WHOLE}"), &[0], "[]"),
            (&format!("{TABLE}{WHOLE}"), &[0, 1, 2], "[Lost(1)]"),
            (&format!("{TABLE}{WHOLE} DELETE FROM effects WHERE id = 3;"), &[0, 1], "has 1 of its 2 rows"),
        ] {
            let found = shown(image(sql).path(), acknowledged);
            assert!(found.contains(expected), "{sql} with {acknowledged:?}: {found}");
        }
        let damaged = image(&format!("{TABLE}{WHOLE}"));
        let file = damaged.path().join("truth.db");
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[4096..4200].fill(0x5a);
        std::fs::write(&file, bytes).unwrap();
        assert!(shown(damaged.path(), &[]).contains("Broken"), "a damaged page");
    }
}
