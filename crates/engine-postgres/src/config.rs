//! Where the truth is and how to reach it: `[stores.truth]` becomes a driver's configuration, a TLS setting and the names
//! of slot and publication. Passwords end here: no other part of the crate sees one, and [`PostgresConfig::shown`] has none.

use std::{path::PathBuf, sync::Arc, time::Duration};

use brigade_core::{
    data::{Error, Result, code},
    schema::TruthStore,
};
use pgwire_replication::{ReplicationConfig, TlsConfig};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use sha2::{Digest, Sha256};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Settings of every session: one text form of each type, whatever the server's or role's defaults are.
const SESSION: &str = "-c datestyle=ISO,MDY -c intervalstyle=iso_8601 -c timezone=UTC -c extra_float_digits=1 \
                       -c bytea_output=hex -c standard_conforming_strings=on -c client_encoding=UTF8";

/// When the server gives a stream up whose reader is gone, whatever it is set to: until then nobody else may follow.
const WAL_SENDER_TIMEOUT: &str = "30s";

/// How to reach and use a PostgreSQL truth.
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    /// `[stores.truth]`.
    pub store: TruthStore,
    /// The project's name: part of the names of slot and publication.
    pub project: String,
    /// The project's folder: paths are relative to it.
    pub folder: PathBuf,
    /// Which schemas, `[schema] schemas`; the first one holds brigade's own tables. At least one.
    pub schemas: Vec<String>,
    /// Whether the tables were there before brigade (`[schema] existing`): their replica identity is then left alone.
    pub existing: bool,
}

/// A configuration that was checked: everything the other files need, ready to use.
#[derive(Clone)]
pub(crate) struct Reach {
    pub config: PostgresConfig,
    pub driver: tokio_postgres::Config,
    pub tls: Option<MakeRustlsConnect>,
    pub tls_replication: TlsConfig,
    pub host: String,
    pub port: u16,
    pub database: String,
    pub slot: String,
    pub publication: String,
}

impl PostgresConfig {
    /// The URL without secrets, for people.
    pub fn shown(&self) -> String {
        match self.store.url.parse::<tokio_postgres::Config>() {
            Ok(c) => format!(
                "postgres://{}{}:{}/{}",
                c.get_user().map(|u| format!("{u}@")).unwrap_or_default(),
                host(&c),
                port(&c),
                c.get_dbname().or(c.get_user()).unwrap_or("postgres")
            ),
            Err(_) => "postgres://(malformed)".to_owned(),
        }
    }

    /// How to reach a standby of it: as the truth, at another place.
    pub(crate) fn of_replica(&self, url: &str) -> Self {
        let store = TruthStore { url: url.to_owned(), replicas: Vec::new(), pool_min: 0, ..self.store.clone() };
        Self { store, ..self.clone() }
    }

    /// Checks it.
    pub(crate) fn reach(self) -> Result<Reach> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (url, mode) = take_ssl_mode(&self.store.url);
        let mut driver: tokio_postgres::Config = url.parse().map_err(|e: tokio_postgres::Error| {
            Error::new(code::CONFIG, format!("stores.truth: {}", crate::error::describe(&e)))
                .hint("write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE")
        })?;
        let (host, port) = (host(&driver), port(&driver));
        let user = driver.get_user().unwrap_or("postgres").to_owned();
        let database = driver.get_dbname().unwrap_or(&user).to_owned();
        let encrypted = wants_tls(mode.as_deref(), &host)?;
        let ca = self.store.tls_ca.as_ref().map(|path| self.folder.join(path));
        let options = self.session_options(driver.get_options());
        driver
            .user(user)
            .dbname(&database)
            .application_name("brigade")
            .options(options)
            .ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable })
            .connect_timeout(self.store.connect_timeout.min(Duration::from_secs(4)))
            .tcp_user_timeout(Duration::from_secs(4))
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3);
        let tls = if encrypted { Some(connector(ca.as_ref())?) } else { None };
        let tls_replication = if encrypted { TlsConfig::verify_full(ca) } else { TlsConfig::disabled() };
        let name = default_name(&database, &self.project);
        let slot = self.store.slot.clone().unwrap_or_else(|| name.clone());
        if slot.is_empty() || slot.len() > 63 || !slot.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')) {
            return Err(Error::new(code::CONFIG, format!("stores.truth.slot: {slot:?} is no name of a slot"))
                .hint("use 1 to 63 of a-z, 0-9 and _"));
        }
        let publication = self.store.publication.clone().unwrap_or(name);
        Ok(Reach { config: self, driver, tls, tls_replication, host, port, database, slot, publication })
    }

    fn session_options(&self, given: Option<&str>) -> String {
        let path: Vec<String> = self.schemas.iter().map(|s| crate::encode::quote(s)).collect();
        format!(
            "{}{SESSION} -c search_path={} -c statement_timeout={} -c synchronous_commit={}",
            given.map(|g| format!("{g} ")).unwrap_or_default(),
            path.join(",").replace('\\', "\\\\").replace(' ', "\\ "),
            self.store.statement_timeout.as_millis(),
            if self.store.relaxed { "off" } else { "on" },
        )
    }
}

