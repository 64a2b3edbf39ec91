//! What an engine says of a statement that did not hold: the same words on every engine, so that a caller need not know
//! which one stands behind.

use crate::{
    data::{Error, Expect, code},
    schema::Table,
};

/// The number of rows behind BRG409, as the error's source: whoever words it anew needs no text for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rows} rows")]
pub struct Unexpected {
    /// Rows affected, or matched.
    pub rows: u64,
}

impl Unexpected {
    /// What an error has of it.
    pub fn of(error: &Error) -> Option<Self> {
        std::error::Error::source(error)?.downcast_ref().copied()
    }
}

/// A statement affected, or matched, other than it expected.
pub fn expect_failed(statement: usize, rows: u64, expect: Expect) -> Error {
    let expected = match (expect.min, expect.max) {
        (min, max) if min == max => min.to_string(),
        (min, u64::MAX) => format!("at least {min}"),
        (min, max) => format!("{min} to {max}"),
    };
    Error::new(code::EXPECT_FAILED, "an expectation of the transaction did not hold")
        .details(format!("statement {statement} affected {rows} rows, expected {expected}"))
        .hint("read the rows again and decide anew")
        .source(Unexpected { rows })
        .in_statement(statement, None)
}

/// A statement asks for row `row` of the earlier one `of`, which returned `returned` rows.
pub fn no_such_row(statement: usize, row: usize, of: usize, returned: usize) -> Error {
    Error::new("22023", "a returned row is asked for that is not there")
        .details(format!("statement {statement} asks for row {row} of statement {of}, which returned {returned}"))
        .hint("guard the earlier statement with \"expect\", so that the row is there")
        .in_statement(statement, None)
}

/// The one column that a constraint of a table is on; nothing where it is on several, or on none of the model's.
pub fn column_of<'t>(table: &'t Table, constraint: &str) -> Option<&'t str> {
    let keys = table.primary_key.iter().chain(&table.uniques).map(|key| (&key.name, &key.columns));
    let mut all = keys.chain(table.foreign_keys.iter().map(|key| (&key.name, &key.columns)));
    let (_, columns) = all.find(|(name, _)| *name == constraint)?;
    match columns.as_slice() {
        [one] => Some(&table.columns[*one].name),
        _ => None,
    }
}
