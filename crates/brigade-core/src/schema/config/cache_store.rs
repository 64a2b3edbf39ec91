//! `[stores] cache`: where caches, limits and sessions live; a URL alone, or a table `[stores.cache]`.
//!
//! Invariant: the URL may hold a password, so it is a secret as a whole; only its engine shows it, without.

use std::time::Duration;

use crate::data::{Error, Result, code};

use super::{
    Config, Secret,
    document::{Scalar, Section, Source},
};

/// Keys of the table.
const KEYS: [&str; 6] = ["url", "password", "tls_ca", "pool_size", "connect_timeout", "timeout"];

/// What a URL may begin with, each with its form.
const URLS: [(&str, &str); 3] =
    [("memory:", "\"memory:\""), ("redis://", "\"redis://HOST:PORT/0\""), ("rediss://", "\"rediss://HOST:PORT/0\"")];

/// The environment's word for the URL, which stands above the file's.
const VARIABLE: &str = "BRIGADE_STORES_CACHE";

/// The store of caches, limits and sessions.
#[derive(Clone, Debug, PartialEq)]
pub struct CacheStore {
    /// `memory:`, `redis://…` or `rediss://…`; several hosts with commas between them are nodes of one cluster.
    pub url: Secret,
    /// The password, where it does not stand in the URL; it stands above that one.
    pub password: Option<Secret>,
    /// File of the certificate authority to trust (PEM), relative to the project; for `rediss:`.
    pub tls_ca: Option<String>,
    /// Connections at most, and as many to each node of a cluster's.
    pub pool_size: usize,
    /// How long connecting may take, with all that belongs to it.
    pub connect_timeout: Duration,
    /// How long one call may take, waiting for a connection included.
    pub timeout: Duration,
}

impl CacheStore {
    /// A store at a URL, everything else as it is by default.
    pub fn at(url: &str) -> Self {
        Self {
            url: Secret::new(url),
            password: None,
            tls_ca: None,
            pool_size: 16,
            connect_timeout: Duration::from_millis(500),
            timeout: Duration::from_millis(50),
        }
    }

    /// Whether it is the process itself.
    pub fn is_memory(&self) -> bool {
        self.url.reveal().starts_with("memory:")
    }
}

pub(super) fn cache_store(section: &Section<'_>, source: &Source<'_>, config: &mut Config) -> Result<()> {
    let store = &mut config.stores.cache;
    if section.get("cache").is_some() {
        config.places.insert("stores.cache".to_owned(), source.place(section.key_at("cache")));
    }
    let (settings, url) = match section.section("cache") {
        Ok(table) => {
            let url = table.value("url")?;
            (table, url)
        }
        Err(_) => (section.absent("cache"), section.value("cache")?),
    };
    settings.only(&KEYS)?;
    if let Some(url) = url {
        store.url = Secret::new(&url.url(&URLS)?);
        if store.is_memory() && store.url.reveal() != "memory:" {
            return Err(url.error("what lives in the process has no place").hint("write \"memory:\""));
        }
    }
    if let Some(url) = (source.env)(VARIABLE) {
        if !URLS.iter().any(|(scheme, _)| url.starts_with(scheme)) {
            let message = format!("environment variable {VARIABLE}: no engine for this URL");
            return Err(Error::new(code::CONFIG, message).hint("write memory: or redis://HOST:PORT/0"));
        }
        store.url = Secret::new(&url);
    }
    if let Some(value) = settings.value("password")? {
        if value.text.is_empty() {
            return Err(value.error("it is empty").hint("give it a value, or take the line out"));
        }
        store.password = Some(Secret::new(&value.text));
    }
    if let Some(value) = settings.value("tls_ca")? {
        store.tls_ca = Some(value.text);
    }
    if let Some(value) = settings.value("pool_size")? {
        store.pool_size = value.count(1)?;
        if store.pool_size > POOL_MAX {
            return Err(value.error(format_args!("more than {POOL_MAX}")).hint("calls share connections: 16 are many"));
        }
    }
    for (key, duration) in [("connect_timeout", &mut store.connect_timeout), ("timeout", &mut store.timeout)] {
        if let Some(value) = settings.value(key)? {
            *duration = above_zero(&value)?;
        }
    }
    Ok(())
}

