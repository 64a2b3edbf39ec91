//! Live reads: what idle subscribers cost in memory, and how long it takes until all of many hear of a change.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    commit::{
        project,
        project::Link,
        server::{Server, post},
    },
    machine,
    report::Report,
    sample::Sample,
};

/// Subscribers at once.
const SUBSCRIBERS: usize = 10_000;

/// Distinct reads among them.
const QUERIES: usize = 100;

/// Changes that they hear of.
const CHANGES: usize = 5;

/// What they may cost together.
const MEMORY_MIB: f64 = 100.0;

/// How long a subscriber may wait before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

type Lines = tokio::io::Lines<tokio::io::BufReader<tokio::net::TcpStream>>;

/// Opens them all, weighs the server, then tells them of changes.
pub async fn measure(report: &mut Report) -> Result<()> {
    report.heading(&format!("{SUBSCRIBERS} subscribers of {QUERIES} live reads"));
    let folder = tempfile::tempdir()?;
    project::write(folder.path(), "")?;
    let server = Server::start(folder.path())?;
    let mut writer = server.connect().await?;
    writer.ask(&post("/transactions", &Link::next().body())).await?;
    let before = machine::resident_bytes(server.pid())?;
    let mut open = Vec::with_capacity(SUBSCRIBERS);
    for n in 0..SUBSCRIBERS {
        let request = format!(
            "GET /links?select=id,uid&total_clicks=lt.{} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n",
            1 + n % QUERIES
        );
        let mut lines = server.connect().await?.follow(request.as_bytes()).await?;
        heard(&mut lines, "event: snapshot").await?;
        open.push(lines);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = machine::resident_bytes(server.pid())?;
    let cost = (idle.saturating_sub(before)) as f64 / f64::from(1 << 20);
    report.fact("idle subscribers, KiB each", json!((cost * 1024.0 / SUBSCRIBERS as f64).round()));
    report.at_most("memory of 10,000 idle subscribers", cost, MEMORY_MIB, "MiB");
    let (mut times, began) = (Vec::new(), Instant::now());
    for _ in 0..CHANGES {
        let begin = Instant::now();
        writer.ask(&post("/transactions", &Link::next().body())).await?;
        let mut tasks = JoinSet::new();
        for mut lines in open.drain(..) {
            tasks.spawn(async move { heard(&mut lines, "event: insert").await.map(|()| (lines, begin.elapsed())) });
        }
        while let Some(done) = tasks.join_next().await {
            let (lines, time) = done??;
            times.push(time);
            open.push(lines);
        }
    }
    report.sample("from sending a change to a subscriber", &Sample::new(times, began.elapsed()));
    ensure!(open.len() == SUBSCRIBERS, "subscribers were lost");
    Ok(())
}

async fn heard(lines: &mut Lines, wanted: &str) -> Result<()> {
    loop {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.context("nothing was heard")??;
        let line = line.context("the server ended a live read")?;
        if line.starts_with(wanted) {
            return Ok(());
        }
    }
}
