//! A project in a folder of its own, and the binary run in it. Every process started here ends with its owner.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_brigade");

/// A command of the binary, with nothing of this process's settings.
pub fn brigade(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    for name in ["BRIGADE_DATA", "BRIGADE_PROJECT", "BRIGADE_LISTEN", "BRIGADE_LOG", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub exit: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }

    /// The error as JSON.
    #[track_caller]
    pub fn error(&self) -> Value {
        let last = self.err.lines().rev().find(|l| l.starts_with('{')).unwrap_or_else(|| panic!("no error: {self:?}"));
        serde_json::from_str(last).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }

    /// Itself, if its exit code is as expected.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.exit, code, "{self:?}");
        self
    }
}

/// A project.
pub struct Project {
    folder: TempDir,
}

impl Project {
    /// What `brigade init` makes.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = Self { folder };
        let made = brigade(&["init", project.path().to_str().unwrap()]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        project
    }

    /// The same with a migration of one's own.
    pub fn with(migration: &str) -> Self {
        let project = Self::new();
        project.write("migrations/0001_init.sql", migration);
        project.write("brigade.toml", "[copy.backup]\n");
        project
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).unwrap();
    }

    /// Runs a command in the project's folder.
    pub fn run(&self, arguments: &[&str]) -> Said {
        let output = brigade(arguments).current_dir(self.path()).output().unwrap();
        Said {
            exit: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Rows of a statement, as a program gets them.
    #[track_caller]
    pub fn sql(&self, sql: &str) -> Value {
        self.run(&["--json", "sql", sql, "--limit", "10000000"]).exits(0).json()
    }

    /// Serves it on a free port.
    pub fn serve(&self) -> Server {
        Server::start(self.path(), None).unwrap_or_else(|ended| panic!("it did not start: {ended}\n{}", self.log()))
    }

    /// Serves it with a fail point armed, as `NAME@N`; how it ended, where it died before it was ready.
    pub fn serve_armed(&self, point: &str) -> Result<Server, ExitStatus> {
        Server::start(self.path(), Some(point))
    }

    /// What all its servers have logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.file("serve.log")).unwrap_or_default()
    }
}

/// A server that is ready.
pub struct Server {
    child: Child,
    pub url: String,
    _out: BufReader<ChildStdout>,
}

impl Server {
    fn start(project: &Path, point: Option<&str>) -> Result<Self, ExitStatus> {
        let log = fs::File::options().append(true).create(true).open(project.join("serve.log")).unwrap();
        let mut child = brigade(&["serve", "--listen", "127.0.0.1:0"])
            .envs(point.map(|point| ("BRIGADE_FAIL_POINT", point)))
            .current_dir(project)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let Some(url) = line.trim().strip_prefix("listening on ") else {
            assert_eq!(line, "", "the first line of a server");
            return Err(child.wait().unwrap());
        };
        Ok(Self { url: url.to_owned(), child, _out: out })
    }

    /// How it ended, if it does within `limit`.
    pub fn ends_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            if begun.elapsed() > limit {
                return None;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM and waits, at most `limit`.
    pub fn terminate(&mut self, limit: Duration) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        assert!(Command::new("kill").args(["-TERM", &self.pid().to_string()]).status().unwrap().success());
        let ended = self.ends_within(limit);
        (ended.unwrap_or_else(|| panic!("it still runs {limit:?} after SIGTERM")), begun.elapsed())
    }

    /// One request, as curl would send it: status and body.
    pub fn request(&self, method: &str, route: &str, body: &str) -> (u16, String) {
        self.request_with("", method, route, body)
    }

    /// The same with more lines in its head, each with its end.
    pub fn request_with(&self, lines: &str, method: &str, route: &str, body: &str) -> (u16, String) {
        let mut stream = self.connect();
        let length = body.len();
        let head =
            format!("{method} {route} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}");
        std::io::Write::write_all(
            &mut stream,
            format!("{head}\r\n{lines}Content-Type: application/json\r\n\r\n{body}").as_bytes(),
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    pub fn connect(&self) -> std::net::TcpStream {
        std::net::TcpStream::connect(self.url.strip_prefix("http://").unwrap()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
