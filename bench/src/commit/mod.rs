//! Durable commits, from the cheapest way in to the dearest, each beside its limit.

mod bare;
mod changes;
pub mod clients;
mod http;
mod in_process;
mod postgres;
pub mod project;
pub mod server;

use std::time::Duration;

use anyhow::Result;

use crate::{Options, machine, report::Report};

/// Clients that wait at once.
const CLIENTS: [usize; 4] = [1, 8, 64, 256];

/// Connections of the measurements over HTTP.
const CONNECTIONS: usize = 64;

/// Runs all parts, or the one that was asked for.
pub async fn run(options: &Options) -> Result<()> {
    let mut report = Report::default();
    let wanted = |part: &str| options.only.as_deref().is_none_or(|only| only == part);
    let folder = tempfile::tempdir()?;

    report.heading(&format!("the machine ({} cores)", machine::cores()));
    let sync = machine::fdatasync(folder.path(), options.time.min(Duration::from_secs(2)))?;
    report.sample("append 4 KiB, fdatasync", &sync);

    if wanted("in-process") {
        in_process::measure(options.time, &mut report).await?;
    }
    if wanted("http") {
        http::measure(options.time, &mut report).await?;
    }
    if wanted("changes") {
        changes::measure(options.time, &mut report).await?;
    }
    if wanted("memory") && !options.memory_time.is_zero() {
        http::memory(options.memory_time, &mut report).await?;
    }
    if wanted("postgres") {
        postgres::measure(options.time, &mut report).await?;
    }
    report.finish("commit")?;
    Ok(())
}
