//! From the answer of a commit to the moment when its invalidation is applied: the entry that was there is gone.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use brigade::{Brigade, Fresh, Row, filter};
use brigade_testing::servers::Postgres;

use super::{open, project};
use crate::{report::Report, sample::Sample};

/// Commits that are measured.
const COMMITS: usize = 2_000;

/// How often it is looked whether the entry is gone: times are by so much too long at most.
const LOOK_EVERY: Duration = Duration::from_micros(20);

pub(super) async fn measure(report: &mut Report) -> Result<()> {
    report.heading("commit to invalidation");
    let folder = project("")?;
    one(&open(&folder, 100).await?, "sqlite", 1.0, report).await?;
    let Some(server) = Postgres::start() else {
        println!("\nPostgreSQL: none found, not measured");
        return Ok(());
    };
    let folder = project(&format!("[stores]\ntruth = \"{}\"\n", server.url))?;
    one(&open(&folder, 100).await?, "postgres", 50.0, report).await
}

async fn one(brigade: &Brigade, engine: &str, bar_ms: f64, report: &mut Report) -> Result<()> {
    let cache = brigade.cache("link")?;
    let (mut times, began) = (Vec::with_capacity(COMMITS), Instant::now());
    for n in 0..COMMITS {
        let id = (n % 100) as i64;
        let key = format!("link:{id}");
        let fresh = Fresh { after: vec![*brigade.tip().borrow()], ..Fresh::default() };
        while cache.peek(&key).is_none() {
            cache.get_fresh(&key, &fresh).await?;
        }
        brigade.transaction().update("links", filter("id", id), Row::new().set("clicks", n as i32)).commit().await?;
        let answered = Instant::now();
        while cache.peek(&key).is_some() {
            if answered.elapsed() > Duration::from_secs(10) {
                bail!("{key} stays");
            }
            // Asked without a pause it would keep one of the machine's cores from those who apply the invalidation.
            std::thread::sleep(LOOK_EVERY);
        }
        times.push(answered.elapsed());
    }
    let sample = Sample::new(times, began.elapsed());
    report.sample(engine, &sample);
    report.at_most(&format!("p99 of invalidations, {engine}"), sample.p99.as_secs_f64() * 1e3, bar_ms, "ms");
    brigade.close().await;
    Ok(())
}
