//! Limits on a Redis of this run, beside the server's own measure of itself.

use std::{sync::Arc, time::Instant};

use anyhow::Result;
use brigade_testing::servers::Redis;
use serde_json::json;

use super::{IDENTIFIERS, LIMITS, identifiers, open};
use crate::{Options, commit::clients, redis_benchmark, report::Report};

/// Callers at once.
const CALLERS: [usize; 2] = [1, 64];

/// Measures each algorithm with each number of callers.
pub async fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let Some(server) = Redis::start() else {
        println!("\nRedis: none found, not measured");
        return Ok(());
    };
    let stores = format!("[stores.cache]\nurl = \"{}\"\ntimeout = \"5s\"\n", server.url());
    let (brigade, _folder) = open(&stores).await?;
    let who = identifiers(IDENTIFIERS);
    for callers in CALLERS {
        let gets = redis_benchmark::gets(&server, callers);
        report.heading(&format!("redis, {callers} callers"));
        if let Ok(gets) = &gets {
            report.fact(&format!("redis-benchmark GET, {callers} connections"), json!(gets.round()));
        }
        for name in LIMITS {
            let limit = brigade.limit(name)?;
            let open = (0..callers).map(|caller| (limit.clone(), Arc::clone(&who), caller * 997)).collect();
            let sample = clients::run(open, options.time, |(limit, who, n)| async move {
                limit.check(&who[n % who.len()], 1).await?;
                Ok((limit, who, n + 1))
            })
            .await?;
            report.sample(&format!("{name}, {callers}"), &sample);
            if let Ok(gets) = &gets {
                let share = (sample.rate / gets * 100.0).round() / 100.0;
                report.fact(&format!("{name} of GET, {callers}"), json!(share));
            }
        }
    }
    let began = Instant::now();
    brigade.close().await;
    report.fact("closed in ms", json!(began.elapsed().as_millis() as u64));
    Ok(())
}
