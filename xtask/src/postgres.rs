//! A real PostgreSQL for the tests: found, or installed from the distribution. Starting it is the tests' own business.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::{install, run};

/// The oldest release that brigade works on.
const MAJOR_MIN: u32 = 14;

/// Makes sure that tests find a PostgreSQL, or says loudly that they will be skipped. With `BRIGADE_REQUIRE_SERVERS=1`
/// a missing server is an error.
pub fn ensure() -> Result<()> {
    if let Some((folder, major)) = find() {
        eprintln!("postgres: {major} in {}", folder.display());
        return Ok(());
    }
    let installed = install::package("postgresql");
    if let (Ok(()), Some((folder, major))) = (&installed, find()) {
        eprintln!("postgres: installed {major} in {}", folder.display());
        return Ok(());
    }
    let why = installed.err().map_or_else(|| "the package brought none".to_owned(), |error| format!("{error:#}"));
    if std::env::var("BRIGADE_REQUIRE_SERVERS").is_ok_and(|value| value == "1") {
        bail!("no PostgreSQL ≥ {MAJOR_MIN}, and BRIGADE_REQUIRE_SERVERS=1: {why}");
    }
    eprintln!("***");
    eprintln!("*** NO POSTGRESQL ≥ {MAJOR_MIN}: every test that needs one is SKIPPED ({why}).");
    eprintln!("*** Install it, or put its bin folder on the PATH.");
    eprintln!("***");
    Ok(())
}

/// The newest PostgreSQL that has both programs a test needs: folder and major version.
fn find() -> Option<(PathBuf, u32)> {
    let on_path: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders: Vec<PathBuf> = [on_path, debian.map(|entry| entry.path().join("bin")).collect()].concat();
    folders
        .into_iter()
        .filter(|folder| folder.join("initdb").is_file())
        .filter_map(|folder| major(&folder.join("postgres")).map(|major| (folder, major)))
        .filter(|(_, major)| *major >= MAJOR_MIN)
        .max_by_key(|(_, major)| *major)
}

/// `postgres (PostgreSQL) 15.8 (Debian …)` is 15.
fn major(program: &Path) -> Option<u32> {
    let text = run::output(Command::new(program).arg("--version")).ok()?;
    let version = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
