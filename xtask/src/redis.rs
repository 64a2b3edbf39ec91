//! A real Redis for the tests: found, or installed from the distribution. Starting it is the tests' own business; a service
//! that the package starts is left alone.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::install;

/// What the tests run on, the first that there is.
const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];

/// Makes sure that tests find a Redis, or says loudly that they will be skipped. With `BRIGADE_REQUIRE_SERVERS=1` a missing
/// one is an error.
pub fn ensure() -> Result<()> {
    if let Some(program) = find() {
        eprintln!("redis: {}", program.display());
        return Ok(());
    }
    let installed = install::package("redis-server");
    if let (Ok(()), Some(program)) = (&installed, find()) {
        eprintln!("redis: installed {}", program.display());
        return Ok(());
    }
    let why = installed.err().map_or_else(|| "the package brought none".to_owned(), |error| format!("{error:#}"));
    if std::env::var("BRIGADE_REQUIRE_SERVERS").is_ok_and(|value| value == "1") {
        bail!("no Redis, and BRIGADE_REQUIRE_SERVERS=1: {why}");
    }
    eprintln!("***");
    eprintln!("*** NO REDIS: every test that needs one is SKIPPED ({why}).");
    eprintln!("*** Install redis-server or valkey-server, or name its program in BRIGADE_REDIS_SERVER.");
    eprintln!("***");
    Ok(())
}

fn find() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("BRIGADE_REDIS_SERVER").filter(|given| !given.is_empty()) {
        return Some(PathBuf::from(given)).filter(|program| program.exists());
    }
    let folders: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    PROGRAMS.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|file| file.is_file())
}
