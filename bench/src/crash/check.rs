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
        Err(_) if acknowledged.is_empty() => {}
        Err(error) => findings.push(Finding::Broken(format!("{error:#}"))),
    }
    Ok(findings)
}

/// Transactions that are there, with their rows. SQLite recovers its write-ahead log on opening.
fn batches(file: &Path) -> Result<BTreeMap<u64, u64>> {
    let connection = Connection::open(file)?;
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    anyhow::ensure!(verdict == "ok", "integrity_check: {verdict}");
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