impl Reach {
    /// The configuration of a replication connection.
    pub fn replication(&self) -> ReplicationConfig {
        let password = self.driver.get_password().map(|p| String::from_utf8_lossy(p).into_owned()).unwrap_or_default();
        ReplicationConfig::new(
            &self.host,
            self.driver.get_user().unwrap_or("postgres"),
            password,
            &self.database,
            &self.slot,
            crate::encode::quote(&self.publication),
        )
        .with_port(self.port)
        .with_tls(self.tls_replication.clone())
        .with_options(format!("{SESSION} -c wal_sender_timeout={WAL_SENDER_TIMEOUT}"))
        .with_application_name("brigade")
        .with_status_interval(Duration::from_millis(500))
        .with_buffer_size(1024)
    }

    /// A connection of its own, outside the pool.
    pub async fn connect(&self) -> Result<Arc<tokio_postgres::Client>> {
        let limit = Duration::from_secs(5);
        let connecting = async {
            match &self.tls {
                Some(tls) => {
                    let (client, connection) = self.driver.connect(tls.clone()).await?;
                    tokio::spawn(connection);
                    Ok(client)
                }
                None => {
                    let (client, connection) = self.driver.connect(tokio_postgres::NoTls).await?;
                    tokio::spawn(connection);
                    Ok(client)
                }
            }
        };
        match tokio::time::timeout(limit, connecting).await {
            Ok(Ok(client)) => Ok(Arc::new(client)),
            Ok(Err(error)) => Err(crate::error::from_pg(error)),
            Err(_) => Err(crate::error::away("no connection within 5 s")),
        }
    }
}

fn host(config: &tokio_postgres::Config) -> String {
    match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        #[cfg(unix)]
        Some(Host::Unix(path)) => path.to_string_lossy().into_owned(),
        None => config.get_hostaddrs().first().map_or_else(|| "localhost".to_owned(), ToString::to_string),
    }
}

fn port(config: &tokio_postgres::Config) -> u16 {
    config.get_ports().first().copied().unwrap_or(5432)
}

/// The driver does not know `verify-ca` and `verify-full`: the mode is taken out of the URL and read here.
fn take_ssl_mode(url: &str) -> (String, Option<String>) {
    let Some((base, query)) = url.split_once('?') else { return (url.to_owned(), None) };
    let mut mode = None;
    let rest: Vec<&str> = query
        .split('&')
        .filter(|pair| match pair.strip_prefix("sslmode=") {
            Some(value) => {
                mode = Some(value.to_owned());
                false
            }
            None => true,
        })
        .collect();
    let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    (url, mode)
}

/// Encrypted means verified: there is no mode that encrypts to whoever answers. Without a mode only this machine is
/// reached in the clear.
fn wants_tls(mode: Option<&str>, host: &str) -> Result<bool> {
    let is_local = host.starts_with('/') || matches!(host, "localhost" | "127.0.0.1" | "::1");
    match mode {
        Some("disable") => Ok(false),
        Some("require" | "verify-ca" | "verify-full") => Ok(true),
        None | Some("prefer" | "allow") => Ok(!is_local),
        Some(other) => Err(Error::new(code::CONFIG, format!("stores.truth: unknown sslmode {other:?}"))
            .hint("use disable, require or verify-full; all but disable verify the server's certificate")),
    }
}

fn connector(ca: Option<&PathBuf>) -> Result<MakeRustlsConnect> {
    let Some(path) = ca else { return Ok(MakeRustlsConnect::with_webpki_roots()) };
    let broken = |why: String| {
        Error::new(code::CONFIG, format!("stores.truth.tls_ca: {}: {why}", path.display()))
            .hint("name a PEM file with the certificate of the authority that signed the server's")
    };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| broken(e.to_string()))? {
        roots.add(certificate.map_err(|e| broken(e.to_string()))?).map_err(|e| broken(e.to_string()))?;
    }
    if roots.is_empty() {
        return Err(broken("it holds no certificate".to_owned()));
    }
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// `brigade_<database>_<hash of the project's name>`, as a slot may be named.
fn default_name(database: &str, project: &str) -> String {
    let database: String =
        database.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(40).collect();
    let hash: String = Sha256::digest(project.as_bytes()).iter().take(4).map(|b| format!("{b:02x}")).collect();
    format!("brigade_{database}_{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_server_is_reached_in_the_clear_only_when_asked() {
        for (mode, host, expected) in [
            (None, "localhost", false),
            (None, "/var/run/postgresql", false),
            (None, "db.example.com", true),
            (Some("disable"), "db.example.com", false),
            (Some("prefer"), "db.example.com", true),
            (Some("verify-full"), "127.0.0.1", true),
        ] {
            assert_eq!(wants_tls(mode, host).unwrap(), expected, "{mode:?} {host}");
        }
        assert_eq!(wants_tls(Some("maybe"), "localhost").unwrap_err().code(), code::CONFIG);
    }

    #[test]
    fn the_mode_is_taken_out_of_the_url() {
        for (url, rest, mode) in [
            ("postgres://h/d", "postgres://h/d", None),
            ("postgres://h/d?sslmode=verify-full", "postgres://h/d", Some("verify-full")),
            ("postgres://h/d?a=1&sslmode=disable&b=2", "postgres://h/d?a=1&b=2", Some("disable")),
        ] {
            assert_eq!(take_ssl_mode(url), (rest.to_owned(), mode.map(str::to_owned)));
        }
    }

    #[test]
    fn names_fit_a_slot_whatever_the_database_is_called() {
        let name = default_name("My-Größe and a very long name that never seems to come to an end", "smo1");
        assert!(name.len() <= 63 && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')), "{name}");
        assert_ne!(default_name("d", "a"), default_name("d", "b"));
    }
}
