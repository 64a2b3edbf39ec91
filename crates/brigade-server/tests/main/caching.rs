//! `/cache/NAME/KEY` on every truth: what is answered, what a change does, and what is refused.

mod disturbed;
mod embedded;

use brigade_testing::servers::Redis;
use serde_json::json;

use crate::harness::{Answer, Running, engines};

const SCHEMA: &str = "
CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE links (
    id bigint PRIMARY KEY,
    uid uuid NOT NULL UNIQUE,
    slug text UNIQUE,
    url text NOT NULL,
    owner bigint REFERENCES users (id),
    made timestamptz
);
";

const CACHES: &str = r#"
[cache.link]
table = "links"
keys  = ["link:{uid}", "link:{slug}"]
value = ["id", "url"]
ttl   = "300s"

[cache.owned]
table = "links"
keys  = ["owned:{id}"]
value = "id,url,owner:users(id,name)"
ttl   = "300s"
negative_ttl = "0s"

[cache.ready]
table = "links"
keys  = ["ready:{id}"]
value = ["id", "url", "made"]
ttl   = "300s"
fill  = "write"
"#;

const QUERY_CACHES: &str = r#"
[cache.feed]
query = "queries/feed.sql"
keys  = ["feed:{owner}:{page}"]
ttl   = "300s"

[cache.total]
query = "total"
keys  = ["total:{owner}"]
ttl   = "300s"
"#;

const QUERIES: [(&str, &str); 2] = [
    (
        "queries/feed.sql",
        "-- param owner bigint\n-- param page integer = 0\n\
         SELECT id, url FROM links WHERE owner = :owner ORDER BY id LIMIT 2 OFFSET :page * 2",
    ),
    (
        "queries/total.sql",
        "-- param owner bigint\n-- single\n-- tables users, links\n\
         SELECT u.name, count(l.id) AS links FROM users u LEFT JOIN links l ON l.owner = u.id WHERE u.id = :owner GROUP BY u.name",
    ),
];

const UID: &str = "6f1e7a52-0c1c-4b52-9c2e-1d6f0f6d8a11";

struct Caches {
    server: Running,
    engine: &'static str,
}

impl Caches {
    async fn start(engine: &'static str, stores: &str) -> Self {
        let server = Running::start_with_files(SCHEMA, &format!("{stores}{CACHES}{QUERY_CACHES}"), &QUERIES).await;
        let caches = Self { server, engine };
        caches.commit(json!({"insert": {"table": "users", "rows": [{"id": 7, "name": "Ada"}]}})).await;
        caches.begun().await;
        caches
    }

    async fn commit(&self, statement: serde_json::Value) -> String {
        let answer = self.server.commit(&json!({ "statements": [statement] }).to_string()).await;
        assert_eq!(answer.status, 200, "{}: {}", self.engine, answer.text);
        answer.json()["position"].as_str().unwrap().to_owned()
    }

    async fn insert(&self, id: i64, slug: Option<&str>, url: &str) -> String {
        let uid = if id == 1 { UID.to_owned() } else { format!("00000000-0000-0000-0000-{id:012}") };
        let row = json!({"id": id, "uid": uid, "slug": slug, "url": url, "owner": 7});
        self.commit(json!({"insert": {"table": "links", "rows": [row]}})).await
    }

    async fn set_url(&self, id: i64, url: &str) -> String {
        self.commit(json!({"update": {"table": "links", "set": {"url": url}, "where": {"id": id}}})).await
    }

