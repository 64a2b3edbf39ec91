//! SQL's text as tokens: enough to find where statements end and which words they begin with, on either engine's rules
//! for quotes and comments. Understanding them is the parser's work.
//!
//! Invariant: tokens follow each other in the text without overlap, and what lies between them is white space and
//! comments alone.

use crate::data::{Result, code};

use super::place::misplaced;

/// Whose rules for quotes and comments hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    /// Dollar quotes, `E''`, nested comments.
    Postgres,
    /// `[…]` and backticks quote names; comments do not nest.
    Sqlite,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A keyword or unquoted name.
    Word,
    /// A quoted name.
    Name,
    /// A string, dollar quotes included.
    String,
    /// A number.
    Number,
    /// One byte of punctuation.
    Symbol(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Token {
    pub(super) fn text<'t>(&self, text: &'t str) -> &'t str {
        &text[self.start..self.end]
    }

    /// Whether it is this keyword (given in upper case).
    pub(super) fn is(&self, text: &str, keyword: &str) -> bool {
        self.kind == TokenKind::Word && self.text(text).eq_ignore_ascii_case(keyword)
    }

    pub(super) fn is_symbol(&self, symbol: u8) -> bool {
        self.kind == TokenKind::Symbol(symbol)
    }
}

/// Cuts a text into tokens.
///
/// # Errors
/// 42601 for a quote or comment that does not end, 22P05 for a NUL, both with their place.
pub(super) fn lex(file: &str, text: &str, quoting: Quoting) -> Result<Vec<Token>> {
    let mut lexer = Lexer { file, text, bytes: text.as_bytes(), at: 0, quoting };
    let mut tokens = Vec::new();
    if text.starts_with('\u{feff}') {
        lexer.at = 3;
    }
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Lexer<'t> {
    file: &'t str,
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    quoting: Quoting,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Option<Token>> {
        self.skip()?;
        let start = self.at;
        let Some(&byte) = self.bytes.get(start) else { return Ok(None) };
        let postgres = self.quoting == Quoting::Postgres;
        let kind = match byte {
            0 => return Err(misplaced(code::UNTRANSLATABLE, self.file, self.text, start, "a NUL character in SQL")),
            b'\'' => self.quoted(b'\'', false, "string")?,
            b'e' | b'E' if postgres && self.peek(1) == Some(b'\'') => {
                self.at += 1;
                self.quoted(b'\'', true, "string")?
            }
            b'"' => self.quoted(b'"', false, "quoted name")?,
            b'`' if !postgres => self.quoted(b'`', false, "quoted name")?,
            b'[' if !postgres => self.quoted(b']', false, "quoted name")?,
            b'$' if postgres && self.dollar_tag().is_some() => self.dollar_quoted()?,
            b'0'..=b'9' => self.run(TokenKind::Number, |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_')),
            _ if is_word_start(byte) => {
                self.run(TokenKind::Word, |b| is_word_start(b) || b.is_ascii_digit() || b == b'$')
            }
            _ => {
                self.at += 1;
                TokenKind::Symbol(byte)
            }
        };
        Ok(Some(Token { kind, start, end: self.at }))
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// Skips white space and comments.
    fn skip(&mut self) -> Result<()> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c), _) => self.at += 1,
                (Some(b'-'), Some(b'-')) => {
                    self.at = self.text[self.at..].find('\n').map_or(self.text.len(), |i| self.at + i);
                }
                (Some(b'/'), Some(b'*')) => self.comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn comment(&mut self) -> Result<()> {
        let start = self.at;
        self.at += 2;
        let mut depth = 1;
        while depth > 0 {
            match (self.peek(0), self.peek(1)) {
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                }
                (Some(b'/'), Some(b'*')) if self.quoting == Quoting::Postgres => {
                    depth += 1;
                    self.at += 2;
                }
                (Some(_), _) => self.at += 1,
                (None, _) => return Err(self.unended(start, "comment", "*/")),
            }
        }
        Ok(())
    }

    /// A quote that is doubled, or (with `backslash`) escaped, to stand for itself.
    fn quoted(&mut self, close: u8, backslash: bool, what: &str) -> Result<TokenKind> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek(0) {
                None | Some(0) => return Err(self.unended(start, what, &char::from(close).to_string())),
                Some(b'\\') if backslash => self.at += if self.peek(1).is_some() { 2 } else { 1 },
                Some(b) if b == close && close != b']' && self.peek(1) == Some(close) => self.at += 2,
                Some(b) if b == close => break,
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Ok(if close == b'\'' { TokenKind::String } else { TokenKind::Name })
    }

    /// Length of the `$tag$` that begins here.
    fn dollar_tag(&self) -> Option<usize> {
        let rest = &self.bytes[self.at + 1..];
        let end = rest.iter().position(|&b| b == b'$')?;
        let tag = &rest[..end];
        let fits = tag.iter().all(|&b| is_word_start(b) || b.is_ascii_digit());
        (fits && !tag.first().is_some_and(u8::is_ascii_digit)).then_some(end + 2)
    }

    fn dollar_quoted(&mut self) -> Result<TokenKind> {
        let start = self.at;
        let length = self.dollar_tag().unwrap_or(2);
        let tag = &self.text[start..start + length];
        match self.text[start + length..].find(tag) {
            Some(i) => self.at = start + length + i + length,
            None => return Err(self.unended(start, "dollar-quoted string", tag)),
        }
        Ok(TokenKind::String)
    }

    fn run(&mut self, kind: TokenKind, fits: impl Fn(u8) -> bool) -> TokenKind {
        let length = self.bytes[self.at..].iter().take_while(|&&b| fits(b)).count();
        self.at += length;
        kind
    }

    fn unended(&self, start: usize, what: &str, close: &str) -> crate::data::Error {
        misplaced(code::SYNTAX, self.file, self.text, start, format_args!("a {what} begins here and does not end"))
            .hint(format!("close it with {close}"))
    }
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}
