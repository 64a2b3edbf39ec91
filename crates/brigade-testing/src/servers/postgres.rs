//! A real PostgreSQL for tests, with `wal_level = logical`, on a free port of the loopback, in a folder that goes with it.
//! Found in `/usr/lib/postgresql/*/bin` or on the PATH; a missing one is a loud skip, or a failure where
//! `BRIGADE_REQUIRE_SERVERS=1` asks for it. The server ends with the process that started it, however that ends.

use std::{
    fs, io,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// The user that PostgreSQL runs as where the tests run as root, which it refuses.
const NOBODY: &str = "nobody";

/// How long a start may take: a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. Dropped, it is stopped and its files are removed.
#[derive(Debug)]
pub struct Postgres {
    /// `postgres://postgres@127.0.0.1:PORT/postgres`; nobody asks for a password.
    pub url: String,
    /// Its port.
    pub port: u16,
    folder: TempDir,
    bin: PathBuf,
    child: Option<Child>,
    settings: Vec<String>,
}

impl Postgres {
    /// Starts one, or says loudly why not and gives none.
    ///
    /// # Panics
    /// Where there is none and `BRIGADE_REQUIRE_SERVERS=1` is set.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts one with further settings, `name=value`.
    ///
    /// # Panics
    /// As [`Postgres::start`].
    pub fn start_with(settings: &[&str]) -> Option<Self> {
        match Self::try_start(settings) {
            Ok(server) => Some(server),
            Err(error) if std::env::var("BRIGADE_REQUIRE_SERVERS").is_ok_and(|v| v == "1") => {
                panic!("BRIGADE_REQUIRE_SERVERS=1, and PostgreSQL does not start: {error:#}")
            }
            Err(error) => {
                eprintln!("SKIPPED: PostgreSQL does not start: {error:#}");
                None
            }
        }
    }

    fn try_start(settings: &[&str]) -> Result<Self> {
        let bin = find().context("no initdb in /usr/lib/postgresql/*/bin nor on the PATH")?;
        let folder = tempfile::Builder::new().prefix("brigade-postgres-").tempdir()?;
        let data = folder.path().join("data");
        fs::create_dir(&data)?;
        if is_root() {
            run(Command::new("chown").arg(NOBODY).arg(&data))?;
            run(Command::new("chmod").arg("755").arg(folder.path()))?;
        }
        run(Command::new("chmod").arg("700").arg(&data))?;
        run(as_user(&bin.join("initdb")).arg("-D").arg(&data).args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]))?;
        let mut server = Self {
            url: String::new(),
            port: 0,
            folder,
            bin,
            child: None,
            settings: settings.iter().map(|&s| s.to_owned()).collect(),
        };
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            server.port = port;
            server.url = server.url_of("postgres");
            match server.launch() {
                Ok(()) => return Ok(server),
                Err(error) if server.log().contains("in use") => eprintln!("port {port}: {error:#}"),
                Err(error) => return Err(error.context(server.log())),
            }
        }
        bail!("no free port was found in five tries")
    }

    /// The URL of another database of it.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Starts it again after [`Postgres::kill`], on the same port and data.
    ///
    /// # Errors
    /// If it does not answer in time.
    pub fn restart(&mut self) -> Result<()> {
        self.launch()
    }

    /// Ends it at once, as a crash of the process would (`pg_ctl stop -m immediate`).
    pub fn kill(&mut self) {
        self.stop("QUIT");
    }

    /// Ends it in order: connections are cut, everything is written.
    pub fn shut_down(&mut self) {
        self.stop("INT");
    }

    /// Runs SQL as another program would, through `psql`, and gives what it prints.
    ///
    /// # Errors
    /// If `psql` is missing or a statement fails.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String> {
        let out = Command::new(self.bin.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d"])
            .arg(self.url_of(database))
            .arg("-c")
            .arg(sql)
            .output()?;
        if !out.status.success() {
            bail!("psql: {}", String::from_utf8_lossy(&out.stderr));
        }
        Ok(String::from_utf8_lossy(&out.stdout).trim_end().to_owned())
    }

    fn launch(&mut self) -> Result<()> {
        let log = fs::File::create(self.folder.path().join("log"))?;
        let mut command = as_user(&self.bin.join("postgres"));
        command.arg("-D").arg(self.folder.path().join("data")).arg("-p").arg(self.port.to_string());
        let fixed = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "wal_level=logical",
            "max_wal_senders=100",
            "max_replication_slots=100",
            "shared_buffers=32MB",
            "max_connections=300",
        ];
        for setting in fixed.into_iter().chain(self.settings.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut child = spawn_for_good(command).with_context(|| format!("{}", self.bin.display()))?;
        let until = Instant::now() + PATIENCE;
        while !self.is_ready() {
            if let Some(status) = child.try_wait()? {
                bail!("the server ended with {status}");
            }
            if Instant::now() > until {
                let _ = child.kill();
                bail!("the server did not answer within {PATIENCE:?}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.child = Some(child);
        Ok(())
    }

    fn is_ready(&self) -> bool {
        if TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            return false;
        }
        let isready = self.bin.join("pg_isready");
        Command::new(isready)
            .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .status()
            .is_ok_and(|status| status.success())
    }

    fn stop(&mut self, signal: &str) {
        let Some(mut child) = self.child.take() else { return };
        let _ = Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status();
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if let Ok(Some(_)) = child.try_wait() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The newest one of the distribution's, else the PATH's.
fn find() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin): &(u32, PathBuf)| bin.join("initdb").exists())
        .collect();
    found.sort();
    found
        .pop()
        .map(|(_, bin)| bin)
        .or_else(|| std::env::split_paths(&std::env::var_os("PATH")?).find(|folder| folder.join("initdb").exists()))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n")
}

/// A command that runs as a user whom PostgreSQL accepts and that ends with this process. `setpriv` replaces itself, so
/// the child's number is the server's own.
fn as_user(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if is_root() {
        command.args(["--reuid", NOBODY, "--regid", "nogroup", "--clear-groups"]);
    }
    command.arg(program);
    command
}

/// The server ends with the *thread* that spawned it: one that lives as long as the process, not the test's.
fn spawn_for_good(mut command: Command) -> io::Result<Child> {
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let _ = tell.send(command.spawn());
        loop {
            thread::park();
        }
    });
    told.recv().map_err(io::Error::other)?
}

fn run(command: &mut Command) -> Result<()> {
    let out = command.output().map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => anyhow::anyhow!("{:?} is not installed", command.get_program()),
        _ => e.into(),
    })?;
    if !out.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&out.stderr));
    }
    Ok(())
}
