//! How a server's programs are found and run: as a user whom PostgreSQL accepts, and never longer than this process.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

pub(super) use crate::servers::process::{NOBODY, is_root, run, signal, spawn_for_good};

/// The processes that a process has started and that still run.
pub(super) fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Names the folder of the programs to test on: those of another version than the distribution's.
const GIVEN_BIN: &str = "BRIGADE_POSTGRES_BIN";

/// The folder that is named, else the newest one of the distribution's, else the PATH's. One that is named and holds no
/// server is no reason to test on another.
pub(super) fn find() -> Option<PathBuf> {
    match std::env::var_os(GIVEN_BIN) {
        Some(bin) if !bin.is_empty() => Some(PathBuf::from(bin)).filter(|bin| bin.join("initdb").exists()),
        _ => installed("initdb"),
    }
}

/// A program of clients: the server's own, else whichever is installed, since a bare server may come without them.
pub(super) fn client(bin: &Path, name: &str) -> PathBuf {
    let own = bin.join(name);
    if own.exists() { own } else { installed(name).map_or_else(|| name.into(), |folder| folder.join(name)) }
}

fn installed(program: &str) -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin): &(u32, PathBuf)| bin.join(program).exists())
        .collect();
    found.sort();
    found
        .pop()
        .map(|(_, bin)| bin)
        .or_else(|| std::env::split_paths(&std::env::var_os("PATH")?).find(|folder| folder.join(program).exists()))
}

/// A command that runs as a user whom PostgreSQL accepts and that ends with this process. `setpriv` replaces itself, so
/// the child's number is the server's own.
pub(super) fn as_user(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if is_root() {
        command.args(["--reuid", NOBODY, "--regid", "nogroup", "--clear-groups"]);
    }
    command.arg(program);
    command
}
