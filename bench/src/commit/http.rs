//! Commits over HTTP, beside the server's own route that does nothing.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::{
    CONNECTIONS, clients, project,
    project::Link,
    server::{Connection, Server, get, post},
};
use crate::{machine, report::Report, sample::Sample};

/// Measures both over the same number of kept connections.
pub async fn measure(time: Duration, report: &mut Report) -> Result<()> {
    report.heading(&format!("over HTTP, {CONNECTIONS} connections"));
    let folder = tempfile::tempdir()?;
    project::write(folder.path(), "")?;
    let server = Server::start(folder.path())?;
    let nothing = clients::run(connections(&server).await?, time, |mut connection: Connection| async {
        connection.ask(&get("/livez")).await?;
        Ok(connection)
    })
    .await?;
    report.sample("GET /livez", &nothing);
    let commits = commits(&server, time).await?;
    report.sample("POST /transactions", &commits);
    report.at_least("commits over HTTP of the no-op route", commits.rate / nothing.rate, 0.35, "of it");
    Ok(())
}

/// Watches the server's memory while it takes commits: what it holds after the first quarter it should hold at the end.
pub async fn memory(time: Duration, report: &mut Report) -> Result<()> {
    report.heading(&format!("memory under load, {} s", time.as_secs()));
    let folder = tempfile::tempdir()?;
    project::write(folder.path(), "")?;
    let server = Server::start(folder.path())?;
    let first = commits(&server, time / 4).await?;
    let early = machine::resident_bytes(server.pid())?;
    let rest = commits(&server, time - time / 4).await?;
    let late = machine::resident_bytes(server.pid())?;
    report.sample("POST /transactions, first quarter", &first);
    report.sample("POST /transactions, the rest", &rest);
    report.fact("resident after the first quarter, MiB", json!(early >> 20));
    report.fact("resident at the end, MiB", json!(late >> 20));
    report.at_most("memory at the end of that after a quarter", late as f64 / early as f64, 1.25, "of it");
    Ok(())
}

async fn commits(server: &Server, time: Duration) -> Result<Sample> {
    clients::run(connections(server).await?, time, |mut connection: Connection| async {
        connection.ask(&post("/transactions", &Link::next().body())).await?;
        Ok(connection)
    })
    .await
}

async fn connections(server: &Server) -> Result<Vec<Connection>> {
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        connections.push(server.connect().await?);
    }
    Ok(connections)
}
