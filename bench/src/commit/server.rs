//! The real server in a process of its own, and a connection to it that costs the measuring side as little as can be.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A running `brigade serve`, ended with this value.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Builds the binary, so that what is measured is what lies here, and starts it on a free port.
    pub fn start(project: &Path) -> Result<Self> {
        let mut child = Command::new(binary()?)
            .arg("serve")
            .arg(project)
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the server")?;
        let out = child.stdout.take().context("piped above")?;
        for line in BufReader::new(out).lines() {
            if let Some(address) = line?.strip_prefix("listening on http://") {
                return Ok(Self { child, address: address.trim().to_owned() });
            }
        }
        child.wait()?;
        bail!("the server ended before it listened")
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A new connection.
    pub async fn connect(&self) -> Result<Connection> {
        Connection::open(&self.address).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing is left to do for a server that has ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The binary of this workspace, built; or the one that `BRIGADE_BINARY` names, to compare an older build.
pub fn binary() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("BRIGADE_BINARY") {
        return Ok(given.into());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo).args(["build", "--quiet", "--release", "--package", "brigade-cli"]).status()?;
    if !built.success() {
        bail!("cargo build: {built}");
    }
    let own = std::env::current_exe()?;
    Ok(own.parent().context("a program lies in a folder")?.join("brigade"))
}

/// A kept connection: one request, one answer, in turn.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects to `HOST:PORT`.
    pub async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 << 10) })
    }

    /// Sends a request and waits for the whole answer, which must be 200.
    pub async fn ask(&mut self, request: &[u8]) -> Result<()> {
        self.ask_for(request, 200).await
    }

    /// The same with another status.
    pub async fn ask_for(&mut self, request: &[u8], status: u16) -> Result<()> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            self.fill().await?;
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head])?;
        if !text.strip_prefix("HTTP/1.1 ").is_some_and(|rest| rest.starts_with(&status.to_string())) {
            bail!("the server answers {}", String::from_utf8_lossy(&self.buffer));
        }
        let length = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.trim().parse::<usize>().ok())
            .context("an answer without a length")?;
        while self.buffer.len() < head + length {
            self.fill().await?;
        }
        Ok(())
    }

    /// Sends a request and leaves its answer to be read line by line.
    pub async fn follow(mut self, request: &[u8]) -> Result<tokio::io::Lines<tokio::io::BufReader<TcpStream>>> {
        use tokio::io::AsyncBufReadExt;
        self.stream.write_all(request).await?;
        Ok(tokio::io::BufReader::new(self.stream).lines())
    }

    async fn fill(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// A request without a body.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// A request with a body of JSON.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}
