//! Programs that tests need and that are no crates: the distribution's packages, installed where this user may.

use std::{path::Path, process::Command};

use anyhow::{Result, bail};

use crate::run;

/// Installs a package of the distribution.
pub fn package(name: &str) -> Result<()> {
    let root = run::output(Command::new("id").arg("-u"))?.trim() == "0";
    if !root || !Path::new("/usr/bin/apt-get").exists() {
        bail!("{name} can be installed only by root on a distribution with apt-get: install it yourself");
    }
    eprintln!("{name}: installing the distribution's package");
    let apt =
        |arguments: &[&str]| run::run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"));
    apt(&["-q", "update"])?;
    apt(&["-q", "-y", "--no-install-recommends", "install", name])
}
