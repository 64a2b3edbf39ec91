//! brigade.toml, by cases: what it says, and what is wrong with it, place included.

use std::time::Duration;

use super::*;

fn env(name: &str) -> Option<String> {
    match name {
        "PASSWORD" => Some("s3cret".to_string()),
        _ => None,
    }
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(Config::parse("", "smo1", &env).unwrap(), Config::default_for("smo1"));
    assert_eq!(Config::parse("# nothing\n[log]\n[stores]\n", "smo1", &env).unwrap(), Config::default_for("smo1"));
}

#[test]
fn every_key_is_read() {
    let text = r#"
        name = "other"
        [stores]
        log = "embedded:data/l"
        [stores.truth]
        url = "postgres://brigade:${PASSWORD}@localhost/db"
        durability = "relaxed"
        pool_min = 3
        pool_max = 30
        pool_lifetime = "1h"
        pool_timeout = "2s"
        connect_timeout = "3s"
        statement_timeout = "500ms"
        tls_ca = "ca.pem"
        slot = "s"
        publication = "p"
        replicas = ["postgres://brigade:${PASSWORD}@standby/db"]
        replica_lag_max = "20s"
        [log]
        keep = "7d"
        keep_bytes = "64MiB"
        budget = "1000000000"
        at_budget = "refuse_writes"
        [commit]
        idempotency_keep = "1h"
        statements_max = 10
        rows_max = 20
        [schema]
        existing = true
        schemas = ["public", "app"]
        [server]
        body_max = "1MiB"
        [tables.links]
        touch = "updated_at"
        images = "key"
        [copy.backup]
        tables = ["links", "users"]
        store = "memory:"
        max_lag = "5s"
        [copy.all]
    "#;
    let config = Config::parse(text, "smo1", &env).unwrap();
    let truth = TruthStore {
        url: "postgres://brigade:s3cret@localhost/db".to_string(),
        relaxed: true,
        pool_min: 3,
        pool_max: 30,
        pool_lifetime: Duration::from_secs(3600),
        pool_timeout: Duration::from_secs(2),
        connect_timeout: Duration::from_secs(3),
        statement_timeout: Duration::from_millis(500),
        tls_ca: Some("ca.pem".to_string()),
        slot: Some("s".to_string()),
        publication: Some("p".to_string()),
        replicas: vec!["postgres://brigade:s3cret@standby/db".to_string()],
        replica_lag_max: Duration::from_secs(20),
    };
    assert_eq!(config.name, "other");
    assert_eq!(config.stores, Stores { truth, log: "embedded:data/l".to_string(), cache: CacheStore::at("memory:") });
    let log = LogConfig {
        keep: Duration::from_secs(7 * 86_400),
        keep_bytes: 64 << 20,
        budget: 1_000_000_000,
        at_budget: AtBudget::RefuseWrites,
    };
    assert_eq!(config.log, log);
    let commit = CommitConfig { idempotency_keep: Duration::from_secs(3600), statements_max: 10, rows_max: 20 };
    assert_eq!(config.commit, commit);
    assert_eq!(config.schema, SchemaConfig { existing: true, schemas: vec!["public".to_string(), "app".to_string()] });
    assert_eq!(config.server.body_max, 1 << 20);
    let links = TableSettings { touch: Some("updated_at".to_string()), key_images: true };
    assert_eq!(config.tables["links"], links);
    assert_eq!(config.place(&["tables", "links", "touch"]), "brigade.toml:34:9");
    let backup = CopyConfig {
        tables: Some(vec!["links".to_string(), "users".to_string()]),
        store: "memory:".to_string(),
        max_lag: Some(Duration::from_secs(5)),
        place: "brigade.toml:36:15".to_string(),
    };
    assert_eq!(config.copies["backup"], backup);
    assert_eq!((config.copies["all"].store.as_str(), &config.copies["all"].tables), ("sqlite:data/copy-all.db", &None));
}

#[test]
fn the_truth_may_be_a_url_alone() {
    let config = Config::parse("[stores]\ntruth = \"sqlite:x.db\"", "p", &env).unwrap();
    assert_eq!(config.stores.truth, TruthStore::at("sqlite:x.db"));
}

