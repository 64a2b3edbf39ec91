//! The two ways to write a query that have a grammar: `fat & (rat | cat)` and `"fat cat" or -dog`.
//!
//! Invariant: how deep a query nests is bounded before it is followed there.

use crate::{
    data::{Error, Result, code},
    limits,
};

use super::{
    chars,
    language::Language,
    tree::{How, Joined, Lexeme, Tree, value},
};

type Query = Tree<Option<Lexeme>>;

/// The furthest that a phrase may ask for.
const DISTANCE_MAX: u32 = 16_384;

/// Reads a query with operators. None: there is nothing in it.
pub(super) fn standard(language: &Language, text: &str) -> Result<Option<Query>> {
    if text.chars().all(chars::is_space) {
        return Ok(None);
    }
    let mut reader = Reader { language, text, rest: text, depth: 0 };
    let tree = reader.either()?;
    match reader.rest.is_empty() {
        true => Ok(Some(tree)),
        false => Err(reader.wrong()),
    }
}

struct Reader<'q> {
    language: &'q Language,
    text: &'q str,
    rest: &'q str,
    depth: usize,
}

impl<'q> Reader<'q> {
    fn wrong(&self) -> Error {
        self.failed("syntax error")
    }

    fn failed(&self, what: &str) -> Error {
        Error::new(code::SYNTAX, format!("{what} in tsquery: \"{}\"", self.text))
            .hint("write it as 'fat & (rat | cat)', or use plfts, phfts or wfts for what people type")
    }

    fn take(&mut self, sign: char) -> bool {
        self.rest = self.rest.trim_start_matches(chars::is_space);
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn either(&mut self) -> Result<Query> {
        let mut tree = self.all()?;
        while self.take('|') {
            tree = tree.or(self.all()?);
        }
        Ok(tree)
    }

    fn all(&mut self) -> Result<Query> {
        let mut tree = self.phrase()?;
        while self.take('&') {
            tree = tree.and(self.phrase()?);
        }
        Ok(tree)
    }

    fn phrase(&mut self) -> Result<Query> {
        let mut tree = self.operand()?;
        while self.take('<') {
            let distance = self.distance()?;
            tree = tree.then(self.operand()?, distance);
        }
        Ok(tree)
    }

    /// `->`, `12>`
    fn distance(&mut self) -> Result<u16> {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let distance = match (digits, self.rest.strip_prefix('-')) {
            (0, Some(rest)) => {
                self.rest = rest;
                1
            }
            (0, None) => return Err(self.wrong()),
            _ => {
                let number = self.rest[..digits].parse().unwrap_or(u32::MAX);
                self.rest = &self.rest[digits..];
                number
            }
        };
        if distance > DISTANCE_MAX {
            let message = "distance in phrase operator must be an integer value between zero and 16384 inclusive";
            return Err(Error::new("22023", message));
        }
        match self.rest.strip_prefix('>') {
            Some(rest) if !rest.is_empty() => self.rest = rest,
            _ => return Err(self.wrong()),
        }
        u16::try_from(distance).map_err(|_| self.wrong())
    }

    fn operand(&mut self) -> Result<Query> {
        if self.take('!') {
            self.enter()?;
            let of = self.operand()?;
            self.depth -= 1;
            return Ok(of.not());
        }
        if self.take('(') {
            self.enter()?;
            let tree = self.either()?;
            self.depth -= 1;
            return if self.take(')') { Ok(tree) } else { Err(self.wrong()) };
        }
        match self.rest.chars().next() {
            None => Err(self.failed("no operand")),
            Some(':' | '&' | '|' | ')') => Err(self.wrong()),
            Some('\'') => {
                let word = self.quoted()?;
                Ok(self.word(&word))
            }
            Some(_) => {
                let word = self.bare()?;
                Ok(self.word(&word))
            }
        }
    }

    fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > limits::SEARCH_DEPTH_MAX {
            return Err(Error::new(code::LIMIT, "the query of a text search nests too deep")
                .details(format!("SEARCH_DEPTH_MAX is {}", limits::SEARCH_DEPTH_MAX))
                .hint("write it with fewer parentheses"));
        }
        Ok(())
    }

