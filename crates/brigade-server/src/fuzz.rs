//! What a stranger may send, as a function from bytes: `fuzz/` calls it with whatever it invents, tests with the corpus.

use std::sync::LazyLock;

use brigade::{
    commit,
    schema::{MigrationFile, Model, migrations},
};

const MIGRATION: &str = "
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE t (id int PRIMARY KEY, n numeric(12,2) NOT NULL, text varchar(9) UNIQUE, at timestamptz, days interval,
    doc jsonb, raw bytea, mood mood, tags text[], id2 uuid DEFAULT gen_random_uuid());";

static MODEL: LazyLock<std::sync::Arc<Model>> = LazyLock::new(|| {
    let file = MigrationFile { name: "0001_init.sql".to_owned(), text: MIGRATION.to_owned() };
    let list = migrations(vec![file]).expect("one file");
    Model::default().apply(&list[0]).expect("a model").into()
});

/// A query string of the table API.
pub fn query_string(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = brigade::query::grammar::parse(text);
    }
}

/// The body of `POST /transactions`: read, and checked against a model.
pub fn transaction(bytes: &[u8]) {
    if let Ok(transaction) = crate::parse_transaction(bytes) {
        let limits = commit::Limits { statements_max: 1_000, rows_max: 1_000 };
        let _ = commit::check(transaction, &MODEL, limits);
    }
}

#[cfg(test)]
#[path = "../../../fuzz/corpus.rs"]
mod corpus;

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpus_is_read_or_refused() {
        super::corpus::replay("transaction", super::transaction);
        super::corpus::replay("query_string", super::query_string);
    }
}
