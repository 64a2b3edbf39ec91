//! The table API: reads and creates over HTTP with an API key checked, beside the server's own route that does nothing, and
//! on PostgreSQL beside `pgbench` doing the same statements.

mod live;
mod pgbench;
mod project;
mod requests;

use anyhow::Result;
use brigade_testing::servers::Postgres;
use serde_json::json;

use crate::{
    Options,
    commit::{
        clients,
        server::{Connection, Server},
    },
    machine,
    report::Report,
    sample::Sample,
};
use project::Project;
use requests::{Request, requests};

/// Connections that ask at once.
const CONNECTIONS: [usize; 2] = [1, 64];

/// Runs all parts, or the one that was asked for: `sqlite`, `postgres` or `live`.
pub async fn run(options: &Options) -> Result<()> {
    let mut report = Report::default();
    let wanted = |part: &str| options.only.as_deref().is_none_or(|only| only == part);
    if wanted("sqlite") {
        let project = Project::make("").await?;
        let bars = Bars { key: 0.45, create: 0.30 };
        measure("sqlite", &project, Some(bars), options, &mut report).await?;
    }
    if wanted("postgres") {
        postgres(options, &mut report).await?;
    }
    if wanted("live") {
        live::measure(&mut report).await?;
    }
    report.finish("rest")?;
    Ok(())
}

/// What a rate must be of the route that does nothing.
struct Bars {
    key: f64,
    create: f64,
}

async fn postgres(options: &Options, report: &mut Report) -> Result<()> {
    let Some(server) = Postgres::start_with(&["shared_buffers=512MB", "max_wal_size=4GB"]) else {
        println!("\nPostgreSQL: none found, not measured");
        return Ok(());
    };
    let project = Project::make(&format!("[stores]\ntruth = \"{}\"\n", server.url)).await?;
    measure("postgres", &project, None, options, report).await?;
    pgbench::measure(&server.url, &CONNECTIONS, options.time, report).await
}

async fn measure(
    engine: &str,
    project: &Project,
    bars: Option<Bars>,
    options: &Options,
    report: &mut Report,
) -> Result<()> {
    let server = Server::start(project.folder())?;
    let early = machine::resident_bytes(server.pid())?;
    for connections in CONNECTIONS {
        report.heading(&format!("{engine}, {} rows, {connections} connections", project::ROWS));
        let mut rates = Vec::new();
        for request in requests(project.key()) {
            let sample = ask(&server, connections, request, options).await?;
            report.sample(&format!("{engine}: {}, {connections}", request.name), &sample);
            rates.push((request, sample));
        }
        let of = |wanted: &str| rates.iter().find(|(request, _)| request.name == wanted).map(|(_, sample)| sample);
        let ratio = |a: &str, b: &str| of(a).zip(of(b)).map_or(0.0, |(a, b)| a.rate / b.rate);
        if let Some(bars) = &bars {
            let at = format!("{engine}, {connections} connections");
            report.at_least(
                &format!("read by key of the no-op route, {at}"),
                ratio("by key", "no-op"),
                bars.key,
                "of it",
            );
            report.at_least(
                &format!("create of the no-op route, {at}"),
                ratio("create", "no-op"),
                bars.create,
                "of it",
            );
            report.at_most(
                &format!("page with an embed to one without, {at}"),
                ratio("page", "page with embed"),
                3.0,
                "times",
            );
        }
    }
    let late = machine::resident_bytes(server.pid())?;
    report.fact(&format!("{engine}: resident before and after, MiB"), json!([early >> 20, late >> 20]));
    Ok(())
}

async fn ask(server: &Server, connections: usize, request: Request, options: &Options) -> Result<Sample> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push((server.connect().await?, request));
    }
    clients::run(open, options.time, |(mut connection, request): (Connection, Request)| async move {
        connection.ask_for(&request.next(), request.status).await?;
        Ok((connection, request))
    })
    .await
}