    /// What a word of the query becomes, with what is said behind it: `:*`, `:AB`.
    fn word(&mut self, word: &str) -> Query {
        let mut how = How::EXACT;
        if let Some(said) = self.rest.strip_prefix(':') {
            let length = said.bytes().take_while(|b| b"abcdABCD*".contains(b)).count();
            let (said, rest) = said.split_at(length);
            self.rest = rest;
            how.is_prefix = said.contains('*');
            // A word of a text has the least weight, D.
            how.is_weighted = said.contains(|c| c != '*') && !said.contains(['d', 'D']);
        }
        value(self.language, word, Joined::Phrase, how).unwrap_or(Tree::Leaf(None))
    }

    /// `'it''s'`
    fn quoted(&mut self) -> Result<String> {
        let mut word = String::new();
        let mut chars = self.rest[1..].chars();
        loop {
            match chars.next() {
                None => return Err(self.wrong()),
                Some('\\') => word.push(chars.next().ok_or_else(|| self.unescaped())?),
                Some('\'') => match chars.as_str().strip_prefix('\'') {
                    Some(rest) => {
                        word.push('\'');
                        chars = rest.chars();
                    }
                    None => break,
                },
                Some(c) => word.push(c),
            }
        }
        if word.is_empty() {
            return Err(self.wrong());
        }
        self.rest = chars.as_str();
        Ok(word)
    }

    fn bare(&mut self) -> Result<String> {
        let mut word = String::new();
        let mut chars = self.rest.chars();
        loop {
            let rest = chars.as_str();
            match chars.next() {
                Some('\\') => word.push(chars.next().ok_or_else(|| self.unescaped())?),
                Some(c) if !chars::is_space(c) && !is_operator(c) && c != ':' => word.push(c),
                _ => {
                    self.rest = rest;
                    return Ok(word);
                }
            }
        }
    }

    fn unescaped(&self) -> Error {
        Error::new(code::SYNTAX, format!("there is no escaped character: \"{}\"", self.text))
    }
}

fn is_operator(c: char) -> bool {
    matches!(c, '!' | '&' | '|' | '(' | ')')
}

/// Reads a query as people type it: words must be there, `"some words"` beside each other, `-word` not at all, and `or` is
/// between what may stand for each other. Whatever is typed means something. None: there is nothing in it.
pub(super) fn web(language: &Language, text: &str) -> Option<Query> {
    let (mut either, mut all): (Option<Query>, Option<Query>) = (None, None);
    let mut rest = text;
    loop {
        let Operand { tree, behind } = operand(language, rest);
        all = match (all.take(), tree) {
            (Some(all), Some(tree)) => Some(all.and(tree)),
            (all, tree) => all.or(tree),
        };
        rest = behind.trim_start_matches(|c| chars::is_space(c) || is_operator(c));
        let or = or(rest);
        if or.is_some() || rest.is_empty() {
            either = match (either.take(), all.take()) {
                (Some(either), Some(all)) => Some(either.or(all)),
                (either, all) => either.or(all),
            };
        }
        if rest.is_empty() {
            return either;
        }
        rest = or.unwrap_or(rest);
    }
}

struct Operand<'q> {
    tree: Option<Query>,
    behind: &'q str,
}

fn operand<'q>(language: &Language, mut rest: &'q str) -> Operand<'q> {
    let mut is_turned = false;
    loop {
        let Some(c) = rest.chars().next() else { return Operand { tree: None, behind: rest } };
        match c {
            '-' => is_turned = !is_turned,
            c if chars::is_space(c) || is_operator(c) => {}
            _ => break,
        }
        rest = &rest[c.len_utf8()..];
    }
    let (piece, behind) = match rest.strip_prefix('"') {
        Some(rest) => rest.split_once('"').unwrap_or((rest, "")),
        None => {
            let first = rest.chars().next().map_or(0, char::len_utf8);
            let ends = |c: char| chars::is_space(c) || is_operator(c) || matches!(c, '"' | ':');
            rest.split_at(rest[first..].find(ends).map_or(rest.len(), |end| first + end))
        }
    };
    let tree = value(language, piece, Joined::Phrase, How::EXACT);
    Operand { tree: tree.map(|tree| if is_turned { tree.not() } else { tree }), behind }
}

/// What comes behind the word `or`, if it is one: not at the end, and not as the beginning of another word.
fn or(rest: &str) -> Option<&str> {
    let (word, behind) = rest.split_at_checked(2)?;
    let next = behind.chars().next()?;
    let is_word = chars::is_word(next) || matches!(next, '-' | '_');
    let has_more = behind[next.len_utf8()..].contains(|c| !chars::is_space(c));
    (word.eq_ignore_ascii_case("or") && !is_word && has_more).then_some(behind)
}
