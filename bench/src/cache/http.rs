//! `GET /cache/NAME/KEY` beside the route that does nothing, over the same connections.

use anyhow::Result;

use super::{ROWS, open, project};
use crate::{
    Options,
    commit::{
        clients,
        server::{Connection, Server},
    },
    report::Report,
    sample::Sample,
};

const CONNECTIONS: [usize; 2] = [1, 64];

pub(super) async fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let folder = project("")?;
    open(&folder, ROWS).await?.close().await;
    let server = Server::start(folder.path())?;
    let mut connection = server.connect().await?;
    let warm = "POST /cache/link/warm HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    connection.ask_for(warm.as_bytes(), 200).await?;
    for connections in CONNECTIONS {
        report.heading(&format!("HTTP, {connections} connections"));
        let nothing = ask(&server, connections, options, |_| "/livez".to_owned()).await?;
        report.sample(&format!("no-op, {connections}"), &nothing);
        let hits = ask(&server, connections, options, |n| format!("/cache/link/link:{}", n % ROWS)).await?;
        report.sample(&format!("cache hit, {connections}"), &hits);
        report.at_least(
            &format!("cache hits of the no-op route, {connections} connections"),
            hits.rate / nothing.rate,
            0.70,
            "of it",
        );
    }
    Ok(())
}

async fn ask(
    server: &Server,
    connections: usize,
    options: &Options,
    path: impl Fn(usize) -> String + Copy + Send + Sync + 'static,
) -> Result<Sample> {
    let mut open = Vec::with_capacity(connections);
    for n in 0..connections {
        open.push((server.connect().await?, n * 7_919));
    }
    clients::run(open, options.time, move |(mut connection, n): (Connection, usize)| async move {
        let request = format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", path(n));
        connection.ask_for(request.as_bytes(), 200).await?;
        Ok((connection, n + 104_729))
    })
    .await
}
