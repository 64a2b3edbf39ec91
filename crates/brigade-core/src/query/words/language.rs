//! Languages: what a word comes from, and which ones say nothing. The names are those of PostgreSQL's configurations, the
//! rules Snowball's, the lists of stop words PostgreSQL's.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fmt,
};

use rust_stemmers::{Algorithm, Stemmer};

use crate::data::{Error, Result};

use super::{
    chars,
    split::{Token, Tokens},
};

/// A place beyond this one is this one, as PostgreSQL keeps it.
const PLACE_MAX: u16 = 16_383;

/// Bytes of a token. A longer one is passed over.
const TOKEN_BYTES_MAX: usize = 2_046;

/// Words of which it is remembered what they come from; past it all are forgotten.
const MEMO_MAX: usize = 4_096;

/// Bytes of a word. A longer one is kept as it is.
const WORD_BYTES_MAX: usize = 1_000;

/// Every language with its rules and its stop words.
const KNOWN: [(&str, Algorithm, &str); 18] = [
    ("arabic", Algorithm::Arabic, ""),
    ("danish", Algorithm::Danish, include_str!("stop/danish.txt")),
    ("dutch", Algorithm::Dutch, include_str!("stop/dutch.txt")),
    ("english", Algorithm::English, include_str!("stop/english.txt")),
    ("finnish", Algorithm::Finnish, include_str!("stop/finnish.txt")),
    ("french", Algorithm::French, include_str!("stop/french.txt")),
    ("german", Algorithm::German, include_str!("stop/german.txt")),
    ("greek", Algorithm::Greek, ""),
    ("hungarian", Algorithm::Hungarian, include_str!("stop/hungarian.txt")),
    ("italian", Algorithm::Italian, include_str!("stop/italian.txt")),
    ("norwegian", Algorithm::Norwegian, include_str!("stop/norwegian.txt")),
    ("portuguese", Algorithm::Portuguese, include_str!("stop/portuguese.txt")),
    ("romanian", Algorithm::Romanian, ""),
    ("russian", Algorithm::Russian, include_str!("stop/russian.txt")),
    ("spanish", Algorithm::Spanish, include_str!("stop/spanish.txt")),
    ("swedish", Algorithm::Swedish, include_str!("stop/swedish.txt")),
    ("tamil", Algorithm::Tamil, ""),
    ("turkish", Algorithm::Turkish, include_str!("stop/turkish.txt")),
];

/// A language's rules.
#[derive(Debug)]
pub struct Language {
    /// For words of any letters.
    words: Dictionary,
    /// For words in ASCII's letters, where they have rules of their own.
    ascii: Option<Dictionary>,
}

impl Language {
    /// The language of a name; `simple` has no rules and no stop words.
    ///
    /// # Errors
    /// 42704 with the names that there are.
    pub fn named(name: &str) -> Result<Self> {
        let plain = name.strip_prefix("pg_catalog.").unwrap_or(name);
        if plain == "simple" {
            return Ok(Self::simple());
        }
        let words = Dictionary::named(plain).ok_or_else(|| {
            let names: Vec<&str> = KNOWN.iter().map(|(name, ..)| *name).collect();
            Error::new("42704", format!("text search configuration \"{name}\" does not exist"))
                .hint(format!("sqlite knows simple, {}", names.join(", ")))
        })?;
        // A Russian text has English words in it, too.
        let ascii = if plain == "russian" { Dictionary::named("english") } else { None };
        Ok(Self { words, ascii })
    }

    pub(super) fn simple() -> Self {
        Self { words: Dictionary { stemmer: None, softens: false, stop: HashSet::new() }, ascii: None }
    }

    /// What a word comes from; none of a word that says nothing.
    fn lexeme<'w>(&self, word: &'w str) -> Option<Cow<'w, str>> {
        let dictionary = if word.is_ascii() { self.ascii.as_ref() } else { None };
        dictionary.unwrap_or(&self.words).lexeme(word)
    }
}

struct Dictionary {
    stemmer: Option<Stemmer>,
    /// Whether one letter is written for another first.
    softens: bool,
    stop: HashSet<&'static str>,
}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dictionary").field("stop", &self.stop.len()).finish_non_exhaustive()
    }
}

impl Dictionary {
    fn named(name: &str) -> Option<Self> {
        let (_, algorithm, stop) = KNOWN.iter().find(|(known, ..)| *known == name)?;
        let stemmer = Some(Stemmer::create(*algorithm));
        Some(Self { stemmer, softens: name == "russian", stop: stop.lines().collect() })
    }

    fn lexeme<'w>(&self, word: &'w str) -> Option<Cow<'w, str>> {
        if self.stop.contains(word) {
            return None;
        }
        let Some(stemmer) = &self.stemmer else { return Some(Cow::Borrowed(word)) };
        if word.len() > WORD_BYTES_MAX {
            return Some(Cow::Borrowed(word));
        }
        if self.softens && word.contains('ё') {
            let softened = word.replace('ё', "е");
            let stem = stemmer.stem(&softened).into_owned();
            return Some(Cow::Owned(if stem.is_empty() { softened } else { stem }));
        }
        // A word that is nothing but an ending is its own stem.
        match stemmer.stem(word) {
            stem if stem.is_empty() => Some(Cow::Borrowed(word)),
            stem => Some(stem),
        }
    }
}

/// What words were found to come from. Most words of a text are few, and finding out costs more than looking it up.
#[derive(Debug, Default)]
pub(super) struct Memo(HashMap<Box<str>, Option<Box<str>>>);

impl Memo {
    fn lexeme(&mut self, word: &str, language: &Language) -> Option<&str> {
        // Looked up twice, since what is found first would be borrowed for too long.
        if !self.0.contains_key(word) {
            if self.0.len() == MEMO_MAX {
                self.0.clear();
            }
            self.0.insert(word.into(), language.lexeme(word).map(|lexeme| lexeme.into()));
        }
        self.0.get(word)?.as_deref()
    }
}

/// The lexemes of texts, with their places.
pub(super) struct Lexemes<'l> {
    language: &'l Language,
    memo: &'l mut Memo,
    place: u16,
    lower: String,
}

impl<'l> Lexemes<'l> {
    pub(super) fn new(language: &'l Language, memo: &'l mut Memo) -> Self {
        Self { language, memo, place: 0, lower: String::new() }
    }

    /// Calls `each` for every lexeme of a text. Words that say nothing have a place of their own, too, but are none. Answers
    /// whether there was any.
    pub(super) fn each(&mut self, text: &str, each: &mut dyn FnMut(&str, u16)) -> bool {
        let mut any = false;
        for token in Tokens::of(text) {
            let (Token::Word(text) | Token::Plain(text)) = token;
            if text.len() > TOKEN_BYTES_MAX {
                continue;
            }
            self.skip();
            chars::lower(text, &mut self.lower);
            let lexeme = match token {
                Token::Word(_) => self.memo.lexeme(&self.lower, self.language),
                Token::Plain(_) => Some(self.lower.as_str()),
            };
            if let Some(lexeme) = lexeme {
                any = true;
                each(lexeme, self.place);
            }
        }
        any
    }

    /// Leaves a place empty.
    pub(super) fn skip(&mut self) {
        self.place = self.place.saturating_add(1).min(PLACE_MAX);
    }
}
