//! What a Redis can do, by its own measure.

use std::process::Command;

use anyhow::{Context, Result};
use brigade_testing::servers::Redis;

/// GETs a second over so many connections, without pipelining.
pub fn gets(server: &Redis, connections: usize) -> Result<f64> {
    let mut command = Command::new("redis-benchmark");
    command.args(["-p", &server.port.to_string(), "-c", &connections.to_string()]);
    command.args(["-n", if connections == 1 { "30000" } else { "200000" }, "--csv", "-t", "get"]);
    let out = command.output().context("redis-benchmark")?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with("\"GET\"")).context("it said nothing of GET")?;
    let rate = line.split(',').nth(1).context("it said no rate")?;
    Ok(rate.trim_matches('"').parse()?)
}
