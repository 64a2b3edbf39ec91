//! The sections of brigade.toml, one function each.

use std::{collections::BTreeMap, time::Duration};

use toml::de::DeTable;

use crate::{
    data::{Result, code},
    limits,
};

use super::{
    AtBudget, Config, CopyConfig, TableSettings, TruthStore,
    access::access,
    auth::auth,
    cache::caches,
    cache_store::cache_store,
    document::{Section, Source, is_name},
    limits::limits,
    routes::routes,
    sessions::sessions,
};

/// Sections that this version reads.
const SECTIONS: [&str; 14] = [
    "name", "stores", "log", "commit", "schema", "tables", "cache", "copy", "limits", "rest", "server", "auth",
    "access", "sessions",
];

/// Sections of the whole design that a later version will read.
const LATER: [&str; 10] =
    ["analytics", "backup", "blobs", "counters", "documents", "events", "graph", "queries", "rollup", "search"];

/// Roles whose stores a later version will open.
const LATER_ROLES: [&str; 5] = ["analytics", "blobs", "documents", "graph", "search"];

pub(super) fn read(text: &str, folder: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Config> {
    let source = Source { text, env };
    let table = DeTable::parse(text).map_err(|e| {
        let at = e.span().map_or(0, |span| span.start);
        source.error(at, e.message().trim().replace('\n', ", ")).hint("see the TOML format at toml.io")
    })?;
    let root = Section::root(&source, table.get_ref());
    if let Some((key, at)) = root.keys().find(|(key, _)| LATER.contains(key)) {
        let error = source.error(at, format_args!("[{key}] is not known to this version of brigade"));
        return Err(error.hint("take the section out, or use a version that knows it"));
    }
    root.only(&SECTIONS)?;
    let mut config = Config::default_for(folder);
    if let Some(name) = root.value("name")? {
        if !is_name(&name.text) {
            return Err(name.error("a name has letters, digits, _ and -").hint("as name = \"smo1\""));
        }
        config.name = name.text;
    }
    stores(&root.section("stores")?, &source, &mut config)?;
    log(&root.section("log")?, &mut config)?;
    commit(&root.section("commit")?, &mut config)?;
    schema(&root.section("schema")?, &source, &mut config)?;
    tables(&root.section("tables")?, &source, &mut config)?;
    copies(&root.section("copy")?, &source, &mut config)?;
    rest(&root.section("rest")?, &source, &mut config)?;
    caches(&root.section("cache")?, &source, &mut config)?;
    limits(&root.section("limits")?, &source, &mut config)?;
    sessions(&root.section("sessions")?, &mut config)?;
    server(&root.section("server")?, &source, &mut config)?;
    auth(&root.section("auth")?, &source, &mut config)?;
    access(&root.section("access")?, &source, &mut config)?;
    Ok(config)
}

fn stores(section: &Section<'_>, source: &Source<'_>, config: &mut Config) -> Result<()> {
    if let Some((key, at)) = section.keys().find(|(key, _)| LATER_ROLES.contains(key)) {
        let error = source.error(at, format_args!("stores.{key}: this version of brigade has no role {key}"));
        return Err(error.hint("take the line out, or use a version that knows it"));
    }
    section.only(&["truth", "log", "cache"])?;
    const TRUTH: [(&str, &str); 3] =
        [("sqlite:", "\"sqlite:PATH\""), ("postgres://", "\"postgres://…\""), ("postgresql://", "\"postgresql://…\"")];
    // A table gives the URL as `url`; a text is the URL. The environment's BRIGADE_STORES_TRUTH stands above both.
    if let Ok(truth) = section.section("truth") {
        truth_store(&truth, &mut config.stores.truth)?;
        if let Some(url) = truth.value("url")? {
            config.stores.truth.url = url.url(&TRUTH)?;
        }
    } else if let Some(url) = section.value("truth")? {
        config.stores.truth.url = url.url(&TRUTH)?;
    }
    if let Some(url) = (source.env)("BRIGADE_STORES_TRUTH") {
        config.stores.truth.url.clone_from(&url);
        if !TRUTH.iter().any(|(scheme, _)| url.starts_with(scheme)) {
            let message = "environment variable BRIGADE_STORES_TRUTH: no engine for this URL";
            return Err(crate::data::Error::new(code::CONFIG, message).hint("write sqlite:PATH or postgres://…"));
        }
    }
    cache_store(section, source, config)?;
    if let Ok(truth) = section.section("truth") {
        replicas(&truth, source, &mut config.stores.truth)?;
    }
    if let Some(url) = section.value("log")? {
        config.stores.log = url.url(&[("embedded:", "\"embedded:FOLDER\"")])?;
    }
    Ok(())
}

fn truth_store(section: &Section<'_>, truth: &mut TruthStore) -> Result<()> {
    section.only(&[
        "url",
        "durability",
        "pool_min",
        "pool_max",
        "pool_lifetime",
        "pool_timeout",
        "connect_timeout",
        "statement_timeout",
        "tls_ca",
        "slot",
        "publication",
        "replicas",
        "replica_lag_max",
    ])?;
    if let Some(value) = section.value("durability")? {
        truth.relaxed = value.one_of(&[("full", false), ("relaxed", true)])?;
    }
    if let Some(value) = section.value("pool_max")? {
        truth.pool_max = value.count(1)?;
        truth.pool_min = truth.pool_min.min(truth.pool_max);
    }
    if let Some(value) = section.value("pool_min")? {
        truth.pool_min = value.count(0)?;
        if truth.pool_min > truth.pool_max {
            return Err(value.error(format_args!("more than pool_max, {}", truth.pool_max)).hint("raise pool_max"));
        }
    }
    for (key, duration) in [
        ("pool_lifetime", &mut truth.pool_lifetime),
        ("pool_timeout", &mut truth.pool_timeout),
        ("connect_timeout", &mut truth.connect_timeout),
        ("statement_timeout", &mut truth.statement_timeout),
    ] {
        if let Some(value) = section.value(key)? {
            *duration = value.duration()?;
        }
    }
    for (key, text) in
        [("tls_ca", &mut truth.tls_ca), ("slot", &mut truth.slot), ("publication", &mut truth.publication)]
    {
        if let Some(value) = section.value(key)? {
            *text = Some(value.text);
        }
    }
    Ok(())
}

/// The standbys of a truth.
fn replicas(section: &Section<'_>, source: &Source<'_>, truth: &mut TruthStore) -> Result<()> {
    let at = section.key_at("replicas");
    let wrong = |message: String| {
        let hint = "as replicas = [\"postgres://USER:PASSWORD@HOST:PORT/DATABASE\"], each a streaming standby of url";
        source.error(at, format_args!("stores.truth.replicas: {message}")).hint(hint)
    };
    if let Some(urls) = section.list("replicas")? {
        if truth.url.starts_with("sqlite:") && !urls.is_empty() {
            return Err(wrong("only a PostgreSQL truth has replicas".to_owned())
                .hint("take the line out, or set url to a postgres:// URL"));
        }
        if let Some(index) =
            urls.iter().position(|url| !url.starts_with("postgres://") && !url.starts_with("postgresql://"))
        {
            return Err(wrong(format!("the URL number {} is none of a PostgreSQL", index + 1)));
        }
        if urls.len() > limits::REPLICAS_MAX {
            return Err(wrong(format!("more than {}", limits::REPLICAS_MAX)));
        }
        truth.replicas = urls;
    }
    if let Some(value) = section.value("replica_lag_max")? {
        truth.replica_lag_max = value.duration()?;
        if truth.replica_lag_max < Duration::from_secs(1) {
            return Err(value.error("less than 1s: replicas are looked at twice a second").hint("as \"5s\""));
        }
    }
    Ok(())
}

fn log(section: &Section<'_>, config: &mut Config) -> Result<()> {
    section.only(&["keep", "keep_bytes", "budget", "at_budget"])?;
    let log = &mut config.log;
    if let Some(value) = section.value("keep")? {
        log.keep = value.duration()?;
    }
    if let Some(value) = section.value("keep_bytes")? {
        log.keep_bytes = value.bytes()?;
    }
    if let Some(value) = section.value("budget")? {
        log.budget = value.bytes()?;
        if log.budget < log.keep_bytes {
            let message = format!("less than keep_bytes, {} bytes", log.keep_bytes);
            return Err(value.error(message).hint("raise the budget, or lower keep_bytes"));
        }
    }
    if let Some(value) = section.value("at_budget")? {
        let words = [("detach_slowest", AtBudget::DetachSlowest), ("refuse_writes", AtBudget::RefuseWrites)];
        log.at_budget = value.one_of(&words)?;
    }
    log.keep_bytes = log.keep_bytes.min(log.budget);
    Ok(())
}

fn commit(section: &Section<'_>, config: &mut Config) -> Result<()> {
    section.only(&["idempotency_keep", "statements_max", "rows_max"])?;
    if let Some(value) = section.value("idempotency_keep")? {
        config.commit.idempotency_keep = value.duration()?;
    }
    if let Some(value) = section.value("statements_max")? {
        config.commit.statements_max = value.count(1)?;
    }
    if let Some(value) = section.value("rows_max")? {
        config.commit.rows_max = value.count(1)?;
    }
    Ok(())
}

fn schema(section: &Section<'_>, source: &Source<'_>, config: &mut Config) -> Result<()> {
    section.only(&["existing", "schemas"])?;
    if let Some(value) = section.value("existing")? {
        config.schema.existing = value.yes()?;
        if config.schema.existing && config.stores.truth.url.starts_with("sqlite:") {
            return Err(value
                .error("only a PostgreSQL has tables of its own")
                .hint("set stores.truth to a postgres:// URL, or take the line out"));
        }
    }
    if let Some(schemas) = section.list("schemas")? {
        if schemas.is_empty() {
            return Err(source
                .error(section.key_at("schemas"), "schemas: no schema at all")
                .hint("write [\"public\"]"));
        }
        config.schema.schemas = schemas;
    }
    Ok(())
}

fn tables(section: &Section<'_>, source: &Source<'_>, config: &mut Config) -> Result<()> {
    for (name, at) in section.keys() {
        let table = section.section(name)?;
        table.only(&["touch", "images"])?;
        let mut settings = TableSettings::default();
        config.places.insert(format!("tables.{name}"), source.place(at));
        if let Some(value) = table.value("touch")? {
            config.places.insert(format!("tables.{name}.touch"), source.place(table.key_at("touch")));
            settings.touch = Some(value.text);
        }
        if let Some(value) = table.value("images")? {
            settings.key_images = value.one_of(&[("full", false), ("key", true)])?;
            if settings.key_images && config.stores.truth.url.starts_with("sqlite:") {
                return Err(value.error("SQLite always keeps full images").hint("take the line out"));
            }
        }
        config.tables.insert(name.to_string(), settings);
    }
    Ok(())
}

fn copies(section: &Section<'_>, source: &Source<'_>, config: &mut Config) -> Result<()> {
    let mut copies = BTreeMap::new();
    for (name, at, copy) in section.named("backup")? {
        copy.only(&["tables", "store", "max_lag"])?;
        let store = match copy.value("store")? {
            Some(value) => value.url(&[("sqlite:", "\"sqlite:PATH\""), ("memory:", "\"memory:\"")])?,
            None => format!("sqlite:data/copy-{name}.db"),
        };
        let max_lag = copy.value("max_lag")?.map(|value| value.duration()).transpose()?;
        let tables = copy.list("tables")?;
        if tables.as_ref().is_some_and(Vec::is_empty) {
            let error = source.error(copy.key_at("tables"), format_args!("[copy.{name}]: no table at all"));
            return Err(error.hint("name tables, or take the line out to copy all"));
        }
        let place = source.place(at);
        config.places.insert(format!("copy.{name}"), place.clone());
        copies.insert(name.to_string(), CopyConfig { tables, store, max_lag, place });
    }
    config.copies = copies;
    Ok(())
}

fn rest(section: &Section<'_>, source: &Source<'_>, config: &mut Config) -> Result<()> {
    section.only(&["max_rows", "aggregates", "tx_override", "unfiltered_writes", "text_search", "plan"])?;
    if let Some(value) = section.value("max_rows")? {
        config.rest.max_rows = Some(value.count(1)? as u64);
    }
    if let Some(value) = section.value("aggregates")? {
        config.rest.aggregates = value.yes()?;
    }
    if let Some(value) = section.value("tx_override")? {
        config.rest.tx_override = value.yes()?;
    }
    if let Some(value) = section.value("unfiltered_writes")? {
        config.rest.unfiltered_writes = value.one_of(&[("refuse", false), ("allow", true)])?;
    }
    if let Some(value) = section.value("plan")? {
        config.rest.plan = value.yes()?;
    }
    if let Some(value) = section.value("text_search")? {
        config.places.insert("rest.text_search".to_owned(), source.place(section.key_at("text_search")));
        config.rest.text_search = value.text;
    }
    Ok(())
}

fn server(section: &Section<'_>, source: &Source<'_>, config: &mut Config) -> Result<()> {
    section.only(&["body_max", "limits", "trusted_proxies"])?;
    routes(section, source, config)?;
    if let Some(value) = section.value("body_max")? {
        let bytes = usize::try_from(value.bytes()?).unwrap_or(usize::MAX);
        if bytes < 1024 {
            return Err(value.error("less than 1 KiB").hint("as \"16MiB\""));
        }
        config.server.body_max = bytes;
    }
    Ok(())
}