    /// Waits until every cache is kept in step.
    async fn begun(&self) {
        for _ in 0..500 {
            let list = self.server.get("/projections").await.json();
            if list.as_array().unwrap().iter().all(|one| one["state"] == "running") {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{}: the caches do not begin", self.engine);
    }

    async fn read(&self, path: &str, after: Option<&str>) -> Answer {
        let request = self.server.request("GET", path);
        let request = after.into_iter().fold(request, |request, position| request.header("Brigade-After", position));
        Answer::of(request.send().await.unwrap()).await
    }

    /// What is under a key, fresh, and where it comes from.
    async fn found(&self, path: &str, after: Option<&str>) -> (String, String) {
        let answer = self.read(path, after).await;
        assert_eq!(answer.status, 200, "{} {path}: {}", self.engine, answer.text);
        for name in ["brigade-position", "brigade-cache", "age"] {
            assert!(answer.header(name).is_some(), "{name} {path}");
        }
        assert_eq!(answer.header("content-type"), Some("application/json"));
        (answer.text.clone(), answer.header("brigade-cache").unwrap().to_owned())
    }

    async fn missing(&self, path: &str, after: Option<&str>) -> String {
        let answer = self.read(path, after).await;
        answer.is_error(404, "BRG404");
        assert!(answer.header("brigade-position").is_some(), "{path}");
        answer.header("brigade-cache").unwrap().to_owned()
    }
}

/// Runs a test on every truth, with the caches in the process and on Redis.
async fn on_every_engine(mut check: impl AsyncFnMut(&Caches)) {
    for redis in std::iter::once(None).chain(Redis::start().map(Some)) {
        for (engine, truth, _held) in engines() {
            let stores = redis.as_ref().map_or(truth.clone(), |redis| on_redis(&truth, redis));
            let mut caches = Caches::start(engine, &stores).await;
            check(&caches).await;
            caches.server.stop().await;
        }
    }
}

/// brigade.toml's beginning for a truth, with the caches on a Redis, which has a time limit that a busy machine keeps.
fn on_redis(truth: &str, redis: &Redis) -> String {
    let truth = if truth.is_empty() { "[stores]\n" } else { truth };
    format!("{truth}cache = {{ url = \"{}\", timeout = \"5s\" }}\n", redis.url())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_answered_under_each_of_its_keys() {
    on_every_engine(async |caches| {
        let at = caches.insert(1, Some("a:b%c"), "https://one").await;
        let (by_uid, by_slug) = (format!("/cache/link/link:{UID}"), "/cache/link/link:a%253Ab%2525c");
        let expected = r#"{"id":1,"url":"https://one"}"#.to_owned();
        assert_eq!(caches.found(&by_uid, Some(&at)).await, (expected.clone(), "miss".to_owned()));
        assert_eq!(caches.found(&by_uid, None).await, (expected.clone(), "hit".to_owned()));
        assert_eq!(caches.found(by_slug, Some(&at)).await.0, expected);
        assert_eq!(caches.found("/cache/link/link%3A6f1e7a52-0c1c-4b52-9c2e-1d6f0f6d8a11", None).await.1, "hit");
        // Another text of the same value is nobody's key: no change would ever remove it.
        assert_eq!(
            caches.missing(&by_uid.to_uppercase().replace("/CACHE/LINK/LINK", "/cache/link/link"), None).await,
            "miss"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_removes_the_keys_before_and_after_it_and_no_others() {
    on_every_engine(async |caches| {
        caches.insert(2, Some("two"), "https://two").await;
        let at = caches.insert(1, Some("one"), "https://one").await;
        for key in ["one", "two"] {
            caches.found(&format!("/cache/link/link:{key}"), Some(&at)).await;
        }
        assert_eq!(caches.missing("/cache/link/link:uno", Some(&at)).await, "miss");
        assert_eq!(caches.missing("/cache/link/link:uno", None).await, "negative");
        let at = caches.commit(json!({"update": {"table": "links", "set": {"slug": "uno"}, "where": {"id": 1}}})).await;
        assert_eq!(caches.missing("/cache/link/link:one", Some(&at)).await, "miss");
        assert_eq!(caches.found("/cache/link/link:uno", Some(&at)).await.1, "miss");
        assert_eq!(caches.found("/cache/link/link:two", Some(&at)).await.1, "hit", "{}: not concerned", caches.engine);
        let at = caches.commit(json!({"delete": {"table": "links", "where": {"id": 1}}})).await;
        caches.missing("/cache/link/link:uno", Some(&at)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_names_a_position_sees_it() {
    on_every_engine(async |caches| {
        caches.insert(1, None, "https://0").await;
        for n in 1..200 {
            let url = format!("https://{n}");
            let at = caches.set_url(1, &url).await;
            for cache in ["owned", "ready"] {
                let (found, _) = caches.found(&format!("/cache/{cache}/{cache}:1"), Some(&at)).await;
                assert!(found.contains(&format!("\"{url}\"")), "{} {cache} {n}: {found}", caches.engine);
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_row_counts_too() {
    on_every_engine(async |caches| {
        let at = caches.insert(1, None, "https://one").await;
        let path = "/cache/owned/owned:1";
        let (found, _) = caches.found(path, Some(&at)).await;
        assert_eq!(found, r#"{"id":1,"url":"https://one","owner":{"id":7,"name":"Ada"}}"#);
        assert_eq!(caches.found(path, None).await.1, "hit");
        let at =
            caches.commit(json!({"update": {"table": "users", "set": {"name": "Grace"}, "where": {"id": 7}}})).await;
        assert!(caches.found(path, Some(&at)).await.0.contains("Grace"), "{}", caches.engine);
        // Nothing is remembered of a key without a row where that is turned off.
        assert_eq!(caches.missing("/cache/owned/owned:9", None).await, "miss");
        assert_eq!(caches.missing("/cache/owned/owned:9", None).await, "miss");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_filled_on_write_is_there_before_anybody_asks() {
    on_every_engine(async |caches| {
        let at = caches.insert(1, None, "https://one").await;
        let path = "/cache/ready/ready:1";
        assert_eq!(caches.found(path, Some(&at)).await.1, "hit", "{}", caches.engine);
        let change =
            json!({"update": {"table": "links", "set": {"made": "2026-05-01T12:00:00.5+02:00"}, "where": {"id": 1}}});
        let at = caches.commit(change).await;
        let (found, outcome) = caches.found(path, Some(&at)).await;
        let read = caches.read("/rest/v1/links?id=eq.1&select=id,url,made", Some(&at)).await.text;
        assert_eq!(
            (format!("[{found}]"), outcome.as_str()),
            (read, "hit"),
            "{}: as the table API has it",
            caches.engine
        );
        let at = caches.commit(json!({"delete": {"table": "links", "where": {"id": 1}}})).await;
        caches.missing(path, Some(&at)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_queries_are_kept_too() {
    on_every_engine(async |caches| {
        caches.commit(json!({"insert": {"table": "users", "rows": [{"id": 8, "name": "Alan"}]}})).await;
        let mut at = String::new();
        for id in 1..=3 {
            at = caches.insert(id, None, "x").await;
        }
        let found = async |key: &str, after: &str| {
            let (cache, _) = key.split_once(':').unwrap();
            caches.found(&format!("/cache/{cache}/{key}"), Some(after)).await
        };
        let told = |text: &str, outcome: &str| (text.to_owned(), outcome.to_owned());
        assert_eq!(found("feed:7:0", &at).await, told(r#"[{"id":1,"url":"x"},{"id":2,"url":"x"}]"#, "miss"));
        assert_eq!(found("feed:7:1", &at).await, told(r#"[{"id":3,"url":"x"}]"#, "miss"));
        assert_eq!(found("feed:8:0", &at).await, told("[]", "miss"), "an empty list is a value");
        assert_eq!(found("total:7", &at).await, told(r#"{"name":"Ada","links":3}"#, "miss"));
        assert_eq!(caches.missing("/cache/total/total:9", Some(&at)).await, "miss");
        for key in ["feed:7:0", "feed:7:1", "feed:8:0", "total:7"] {
            assert_eq!(found(key, &at).await.1, "hit", "{} {key}", caches.engine);
        }
        // A column of the table that the key begins with tells which keys; what comes behind is widened to all.
        let at = caches.set_url(3, "y").await;
        assert_eq!(found("feed:7:1", &at).await, told(r#"[{"id":3,"url":"y"}]"#, "miss"), "{}", caches.engine);
        assert_eq!(found("feed:7:0", &at).await.1, "miss", "{}: any page of that owner", caches.engine);
        assert_eq!(found("feed:8:0", &at).await.1, "hit", "{}: not of another", caches.engine);
        let at = caches.commit(json!({"update": {"table": "links", "set": {"owner": 8}, "where": {"id": 3}}})).await;
        assert_eq!(found("feed:7:1", &at).await, told("[]", "miss"), "{}", caches.engine);
        assert_eq!(found("feed:8:0", &at).await, told(r#"[{"id":3,"url":"y"}]"#, "miss"), "{}", caches.engine);
        assert_eq!(found("total:7", &at).await, told(r#"{"name":"Ada","links":2}"#, "miss"), "{}", caches.engine);
        found("feed:7:0", &at).await;
        let at = caches.commit(json!({"update": {"table": "users", "set": {"name": "Eve"}, "where": {"id": 7}}})).await;
        assert_eq!(found("total:7", &at).await.0, r#"{"name":"Eve","links":2}"#, "{}", caches.engine);
        assert_eq!(found("feed:7:0", &at).await.1, "hit", "{}: the feed has nothing of users", caches.engine);
        let warm = caches.server.request("POST", "/cache/feed/warm").header("content-type", "application/json");
        Answer::of(warm.body("{}").send().await.unwrap()).await.is_error(400, "BRG400");
        let verified = caches.server.post("/projections/cache.feed/verify").await.json();
        assert_eq!(verified["equal"], true, "{}: {verified}", caches.engine);
        assert_eq!(caches.missing("/cache/feed/feed:x:0", None).await, "miss", "no number");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_deleted_warmed_and_verified() {
    on_every_engine(async |caches| {
        let mut at = String::new();
        for id in 1..=20 {
            at = caches.insert(id, Some(&format!("s{id}")), "https://x").await;
        }
        caches.found("/cache/link/link:s3", Some(&at)).await;
        let delete =
            || async { Answer::of(caches.server.request("DELETE", "/cache/link/link:s3").send().await.unwrap()).await };
        assert_eq!((delete().await.status, delete().await.status), (204, 204));
        assert_eq!(caches.found("/cache/link/link:s3", None).await.1, "miss");
        let warm = async |body: &str| {
            let request = caches.server.request("POST", "/cache/link/warm").header("content-type", "application/json");
            Answer::of(request.body(body.to_owned()).send().await.unwrap()).await
        };
        assert_eq!(
            warm(r#"{"keys": ["link:s4", "link:s5", "link:nobody", "nonsense"]}"#).await.text,
            r#"{"loaded":2}"#
        );
        assert_eq!(caches.found("/cache/link/link:s4", None).await.1, "hit");
        assert_eq!(warm("{}").await.text, r#"{"loaded":40}"#, "each row under two keys");
        warm(r#"{"keys": 1}"#).await.is_error(400, "BRG400");
        let verified = caches.server.post("/projections/cache.link/verify").await.json();
        assert_eq!(verified["equal"], true, "{verified}");
        assert_eq!(verified["rows"], 41, "with the one that is remembered to be missing: {verified}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_cache_lets_the_truth_answer() {
    on_every_engine(async |caches| {
        let at = caches.insert(1, Some("one"), "https://one").await;
        caches.found("/cache/link/link:one", Some(&at)).await;
        caches.server.post("/projections/cache.link/pause").await;
        let at = caches.set_url(1, "https://uno").await;
        for after in [None, Some(at.as_str())] {
            let (found, outcome) = caches.found("/cache/link/link:one", after).await;
            assert_eq!(
                (found.as_str(), outcome.as_str()),
                (r#"{"id":1,"url":"https://uno"}"#, "bypass"),
                "{}",
                caches.engine
            );
        }
        caches.server.post("/projections/cache.link/resume").await;
        let (found, _) = caches.found("/cache/link/link:one", Some(&at)).await;
        assert_eq!(found, r#"{"id":1,"url":"https://uno"}"#, "{}", caches.engine);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_status_tell_of_caches() {
    let server = Running::start_on(SCHEMA, CACHES).await;
    let metrics = server.get("/metrics").await.text;
    for counter in
        ["hits", "misses", "negative_hits", "loads", "waits", "early_refreshes", "invalidations", "evictions"]
    {
        let line = format!("brigade_cache_{counter}_total{{cache=\"link\"}}");
        assert!(metrics.contains(&line), "{line} is missing");
    }
    let status = server.get("/status").await.json();
    let names: Vec<&str> =
        status["projections"].as_array().unwrap().iter().filter_map(|p| p["name"].as_str()).collect();
    assert_eq!(names, ["cache.link", "cache.owned", "cache.ready"]);
    server.get("/cache/nobody/link:1").await.is_error(404, "BRG404");
    server.get(&format!("/cache/link/link:{}", "x".repeat(1_020))).await.is_error(413, "BRG413");
    let answer = Answer::of(server.request("POST", "/cache/link/link:1").send().await.unwrap()).await;
    answer.is_error(405, "BRG405");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_brigade_toml_are_refused_with_place_and_mend() {
    let table = "table = \"links\"\n";
    let good = "keys = [\"a:{uid}\"]\nttl = \"1s\"\n";
    for (config, place, message) in [
        (format!("[cache.a]\n{table}keys = [\"a:{{uidd}}\"]\nttl = \"1s\"\n"), "4:1", "no column \"uidd\""),
        (format!("[cache.a]\n{table}keys = [\"a:{{uid}}\"]\nttl = \"0s\"\n"), "5:7", "nothing is kept for no time"),
        (format!("[cache.a]\n{table}{good}lease = \"0s\"\n"), "6:9", "a lease that ends at once"),
        (format!("[cache.a]\n{table}{good}lease = \"11s\"\n"), "6:9", "longer than 10s"),
        (format!("[cache.a]\n{table}keys = [\"a:{{uid}}\"]\nttl = \"-1s\"\n"), "5:7", "no duration"),
        (format!("[cache.a]\n{table}keys = [\"a:{{uid}}\"]\n"), "2:", "ttl is missing"),
        (format!("[cache.a]\n{table}ttl = \"1s\"\n"), "2:", "keys are 1 to"),
        ("[cache.a]\ntable = \"link\"\nkeys = [\"a:{uid}\"]\nttl = \"1s\"\n".to_owned(), "3:1", "no table \"link\""),
        (format!("[cache.a]\n{table}value = [\"nope\"]\nkeys = [\"a:{{uid}}\"]\nttl = \"1s\"\n"), "4:1", "nope"),
        (
            format!(
                "[cache.a]\n{table}keys = [\"a:{{uid}}\"]\nttl = \"1s\"\n[cache.b]\n{table}keys = [\"a:{{slug}}\"]\nttl = \"1s\"\n"
            ),
            "8:1",
            "a text may be a key of",
        ),
        (format!("[cache.a]\n{table}keys = [\"a:x\"]\nttl = \"1s\"\n"), "4:1", "names no column"),
        (format!("[cache.a]\n{table}keys = [\"a:{{uid}}\"]\nttl = \"1s\"\nfil = \"read\"\n"), "6:1", "unknown key"),
        (
            format!(
                "[cache.a]\n{table}keys = [\"a:{{id}}\"]\nttl = \"1s\"\nfill = \"write\"\nvalue = \"id,users(name)\"\n"
            ),
            "7:1",
            "its own row alone",
        ),
        ("[cache.a]\nquery = \"fed\"\nkeys = [\"a:{owner}\"]\nttl = \"1s\"\n".to_owned(), "3:1", "no query \"fed\""),
        ("[cache.a]\nquery = \"feed\"\nkeys = [\"a:{page}\"]\nttl = \"1s\"\n".to_owned(), "4:1", "parameter \"owner\""),
        (
            "[cache.a]\nquery = \"feed\"\nkeys = [\"a:{ownr}\"]\nttl = \"1s\"\n".to_owned(),
            "4:1",
            "no parameter \"ownr\"",
        ),
        (
            "[cache.a]\nquery = \"feed\"\nkeys = [\"a:{owner}\"]\nttl = \"1s\"\nfill = \"write\"\n".to_owned(),
            "6:1",
            "does not tell",
        ),
    ] {
        let error = Running::refused(SCHEMA, &config, &QUERIES).await;
        assert_eq!(error.code(), "BRGCFG", "{config}: {error}");
        assert!(error.message().starts_with(&format!("brigade.toml:{place}")), "{place}: {error}");
        assert!(error.message().contains(message), "{message}: {error}");
        assert!(error.get_hint().is_some(), "{error}");
    }
}
