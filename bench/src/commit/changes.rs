//! From the receipt of a commit to the reader of the log: how long a follower of `/changes` waits for what is committed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use super::{
    project,
    project::Link,
    server::{Server, get, post},
};
use crate::{report::Report, sample::Sample};

/// Between two commits: the reader is idle when each comes, as most readers are most of the time.
const PAUSE: Duration = Duration::from_millis(2);

/// When each link's commit was sent and when it was answered.
type Sent = Arc<Mutex<HashMap<String, (Instant, Option<Instant>)>>>;

/// Measures one follower while one client commits.
pub async fn measure(time: Duration, report: &mut Report) -> Result<()> {
    report.heading("commit to a follower of /changes (NDJSON)");
    let folder = tempfile::tempdir()?;
    project::write(folder.path(), "")?;
    let server = Server::start(folder.path())?;
    let mut lines = server.connect().await?.follow(&get("/changes?after=now&follow=true")).await?;
    while lines.next_line().await?.context("no answer")?.trim() != "" {}

    let sent = Sent::default();
    let known = Arc::clone(&sent);
    let reader = tokio::spawn(async move {
        let mut arrived = Vec::new();
        while let Ok(Some(line)) = lines.next_line().await {
            let now = Instant::now();
            let Some(uid) = line.split("\"uid\":\"").nth(1).and_then(|rest| rest.split('"').next()) else { continue };
            if uid == "end" {
                break;
            }
            arrived.push((uid.to_owned(), now));
        }
        arrived
    });
    let mut client = server.connect().await?;
    let begin = Instant::now();
    while begin.elapsed() < time {
        let link = Link::next();
        let request = post("/transactions", &link.body());
        note(&known, &link.uid, None);
        client.ask(&request).await?;
        note(&known, &link.uid, Some(Instant::now()));
        tokio::time::sleep(PAUSE).await;
    }
    let elapsed = begin.elapsed();
    client.ask(&post("/transactions", &Link { uid: "end".to_owned(), ..Link::next() }.body())).await?;
    let arrived = tokio::time::timeout(Duration::from_secs(10), reader).await.context("the follower never ended")??;

    let known = sent.lock().unwrap_or_else(PoisonError::into_inner);
    let times = |from: fn(&(Instant, Option<Instant>)) -> Option<Instant>| -> Vec<Duration> {
        let since = |(uid, at): &(String, Instant)| Some(at.saturating_duration_since(known.get(uid).and_then(from)?));
        arrived.iter().filter_map(since).collect()
    };
    let after_sent = Sample::new(times(|(sent, _)| Some(*sent)), elapsed);
    let after_receipt = Sample::new(times(|(_, answered)| *answered), elapsed);
    report.sample("from sending the commit", &after_sent);
    report.sample("from its receipt", &after_receipt);
    report.at_most("commit to reader, p99", after_receipt.p99.as_secs_f64() * 1e3, 5.0, "ms");
    report.at_least("commits that reached the follower", arrived.len() as f64 / known.len() as f64, 1.0, "of all");
    Ok(())
}

fn note(known: &Sent, uid: &str, answered: Option<Instant>) {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(uid.to_owned()).or_insert_with(|| (Instant::now(), None)).1 = answered;
}
