//! A place in a text that is being read, and the error that names it.

use crate::data::{Error, Result};

/// A text and how far it has been read.
pub(super) struct Cursor<'t> {
    what: &'static str,
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    /// Begins to read; `what` is what the text is, for errors.
    pub(super) fn new(what: &'static str, text: &'t str) -> Self {
        Self { what, text, at: 0 }
    }

    /// Reads the whole text with one rule.
    pub(super) fn whole<T>(mut self, rule: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let found = rule(&mut self)?;
        if self.at < self.text.len() {
            return Err(self.expected("end of input"));
        }
        Ok(found)
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Goes past so many bytes.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Whether what is left begins so.
    pub(super) fn sees(&self, token: &str) -> bool {
        self.rest().starts_with(token)
    }

    /// Goes past a token that is there.
    pub(super) fn take(&mut self, token: &str) -> bool {
        let found = self.sees(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    /// Goes past a token that must be there.
    pub(super) fn need(&mut self, token: &str) -> Result<()> {
        if self.take(token) { Ok(()) } else { Err(self.expected(&format!("\"{token}\""))) }
    }

    /// Everything while it fits.
    pub(super) fn while_fits(&mut self, fits: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// PGRST100 at this place.
    pub(super) fn expected(&self, expecting: &str) -> Error {
        let column = self.text[..self.at].chars().count() + 1;
        let shown: String = self.text.chars().take(200).collect();
        let seen = match self.rest().chars().next() {
            Some(c) => format!("{:?}", c.to_string()),
            None => "end of input".to_owned(),
        };
        Error::new("PGRST100", format!("\"failed to parse {} ({shown})\" (line 1, column {column})", self.what))
            .details(format!("unexpected {seen} expecting {expecting}"))
    }

    /// A name: quoted, or letters, digits, `_`, `$`, blanks, and `-` unless it begins an arrow.
    pub(super) fn name(&mut self, what: &str) -> Result<String> {
        if self.sees("\"") {
            return self.quoted(what);
        }
        let rest = self.rest();
        let mut length = 0;
        for (i, c) in rest.char_indices() {
            let fits =
                c.is_alphanumeric() || matches!(c, '_' | '$' | ' ') || (c == '-' && !rest[i + 1..].starts_with('>'));
            if !fits {
                break;
            }
            length = i + c.len_utf8();
        }
        let name = rest[..length].trim();
        if name.is_empty() {
            return Err(self.expected(what));
        }
        self.at += length;
        Ok(name.to_owned())
    }

    /// A text in double quotes; `\` takes away the next character's meaning.
    pub(super) fn quoted(&mut self, what: &str) -> Result<String> {
        let rest = self.rest();
        let mut out = String::new();
        let mut chars = rest.char_indices().skip(1);
        if !rest.starts_with('"') {
            return Err(self.expected(what));
        }
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += i + 1;
                    return Ok(out);
                }
                '\\' => match chars.next() {
                    Some((_, c)) => out.push(c),
                    None => break,
                },
                c => out.push(c),
            }
        }
        self.at = self.text.len();
        Err(self.expected("a closing quote"))
    }
}
