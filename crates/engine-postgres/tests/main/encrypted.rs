//! Encrypted means verified: the authority that is named, the host that was asked for, or no connection, on both ways to
//! the server.

use std::{path::Path, sync::Arc, time::Duration};

use brigade_core::{data::Error, engine::Log};
use brigade_testing::servers::Postgres;
use engine_postgres::{PostgresConfig, PostgresSource, PostgresTruth};

use crate::{spool::MemorySpool, world::config};

fn asked(server: &Postgres, host: &str, mode: &str, authority: Option<&Path>) -> PostgresConfig {
    let mut asked = config(format!("postgres://postgres@{host}:{}/postgres?sslmode={mode}", server.port));
    asked.store.tls_ca = authority.map(|path| path.display().to_string());
    asked
}

async fn refusal(config: PostgresConfig) -> Error {
    match PostgresTruth::connect(config).await {
        Ok(_) => panic!("it is trusted"),
        Err(error) => error,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_reached_encrypted_only_where_its_certificate_is_trusted() {
    let Some((server, certificates, _folder)) = Postgres::start_encrypted() else { return };
    // Whoever is encrypted must be so everywhere: the server takes nothing else.
    let rules = server.psql("postgres", "SHOW hba_file").unwrap();
    std::fs::write(rules, "local all all trust\nhostssl all all all trust\nhostssl replication all all trust\n")
        .unwrap();
    let reload = format!("postgres://postgres@localhost:{}/postgres?sslmode=require", server.port);
    let reloaded =
        std::process::Command::new("psql").args(["-X", "-q", "-d", &reload, "-c", "SELECT pg_reload_conf()"]).output();
    assert!(reloaded.unwrap().status.success());
    tokio::time::sleep(Duration::from_millis(300)).await;

    for mode in ["require", "verify-full"] {
        let truth = PostgresTruth::connect(asked(&server, "localhost", mode, Some(&certificates.authority))).await;
        let truth = truth.unwrap_or_else(|e| panic!("{mode}: {e}"));
        let log = PostgresSource::start(truth, Arc::new(MemorySpool::default())).await.unwrap();
        assert_eq!(log.status().await.unwrap().stopped, None, "the slot is followed over the same kind of connection");
        log.close().await;
    }
    for (host, authority) in [
        ("localhost", Some(&*certificates.stranger)),
        ("localhost", None),
        ("127.0.0.1", Some(&*certificates.authority)),
    ] {
        let error = refusal(asked(&server, host, "verify-full", authority)).await;
        assert!(error.message().contains("certificate"), "{host}: {error}");
        assert!(error.get_hint().unwrap().contains("tls_ca"), "{host}: {error:?}");
    }
    let error = refusal(asked(&server, "localhost", "disable", None)).await;
    assert!(error.message().contains("no encryption") || error.message().contains("pg_hba"), "{error}");
}
