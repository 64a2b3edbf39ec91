//! What strangers write, as functions from bytes: `fuzz/` calls them with whatever it invents, tests with the corpus. They
//! must not panic, and what is accepted must come out the same again.

use crate::{
    data::{Durability, Receipt},
    schema::{Config, MigrationFile, Model, migrations},
};

/// A file of `migrations/`: read, split, parsed, folded into a model.
///
/// # Panics
/// Where an error does not begin with the file's name.
pub fn migration(bytes: &[u8]) {
    let read = MigrationFile::from_bytes("0001_fuzz.sql", bytes.to_vec()).and_then(|file| migrations(vec![file]));
    let folded = read.and_then(|list| list.iter().try_fold(Model::default(), |model, next| model.apply(next)));
    if let Err(error) = folded {
        assert!(error.message().starts_with("0001_fuzz.sql:"), "without its place: {error}");
    }
}

/// A brigade.toml.
///
/// # Panics
/// Where an error does not begin with the file's name.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(error) = Config::parse(text, "folder", &|name| (name == "A").then(|| "value".to_owned())) {
        assert!(error.message().starts_with("brigade.toml"), "without its place: {error}");
    }
}

/// A receipt that was kept with an idempotency key.
///
/// # Panics
/// Where what was read is written in another way.
pub fn receipt(bytes: &[u8]) {
    if let Ok(receipt) = Receipt::decode(bytes, Durability::Full) {
        let again = Receipt::decode(&receipt.encode(), Durability::Full).expect("its own bytes");
        assert_eq!(format!("{again:?}"), format!("{receipt:?}"));
    }
}

#[cfg(test)]
#[path = "../../../fuzz/corpus.rs"]
mod corpus;

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpus_is_read_or_refused() {
        super::corpus::replay("migration", super::migration);
        super::corpus::replay("config", super::config);
        super::corpus::replay("receipt", super::receipt);
    }
}
