//! A real Redis for tests, on a free port of the loopback, in a folder that goes with it. Its program is the one that
//! `BRIGADE_REDIS_SERVER` names, else `redis-server` or `valkey-server` on the PATH; a missing one is a loud skip, or a
//! failure where `BRIGADE_REQUIRE_SERVERS=1` asks for it. It ends with the process that started it, however that ends.

mod cluster;
mod command;

use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::{
    Certificates,
    process::{found, signal, spawn_for_good},
};

pub use cluster::RedisCluster;

/// How long a start may take: a few hundredths of a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Names the server's program.
const GIVEN: &str = "BRIGADE_REDIS_SERVER";

/// What it keeps is in memory alone, unless a test says otherwise.
const FIXED: [(&str, &str); 3] = [("bind", "127.0.0.1"), ("save", ""), ("appendonly", "no")];

/// A running server. Dropped, it is stopped and its files are removed.
#[derive(Debug)]
pub struct Redis {
    /// Its port.
    pub port: u16,
    folder: TempDir,
    child: Option<Child>,
    settings: Vec<(String, String)>,
}

impl Redis {
    /// A new one that keeps nothing over a restart and asks for no password; or says loudly why there is none.
    ///
    /// # Panics
    /// Where there is none and `BRIGADE_REQUIRE_SERVERS=1` is set.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// A new one with further settings, as `("appendonly", "yes")`.
    ///
    /// # Panics
    /// As [`Redis::start`].
    pub fn start_with(settings: &[(&str, &str)]) -> Option<Self> {
        found("Redis", Self::try_start(settings))
    }

    /// A new one that takes nothing but encrypted connections, with its certificates. Its port is that of those.
    ///
    /// # Panics
    /// As [`Redis::start`].
    pub fn start_encrypted() -> Option<(Self, u16, Certificates, TempDir)> {
        let folder = tempfile::Builder::new().prefix("brigade-certificates-").tempdir();
        found(
            "Redis with TLS",
            folder.map_err(Into::into).and_then(|folder| {
                let made = Certificates::make(folder.path())?;
                let port = free_port()?;
                let [certificate, key, authority] =
                    [&made.server, &made.key, &made.authority].map(|path| path.display().to_string());
                let server = Self::try_start(&[
                    ("tls-port", &port.to_string()),
                    ("tls-cert-file", &certificate),
                    ("tls-key-file", &key),
                    ("tls-ca-cert-file", &authority),
                    ("tls-auth-clients", "no"),
                ])?;
                Ok((server, port, made, folder))
            }),
        )
    }

    fn try_start(settings: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("brigade-redis-").tempdir()?;
        let settings = settings.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let mut server = Self { port: 0, folder, child: None, settings };
        for _ in 0..5 {
            server.port = free_port()?;
            match server.restart() {
                Ok(()) => return Ok(server),
                Err(error) if server.log().contains("in use") => eprintln!("port {}: {error:#}", server.port),
                Err(error) => return Err(error.context(server.log())),
            }
        }
        bail!("no free port was found in five tries")
    }

    /// Its URL, without a password.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its own folder.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// What the server has logged since it was last started.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Starts it after [`Redis::kill`] or [`Redis::shut_down`], on the same port and files.
    ///
    /// # Errors
    /// If it does not answer in time.
    pub fn restart(&mut self) -> Result<()> {
        let program = find().context("no redis-server nor valkey-server on the PATH")?;
        let log = fs::File::create(self.folder.path().join("log"))?;
        // `setpriv` replaces itself, so the child's number is the server's own.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(&program).arg("--port").arg(self.port.to_string());
        command.arg("--dir").arg(self.folder.path());
        let given = self.settings.iter().map(|(name, value)| (&**name, &**value));
        for (name, value) in FIXED.into_iter().chain(given) {
            command.arg(format!("--{name}")).arg(value);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut child = spawn_for_good(command).with_context(|| program.display().to_string())?;
        let until = Instant::now() + PATIENCE;
        while !self.is_ready() {
            if let Some(status) = child.try_wait()? {
                bail!("the server ended with {status}");
            }
            if Instant::now() > until {
                let _ = child.kill();
                bail!("the server did not answer within {PATIENCE:?}");
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.child = Some(child);
        Ok(())
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        self.stop("KILL");
    }

    /// Ends it in order.
    pub fn shut_down(&mut self) {
        self.stop("TERM");
    }

    /// Halts it where it is: connections stay, and nobody answers.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Runs a command as another program would, and gives the answer as text: the elements of a list on lines of their own,
    /// nothing for nil.
    ///
    /// # Errors
    /// If it is not reached, or says no.
    pub fn command(&self, words: &[&str]) -> Result<String> {
        command::run(self.port, words)
    }

    /// Ready is also who asks for a password first.
    fn is_ready(&self) -> bool {
        match self.command(&["PING"]) {
            Ok(answer) => answer == "PONG",
            Err(error) => error.to_string().contains("NOAUTH"),
        }
    }

    fn signal(&self, name: &str) {
        if let Some(child) = &self.child {
            signal(child.id(), name);
        }
    }

    fn stop(&mut self, name: &str) {
        self.thaw();
        self.signal(name);
        let Some(mut child) = self.child.take() else { return };
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            if let Ok(Some(_)) = child.try_wait() {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn find() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os(GIVEN).filter(|given| !given.is_empty()) {
        return Some(PathBuf::from(given)).filter(|program| program.exists());
    }
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let programs = ["redis-server", "valkey-server"].into_iter();
    programs.flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|program| program.exists())
}
