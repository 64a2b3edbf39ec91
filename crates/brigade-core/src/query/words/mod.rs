//! Searching for words: what PostgreSQL means by `to_tsvector(language, text) @@ to_tsquery(language, query)` and its three
//! sisters, without PostgreSQL. Nothing is kept: a text is split and judged as it is read.
//!
//! In reading order: `split` finds words in a text (`address`, `number` and `markup` know what is none), `language` says what
//! a word comes from and which ones say nothing, `syntax` reads a query into a `tree`, from which `clean` takes what says
//! nothing, and `judge` says whether a text has what is left.
//!
//! Invariant: the same text, query and language have the same answer as in PostgreSQL with UTF-8 and a locale that knows
//! letters. The differential tests of the table API ask both.

mod address;
mod chars;
mod clean;
mod judge;
mod language;
mod markup;
mod number;
mod split;
mod syntax;
#[cfg(test)]
mod tests;
mod tree;

use std::sync::{Mutex, PoisonError};

use crate::{
    data::{Error, Json, JsonValue, Result, code, plan::Syntax},
    limits,
};

use judge::Found;
pub use language::Language;
use language::{Lexemes, Memo};
use tree::{Lexeme, Tree};

/// A query that is ready to judge texts.
#[derive(Debug)]
pub struct Search {
    language: Language,
    /// What must be there; none: nothing is found by it, since it says nothing.
    tree: Option<Tree<usize>>,
    lexemes: Vec<Lexeme>,
    memo: Mutex<Memo>,
}

impl Search {
    /// Reads a query.
    ///
    /// # Errors
    /// 42704 for a language that nobody knows, and as [`check`].
    pub fn parse(syntax: Syntax, language: &str, query: &str) -> Result<Self> {
        let language = Language::named(language)?;
        let tree = read(syntax, &language, query)?;
        let mut lexemes = Vec::new();
        let tree = tree.and_then(clean::clean).map(|tree| tree.numbered(&mut lexemes));
        Ok(Self { language, tree, lexemes, memo: Mutex::default() })
    }

    /// Whether a text has what the query asks for.
    pub fn fits(&self, text: &str) -> bool {
        let Some(tree) = &self.tree else { return false };
        let mut found = Found::of(&self.lexemes);
        let mut memo = self.memo.lock().unwrap_or_else(PoisonError::into_inner);
        Lexemes::new(&self.language, &mut memo).each(text, &mut |lexeme, at| found.note(lexeme, at));
        found.fits(tree)
    }

    /// Whether the texts inside a JSON value have it, one after another: names of keys do not count, and no phrase goes from
    /// one into the next.
    pub fn fits_json(&self, json: &Json) -> bool {
        let Some(tree) = &self.tree else { return false };
        let mut found = Found::of(&self.lexemes);
        let mut memo = self.memo.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lexemes = Lexemes::new(&self.language, &mut memo);
        texts(json, &mut |text| {
            if lexemes.each(text, &mut |lexeme, at| found.note(lexeme, at)) {
                lexemes.skip();
            }
        });
        found.fits(tree)
    }
}

fn texts(json: &Json, each: &mut dyn FnMut(&str)) {
    match &json.value {
        JsonValue::String(text) => each(text),
        JsonValue::Array(items) => items.iter().for_each(|item| texts(item, each)),
        JsonValue::Object(entries) => entries.iter().for_each(|(_, value)| texts(value, each)),
        _ => {}
    }
}

/// The lexemes of a text with their places, in its order: what `to_tsvector` makes of it.
///
/// # Errors
/// 42704 for a language that nobody knows.
pub fn lexemes(language: &str, text: &str) -> Result<Vec<(String, u16)>> {
    let language = Language::named(language)?;
    let mut found = Vec::new();
    Lexemes::new(&language, &mut Memo::default())
        .each(text, &mut |lexeme, place| found.push((lexeme.to_owned(), place)));
    Ok(found)
}

/// Whether a query can be read, in any language.
///
/// # Errors
/// 42601 and 22023 in PostgreSQL's words; BRG413 for one that is too long or nests too deep.
pub fn check(syntax: Syntax, query: &str) -> Result<()> {
    read(syntax, &Language::simple(), query).map(|_| ())
}

/// The name of a language as a caller gives it, in small letters.
///
/// # Errors
/// 42704 for what can be no name.
pub fn language_name(name: &str) -> Result<String> {
    let begins = |c: char| c.is_alphabetic() || c == '_';
    let is_part = |part: &str| part.starts_with(begins) && part.chars().all(|c| c.is_alphanumeric() || c == '_');
    match name.len() < 128 && name.split('.').count() < 3 && name.split('.').all(is_part) {
        true => Ok(name.to_lowercase()),
        false => Err(Error::new("42704", format!("text search configuration \"{name}\" does not exist"))
            .hint("a language is a name, as english")),
    }
}

fn read(syntax: Syntax, language: &Language, query: &str) -> Result<Option<Tree<Option<Lexeme>>>> {
    if query.len() > limits::SEARCH_BYTES_MAX {
        return Err(Error::new(code::LIMIT, "the query of a text search is too long")
            .details(format!("SEARCH_BYTES_MAX is {}", limits::SEARCH_BYTES_MAX))
            .hint("ask for fewer words"));
    }
    match syntax {
        Syntax::Standard => syntax::standard(language, query),
        Syntax::Plain => Ok(tree::value(language, query, tree::Joined::And, tree::How::EXACT)),
        Syntax::Phrase => Ok(tree::value(language, query, tree::Joined::Phrase, tree::How::EXACT)),
        Syntax::Web => Ok(syntax::web(language, query)),
    }
}
