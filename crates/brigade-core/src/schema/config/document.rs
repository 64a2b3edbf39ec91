//! brigade.toml as sections and values that know where they stand, with the environment laid over it.
//!
//! Invariant: every key of a section is either asked for or an error with the nearest known key.

use std::time::Duration;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    data::{Error, Result, code},
    schema::place::{did_you_mean, excerpt, place},
};

use super::{FILE, units};

/// The text and the environment.
pub(super) struct Source<'s> {
    pub(super) text: &'s str,
    pub(super) env: &'s dyn Fn(&str) -> Option<String>,
}

impl Source<'_> {
    pub(super) fn place(&self, at: usize) -> String {
        place(FILE, self.text, at)
    }

    pub(super) fn error(&self, at: usize, message: impl std::fmt::Display) -> Error {
        Error::new(code::CONFIG, format!("{}: {message}", self.place(at))).details(self.excerpt(at))
    }

    /// The line at a place; where it may hold a secret, its key alone.
    fn excerpt(&self, at: usize) -> String {
        let start = self.text[..at].rfind('\n').map_or(0, |i| i + 1);
        let line = self.text[start..].lines().next().unwrap_or_default();
        let section = self.text[..start].lines().rev().map(str::trim_start).find(|line| line.starts_with('['));
        let is_guarded = |head: &str| {
            let head = head.trim_start_matches(['[', ' ', '\t', '"', '\'']);
            head.starts_with("auth") || head.starts_with("stores.cache")
        };
        let is_secret = line.contains("secret") || line.contains("password");
        let has_user = line.contains("://") && line.contains('@');
        let guarded = section.is_some_and(is_guarded) || is_guarded(line) || is_secret || has_user;
        match line.split_once('=') {
            Some((key, _)) if guarded => format!("{} = …\n^", key.trim()),
            _ if guarded => "…\n^".to_owned(),
            _ => excerpt(self.text, at),
        }
    }
}

/// A table of the document, or nothing where the file has none.
pub(super) struct Section<'s> {
    source: &'s Source<'s>,
    path: Vec<String>,
    table: Option<&'s DeTable<'s>>,
    /// Where it begins.
    pub(super) at: usize,
}

impl<'s> Section<'s> {
    pub(super) fn root(source: &'s Source<'s>, table: &'s DeTable<'s>) -> Self {
        Self { source, path: Vec::new(), table: Some(table), at: 0 }
    }

    /// Refuses keys that are not among these.
    pub(super) fn only(&self, known: &[&str]) -> Result<()> {
        for (key, at) in self.keys() {
            if !known.contains(&key) {
                let section =
                    if self.path.is_empty() { String::new() } else { format!(" in [{}]", self.path.join(".")) };
                let error = self.source.error(at, format_args!("unknown key \"{key}\"{section}"));
                return Err(error.hint(did_you_mean(key, known.iter().copied())));
            }
        }
        Ok(())
    }

