//! A real PostgreSQL for tests, with `wal_level = logical`: the one that `BRIGADE_POSTGRES_URL` names, else one started on a
//! free port of the loopback, in a folder that goes with it. Its programs are those in `BRIGADE_POSTGRES_BIN`, else found in
//! `/usr/lib/postgresql/*/bin` or on the PATH; a missing one is a loud skip, or a failure where `BRIGADE_REQUIRE_SERVERS=1`
//! asks for it. A server that was started here ends with the process that started it, however that ends; one that was named
//! is left as it was found.

mod backup;
mod database;
mod process;

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::Certificates;

pub use backup::Backup;

pub use database::Database;
use database::Psql;
use process::{NOBODY, as_user, children, client, find, is_root, run, signal, spawn_for_good};

/// How long a start may take: a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Names a server that is there already. Its role makes databases and replicates; `psql` is on the PATH.
const GIVEN: &str = "BRIGADE_POSTGRES_URL";

/// A running server. Dropped, one that was started here is stopped and its files are removed.
#[derive(Debug)]
pub struct Postgres {
    /// Of its database `postgres`; of a server that was started here `postgres://postgres@127.0.0.1:PORT/postgres`, and
    /// nobody asks for a password.
    pub url: String,
    /// Its port; 0 for a server that was named.
    pub port: u16,
    psql: Psql,
    own: Option<Own>,
}

/// What there is of a server that was started here.
#[derive(Debug)]
struct Own {
    folder: TempDir,
    bin: PathBuf,
    child: Option<Child>,
    settings: Vec<String>,
}

impl Postgres {
    /// The one that `BRIGADE_POSTGRES_URL` names, or a new one; or says loudly why there is none. For tests that keep to
    /// databases of their own ([`Postgres::create_database`]).
    ///
    /// # Panics
    /// Where there is none and `BRIGADE_REQUIRE_SERVERS=1` is set.
    pub fn start() -> Option<Self> {
        match std::env::var(GIVEN) {
            Ok(url) if !url.is_empty() => {
                let program = client(&find().unwrap_or_default(), "psql");
                let psql = Psql { program, url };
                Some(Self { url: psql.url_of("postgres"), port: 0, psql, own: None })
            }
            _ => Self::start_own(),
        }
    }

    /// A new one, for tests that stop it, freeze it or look at more than their own database.
    ///
    /// # Panics
    /// As [`Postgres::start`].
    pub fn start_own() -> Option<Self> {
        Self::start_with(&[])
    }

    /// A new one with further settings, `name=value`.
    ///
    /// # Panics
    /// As [`Postgres::start`].
    pub fn start_with(settings: &[&str]) -> Option<Self> {
        found(Self::try_start(settings))
    }

    /// A new one that takes encrypted connections too, with its certificates.
    ///
    /// # Panics
    /// As [`Postgres::start`].
    pub fn start_encrypted() -> Option<(Self, Certificates, TempDir)> {
        found((|| {
            let folder = tempfile::Builder::new().prefix("brigade-certificates-").tempdir()?;
            run(Command::new("chmod").arg("755").arg(folder.path()))?;
            let made = Certificates::make(folder.path())?;
            let (certificate, key) = (made.server.display(), made.key.display());
            let settings = ["ssl=on", &format!("ssl_cert_file={certificate}"), &format!("ssl_key_file={key}")];
            Ok((Self::try_start(&settings)?, made, folder))
        })())
    }

    fn try_start(settings: &[&str]) -> Result<Self> {
        let bin = find().context("no initdb in BRIGADE_POSTGRES_BIN, /usr/lib/postgresql/*/bin nor on the PATH")?;
        let server = Self::in_new_folder(bin, settings)?;
        let how = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"];
        let own = server.own.as_ref().expect("just made");
        run(as_user(&own.bin.join("initdb")).arg("-D").arg(own.data()).args(how))?;
        server.launched()
    }

