//! Where a mistake stands: `FILE:LINE:COLUMN`.

use brigade_core::{
    data::{Error, code, line_column},
    schema::{Script, SqlStatement},
};

use crate::tables::expression::Untranslatable;

/// A statement of a script; nothing for a migration without statements.
#[derive(Clone, Copy, Default)]
pub(super) struct Place<'s>(pub Option<(&'s Script, &'s SqlStatement)>);

impl Place<'_> {
    /// Puts the statement's place before an error's message, unless it has one.
    pub(super) fn error(&self, error: Error) -> Error {
        let error = self.met(error);
        match self.at("") {
            Some(place) if !error.message().starts_with(self.file()) => error.context(place),
            _ => error,
        }
    }

    /// What SQLite cannot say, with its place and how to mend it.
    pub(super) fn untranslatable(&self, found: &Untranslatable) -> Error {
        let hint = found.hint.as_deref().unwrap_or(
            "write it as both engines can say it, or for each alone in NNNN_name.sqlite.sql and NNNN_name.postgres.sql",
        );
        let error = match found.code {
            Some(code) => self.met(Error::new(code, &found.what)),
            None => Error::new(code::UNSUPPORTED, &found.what).hint(hint),
        };
        match self.at(&found.needle) {
            Some(place) => error.context(place),
            None => error,
        }
    }

    /// Says what rows the statement met, and the mend.
    fn met(&self, error: Error) -> Error {
        match self.0 {
            Some((_, statement)) => statement.met(error),
            None => error,
        }
    }

    fn file(&self) -> &str {
        self.0.map_or("", |(script, _)| script.file.as_str())
    }

    fn at(&self, needle: &str) -> Option<String> {
        let (script, statement) = self.0?;
        let inside = found(&statement.sql, needle).unwrap_or(0);
        let (line, column) = line_column(script.text.as_bytes(), statement.at + inside);
        Some(format!("{}:{line}:{column}", script.file))
    }
}

/// The first place of a piece of source, whatever its case and blanks.
pub(in crate::tables) fn found(sql: &str, needle: &str) -> Option<usize> {
    let (sql, needle) = (sql.to_ascii_lowercase(), needle.to_ascii_lowercase());
    let first_word = || needle.split_whitespace().next().unwrap_or_default().to_owned();
    sql.find(&needle).or_else(|| Some(first_word()).filter(|w| w.len() > 2).and_then(|w| sql.find(&w)))
}
