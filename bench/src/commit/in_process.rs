//! Commits through the library, with `FULL` and the log on, beside the bare writer of the same run.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use brigade::Brigade;

use super::{CLIENTS, bare::Bare, clients, project, project::Link};
use crate::{machine, report::Report, sample::Sample};

/// Measures both at every number of clients, in turn, so that a change of the machine's mood meets both.
pub async fn measure(time: Duration, report: &mut Report) -> Result<()> {
    report.heading("in process, durable (FULL), one row a transaction");
    let folder = tempfile::tempdir()?;
    project::write(folder.path(), "")?;
    let file = seeded(folder.path()).await?;
    for clients in CLIENTS {
        let before = machine::processor_time()?;
        let bare = bare(&file, folder.path(), clients, time).await?;
        let bares_work = (machine::processor_time()? - before).as_secs_f64() / bare.rate;
        report.sample(&format!("bare writer, no log, {clients} clients"), &bare);
        let brigade = project::open(folder.path()).await?;
        let before = machine::processor_time()?;
        let ours = ours(&brigade, clients, time).await?;
        let our_work = (machine::processor_time()? - before).as_secs_f64() / ours.rate;
        brigade.close().await;
        report.sample(&format!("brigade, {clients} clients"), &ours);
        report.fact(
            &format!("processor time of a commit to the bare one's, {clients} clients"),
            share(our_work / bares_work),
        );
        if clients == 64 {
            report.at_least("in process of the bare writer, 64 clients", ours.rate / bare.rate, 0.80, "of it");
            let millis = |time: Duration| time.as_secs_f64() * 1e3;
            let most = 3.0 * millis(ours.p50) + 5.0;
            report.at_most("p99 (3 × p50 + 5 ms), 64 clients", millis(ours.p99), most, "ms");
        }
    }
    Ok(())
}

/// A ratio with two digits behind the point.
fn share(ratio: f64) -> serde_json::Value {
    serde_json::json!((ratio * 100.0).round() / 100.0)
}

/// A closed store with one row, and its file.
async fn seeded(folder: &Path) -> Result<std::path::PathBuf> {
    let brigade = project::open(folder).await?;
    brigade.commit(Link::next().transaction(), None).await?;
    let data = brigade.data_dir().to_owned();
    brigade.close().await;
    drop(brigade);
    let copy = folder.join("seed.db");
    let truth = database(&data).context("the project has no SQLite file")?;
    // Opening it takes what the write-ahead log still holds into the file itself.
    rusqlite::Connection::open(&truth)?.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    std::fs::copy(truth, &copy)?;
    Ok(copy)
}

fn database(data: &Path) -> Option<std::path::PathBuf> {
    let files = std::fs::read_dir(data).ok()?.flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|end| end == "db")).max_by_key(|path| path.ends_with("truth.db"))
}

async fn bare(file: &Path, folder: &Path, clients: usize, time: Duration) -> Result<Sample> {
    let (bare, thread) = Bare::open(file, &folder.join(format!("bare-{clients}.db")))?;
    let sample = clients::run(vec![bare; clients], time, |bare: Bare| async {
        bare.commit(Link::next()).await?;
        Ok(bare)
    })
    .await?;
    tokio::task::spawn_blocking(|| thread.join()).await?.map_err(|_| anyhow::anyhow!("the bare writer panicked"))??;
    Ok(sample)
}

async fn ours(brigade: &Brigade, clients: usize, time: Duration) -> Result<Sample> {
    clients::run(vec![brigade.clone(); clients], time, |brigade: Brigade| async {
        brigade.commit(Link::next().transaction(), None).await?;
        Ok(brigade)
    })
    .await
}