    /// Its keys and where they stand.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&'s str, usize)> + use<'s> {
        self.table.into_iter().flatten().map(|(key, _)| (key.get_ref().as_ref(), key.span().start))
    }

    /// Whether the file has it.
    pub(super) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// The value of a key as the file has it.
    pub(super) fn get(&self, key: &str) -> Option<&'s Spanned<DeValue<'s>>> {
        self.table.and_then(|table| table.get(key))
    }

    /// A table inside this one.
    pub(super) fn section(&self, key: &str) -> Result<Self> {
        let path: Vec<String> = self.path.iter().cloned().chain([key.to_string()]).collect();
        let (table, at) = match self.get(key) {
            None => (None, self.at),
            Some(value) => match value.get_ref() {
                DeValue::Table(table) => (Some(table), self.key_at(key)),
                _ => {
                    let message = format!("\"{}\" is a section", path.join("."));
                    return Err(self
                        .source
                        .error(value.span().start, message)
                        .hint(format!("write [{}]", path.join("."))));
                }
            },
        };
        Ok(Self { source: self.source, path, table, at })
    }

    /// A table inside this one of which only the environment says anything.
    pub(super) fn absent(&self, key: &str) -> Self {
        let path = self.path.iter().cloned().chain([key.to_string()]).collect();
        Self { source: self.source, path, table: None, at: self.key_at(key) }
    }

    /// The sections inside this one that have names of their own, as `[copy.NAME]`: each name, where it stands, and the section.
    pub(super) fn named(&self, example: &str) -> Result<Vec<(&'s str, usize, Self)>> {
        let path = self.path.join(".");
        let named = |(name, at): (&'s str, usize)| {
            if !is_name(name) {
                let message = format!("[{path}.{name}]: a name has letters, digits, _ and -");
                return Err(self.source.error(at, message).hint(format!("as [{path}.{example}]")));
            }
            Ok((name, at, self.section(name)?))
        };
        self.keys().map(named).collect()
    }

    /// Where a key stands; the section where it has none.
    pub(super) fn key_at(&self, key: &str) -> usize {
        self.table.into_iter().flatten().find(|(k, _)| k.get_ref() == key).map_or(self.at, |(k, _)| k.span().start)
    }

    /// The value of a key: from the environment, else from the file.
    pub(super) fn value(&self, key: &str) -> Result<Option<Scalar<'s>>> {
        let path: Vec<&str> = self.path.iter().map(String::as_str).chain([key]).collect();
        let variable = format!("BRIGADE_{}", path.join("_").replace('-', "_").to_uppercase());
        let scalar = |text, place, at| Scalar { source: self.source, path: path.join("."), text, place, at };
        if let Some(text) = (self.source.env)(&variable) {
            return Ok(Some(scalar(text, format!("environment variable {variable}"), None)));
        }
        let Some(value) = self.get(key) else { return Ok(None) };
        let at = value.span().start;
        let text = match value.get_ref() {
            DeValue::String(text) => self.filled_in(text, at)?,
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(yes) => yes.to_string(),
            _ => {
                let message = format!("\"{}\" is one value", path.join("."));
                return Err(self.source.error(at, message).hint("write a text, a number, true or false"));
            }
        };
        Ok(Some(scalar(text, self.source.place(at), Some(at))))
    }

    /// A list of texts.
    pub(super) fn list(&self, key: &str) -> Result<Option<Vec<String>>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let at = value.span().start;
        let wrong =
            |at| self.source.error(at, format_args!("\"{key}\" is a list of texts")).hint("write [\"a\", \"b\"]");
        let DeValue::Array(items) = value.get_ref() else { return Err(wrong(at)) };
        let item = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
            DeValue::String(text) => self.filled_in(text, item.span().start),
            _ => Err(wrong(item.span().start)),
        };
        items.iter().map(item).collect::<Result<Vec<_>>>().map(Some)
    }

    /// The text with `${NAME}` replaced from the environment.
    fn filled_in(&self, text: &str, at: usize) -> Result<String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            out.push_str(&rest[..start]);
            let Some(length) = rest[start..].find('}') else {
                return Err(self.source.error(at, "\"${\" without \"}\"").hint("write ${NAME}"));
            };
            let name = &rest[start + 2..start + length];
            let Some(value) = (self.source.env)(name) else {
                let message = format!("the environment has no variable {name}");
                return Err(self.source.error(at, message).hint(format!("set {name} before starting brigade")));
            };
            out.push_str(&value);
            rest = &rest[start + length + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// Whether a text may be the name of a project or of something in it.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// One value, and where it comes from.
pub(super) struct Scalar<'s> {
    source: &'s Source<'s>,
    path: String,
    pub(super) text: String,
    place: String,
    at: Option<usize>,
}

impl Scalar<'_> {
    pub(super) fn error(&self, message: impl std::fmt::Display) -> Error {
        let error = Error::new(code::CONFIG, format!("{}: {}: {message}", self.place, self.path));
        match self.at {
            Some(at) => error.details(self.source.excerpt(at)),
            None => error,
        }
    }

    fn no(&self, what: &str, hint: &str) -> Error {
        self.error(format_args!("\"{}\" is no {what}", self.text)).hint(hint.to_string())
    }

    pub(super) fn duration(&self) -> Result<Duration> {
        let hint = "write a number with ms, s, m, h or d, as \"24h\"";
        units::read_duration(&self.text).ok_or_else(|| self.no("duration", hint))
    }

    pub(super) fn bytes(&self) -> Result<u64> {
        let hint = "write a number with KiB, MiB or GiB, as \"64MiB\"";
        units::read_bytes(&self.text).ok_or_else(|| self.no("size", hint))
    }

    pub(super) fn count(&self, min: usize) -> Result<usize> {
        let hint = format!("write a whole number, at least {min}");
        self.text.parse().ok().filter(|&n| n >= min).ok_or_else(|| self.no("such number", &hint))
    }

    pub(super) fn yes(&self) -> Result<bool> {
        self.text.parse().map_err(|_| self.no("yes or no", "write true or false"))
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Result<T> {
        let found = words.iter().find(|(word, _)| *word == self.text).map(|(_, value)| *value);
        let known = || words.iter().map(|(word, _)| *word);
        found.ok_or_else(|| {
            self.error(format_args!("unknown \"{}\"", self.text)).hint(did_you_mean(&self.text, known()))
        })
    }

    /// A URL of one of these schemes, each with its form.
    pub(super) fn url(&self, schemes: &[(&str, &str)]) -> Result<String> {
        if schemes.iter().any(|(scheme, _)| self.text.starts_with(scheme) && self.text.len() >= scheme.len()) {
            return Ok(self.text.clone());
        }
        let forms: Vec<&str> = schemes.iter().map(|(_, form)| *form).collect();
        let scheme = self.text.split(':').next().unwrap_or_default();
        Err(self.error(format_args!("no engine for \"{scheme}:\"")).hint(format!("write {}", forms.join(" or "))))
    }
}
