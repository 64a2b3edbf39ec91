//! The project that is read: a table of one million rows, a table that hangs on it, and a key that may do everything.

use std::path::Path;

use anyhow::Result;
use brigade::{Brigade, NewApiKey, OpenOptions};
use tempfile::TempDir;

/// Rows of the large table.
pub const ROWS: u64 = 1_000_000;

/// Rows that one statement makes: all at once would be one transaction of the log.
const PART: u64 = 50_000;

const MIGRATION: &str = "
CREATE TABLE customers (
    id         bigint PRIMARY KEY,
    name       text NOT NULL,
    country    text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX customers_country ON customers (country, id);
CREATE TABLE orders (
    id       bigint PRIMARY KEY,
    customer bigint NOT NULL REFERENCES customers (id),
    total    numeric(10, 2) NOT NULL
);
CREATE INDEX orders_customer ON orders (customer);
";

/// The configuration: everybody is asked who they are, and the log keeps little of the rows that were made.
const CONFIG: &str = "[auth]\n[log]\nkeep = \"1s\"\nkeep_bytes = \"1MiB\"\n";

/// A project with rows, closed, in a folder that goes with it.
pub struct Project {
    folder: TempDir,
    key: String,
}

impl Project {
    /// Makes it with more in brigade.toml.
    pub async fn make(stores: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join("migrations"))?;
        std::fs::write(folder.path().join("brigade.toml"), format!("{CONFIG}{stores}"))?;
        std::fs::write(folder.path().join("migrations/0001_init.sql"), MIGRATION)?;
        let brigade = Brigade::open(OpenOptions::project(folder.path())).await?;
        let is_sqlite = stores.is_empty();
        for begin in (0..ROWS).step_by(PART as usize) {
            fill(&brigade, is_sqlite, begin, begin + PART).await?;
        }
        let new = NewApiKey { name: "bench".to_owned(), role: "service".to_owned(), ..NewApiKey::default() };
        let (_, key) = brigade.keys().create(new, &brigade.config().access)?;
        brigade.close().await;
        Ok(Self { folder, key })
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a request sends to be let in.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// Rows `begin..end` of customers, and three orders for each tenth of them.
async fn fill(brigade: &Brigade, is_sqlite: bool, begin: u64, end: u64) -> Result<()> {
    let (numbers, time) = if is_sqlite {
        let numbers =
            format!("WITH RECURSIVE g(n) AS (SELECT {begin} UNION ALL SELECT n + 1 FROM g WHERE n + 1 < {end})");
        (numbers, "'2026-01-01T00:00:00.000000+00:00'")
    } else {
        (format!("WITH g(n) AS (SELECT generate_series({begin}, {end} - 1))"), "'2026-01-01T00:00:00Z'")
    };
    let customers = format!(
        "{numbers} INSERT INTO customers SELECT n, 'customer ' || n, 'c' || (n % 200), {time} FROM g WHERE true"
    );
    let orders = format!(
        "{numbers} INSERT INTO orders SELECT n * 3 + k, n, (n % 1000) || '.50' FROM g, (SELECT 0 AS k UNION SELECT 1 UNION SELECT 2) AS t WHERE n % 10 = 0"
    );
    let orders =
        if is_sqlite { orders } else { orders.replace("(n % 1000) || '.50'", "((n % 1000) || '.50')::numeric") };
    for sql in [customers, orders] {
        brigade.query(&sql, true, 1).await?;
    }
    Ok(())
}
