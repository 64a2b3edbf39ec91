//! Runs the real server under `strace` with a few clients, and gives what it did.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context, Result, bail};

use super::trace::{self, Event};
use crate::commit::server::{Connection, binary, post};

/// Clients that write at once, so that groups hold more than one transaction.
const CLIENTS: usize = 4;

const CALLS: &str = "trace=pwrite64,write,writev,sendto,sendmsg,fdatasync,fsync,ftruncate,unlink";

/// The table whose rows tell which transactions are there: two rows of each, so that a half is seen.
const MIGRATION: &str = "CREATE TABLE effects (
    id    bigint PRIMARY KEY,
    batch bigint NOT NULL,
    part  integer NOT NULL,
    text  text NOT NULL
);
CREATE INDEX effects_batch ON effects (batch);
";

/// Records a server's life from its first start to its orderly end.
pub async fn record(folder: &Path, durability: &str, transactions: u64) -> Result<Vec<Event>> {
    std::fs::create_dir_all(folder.join("migrations"))?;
    std::fs::write(folder.join("migrations/0001_init.sql"), MIGRATION)?;
    let config = format!("[stores.truth]\nurl = \"sqlite:data/truth.db\"\ndurability = \"{durability}\"\n");
    std::fs::write(folder.join("brigade.toml"), config)?;
    let log = folder.join("trace");
    let mut tracer = Command::new("strace")
        .args(["-f", "-y", "-xx", "-s", "100000", "-e", CALLS, "-e", "signal=none", "-o"])
        .arg(&log)
        .arg(binary()?)
        .arg("serve")
        .arg(folder)
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start strace")?;
    let result = drive(&mut tracer, transactions).await;
    end(&mut tracer)?;
    result?;
    trace::parse(BufReader::new(std::fs::File::open(log)?), &folder.join("data"))
}

async fn drive(tracer: &mut Child, transactions: u64) -> Result<()> {
    let mut lines = BufReader::new(tracer.stdout.take().context("piped above")?).lines();
    let address = loop {
        let line = lines.next().context("the server ended before it listened")??;
        if let Some(address) = line.strip_prefix("listening on http://") {
            break address.trim().to_owned();
        }
    };
    let next = Arc::new(AtomicU64::new(0));
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let (mut connection, next) = (Connection::open(&address).await?, Arc::clone(&next));
        clients.push(tokio::spawn(async move {
            loop {
                let batch = next.fetch_add(1, Ordering::Relaxed);
                if batch >= transactions {
                    return anyhow::Ok(());
                }
                connection.ask(&post("/transactions", &body(batch))).await?;
            }
        }));
    }
    for client in clients {
        client.await??;
    }
    Ok(())
}

/// Two rows, and the batch in the answer, where the recording finds what was acknowledged.
fn body(batch: u64) -> String {
    let row = |part: u64| {
        let (id, text) = (batch * 2 + part, "x".repeat(40 + (batch % 7) as usize * 60));
        format!(r#"{{"id":{id},"batch":{batch},"part":{part},"text":"{text}"}}"#)
    };
    let (first, second) = (row(0), row(1));
    format!(r#"{{"statements":[{{"insert":{{"table":"effects","rows":[{first},{second}],"returning":["batch"]}}}}]}}"#)
}

/// Ends the server as an administrator would; its last writes are part of the recording.
fn end(tracer: &mut Child) -> Result<()> {
    let own = tracer.id();
    let children = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children"))?;
    for pid in children.split_whitespace() {
        if !Command::new("kill").args(["-TERM", pid]).status()?.success() {
            bail!("cannot end the server {pid}");
        }
    }
    tracer.wait()?;
    Ok(())
}
