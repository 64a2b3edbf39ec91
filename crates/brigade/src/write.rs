//! `brigade.transaction().insert(…).commit()`: a transaction built and committed in Rust.

use std::time::Duration;

use brigade_core::{
    commit::{Builder, Row},
    data::{IdempotencyKey, Receipt, Result, Where},
};

use sha2::{Digest, Sha256};

use crate::Brigade;

/// A transaction being built. `returning` and `expect` speak of the statement before them.
#[derive(Clone, Debug)]
#[must_use = "nothing happens before commit"]
pub struct Write {
    brigade: Brigade,
    builder: Builder,
    key: Option<String>,
}

impl Write {
    pub(crate) fn new(brigade: Brigade) -> Self {
        Self { brigade, builder: Builder::new(), key: None }
    }

    fn map(mut self, change: impl FnOnce(Builder) -> Builder) -> Self {
        self.builder = change(self.builder);
        self
    }

    /// One new row.
    pub fn insert(self, table: &str, row: Row) -> Self {
        self.map(|b| b.insert(table, row))
    }

    /// New rows.
    pub fn insert_all(self, table: &str, rows: impl IntoIterator<Item = Row>) -> Self {
        self.map(|b| b.insert_all(table, rows))
    }

    /// New rows, or a change of those with the same key (`on`; empty: the primary key).
    pub fn upsert(self, table: &str, on: &[&str], rows: impl IntoIterator<Item = Row>) -> Self {
        self.map(|b| b.upsert(table, on, rows))
    }

    /// A change of the rows that match.
    pub fn update(self, table: &str, filter: Where, set: Row) -> Self {
        self.map(|b| b.update(table, filter, set))
    }

    /// The end of the rows that match.
    pub fn delete(self, table: &str, filter: Where) -> Self {
        self.map(|b| b.delete(table, filter))
    }

    /// How many rows match.
    pub fn check(self, table: &str, filter: Where) -> Self {
        self.map(|b| b.check(table, filter))
    }

    /// Asks the statement before for columns; `*` for all.
    pub fn returning(self, columns: &[&str]) -> Self {
        self.map(|b| b.returning(columns))
    }

    /// The statement before must affect (or match) exactly so many rows.
    pub fn expect(self, rows: u64) -> Self {
        self.map(|b| b.expect(rows))
    }

    /// Makes the commit safe to repeat: one key, one effect, the same receipt.
    pub fn idempotency_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Commits it.
    ///
    /// # Errors
    /// As [`Brigade::commit`].
    pub async fn commit(self) -> Result<Receipt> {
        let transaction = self.builder.build();
        let key = self.key.map(|key| IdempotencyKey {
            key,
            principal: String::new(),
            body_hash: Sha256::digest(format!("{transaction:?}")).into(),
            keep: Duration::ZERO,
        });
        self.brigade.commit(transaction, key).await
    }
}
