//! The client libraries that the table API is tested with: fetched as their lock files say, through their own package managers.

use std::process::Command;

use anyhow::{Result, bail};

use crate::run;

/// Makes sure that tests find the clients, or says loudly that they will be skipped. With `BRIGADE_REQUIRE_SERVERS=1` a
/// missing one is an error.
pub fn ensure() -> Result<()> {
    for (name, installed) in [("JavaScript", javascript()), ("Python", python())] {
        let Err(why) = installed else { continue };
        if std::env::var("BRIGADE_REQUIRE_SERVERS").is_ok_and(|value| value == "1") {
            bail!("the clients in {name} cannot be installed, and BRIGADE_REQUIRE_SERVERS=1: {why:#}");
        }
        eprintln!("***");
        eprintln!("*** NO CLIENTS IN {name}: their tests are SKIPPED ({why:#}).");
        eprintln!("***");
    }
    Ok(())
}

fn javascript() -> Result<()> {
    let folder = run::root().join("clients/javascript");
    run::run(Command::new("npm").args(["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(folder))
}

fn python() -> Result<()> {
    let folder = run::root().join("clients/python");
    let python = folder.join(".venv/bin/python");
    if !python.exists() {
        run::run(Command::new("python3").args(["-m", "venv", ".venv"]).current_dir(&folder))?;
    }
    run::run(Command::new(python).args(["-m", "pip", "install", "-q", "-r", "requirements.txt"]).current_dir(folder))
}
