//! `cargo xtask links`: makes `apps/smo1/seed` from a public list. Ten thousand real links, the same on every run, so that
//! a difference in the repository is a difference in the source.

use std::{collections::BTreeSet, fmt::Write, path::Path};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::run;

/// CC0-1.0; see `apps/smo1/SOURCES.md`.
const PACKAGE: &str = "@mdn/browser-compat-data@8.1.9";
const LINKS: usize = 10_000;
const USERS: u64 = 100;
/// Longer ones would take the file over a megabyte.
const URL_MAX: usize = 86;

/// Downloads the package with npm and writes `users.csv` and `links.csv`.
pub fn run() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("brigade-links-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let written = download(&folder).and_then(|data| write(&data));
    std::fs::remove_dir_all(&folder)?;
    written
}

fn download(folder: &Path) -> Result<Value> {
    let archive = run::output(run::command(&["npm", "pack", "--silent", PACKAGE]).current_dir(folder))?;
    run::run(run::command(&["tar", "-xf", archive.trim()]).current_dir(folder))?;
    let text = std::fs::read_to_string(folder.join("package/data.json"))?;
    serde_json::from_str(&text).context("data.json")
}

fn write(data: &Value) -> Result<()> {
    let mut urls = BTreeSet::new();
    collect(data, &mut urls);
    urls.retain(|url| url.len() <= URL_MAX && !url.contains([',', '"']));
    if urls.len() < LINKS {
        bail!("{PACKAGE} has only {} links", urls.len());
    }
    let urls: Vec<String> = urls.into_iter().collect();
    let chosen = (0..LINKS).map(|n| &urls[n * urls.len() / LINKS]);
    let mut links = String::from("user_id,uid,original_url,display_name\n");
    for url in chosen {
        let hash = xxh3_64(url.as_bytes());
        writeln!(links, "{},{},{url},{}", user(hash % USERS), uid(hash), display_name(url))?;
    }
    let mut users = String::from("id,email,username,subscription_tier\n");
    for n in 0..USERS {
        let tier = ["free", "free", "free", "pro", "business"][(n % 5) as usize];
        writeln!(users, "{},{1}@example.org,{1},{tier}", user(n), format_args!("cook{n:02}"))?;
    }
    let seed = run::root().join("apps/smo1/seed");
    std::fs::create_dir_all(&seed)?;
    std::fs::write(seed.join("links.csv"), links)?;
    std::fs::write(seed.join("users.csv"), users)?;
    Ok(())
}

/// Every address of a page of documentation or of a standard.
fn collect(node: &Value, urls: &mut BTreeSet<String>) {
    match node {
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("mdn_url" | "spec_url", Value::String(url)) => _ = urls.insert(url.clone()),
                    ("spec_url", Value::Array(list)) => {
                        urls.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    _ => collect(value, urls),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, urls)),
        _ => {}
    }
}

fn user(n: u64) -> String {
    format!("u{n:02}")
}

/// Eight characters of base 62, enough for ten thousand links without two alike (checked by the table's unique constraint).
fn uid(mut hash: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut uid = String::new();
    for _ in 0..8 {
        uid.push(char::from(DIGITS[(hash % 62) as usize]));
        hash /= 62;
    }
    uid
}

/// What the address is about: its part after `#`, else its last segment.
fn display_name(url: &str) -> &str {
    let path = url.trim_end_matches(['/', '#']);
    path.rsplit(['/', '#']).next().unwrap_or(path)
}
