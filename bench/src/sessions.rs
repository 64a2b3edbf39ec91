//! Sessions: reads of one row a second by who shows a session's token, beside those by who shows an API key. The difference is what
//! it costs to look a session up: in a SQLite file, and on Redis.

use anyhow::Result;
use brigade::{Brigade, NewApiKey, NewSession, OpenOptions, Row, session::Holder};
use brigade_testing::servers::Redis;
use tempfile::TempDir;

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

/// Sessions that ask in turn.
const SESSIONS: usize = 1_000;

/// Everybody who is known reads the table.
const CONFIG: &str = "[auth]\njwt_secret = \"a secret of at least thirty-two bytes, for this run alone\"\n\
    [access.reader]\nlinks = [\"select\"]\n";

/// Runs all parts, or the one that was asked for: `memory` or `redis`.
pub async fn run(options: &Options) -> Result<()> {
    let mut report = Report::default();
    let wanted = |part: &str| options.only.as_deref().is_none_or(|only| only == part);
    if wanted("memory") {
        measure("memory", "", options, &mut report).await?;
    }
    if wanted("redis") {
        match Redis::start() {
            Some(redis) => {
                let stores = format!("[stores.cache]\nurl = \"{}\"\ntimeout = \"5s\"\n", redis.url());
                measure("redis", &stores, options, &mut report).await?;
            }
            None => println!("\nRedis: none found, not measured"),
        }
    }
    report.finish("sessions")?;
    Ok(())
}

async fn measure(store: &str, stores: &str, options: &Options, report: &mut Report) -> Result<()> {
    let folder = TempDir::new()?;
    std::fs::create_dir(folder.path().join("migrations"))?;
    let migration = "CREATE TABLE links (id bigint PRIMARY KEY, url text NOT NULL);";
    std::fs::write(folder.path().join("migrations/0001_init.sql"), migration)?;
    std::fs::write(folder.path().join("brigade.toml"), format!("{stores}{CONFIG}"))?;
    let brigade = Brigade::open(OpenOptions::project(folder.path())).await?;
    brigade.transaction().insert("links", Row::new().set("id", 1).set("url", "https://example.org/")).commit().await?;
    let new = NewApiKey { role: "reader".to_owned(), ..NewApiKey::default() };
    let (_, key) = brigade.keys().create(new, &brigade.config().access)?;
    let mut tokens = Vec::with_capacity(SESSIONS);
    for n in 0..SESSIONS {
        let holder = Holder { id: n.to_string(), roles: vec!["reader".to_owned()], ..Holder::default() };
        tokens.push(brigade.sessions()?.create(NewSession { holder, ..NewSession::of("") }).await?.0);
    }
    brigade.close().await;
    drop(brigade);
    let server = Server::start(folder.path())?;
    for connections in CONNECTIONS {
        report.heading(&format!("{store}, {connections} connections"));
        let by_key = ask(&server, connections, options, vec![key.clone()]).await?;
        report.sample(&format!("API key, {store}, {connections}"), &by_key);
        let by_session = ask(&server, connections, options, tokens.clone()).await?;
        report.sample(&format!("session, {store}, {connections}"), &by_session);
        let share = (by_session.rate / by_key.rate * 100.0).round() / 100.0;
        report.fact(&format!("session of API key, {store}, {connections}"), share.into());
    }
    Ok(())
}

async fn ask(server: &Server, connections: usize, options: &Options, tokens: Vec<String>) -> Result<Sample> {
    let mut open = Vec::with_capacity(connections);
    for n in 0..connections {
        let requests: Vec<_> = tokens.iter().map(|token| request(token)).collect();
        open.push((server.connect().await?, requests, n * 17));
    }
    clients::run(open, options.time, |(mut connection, requests, n): (Connection, Vec<String>, usize)| async move {
        connection.ask_for(requests[n % requests.len()].as_bytes(), 200).await?;
        Ok((connection, requests, n + 1))
    })
    .await
}

fn request(token: &str) -> String {
    format!("GET /rest/v1/links?id=eq.1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n")
}
