//! `[access]`: which roles may do what with which tables and columns. What is not named is closed.
//!
//! Invariant: [`Grants::allow`] is the only place that says yes. The way in and the way out ask it with the names that the
//! caller wrote, before the model is looked at, so that a refusal never tells whether a table or a column is there.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::{Error, Principal, Result, code};

#[cfg(test)]
mod tests;

/// The name that stands for every table without an entry of its own.
pub const EVERY_TABLE: &str = "*";

/// What may be done with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Read columns, also by comparing with them.
    Select,
    /// Give columns of new rows.
    Insert,
    /// Give columns of rows that are there.
    Update,
    /// Remove rows.
    Delete,
}

impl Verb {
    /// Every verb with its word.
    pub const ALL: [(&'static str, Self); 4] =
        [("select", Self::Select), ("insert", Self::Insert), ("update", Self::Update), ("delete", Self::Delete)];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, verb)| *verb == self).map_or("", |(word, _)| word)
    }
}

/// The columns that a request touches with a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touched<'a> {
    /// All that the table has (`*`): these. A refusal names none of them, since the caller did not either.
    Every(&'a [&'a str]),
    /// These. None at all means the table itself: counting its rows, inserting nothing but defaults.
    Columns(&'a [&'a str]),
}

/// Which columns a verb is open for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Open {
    /// All of them, also those that the table does not have yet.
    All,
    /// These.
    Columns(BTreeSet<String>),
}

impl Open {
    fn covers(&self, column: &str) -> bool {
        match self {
            Self::All => true,
            Self::Columns(open) => open.contains(column),
        }
    }
}

/// What a role may do with a table; a verb that is not there is closed.
pub type Rights = BTreeMap<Verb, Open>;

/// Who may do what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Whether anything is closed: nobody is asked who they are without `[auth]`, so nothing can be.
    pub closed: bool,
    /// Rights by role and table.
    pub roles: BTreeMap<String, BTreeMap<String, Rights>>,
}

impl Access {
    /// What is open to a principal.
    pub fn of<'a>(&'a self, principal: &'a Principal) -> Grants<'a> {
        let asked = (self.closed && !principal.is_service()).then_some((self, principal));
        Grants { asked }
    }

    /// The more exact name wins: a table of its own entry is not touched by `*`.
    fn rights(&self, role: &str, table: &str) -> Option<&Rights> {
        let tables = self.roles.get(role)?;
        tables.get(table).or_else(|| tables.get(EVERY_TABLE))
    }
}

/// What is open to one principal: [`Access`], once it is known who asks.
#[derive(Clone, Copy, Debug)]
pub struct Grants<'a> {
    /// Whose rights count; none: everything is open.
    asked: Option<(&'a Access, &'a Principal)>,
}

impl Grants<'_> {
    /// Everything is open: to a program that embeds brigade, and to brigade itself.
    pub const EVERYTHING: Grants<'static> = Grants { asked: None };

    /// Whether anything may be closed.
    pub fn are_limited(&self) -> bool {
        self.asked.is_some()
    }

    /// Whether this may be done: every column must be open to at least one of the principal's roles.
    ///
    /// # Errors
    /// 42501, which names nothing but what the caller wrote.
    pub fn allow(&self, table: &str, verb: Verb, touched: Touched<'_>) -> Result<()> {
        let Some((access, principal)) = self.asked else { return Ok(()) };
        let rights = principal.roles.iter().filter_map(|role| access.rights(role, table)?.get(&verb));
        let open: Vec<&Open> = rights.collect();
        let closed = |column: &&&str| !open.iter().any(|open| open.covers(column));
        let refused = match touched {
            _ if open.is_empty() => verb.as_str().to_owned(),
            Touched::Every(columns) => match columns.iter().find(closed) {
                None => return Ok(()),
                Some(_) => format!("{} of every column", verb.as_str()),
            },
            Touched::Columns(columns) => match columns.iter().find(closed) {
                None => return Ok(()),
                Some(column) => format!("{} of column {column:?}", verb.as_str()),
            },
        };
        Err(denied(table).details(format!("not open: {refused}")))
    }

    /// Whether columns of a table may be read; with none, whether its rows may be counted.
    pub fn may_read(&self, table: &str, columns: &[&str]) -> bool {
        self.allow(table, Verb::Select, Touched::Columns(columns)).is_ok()
    }
}

/// 42501 for a table, as the caller wrote it.
pub fn denied(table: &str) -> Error {
    Error::new(code::PRIVILEGE, format!("permission denied for table {table:?}"))
        .hint("[access] of brigade.toml says what each role may do")
}
