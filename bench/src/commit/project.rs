//! The project that is measured: one table with a unique column and an index, as a link shortener has it.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::Result;
use brigade::{
    Brigade, OpenOptions,
    data::{Input, Statement, Transaction, Value},
};

const MIGRATION: &str = "CREATE TABLE links (
    id           text PRIMARY KEY,
    uid          varchar(16) NOT NULL UNIQUE,
    original_url text NOT NULL,
    total_clicks bigint NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL
);
CREATE INDEX links_created_at ON links (created_at);
";

/// 2026-01-01T00:00:00Z in microseconds since 1970.
const CREATED_AT: i64 = 1_767_225_600_000_000;

/// Writes the project's files into a folder.
pub fn write(folder: &Path, config: &str) -> Result<()> {
    std::fs::create_dir_all(folder.join("migrations"))?;
    std::fs::write(folder.join("brigade.toml"), config)?;
    std::fs::write(folder.join("migrations/0001_init.sql"), MIGRATION)?;
    Ok(())
}

/// Opens it as `serve` does.
pub async fn open(folder: &Path) -> Result<Brigade> {
    Ok(Brigade::open(OpenOptions { project: folder.to_owned(), data: None, migrate: true, run: true }).await?)
}

/// One row to insert.
#[derive(Clone, Debug)]
pub struct Link {
    /// In the order of time, as identifiers are that databases like.
    pub id: String,
    /// In no order.
    pub uid: String,
    /// Of ordinary length.
    pub original_url: String,
}

impl Link {
    /// A row that was never made before in this process.
    pub fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            id: format!("0197{n:08x}-7000-7000-8000-{n:012x}"),
            uid: format!("{:016x}", scattered(n)),
            original_url: format!("https://example.org/articles/{n}/of-ordinary-length?utm_source=letter"),
        }
    }

    /// The transaction that inserts it.
    pub fn transaction(&self) -> Transaction {
        let record = vec![
            ("id".to_owned(), Input::Value(Value::Text(self.id.clone()))),
            ("uid".to_owned(), Input::Value(Value::Text(self.uid.clone()))),
            ("original_url".to_owned(), Input::Value(Value::Text(self.original_url.clone()))),
            ("created_at".to_owned(), Input::Value(Value::TimestampTz(CREATED_AT))),
        ];
        let insert =
            Statement::Insert { table: "links".to_owned(), rows: vec![record], returning: Vec::new(), expect: None };
        Transaction { statements: vec![insert] }
    }

    /// The same as a body of `POST /transactions`.
    pub fn body(&self) -> String {
        let Self { id, uid, original_url } = self;
        format!(
            r#"{{"statements":[{{"insert":{{"table":"links","rows":[{{"id":"{id}","uid":"{uid}","original_url":"{original_url}","created_at":"2026-01-01T00:00:00Z"}}]}}}}]}}"#
        )
    }
}

/// A bijection of 64 bits whose values lie far apart (the finaliser of SplitMix64).
fn scattered(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}