    /// One that has not been launched and that has an empty folder for its data.
    fn in_new_folder(bin: PathBuf, settings: &[&str]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("brigade-postgres-").tempdir()?;
        let psql = Psql { program: client(&bin, "psql"), url: String::new() };
        let settings = settings.iter().map(|&s| s.to_owned()).collect();
        let own = Own { folder, bin, child: None, settings };
        fs::create_dir(own.data())?;
        if is_root() {
            run(Command::new("chown").arg(NOBODY).arg(own.data()))?;
            run(Command::new("chmod").arg("755").arg(own.folder.path()))?;
        }
        run(Command::new("chmod").arg("700").arg(own.data()))?;
        Ok(Self { url: String::new(), port: 0, psql, own: Some(own) })
    }

    /// Launches it for the first time, on a free port.
    fn launched(mut self) -> Result<Self> {
        for _ in 0..5 {
            self.port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            self.url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.port);
            self.psql.url.clone_from(&self.url);
            match self.launch() {
                Ok(()) => return Ok(self),
                Err(error) if self.log().contains("in use") => eprintln!("port {}: {error:#}", self.port),
                Err(error) => return Err(error.context(self.log())),
            }
        }
        bail!("no free port was found in five tries")
    }

    /// The URL of another database of it.
    pub fn url_of(&self, database: &str) -> String {
        self.psql.url_of(database)
    }

    /// A new, empty database.
    ///
    /// # Panics
    /// If the server makes none.
    pub fn create_database(&self) -> Database {
        self.create_database_with("")
    }

    /// The same with options of `CREATE DATABASE`.
    ///
    /// # Panics
    /// If the server makes none.
    pub fn create_database_with(&self, options: &str) -> Database {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("brigade_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name} {options}")).expect("a new database");
        let cleans = self.own.is_none().then(|| self.psql.clone());
        Database { url: self.url_of(&name), name, cleans }
    }

    /// What the server has logged, where it was started here.
    pub fn log(&self) -> String {
        let path = self.own.as_ref().map(|own| own.folder.path().join("log"));
        path.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default()
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

    /// Halts all of its processes where they are: connections stay, and nobody answers.
    pub fn freeze(&self) {
        self.signal_all("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal_all("CONT");
    }

    /// Runs SQL as another program would, through `psql`, and gives what it prints.
    ///
    /// # Errors
    /// If `psql` is missing or a statement fails.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String> {
        self.psql.run(database, sql)
    }

    fn launch(&mut self) -> Result<()> {
        let port = self.port;
        let own = self.own.as_mut().context("only a server that was started here is started again")?;
        let log = fs::File::create(own.folder.path().join("log"))?;
        let mut command = as_user(&own.bin.join("postgres"));
        command.arg("-D").arg(own.data()).arg("-p").arg(port.to_string());
        let fixed = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "wal_level=logical",
            "max_wal_senders=100",
            "max_replication_slots=100",
            "shared_buffers=32MB",
            "max_connections=300",
        ];
        for setting in fixed.into_iter().chain(own.settings.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut child = spawn_for_good(command).with_context(|| format!("{}", own.bin.display()))?;
        let until = Instant::now() + PATIENCE;
        while !own.is_ready(port) {
            if let Some(status) = child.try_wait()? {
                bail!("the server ended with {status}");
            }
            if Instant::now() > until {
                let _ = child.kill();
                bail!("the server did not answer within {PATIENCE:?}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        own.child = Some(child);
        Ok(())
    }

    fn signal_all(&self, name: &str) {
        let Some(child) = self.own.as_ref().and_then(|own| own.child.as_ref()) else { return };
        signal(child.id(), name);
        for pid in children(child.id()) {
            signal(pid, name);
        }
    }

    fn stop(&mut self, name: &str) {
        let Some(mut child) = self.own.as_mut().and_then(|own| own.child.take()) else { return };
        signal(child.id(), name);
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

impl Own {
    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn is_ready(&self, port: u16) -> bool {
        if TcpStream::connect(("127.0.0.1", port)).is_err() {
            return false;
        }
        let mut isready = Command::new(client(&self.bin, "pg_isready"));
        isready.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).status().is_ok_and(|status| status.success())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.thaw();
        self.kill();
    }
}

fn found<T>(started: Result<T>) -> Option<T> {
    super::process::found("PostgreSQL", started)
}