/// More than this no server gives to one client gladly, and no client needs.
const POOL_MAX: usize = 1_024;

fn above_zero(value: &Scalar<'_>) -> Result<Duration> {
    let duration = value.duration()?;
    if duration.is_zero() {
        return Err(value.error("nothing is done in no time").hint("as \"50ms\""));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config> {
        Config::parse(text, "p", &|name| (name == "PASSWORD").then(|| "s3cret".to_owned()))
    }

    #[test]
    fn a_url_alone_and_a_table() {
        let store = |text: &str| parse(text).unwrap().stores.cache;
        assert_eq!(store(""), CacheStore::at("memory:"));
        assert_eq!(store("[stores]\ncache = \"memory:\""), CacheStore::at("memory:"));
        assert_eq!(store("[stores]\ncache = \"redis://h:1/2\""), CacheStore::at("redis://h:1/2"));
        assert_eq!(
            store(
                "[stores.cache]\nurl = \"rediss://a:1,b:2\"\npassword = \"${PASSWORD}\"\ntls_ca = \"ca.pem\"\n\
                 pool_size = 3\nconnect_timeout = \"2s\"\ntimeout = \"10ms\""
            ),
            CacheStore {
                url: Secret::new("rediss://a:1,b:2"),
                password: Some(Secret::new("s3cret")),
                tls_ca: Some("ca.pem".to_owned()),
                pool_size: 3,
                connect_timeout: Duration::from_secs(2),
                timeout: Duration::from_millis(10),
            }
        );
        let env = |name: &str| match name {
            VARIABLE => Some("redis://env".to_owned()),
            "BRIGADE_STORES_CACHE_PASSWORD" => Some("s3cret".to_owned()),
            _ => None,
        };
        for text in ["", "[stores]\ncache = \"memory:\"", "[stores.cache]\nurl = \"memory:\""] {
            let store = Config::parse(text, "p", &env).unwrap().stores.cache;
            assert_eq!(store.url.reveal(), "redis://env", "{text}");
            assert_eq!(store.password.unwrap().reveal(), "s3cret", "{text}");
        }
    }

    #[test]
    fn mistakes_have_their_place_and_show_no_password() {
        for (text, message, hint) in [
            ("[stores]\ncache = \"reds://:s3cret@h\"", "2:9: stores.cache: no engine for \"reds:\"", "redis://HOST"),
            ("[stores]\ncache = \"memory:data\"", "2:9: stores.cache: what lives", "write \"memory:\""),
            ("[stores.cache]\npasword = \"s3cret\"", "2:1: unknown key \"pasword\"", "did you mean \"password\"?"),
            ("[stores.cache]\npassword = [\"s3cret\"]", "2:12: \"stores.cache.password\" is one value", "write a text"),
            ("[stores.cache]\npassword = \"\"", "2:12: stores.cache.password: it is empty", "give it"),
            ("[stores.cache]\npool_size = 0", "2:13: stores.cache.pool_size: \"0\" is no such number", "at least 1"),
            ("[stores.cache]\npool_size = 9999", "2:13: stores.cache.pool_size: more than 1024", "16"),
            ("[stores.cache]\ntimeout = \"0s\"", "2:11: stores.cache.timeout: nothing", "50ms"),
            ("[stores.cache]\nconnect_timeout = \"x\"", "2:19: stores.cache.connect_timeout: \"x\"", "24h"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.message().starts_with(&format!("brigade.toml:{message}")), "{error}");
            assert!(error.get_hint().is_some_and(|h| h.contains(hint)), "{error:?}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
        let shown = format!("{:?}", parse("[stores]\ncache = \"redis://:s3cret@h\"").unwrap());
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
