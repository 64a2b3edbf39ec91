//! Where Redis is and how to reach it: `[stores.cache]` becomes the driver's clients. The password ends here: no other part
//! of the crate sees it, and [`RedisConfig::shown`] has none.

use std::path::PathBuf;

use brigade_core::{
    data::{Error, Result, code},
    schema::CacheStore,
};
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo as _, TlsCertificates, cluster::ClusterClient,
};

/// How to reach and use a Redis.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// `[stores.cache]`.
    pub store: CacheStore,
    /// The project's folder: paths are relative to it.
    pub folder: PathBuf,
}

/// A URL in its parts. Several hosts are nodes of one cluster.
struct Parts<'u> {
    scheme: &'u str,
    user: &'u str,
    hosts: Vec<&'u str>,
    rest: &'u str,
}

/// A configuration that was checked.
pub(crate) struct Reach {
    pub config: RedisConfig,
    pub shown: String,
    /// Where there is one host: it may be a server, or a node of a cluster.
    pub single: Option<Client>,
    pub cluster: ClusterClient,
    pub driver: AsyncConnectionConfig,
}

impl RedisConfig {
    /// The URL without secrets, for people.
    pub fn shown(&self) -> String {
        parts(self.store.url.reveal()).map_or_else(
            || "redis://(malformed)".to_owned(),
            |Parts { scheme, user, hosts, rest }| {
                let user = user.split(':').next().filter(|u| !u.is_empty()).map(|u| format!("{u}@"));
                let path = rest.split(['?', '#']).next().unwrap_or_default();
                format!("{scheme}://{}{}{path}", user.unwrap_or_default(), hosts.join(","))
            },
        )
    }

    /// Checks it. Nothing is connected yet.
    pub(crate) fn reach(self) -> Result<Reach> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let store = &self.store;
        let Parts { scheme, user, hosts, rest } = parts(store.url.reveal()).ok_or_else(malformed)?;
        let certificates = self.certificates(scheme)?;
        let node = |host: &&str| -> Result<ConnectionInfo> {
            let user = if user.is_empty() { String::new() } else { format!("{user}@") };
            // What the driver says of a URL is not shown: it may quote it.
            let info = format!("{scheme}://{user}{host}{rest}").into_connection_info().map_err(|_| malformed())?;
            let mut settings = info.redis_settings().clone().set_lib_name("brigade", env!("CARGO_PKG_VERSION"));
            if let Some(password) = &store.password {
                settings = settings.set_password(password.reveal());
            }
            Ok(info.set_redis_settings(settings))
        };
        let nodes = hosts.iter().map(node).collect::<Result<Vec<_>>>()?;
        let broken = |e: redis::RedisError| {
            Error::new(code::CONFIG, format!("stores.cache: {}", e.category())).hint("see tls_ca and the URL").source(e)
        };
        let single = match (&*nodes, &certificates) {
            ([one], Some(certificates)) => Some(Client::build_with_tls(one.clone(), certificates.clone())),
            ([one], None) => Some(Client::open(one.clone())),
            _ => None,
        };
        let mut cluster = ClusterClient::builder(nodes)
            .connection_timeout(store.connect_timeout)
            .response_timeout(store.timeout)
            // The time limit of a call covers what is tried within it; a node that moved is found at the second try.
            .retries(2)
            .min_retry_wait(5)
            .max_retry_wait(20);
        if let Some(certificates) = certificates {
            cluster = cluster.certs(certificates);
        }
        let driver = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(store.connect_timeout))
            .set_response_timeout(Some(store.timeout.max(store.connect_timeout)));
        Ok(Reach {
            shown: self.shown(),
            single: single.transpose().map_err(broken)?,
            cluster: cluster.build().map_err(broken)?,
            driver,
            config: self,
        })
    }

    fn certificates(&self, scheme: &str) -> Result<Option<TlsCertificates>> {
        let Some(path) = &self.store.tls_ca else { return Ok(None) };
        let wrong =
            |why: String, hint: &str| Error::new(code::CONFIG, format!("stores.cache.tls_ca: {why}")).hint(hint);
        if scheme != "rediss" {
            return Err(wrong("the URL is not encrypted".to_owned(), "write rediss://, or take tls_ca out"));
        }
        let path = self.folder.join(path);
        let hint = "name a PEM file with the certificate of the authority that signed the server's";
        let pem = std::fs::read(&path).map_err(|e| wrong(format!("{}: {e}", path.display()), hint))?;
        if !String::from_utf8_lossy(&pem).contains("BEGIN CERTIFICATE") {
            return Err(wrong(format!("{}: it holds no certificate", path.display()), hint));
        }
        Ok(Some(TlsCertificates { client_tls: None, root_cert: Some(pem) }))
    }
}

