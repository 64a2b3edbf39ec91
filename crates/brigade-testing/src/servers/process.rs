//! What all servers of tests have in common: they end with the tests, and a missing one is said loudly.

use std::{
    io,
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::{Result, bail};

/// What was started; else says loudly why not, or fails where the tests were asked to.
pub(crate) fn found<T>(what: &str, started: Result<T>) -> Option<T> {
    match started {
        Ok(server) => Some(server),
        Err(error) if std::env::var("BRIGADE_REQUIRE_SERVERS").is_ok_and(|v| v == "1") => {
            panic!("BRIGADE_REQUIRE_SERVERS=1, and {what} does not start: {error:#}")
        }
        Err(error) => {
            eprintln!("SKIPPED: {what} does not start: {error:#}");
            None
        }
    }
}

/// The user that a server runs as which refuses to run as root.
pub(crate) const NOBODY: &str = "nobody";

pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n")
}

/// Sends a signal to a process.
pub(crate) fn signal(pid: u32, name: &str) {
    // One that has ended meanwhile needs none.
    let _ = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).stderr(Stdio::null()).status();
}

/// The server ends with the *thread* that spawned it: one that lives as long as the process, not the test's.
pub(crate) fn spawn_for_good(mut command: Command) -> io::Result<Child> {
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let _ = tell.send(command.spawn());
        loop {
            thread::park();
        }
    });
    told.recv().map_err(io::Error::other)?
}

pub(crate) fn run(command: &mut Command) -> Result<()> {
    let out = command.output().map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => anyhow::anyhow!("{:?} is not installed", command.get_program()),
        _ => e.into(),
    })?;
    if !out.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&out.stderr));
    }
    Ok(())
}
