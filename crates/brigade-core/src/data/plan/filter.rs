//! Which rows: comparisons, joined by and, or and not. An operand stays the text that was given; its column's type, which
//! `query` knows, says what it means.

use super::Field;

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// Several, joined.
    Group(Group),
    /// One.
    Compare(Comparison),
}

/// Conditions that are joined.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Whether the whole is turned round.
    pub negated: bool,
    /// Whether one of them is enough; else all must hold.
    pub any: bool,
    /// The conditions.
    pub of: Vec<Tree>,
}

/// A comparison of a field with what was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What is compared; the name of an embed too, for [`Test::Is`].
    pub field: Field,
    /// Whether it is turned round.
    pub negated: bool,
    /// How, and with what.
    pub test: Test,
}

/// How a field is compared, and with what.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// With one value, or with one or all of an array's elements.
    Compare {
        /// How.
        by: Comparator,
        /// Whether `with` is an array, of which one or all elements must fit.
        quantifier: Option<Quantifier>,
        /// The value, or the array as PostgreSQL writes it: `{a,"b c"}`.
        with: String,
    },
    /// One of a list.
    In(Vec<String>),
    /// Null, true, false.
    Is(Is),
    /// Not equal, where null equals null.
    IsDistinct(String),
    /// An array or JSON that holds all of this.
    Contains(String),
    /// An array or JSON all of which this holds.
    ContainedBy(String),
    /// An array that shares an element with this.
    Overlaps(String),
    /// A search for words.
    Search(TextSearch),
    /// A word of PostgreSQL's ranges: `sl`, `sr`, `nxr`, `nxl`, `adj`.
    Range(&'static str, String),
}

/// A comparison of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparator {
    /// equal
    Eq,
    /// not equal
    Neq,
    /// greater
    Gt,
    /// greater or equal
    Gte,
    /// less
    Lt,
    /// less or equal
    Lte,
    /// SQL LIKE, which tells case apart
    Like,
    /// SQL LIKE that does not
    Ilike,
    /// a regular expression that tells case apart
    Match,
    /// a regular expression that does not
    Imatch,
}

impl Comparator {
    /// Every comparator with its word.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::Eq, "eq"),
        (Self::Neq, "neq"),
        (Self::Gt, "gt"),
        (Self::Gte, "gte"),
        (Self::Lt, "lt"),
        (Self::Lte, "lte"),
        (Self::Like, "like"),
        (Self::Ilike, "ilike"),
        (Self::Match, "match"),
        (Self::Imatch, "imatch"),
    ];

    /// The comparator of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, w)| *w == word).map(|(c, _)| *c)
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(c, _)| *c == self).map_or("", |(_, w)| w)
    }

    /// Whether the operand is a pattern, which is text whatever the column is.
    pub fn is_pattern(self) -> bool {
        matches!(self, Self::Like | Self::Ilike | Self::Match | Self::Imatch)
    }
}

/// Whether one element of a list is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// One is enough.
    Any,
    /// All must fit.
    All,
}

/// What `is` may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    /// null
    Null,
    /// not null
    NotNull,
    /// true, and not null
    True,
    /// false, and not null
    False,
    /// a boolean that is null
    Unknown,
}

impl Is {
    /// Every word with its meaning.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Null, "null"),
        (Self::NotNull, "not_null"),
        (Self::True, "true"),
        (Self::False, "false"),
        (Self::Unknown, "unknown"),
    ];

    /// The meaning of a word, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, w)| w.eq_ignore_ascii_case(word)).map(|(is, _)| *is)
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(is, _)| *is == self).map_or("", |(_, w)| w)
    }
}

/// A search for words in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextSearch {
    /// How the query is written.
    pub syntax: Syntax,
    /// The language whose rules apply.
    pub language: Option<String>,
    /// The query.
    pub query: String,
}

/// How the query of a text search is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Syntax {
    /// `fat & (rat | cat)`
    Standard,
    /// words, all of which must be there
    Plain,
    /// words that follow each other
    Phrase,
    /// what people type: `"fat cat" or -dog`
    Web,
}

impl Syntax {
    /// Every syntax with its word.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Standard, "fts"), (Self::Plain, "plfts"), (Self::Phrase, "phfts"), (Self::Web, "wfts")];

    /// The syntax of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, w)| *w == word).map(|(syntax, _)| *syntax)
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(s, _)| *s == self).map_or("", |(_, w)| w)
    }
}