fn malformed() -> Error {
    Error::new(code::CONFIG, "stores.cache: the URL cannot be read").hint(
        "write redis://USER:PASSWORD@HOST:PORT/0, rediss:// for TLS, or several HOST:PORT with commas for a cluster",
    )
}

fn parts(url: &str) -> Option<Parts<'_>> {
    let (scheme, after) = url.split_once("://")?;
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (authority, rest) = after.split_at(end);
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let hosts: Vec<&str> = hosts.split(',').collect();
    // A fragment could only be the driver's `#insecure`, which believes every certificate.
    let good = matches!(scheme, "redis" | "rediss") && !hosts.contains(&"") && !rest.contains('#');
    good.then_some(Parts { scheme, user, hosts, rest })
}

#[cfg(test)]
mod tests {
    use brigade_core::schema::Secret;

    use super::*;

    fn config(url: &str) -> RedisConfig {
        RedisConfig { store: CacheStore::at(url), folder: PathBuf::new() }
    }

    #[test]
    fn urls_are_read_and_shown_without_their_password() {
        for (url, shown, nodes) in [
            ("redis://h", "redis://h", 1),
            ("redis://h:1/2", "redis://h:1/2", 1),
            ("redis://:s3cret@h:1/2?protocol=resp3", "redis://h:1/2", 1),
            ("rediss://app:s3c%40ret@h:1", "rediss://app@h:1", 1),
            ("redis://app:s3cret@a:1,b:2,c:3", "redis://app@a:1,b:2,c:3", 3),
        ] {
            let reach = config(url).reach().unwrap();
            assert_eq!(reach.shown, shown);
            assert_eq!(reach.single.is_some(), nodes == 1, "{url}");
        }
        let mut given = config("redis://app:old@h");
        given.store.password = Some(Secret::new("s3cret"));
        let client = given.reach().unwrap().single.unwrap();
        assert_eq!(client.get_connection_info().redis_settings().password(), Some("s3cret"));
        assert_eq!(client.get_connection_info().redis_settings().username(), Some("app"));
    }

    #[test]
    fn what_cannot_be_a_url_is_refused_and_not_shown() {
        for url in [
            "redis://",
            "redis://:s3cret@",
            "redis://:s3cret@h:x",
            "redis://:s3cret@h:1,",
            "http://:s3cret@h",
            "rediss://:s3cret@h#insecure",
            "redis://:s3cret@h/db",
        ] {
            let error = config(url).reach().map(|_| ()).expect_err(url);
            assert_eq!(error.code(), code::CONFIG, "{url}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
            assert!(!config(url).shown().contains("s3cret"), "{url}");
        }
        for (url, path, why) in [
            ("redis://h", "ca.pem", "not encrypted"),
            ("rediss://h", "nowhere.pem", "nowhere.pem"),
            ("rediss://h", "Cargo.toml", "no certificate"),
        ] {
            let mut given = config(url);
            given.folder = env!("CARGO_MANIFEST_DIR").into();
            given.store.tls_ca = Some(path.to_owned());
            let error = given.reach().map(|_| ()).expect_err(url);
            assert!(error.message().contains(why), "{error}");
        }
    }
}
