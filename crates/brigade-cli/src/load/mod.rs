//! Rows of a file: where they are read, line by line, and become the JSON that `POST /transactions` takes.
//!
//! A row keeps the number of its line, so that whatever is wrong with it, here or in the store, is said as `FILE:LINE`.

mod csv;
mod ndjson;
mod source;

pub use csv::Csv;
pub use ndjson::Ndjson;
pub use source::Source;

use std::borrow::Cow;

use brigade::data::Result;

/// One row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The number of the line where it begins, from 1.
    pub number: u64,
    /// The row as a JSON object.
    pub json: String,
}

/// What is wrong with one row; the rows after it can still be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// The number of its line, from 1.
    pub number: u64,
    /// The column, where it is one value that is wrong.
    pub column: Option<String>,
    /// The stable code.
    pub code: Cow<'static, str>,
    /// What is wrong.
    pub message: String,
}

/// The rows of a file.
pub enum Rows {
    /// Comma-separated values.
    Csv(Csv),
    /// One JSON object a line.
    Ndjson(Ndjson),
}

impl Rows {
    /// The next row, or what is wrong with it; none at the end.
    ///
    /// # Errors
    /// Where reading cannot go on: BRGCFG for a file that cannot be read, BRG413 for a line without end, 22P02 for a quote
    /// that never closes.
    pub fn next(&mut self) -> Result<Option<Result<Line, Bad>>> {
        match self {
            Self::Csv(csv) => csv.next(),
            Self::Ndjson(ndjson) => ndjson.next(),
        }
    }

    /// Bytes read, and bytes in all where that is known.
    pub fn bytes(&self) -> (u64, u64) {
        match self {
            Self::Csv(csv) => csv.source.bytes(),
            Self::Ndjson(ndjson) => ndjson.source.bytes(),
        }
    }
}
