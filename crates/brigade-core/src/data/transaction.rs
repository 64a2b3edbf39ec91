//! A transaction as data: statements with guards, sent whole, so that it can be checked before anything happens and
//! repeated by its key.
//!
//! Values are still untyped here ([`Input`]): what `{"add": 1}` means depends on the column, which only the check
//! against the model knows.

use super::{Json, Value};

/// Statements that commit together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transaction {
    /// In the order in which they run; each sees the effects of those before it.
    pub statements: Vec<Statement>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// New rows.
    Insert {
        /// The table.
        table: String,
        /// One or more rows.
        rows: Vec<Record>,
        /// Columns to return; `*` for all.
        returning: Vec<String>,
        /// Rows affected.
        expect: Option<Expect>,
    },
    /// New rows, or a change of those that are there.
    Upsert {
        /// The table.
        table: String,
        /// One or more rows.
        rows: Vec<Record>,
        /// Columns of a unique constraint; empty: the primary key.
        on: Vec<String>,
        /// What happens to a row that is there.
        action: Action,
        /// Columns to set; empty: all that the row gives.
        update: Vec<String>,
        /// Columns to return; `*` for all.
        returning: Vec<String>,
        /// Rows affected.
        expect: Option<Expect>,
    },
    /// A change of the rows that match.
    Update {
        /// The table.
        table: String,
        /// Which rows.
        filter: Where,
        /// What they get.
        set: Record,
        /// Columns to return; `*` for all.
        returning: Vec<String>,
        /// Rows affected.
        expect: Option<Expect>,
    },
    /// The end of the rows that match.
    Delete {
        /// The table.
        table: String,
        /// Which rows.
        filter: Where,
        /// Columns to return; `*` for all.
        returning: Vec<String>,
        /// Rows affected.
        expect: Option<Expect>,
    },
    /// How many rows match; nothing is written.
    Check {
        /// The table.
        table: String,
        /// Which rows.
        filter: Where,
        /// Rows matched.
        expect: Option<Expect>,
    },
}

impl Statement {
    /// The table it names.
    pub fn table(&self) -> &str {
        match self {
            Self::Insert { table, .. }
            | Self::Upsert { table, .. }
            | Self::Update { table, .. }
            | Self::Delete { table, .. }
            | Self::Check { table, .. } => table,
        }
    }
}

/// Columns with what they get.
pub type Record = Vec<(String, Input)>;

/// Which rows: every condition must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Where {
    /// The conditions.
    pub conditions: Vec<Condition>,
    /// Whether all rows are meant where there is no condition (`"all": true`).
    pub all: bool,
}

/// One condition on one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The column.
    pub column: String,
    /// As it was written: from JSON a plain value or an object of one operator.
    pub input: Input,
}

/// What happens to a row that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// It gets the new values.
    #[default]
    Update,
    /// It stays as it is, and does not count.
    Ignore,
}

/// How many rows a statement must affect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect {
    /// At least.
    pub min: u64,
    /// At most.
    pub max: u64,
}

impl Expect {
    /// Exactly `n` rows.
    pub fn exactly(n: u64) -> Self {
        Self { min: n, max: n }
    }

    /// Whether `n` rows are as expected.
    pub fn holds(self, n: u64) -> bool {
        (self.min..=self.max).contains(&n)
    }
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
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
    /// one of a list
    In,
    /// null, true or false
    Is,
    /// SQL LIKE, case-sensitive
    Like,
    /// SQL LIKE, not case-sensitive
    Ilike,
}

impl Operator {
    /// Every operator with its word.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::Eq, "eq"),
        (Self::Neq, "neq"),
        (Self::Gt, "gt"),
        (Self::Gte, "gte"),
        (Self::Lt, "lt"),
        (Self::Lte, "lte"),
        (Self::In, "in"),
        (Self::Is, "is"),
        (Self::Like, "like"),
        (Self::Ilike, "ilike"),
    ];

    /// The operator of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, w)| *w == word).map(|(op, _)| *op)
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(op, _)| *op == self).map_or("", |(_, w)| w)
    }
}

/// What a statement gives for a column, before the column's type is known.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// As JSON has it: a plain value, or an object such as `{"add": 1}` where the column is not json.
    Json(Json),
    /// A value of Rust.
    Value(Value),
    /// The column's value and this more.
    Add(Value),
    /// The column's default.
    Default,
    /// What an earlier statement of the transaction returned.
    Returned(ReturnedRef),
    /// A comparison with values (one, but for `in`).
    Compare(Operator, Vec<Value>),
}

impl<T: Into<Value>> From<T> for Input {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

/// A value that an earlier statement returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnedRef {
    /// Index of the statement.
    pub statement: usize,
    /// Index of the row among those it returned.
    pub row: usize,
    /// The column, which it must list in `returning`.
    pub column: String,
}