#[test]
fn the_environment_stands_above_the_file() {
    let vars = |name: &str| {
        let value = match name {
            "BRIGADE_STORES_TRUTH" => "postgres://h/db",
            "BRIGADE_LOG_KEEP" => "5m",
            "BRIGADE_STORES_TRUTH_POOL_MAX" => "4",
            "BRIGADE_COPY_B_STORE" => "memory:",
            "BRIGADE_NAME" => "named",
            _ => return None,
        };
        Some(value.to_string())
    };
    for text in ["[copy.b]\n[stores]\ntruth = \"sqlite:x\"", "[copy.b]\n[stores.truth]\nurl = \"sqlite:x\"", "[copy.b]"]
    {
        let config = Config::parse(text, "p", &vars).unwrap();
        assert_eq!(config.stores.truth.url, "postgres://h/db", "{text}");
        assert_eq!(config.log.keep, Duration::from_secs(300));
        assert_eq!((config.copies["b"].store.as_str(), config.name.as_str()), ("memory:", "named"));
    }
    let pool = Config::parse("[stores.truth]\n", "p", &vars).unwrap().stores.truth;
    assert_eq!((pool.pool_min, pool.pool_max), (2, 4));
    let error = Config::parse("", "p", &|name| (name == "BRIGADE_LOG_KEEP").then(|| "long".to_string())).unwrap_err();
    assert_eq!(error.message(), "environment variable BRIGADE_LOG_KEEP: log.keep: \"long\" is no duration");
}

