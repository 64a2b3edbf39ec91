//! A text becomes tokens, as PostgreSQL's default parser finds them: words and what joins them with hyphens, numbers, hosts,
//! addresses and paths; tags, entities and everything between are passed over.
//!
//! The grammar was found out by asking PostgreSQL, and the differential tests go on asking.

use super::{
    address, chars, markup,
    number::{self, Sign},
};

/// What is found in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// Letters alone, or words of letters joined by hyphens: a language's dictionary says what it comes from.
    Word(&'t str),
    /// Anything else: it is kept as it is, in small letters.
    Plain(&'t str),
}

/// The tokens of a text, in order.
pub(super) struct Tokens<'t> {
    text: &'t str,
    at: usize,
    /// Where the compound ends whose parts come next.
    parts_end: usize,
    /// Tokens that are known already, the last one first.
    known: [Option<Token<'t>>; 2],
    /// Up to where it is known that no host and no address of mail begins: a long chain is not looked through again and again.
    no_host_until: usize,
    /// Whether a comment may still be ended.
    has_comments: bool,
    /// Whether a script or a style is passed over until its end.
    is_hidden: bool,
    /// Whether the character before was none of a token.
    is_between: bool,
}

impl<'t> Tokens<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            parts_end: 0,
            known: [None; 2],
            no_host_until: 0,
            has_comments: true,
            is_hidden: false,
            is_between: false,
        }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn take(&mut self, length: usize) -> &'t str {
        let token = &self.text[self.at..self.at + length];
        self.at += length;
        token
    }

    /// Words, numbers, and what begins like one.
    fn word(&mut self) -> Option<Token<'t>> {
        let rest = self.rest();
        let run = run(rest);
        // Most words stand alone: nothing behind them could make more of them.
        let joins = |b: &u8| matches!(b, b'.' | b'-' | b'_' | b'@' | b'/' | b':');
        if !rest.as_bytes().get(run).is_some_and(joins) && !rest.as_bytes()[..run].iter().any(u8::is_ascii_digit) {
            return Some(Token::Word(self.take(run)));
        }
        if let Some(length) = number::with_exponent(rest) {
            return Some(Token::Plain(self.take(length)));
        }
        if let Some(length) = address::protocol(rest) {
            self.at += length;
            return None;
        }
        if self.at >= self.no_host_until {
            if let Some(length) = address::email(rest, run) {
                return Some(Token::Plain(self.take(length)));
            }
            if let Some(length) = address::host(rest) {
                return Some(self.host(length));
            }
            self.no_host_until = self.at + address::chain(rest);
        }
        if let Some(length) = address::file(rest, run) {
            return Some(Token::Plain(self.take(length)));
        }
        if let Some(length) = compound(rest) {
            self.parts_end = self.at + length;
            return Some(token(&rest[..length]));
        }
        match number::length(rest, Sign::No) {
            Some(length) => Some(Token::Plain(self.take(length))),
            None => Some(token(self.take(run))),
        }
    }

    /// A host; with a path behind it, the whole first.
    fn host(&mut self, length: usize) -> Token<'t> {
        let rest = self.rest();
        let path = address::url_path(&rest[length..]);
        self.at += length + path;
        if path == 0 {
            return Token::Plain(&rest[..length]);
        }
        let all = length + path;
        self.known = [Some(Token::Plain(&rest[length..all])), Some(Token::Plain(&rest[..length]))];
        Token::Plain(&rest[..all])
    }

    /// The next part of a compound. What stands behind its end with a hyphen is no number with a sign.
    fn part(&mut self) -> Token<'t> {
        let part = token(self.take(run(&self.text[self.at..self.parts_end])));
        let is_last = self.at == self.parts_end;
        let mut behind = self.rest().bytes();
        if !is_last || behind.next() == Some(b'-') && behind.next().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        part
    }

    /// The token that begins here. Where none does, either what is no word has been passed over, or nothing.
    fn found(&mut self, c: char) -> Option<Token<'t>> {
        let rest = self.rest();
        if self.is_hidden && c != '<' {
            return None;
        }
        let length = match c {
            '<' => {
                self.tag();
                None
            }
            '&' => {
                self.at += markup::entity(rest).unwrap_or(0);
                None
            }
            '+' | '-' => number::length(&rest[1..], Sign::Yes).map(|length| length + 1),
            '/' | '~' | '.' => address::path(rest, self.is_between),
            c if chars::is_word(c) => return self.word(),
            _ => None,
        };
        length.map(|length| Token::Plain(self.take(length)))
    }

    fn tag(&mut self) {
        let rest = self.rest();
        self.is_hidden = markup::hides(rest).unwrap_or(self.is_hidden);
        if let Some(comment) = rest.strip_prefix("<!--") {
            // One without an end is looked for once.
            let end = if self.has_comments { comment.find("-->") } else { None };
            self.has_comments = end.is_some();
            self.at += end.map_or(0, |end| 4 + end + 3);
            return;
        }
        self.at += markup::tag(rest).unwrap_or(0);
    }
}

impl<'t> Iterator for Tokens<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        if let Some(known) = self.known.iter_mut().rev().find_map(Option::take) {
            return Some(known);
        }
        if self.at < self.parts_end {
            return Some(self.part());
        }
        loop {
            let begin = self.at;
            let c = self.rest().chars().next()?;
            if let Some(token) = self.found(c) {
                self.is_between = false;
                return Some(token);
            }
            if self.at == begin {
                self.at += c.len_utf8();
                self.is_between = true;
            } else {
                self.is_between = false;
            }
        }
    }
}

/// A run of letters and digits, with the marks among them.
fn run(text: &str) -> usize {
    text.find(|c| !chars::is_word(c) && !chars::is_mark(c)).unwrap_or(text.len())
}

fn token(text: &str) -> Token<'_> {
    if text.bytes().any(|b| b.is_ascii_digit()) { Token::Plain(text) } else { Token::Word(text) }
}

/// Words joined by hyphens, if there are two at least. Digits alone are no word.
fn compound(text: &str) -> Option<usize> {
    let is_word =
        |run: &str| run.chars().next().is_some_and(chars::is_word) && !run.bytes().all(|b| b.is_ascii_digit());
    let mut end = run(text);
    if !is_word(&text[..end]) {
        return None;
    }
    let first = end;
    while let Some(next) = text[end..].strip_prefix('-') {
        let length = run(next);
        if !is_word(&next[..length]) {
            break;
        }
        end += 1 + length;
    }
    (end > first).then_some(end)
}
