//! Limits: checks a second in process beside a bare `governor`, which keeps one number a key and writes nothing down, and on
//! Redis beside what `redis-benchmark` gets of the same server for a plain GET.

mod governed;
mod redis;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use brigade::{Brigade, Limit, OpenOptions};
use serde_json::json;
use tempfile::TempDir;

use crate::{Options, machine, report::Report};

/// Identifiers that ask in turn.
const IDENTIFIERS: usize = 100_000;

/// A whole million of them, for the memory.
pub const MILLION: usize = 1_000_000;

/// So large that everything is admitted: both count, and neither refuses.
const QUOTA: u32 = 1_000_000_000;

/// Limits of the project that is measured.
const LIMITS: [&str; 3] = ["fixed_window", "sliding_window", "token_bucket"];

/// Runs all parts, or the one that was asked for: `in-process`, `memory` or `redis`.
pub async fn run(options: &Options) -> Result<()> {
    let mut report = Report::default();
    let wanted = |part: &str| options.only.as_deref().is_none_or(|only| only == part);
    if wanted("in-process") {
        in_process(options, &mut report).await?;
    }
    if wanted("memory") {
        memory(options.identifiers, &mut report).await?;
    }
    if wanted("redis") {
        redis::measure(options, &mut report).await?;
    }
    report.finish("limits")?;
    Ok(())
}

/// A project with one limit of each algorithm.
async fn open(stores: &str) -> Result<(Brigade, TempDir)> {
    let folder = TempDir::new()?;
    let limit = |name: &&str| format!("[limits.{name}]\nalgorithm = \"{name}\"\nwindow = \"1h\"\nquota = {QUOTA}\n");
    let text = format!("{stores}\n{}", LIMITS.iter().map(limit).collect::<String>());
    std::fs::create_dir(folder.path().join("migrations"))?;
    std::fs::write(folder.path().join("brigade.toml"), text)?;
    Ok((Brigade::open(OpenOptions::project(folder.path())).await?, folder))
}

fn identifiers(number: usize) -> Arc<Vec<String>> {
    Arc::new((0..number).map(|n| format!("user:{n:032x}")).collect())
}

async fn in_process(options: &Options, report: &mut Report) -> Result<()> {
    let (brigade, _folder) = open("").await?;
    let who = identifiers(IDENTIFIERS);
    for threads in [1, 2] {
        println!("\nin process, {IDENTIFIERS} identifiers, {threads} threads (checks a second)");
        let bare = governed::rate(Arc::clone(&who), threads, options.time);
        report.fact(&format!("bare governor, {threads}"), json!(bare.round()));
        for name in LIMITS {
            let rate = rate(&brigade.limit(name)?, &who, threads, options.time).await?;
            report.fact(&format!("{name}, {threads}"), json!(rate.round()));
            report.fact(&format!("{name} of governor, {threads}"), json!((rate / bare * 100.0).round() / 100.0));
        }
    }
    brigade.close().await;
    Ok(())
}

/// Memory of so many identifiers of a sliding window, and of whoever comes past them.
async fn memory(number: usize, report: &mut Report) -> Result<()> {
    println!("\nmemory of {number} identifiers, sliding window");
    let (brigade, _folder) = open("").await?;
    let limit = brigade.limit("sliding_window")?;
    let begun = Instant::now();
    let before = machine::resident_bytes(std::process::id())?;
    for n in 0..number {
        limit.check(&format!("user:{n:032x}"), 1).await?;
    }
    let each = (machine::resident_bytes(std::process::id())? - before) / number as u64;
    report.fact("identifiers", json!(number));
    report.fact("bytes an identifier", json!(each));
    report.fact("counted in seconds", json!(begun.elapsed().as_secs_f64().round()));
    report.at_most("memory of an identifier", each as f64, 160.0, "bytes");
    for n in number..number + number / 10 {
        limit.check(&format!("user:{n:032x}"), 1).await?;
    }
    let more = machine::resident_bytes(std::process::id())?.saturating_sub(before) / number as u64;
    report.fact("bytes an identifier, with a tenth more", json!(more));
    brigade.close().await;
    Ok(())
}

/// Checks a second of so many tasks, each on a thread of its own.
async fn rate(limit: &Limit, who: &Arc<Vec<String>>, threads: usize, time: Duration) -> Result<f64> {
    let began = Instant::now();
    let tasks: Vec<_> = (0..threads)
        .map(|thread| {
            let (limit, who) = (limit.clone(), Arc::clone(who));
            tokio::spawn(async move {
                let mut checks = 0_u64;
                // The clock is asked once in a thousand.
                while began.elapsed() < time {
                    for n in 0..1_000 {
                        let identifier = &who[(checks as usize * 7 + n + thread * who.len() / 2) % who.len()];
                        limit.check(identifier, 1).await?;
                    }
                    checks += 1_000;
                }
                Ok::<u64, brigade::data::Error>(checks)
            })
        })
        .collect();
    let mut checks = 0;
    for task in tasks {
        checks += task.await??;
    }
    Ok(checks as f64 / began.elapsed().as_secs_f64())
}
