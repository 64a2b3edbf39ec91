//! `[cache.NAME]`: which answers are kept ready, under which keys and for how long.
//!
//! Invariant: no text is a key of two caches, so whoever deletes or reads a key means one entry.

use std::time::Duration;

use crate::{
    cache::Template,
    data::Result,
    limits::{CACHE_BYTES, CACHE_ENTRIES, CACHE_KEYS_MAX, CACHE_LEASE, CACHE_LEASE_MAX},
};

use super::{
    Config,
    document::{Section, Source},
};

const KEYS: [&str; 11] = [
    "table",
    "query",
    "keys",
    "value",
    "ttl",
    "negative_ttl",
    "lease",
    "early_refresh",
    "fill",
    "max_entries",
    "max_bytes",
];

/// Of what a cache keeps answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cached {
    /// One row each of a table.
    Table {
        /// The table.
        table: String,
        /// What is shown of a row, as a `select` parameter says it.
        value: String,
    },
    /// Answers of a named query each.
    Query(String),
}

/// A cache.
#[derive(Clone, Debug, PartialEq)]
pub struct CacheConfig {
    /// Of what.
    pub of: Cached,
    /// Under which keys; at least one.
    pub keys: Vec<Template>,
    /// How long an entry is answered.
    pub ttl: Duration,
    /// How long it is remembered that there is nothing under a key; zero: not at all.
    pub negative_ttl: Duration,
    /// How long one process of several may load a key before the next one does.
    pub lease: Duration,
    /// How much earlier than their end entries are loaded again; none: not.
    pub early_refresh: Option<f64>,
    /// Whether a change writes the new value at once; else the next reader loads it.
    pub fill_on_write: bool,
    /// In process: entries at most.
    pub max_entries: u64,
    /// In process: bytes of keys and values at most.
    pub max_bytes: u64,
    /// Where it stands in brigade.toml.
    pub place: String,
}

pub(super) fn caches(section: &Section<'_>, source: &Source<'_>, config: &mut Config) -> Result<()> {
    for (name, at, table) in section.named("link")? {
        let cache = cache(name, &table, source, at)?;
        for (other, known) in &config.caches {
            let met = |key: &&Template| known.keys.iter().any(|theirs| theirs.meets(key));
            if let Some(key) = cache.keys.iter().find(met) {
                let message = format!("[cache.{name}]: a text may be a key of \"{key}\" and of [cache.{other}]");
                let error = source.error(table.key_at("keys"), message);
                return Err(error.hint(format!("begin the keys with a word of their own, as \"{name}:…\"")));
            }
        }
        config.places.insert(format!("cache.{name}"), cache.place.clone());
        config.places.insert(format!("cache.{name}.keys"), source.place(table.key_at("keys")));
        config.places.insert(format!("cache.{name}.query"), source.place(table.key_at("query")));
        config.places.insert(format!("cache.{name}.table"), source.place(table.key_at("table")));
        config.places.insert(format!("cache.{name}.value"), source.place(table.key_at("value")));
        config.caches.insert(name.to_owned(), cache);
    }
    Ok(())
}

fn cache(name: &str, section: &Section<'_>, source: &Source<'_>, at: usize) -> Result<CacheConfig> {
    section.only(&KEYS)?;
    let of = cached(name, section, source)?;
    let fill_on_write = match section.value("fill")? {
        Some(value) => value.one_of(&[("read", false), ("write", true)])?,
        None => false,
    };
    if fill_on_write && matches!(of, Cached::Query(_)) {
        let error = source.error(section.key_at("fill"), "a change does not tell what a query answers");
        return Err(error.hint("take the line out: changes remove the keys that they may concern"));
    }
    let ttl = match section.value("ttl")? {
        Some(value) => match value.duration()? {
            Duration::ZERO => return Err(value.error("nothing is kept for no time").hint("as \"300s\"")),
            ttl => ttl,
        },
        None => {
            return Err(source.error(at, format_args!("[cache.{name}]: ttl is missing")).hint("as ttl = \"300s\""));
        }
    };
    let negative_ttl = match section.value("negative_ttl")? {
        Some(value) => value.duration()?,
        None => Duration::from_secs(5),
    };
    let lease = match section.value("lease")? {
        Some(value) => match value.duration()? {
            Duration::ZERO => return Err(value.error("a lease that ends at once").hint("as \"2s\"")),
            lease if lease > CACHE_LEASE_MAX => {
                let message = format!("longer than {}s", CACHE_LEASE_MAX.as_secs());
                return Err(value.error(message).hint("give it the time that a slow load takes, as \"2s\""));
            }
            lease => lease,
        },
        None => CACHE_LEASE,
    };
    let mut sizes = [CACHE_ENTRIES, CACHE_BYTES];
    if let Some(value) = section.value("max_entries")? {
        sizes[0] = value.count(1)? as u64;
    }
    if let Some(value) = section.value("max_bytes")? {
        sizes[1] = value.bytes()?;
        if sizes[1] < 1024 {
            return Err(value.error("less than 1 KiB").hint("as \"64MiB\""));
        }
    }
    Ok(CacheConfig {
        of,
        keys: templates(name, section, source)?,
        ttl,
        negative_ttl,
        lease,
        early_refresh: early_refresh(section)?,
        fill_on_write,
        max_entries: sizes[0],
        max_bytes: sizes[1],
        place: source.place(at),
    })
}