#[test]
fn a_password_in_a_url_is_not_shown_with_the_mistake() {
    for text in [
        "[stores.truth]\nreplicas = \"postgres://u:hunter2@h/d\"",
        "[stores.truth]\nreplicas = [\n\"mysql://u:hunter2@h/d\"]",
        "[stores.truth]\nreplicas = [\n\"postgres://u:hunter2@${NOBODY}/d\"]",
    ] {
        let error = Config::parse(text, "p", &env).unwrap_err();
        let shown = format!("{error} {:?} {:?}", error.get_details(), error.get_hint());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn every_mistake_has_its_place_and_mend() {
    for (text, message, hint) in [
        ("[log]\nkeeep = \"1h\"", "2:1: unknown key \"keeep\" in [log]", "did you mean \"keep\"?"),
        ("[sotres]", "1:2: unknown key \"sotres\"", "did you mean \"stores\"?"),
        (
            "\n[search.posts]\ntable = \"posts\"",
            "2:2: [search] is not known to this version of brigade",
            "take the section out, or use a version that knows it",
        ),
        (
            "[stores]\nsearch = \"tantivy:x\"",
            "2:1: stores.search: this version of brigade has no role search",
            "take the line out, or use a version that knows it",
        ),
        (
            "[stores]\ntruth = \"mysql://x\"",
            "2:9: stores.truth: no engine for \"mysql:\"",
            "write \"sqlite:PATH\" or \"postgres://…\" or \"postgresql://…\"",
        ),
        (
            "[stores]\ntruth = 5",
            "2:9: stores.truth: no engine for \"5:\"",
            "write \"sqlite:PATH\" or \"postgres://…\" or \"postgresql://…\"",
        ),
        (
            "[stores.truth]\nurl = \"postgres://${NOBODY}@h\"",
            "2:7: the environment has no variable NOBODY",
            "set NOBODY before starting brigade",
        ),
        ("[stores.truth]\nurl = \"postgres://${NOBODY\"", "2:7: \"${\" without \"}\"", "write ${NAME}"),
        (
            "[stores.truth]\npool_max = 2\npool_min = 5",
            "3:12: stores.truth.pool_min: more than pool_max, 2",
            "raise pool_max",
        ),
        (
            "[stores.truth]\npool_max = 0",
            "2:12: stores.truth.pool_max: \"0\" is no such number",
            "write a whole number, at least 1",
        ),
        (
            "[stores.truth]\nreplicas = [\"postgres://h/d\"]",
            "2:1: stores.truth.replicas: only a PostgreSQL truth has replicas",
            "take the line out, or set url to a postgres:// URL",
        ),
        (
            "[stores.truth]\nurl = \"postgres://h/d\"\nreplicas = [\"postgres://h/d\", \"x\"]",
            "3:1: stores.truth.replicas: the URL number 2 is none of a PostgreSQL",
            "as replicas = [\"postgres://USER:PASSWORD@HOST:PORT/DATABASE\"], each a streaming standby of url",
        ),
        (
            "[stores.truth]\nreplica_lag_max = \"10ms\"",
            "2:19: stores.truth.replica_lag_max: less than 1s: replicas are looked at twice a second",
            "as \"5s\"",
        ),
        (
            "[stores.truth]\ndurability = \"none\"",
            "2:14: stores.truth.durability: unknown \"none\"",
            "known: full, relaxed",
        ),
        (
            "[log]\nkeep = \"soon\"",
            "2:8: log.keep: \"soon\" is no duration",
            "write a number with ms, s, m, h or d, as \"24h\"",
        ),
        (
            "[log]\nkeep = 24",
            "2:8: log.keep: \"24\" is no duration",
            "write a number with ms, s, m, h or d, as \"24h\"",
        ),
        (
            "[log]\nbudget = \"8 gigs\"",
            "2:10: log.budget: \"8 gigs\" is no size",
            "write a number with KiB, MiB or GiB, as \"64MiB\"",
        ),
        (
            "[log]\nbudget = \"1MiB\"",
            "2:10: log.budget: less than keep_bytes, 1073741824 bytes",
            "raise the budget, or lower keep_bytes",
        ),
        (
            "[log]\nat_budget = \"refuse_write\"",
            "2:13: log.at_budget: unknown \"refuse_write\"",
            "did you mean \"refuse_writes\"?",
        ),
        ("[log]\nkeep = [1]", "2:8: \"log.keep\" is one value", "write a text, a number, true or false"),
        ("log = 5", "1:7: \"log\" is a section", "write [log]"),
        (
            "[schema]\nexisting = true",
            "2:12: schema.existing: only a PostgreSQL has tables of its own",
            "set stores.truth to a postgres:// URL, or take the line out",
        ),
        ("[schema]\nschemas = \"public\"", "2:11: \"schemas\" is a list of texts", "write [\"a\", \"b\"]"),
        (
            "[tables.links]\nimages = \"key\"",
            "2:10: tables.links.images: SQLite always keeps full images",
            "take the line out",
        ),
        ("[tables.links]\ntuoch = \"x\"", "2:1: unknown key \"tuoch\" in [tables.links]", "did you mean \"touch\"?"),
        (
            "[copy.b]\nstore = \"redis://x\"",
            "2:9: copy.b.store: no engine for \"redis:\"",
            "write \"sqlite:PATH\" or \"memory:\"",
        ),
        ("[copy.b]\ntables = []", "2:1: [copy.b]: no table at all", "name tables, or take the line out to copy all"),
        ("[copy.\"a b\"]", "1:7: [copy.a b]: a name has letters, digits, _ and -", "as [copy.backup]"),
        ("[server]\nbody_max = \"10\"", "2:12: server.body_max: less than 1 KiB", "as \"16MiB\""),
        ("name = \"a b\"", "1:8: name: a name has letters, digits, _ and -", "as name = \"smo1\""),
    ] {
        let error = Config::parse(text, "p", &env).expect_err(text);
        assert_eq!(error.code(), "BRGCFG");
        assert_eq!(
            (error.message(), error.get_hint()),
            (format!("brigade.toml:{message}").as_str(), Some(hint)),
            "{text}"
        );
        assert!(error.get_details().is_some_and(|d| d.ends_with('^')), "no caret: {text}");
    }
}

#[test]
fn malformed_toml_shows_a_caret_at_the_place() {
    for (text, place, details) in [
        ("[log\nkeep = 1", "brigade.toml:1:5: ", "[log\n    ^"),
        ("[log]\nkeep = \"24h\nx = 1", "brigade.toml:2:12: ", "keep = \"24h\n           ^"),
        ("a = 1\na = 2", "brigade.toml:2:1: ", "a = 2\n^"),
    ] {
        let error = Config::parse(text, "p", &env).unwrap_err();
        assert!(error.message().starts_with(place), "{text}: {error}");
        assert_eq!(error.get_details(), Some(details), "{text}: {error}");
    }
}
