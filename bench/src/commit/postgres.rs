//! A PostgreSQL truth: how many changes reach the spool while others write, and how long one change takes.
//!
//! The writers are ordinary clients of PostgreSQL, as `pgbench` is, and know nothing of brigade: what is measured is
//! decoding, spooling and publishing. The server syncs its WAL as it does in production.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use brigade::{Brigade, data::Position};
use brigade_testing::servers::Postgres;
use serde_json::json;
use tokio_postgres::{Client, NoTls};

use super::project;
use crate::{machine::processor_time, report::Report, sample::Sample};

/// Clients that write at once.
const WRITERS: i64 = 4;

/// Rows of one of their transactions. One row a transaction would measure PostgreSQL's commits, not the spool.
const ROWS: i64 = 100;

/// Changes that wait for brigade when it comes back.
const BACKLOG: i64 = 300_000;

/// Rows are made by the server: what this process spends is brigade's, and the processor time beside the rate says so.
const INSERT: &str = "INSERT INTO links (id, uid, original_url, created_at)
    SELECT '0197-' || lpad(to_hex(n), 31, '0'), left(md5(n::text), 16),
        'https://example.org/articles/' || n || '/of-ordinary-length?utm_source=letter', now()
    FROM generate_series($1::bigint, $1::bigint + $2::bigint - 1) AS n";

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
    let known = brigade.log_status().await?.changes;
    brigade.close().await;
    backlog(folder.path(), &server.url, known, report).await
}

async fn throughput(brigade: &Brigade, url: &str, time: Duration, report: &mut Report) -> Result<()> {
    let (written, stop) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut clients = Vec::new();
    for _ in 0..WRITERS {
        clients.push(connect(url).await?);
    }
    // Before the first write: what is spooled earlier would be missing in the end.
    let (before, busy) = (brigade.log_status().await?.changes, processor_time()?);
    let begin = Instant::now();
    let writers: Vec<_> = (0..)
        .zip(clients)
        .map(|(writer, client)| tokio::spawn(write(client, writer, Arc::clone(&written), Arc::clone(&stop))))
        .collect();
    tokio::time::sleep(time).await;
    let (spooled, elapsed) = (brigade.log_status().await?.changes - before, begin.elapsed());
    let busy = processor_time()? - busy;
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await??;
    }
    let (ended, written) = (Instant::now(), written.load(Ordering::Relaxed) as u64);
    while brigade.log_status().await?.changes - before < written {
        anyhow::ensure!(ended.elapsed() < PATIENCE, "the spool has not caught up in {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let rate = spooled as f64 / elapsed.as_secs_f64();
    report.fact("changes written", json!(written));
    report.fact("changes spooled a second, while writing", json!(rate.round()));
    report.fact("processor time a change, microseconds", json!(busy.as_micros() as f64 / spooled.max(1) as f64));
    report.fact("caught up after the last write, ms", json!(ended.elapsed().as_millis() as u64));
    report.at_least("PostgreSQL changes spooled while writing", rate, 50_000.0, "a second");
    Ok(())
}

/// What was written while brigade was away: here nobody else needs the processors, and the rate is the spool's own.
async fn backlog(folder: &Path, url: &str, known: u64, report: &mut Report) -> Result<()> {
    let client = connect(url).await?;
    let insert = client.prepare(INSERT).await?;
    for batch in 0..BACKLOG / ROWS {
        client.execute(&insert, &[&(((WRITERS + 1) << 32) | (batch * ROWS)), &ROWS]).await?;
    }
    let (begin, busy) = (Instant::now(), processor_time()?);
    let brigade = project::open(folder).await?;
    while brigade.log_status().await?.changes < known + BACKLOG as u64 {
        anyhow::ensure!(begin.elapsed() < PATIENCE, "the backlog was not spooled in {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (elapsed, busy) = (begin.elapsed(), processor_time()? - busy);
    let rate = BACKLOG as f64 / elapsed.as_secs_f64();
    report.fact("changes of a backlog spooled a second, with the start", json!(rate.round()));
    report.fact("processor time a change of a backlog, microseconds", json!(busy.as_micros() as f64 / BACKLOG as f64));
    brigade.close().await;
    Ok(())
}

async fn write(client: Client, writer: i64, written: Arc<AtomicI64>, stop: Arc<AtomicBool>) -> Result<()> {
    let insert = client.prepare(INSERT).await?;
    let mut next = writer << 32;
    while !stop.load(Ordering::Relaxed) {
        client.execute(&insert, &[&next, &ROWS]).await?;
        next += ROWS;
        written.fetch_add(ROWS, Ordering::Relaxed);
    }
    Ok(())
}

async fn latency(brigade: &Brigade, url: &str, time: Duration, report: &mut Report) -> Result<()> {
    let client = connect(url).await?;
    let insert = client.prepare(INSERT).await?;
    let (mut tip, mut next) = (brigade.tip(), WRITERS << 32);
    let (begin, mut times) = (Instant::now(), Vec::new());
    while begin.elapsed() < time {
        let after = *tip.borrow_and_update();
        client.execute(&insert, &[&next, &1_i64]).await?;
        next += 1;
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