fn cached(name: &str, section: &Section<'_>, source: &Source<'_>) -> Result<Cached> {
    match (section.value("table")?, section.value("query")?) {
        (Some(table), None) => {
            let value = match section.list("value") {
                Ok(Some(columns)) => columns.join(","),
                Ok(None) => "*".to_owned(),
                // A text is the grammar itself.
                Err(error) => section.value("value")?.ok_or(error)?.text,
            };
            if value.trim().is_empty() {
                let error = source.error(section.key_at("value"), format_args!("[cache.{name}]: an empty value"));
                return Err(error.hint("name columns, or take the line out for all of them"));
            }
            Ok(Cached::Table { table: table.text, value })
        }
        (None, Some(query)) => {
            if section.get("value").is_some() {
                let message = format!("[cache.{name}]: what a query shows is said in its file");
                return Err(source.error(section.key_at("value"), message).hint("take the line out"));
            }
            let stem = query.text.strip_prefix("queries/").unwrap_or(&query.text);
            Ok(Cached::Query(stem.strip_suffix(".sql").unwrap_or(stem).to_owned()))
        }
        (Some(_), Some(query)) => Err(query.error("either a table or a query").hint("make two caches of it")),
        (None, None) => Err(source
            .error(section.at, format_args!("[cache.{name}]: neither a table nor a query"))
            .hint("as table = \"links\", or query = \"queries/feed.sql\"")),
    }
}

fn templates(name: &str, section: &Section<'_>, source: &Source<'_>) -> Result<Vec<Template>> {
    let at = section.key_at("keys");
    let wrong = |message: String, hint: &str| Err(source.error(at, message).hint(hint));
    let texts = section.list("keys")?.unwrap_or_default();
    if texts.is_empty() || texts.len() > CACHE_KEYS_MAX {
        let message = format!("[cache.{name}]: keys are 1 to {CACHE_KEYS_MAX} templates");
        return wrong(message, "as keys = [\"link:{uid}\"]");
    }
    let mut templates: Vec<Template> = Vec::new();
    for text in texts {
        match text.parse::<Template>() {
            Ok(template) if templates.contains(&template) => {
                return wrong(format!("[cache.{name}]: the key \"{text}\" stands twice"), "take one of them out");
            }
            Ok(template) => templates.push(template),
            Err(mistake) => return wrong(format!("[cache.{name}]: key \"{text}\": {}", mistake.what), &mistake.hint),
        }
    }
    Ok(templates)
}

/// `true`, `false`, or how early.
fn early_refresh(section: &Section<'_>) -> Result<Option<f64>> {
    let Some(value) = section.value("early_refresh")? else { return Ok(None) };
    match value.text.parse::<bool>() {
        Ok(true) => Ok(Some(1.0)),
        Ok(false) => Ok(None),
        Err(_) => match value.text.parse::<f64>() {
            Ok(beta) if beta > 0.0 && beta <= 100.0 => Ok(Some(beta)),
            _ => {
                Err(value.error("neither true, false, nor a number above 0 and up to 100").hint("as true, or \"2.0\""))
            }
        },
    }
}
