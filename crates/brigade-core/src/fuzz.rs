//! What strangers write, as functions from bytes: `fuzz/` calls them with whatever it invents, tests with the corpus. They
//! must not panic, and what is accepted must come out the same again.

use crate::{
    data::{Durability, Receipt, plan::Syntax},
    query::words::{self, Search},
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

/// A text search: a digit for its syntax, the query, and in the lines behind it the text.
///
/// # Panics
/// Where a text has a lexeme of more bytes than could be kept, or a query that is refused is read after all.
pub fn search(bytes: &[u8]) {
    let Some((query, text)) = std::str::from_utf8(bytes).ok().and_then(|text| text.split_once('\n')) else { return };
    let Some((digit, query)) = query.split_at_checked(1) else { return };
    let (syntax, _) = Syntax::ALL[digit.bytes().map(usize::from).sum::<usize>() % Syntax::ALL.len()];
    let checked = words::check(syntax, query);
    for language in ["english", "russian"] {
        let search = Search::parse(syntax, language, query);
        assert_eq!(search.is_ok(), checked.is_ok(), "{query:?}");
        if let Ok(search) = search {
            search.fits(text);
        }
        let lexemes = words::lexemes(language, text).expect("a language");
        assert!(lexemes.iter().all(|(lexeme, place)| !lexeme.is_empty() && *place > 0), "{text:?}");
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
        super::corpus::replay("search", super::search);
    }
}
