//! A PostgreSQL truth: how many changes reach the spool while others write, and how long one change takes.
//!
//! The writers are ordinary clients of PostgreSQL, as `pgbench` is, and know nothing of brigade: what is measured is
//! decoding, spooling and publishing. The server syncs its WAL as it does in production.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use brigade::{Brigade, data::Position};
use brigade_testing::servers::Postgres;
use serde_json::json;
use tokio_postgres::{Client, NoTls};

use super::{project, project::Link};
use crate::{report::Report, sample::Sample};

/// Clients that write at once.
const WRITERS: usize = 4;

/// Rows of one of their transactions. One row a transaction would measure PostgreSQL's commits, not the spool.
const ROWS: usize = 100;

/// The server as in production, where a test's would be careless.
const SETTINGS: [&str; 4] = ["fsync=on", "synchronous_commit=on", "shared_buffers=256MB", "max_wal_size=4GB"];

/// How long the spool may take to catch up before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures throughput under load, then the latency of single commits.
pub async fn measure(time: Duration, report: &mut Report) -> Result<()> {
    let Some(server) = Postgres::start_with(&SETTINGS) else {
        println!("\nPostgreSQL: none found, not measured");
        return Ok(());
    };
    report.heading("PostgreSQL, written by other programs");
    let folder = tempfile::tempdir()?;
    project::write(folder.path(), &format!("[stores]\ntruth = \"{}\"\n", server.url))?;
    let brigade = project::open(folder.path()).await?;
    throughput(&brigade, &server.url, time, report).await?;
    latency(&brigade, &server.url, time, report).await?;
    brigade.close().await;
    Ok(())
}

async fn throughput(brigade: &Brigade, url: &str, time: Duration, report: &mut Report) -> Result<()> {
    let (written, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let (client, written, stop) = (connect(url).await?, Arc::clone(&written), Arc::clone(&stop));
        writers.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let links: Vec<Link> = (0..ROWS).map(|_| Link::next()).collect();
                insert(&client, &links).await?;
                written.fetch_add(ROWS as u64, Ordering::Relaxed);
            }
            anyhow::Ok(())
        }));
    }
    let (begin, before) = (Instant::now(), brigade.log_status().await?.changes);
    tokio::time::sleep(time).await;
    let (spooled, elapsed) = (brigade.log_status().await?.changes - before, begin.elapsed());
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await??;
    }
    let written = written.load(Ordering::Relaxed);
    while brigade.log_status().await?.changes - before < written {
        anyhow::ensure!(begin.elapsed() < time + PATIENCE, "the spool has not caught up in {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let rate = spooled as f64 / elapsed.as_secs_f64();
    report.fact("changes written a second", json!((written as f64 / elapsed.as_secs_f64()).round()));
    report.fact("changes spooled a second, while writing", json!(rate.round()));
    report.fact("caught up after the last write, ms", json!((begin.elapsed() - elapsed).as_millis() as u64));
    report.at_least("PostgreSQL changes spooled while writing", rate, 50_000.0, "a second");
    Ok(())
}

async fn latency(brigade: &Brigade, url: &str, time: Duration, report: &mut Report) -> Result<()> {
    let client = connect(url).await?;
    let mut tip = brigade.tip();
    let (begin, mut times) = (Instant::now(), Vec::new());
    while begin.elapsed() < time {
        let after = *tip.borrow_and_update();
        insert(&client, &[Link::next()]).await?;
        let committed = Instant::now();
        while !has_change(brigade, after).await? {
            tokio::time::timeout(PATIENCE, tip.changed()).await.context("the change never came")??;
        }
        times.push(committed.elapsed());
    }
    report.sample("from the commit to a reader of the log", &Sample::new(times, begin.elapsed()));
    Ok(())
}

async fn has_change(brigade: &Brigade, after: Position) -> Result<bool> {
    let after = Some(after).filter(|position| *position != Position::START);
    Ok(!brigade.read_changes(after, 1).await?.is_empty())
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            eprintln!("a connection to PostgreSQL ended: {error}");
        }
    });
    Ok(client)
}

async fn insert(client: &Client, links: &[Link]) -> Result<()> {
    let column = |get: fn(&Link) -> &str| -> Vec<&str> { links.iter().map(get).collect() };
    let columns = (column(|link| &link.id), column(|link| &link.uid), column(|link| &link.original_url));
    client
        .execute(
            "INSERT INTO links (id, uid, original_url, created_at)
             SELECT id, uid, url, now() FROM unnest($1::text[], $2::text[], $3::text[]) AS new (id, uid, url)",
            &[&columns.0, &columns.1, &columns.2],
        )
        .await?;
    Ok(())
}
