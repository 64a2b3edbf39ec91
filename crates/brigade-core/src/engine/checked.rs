//! A transaction that was checked against the model. After the check the type is the proof: every table, column and value
//! in it fits, and engines look nothing up again. Only [`crate::commit::check`] makes one.

use std::sync::Arc;

use crate::{
    data::{Error, Expect, Operator, Result, Value},
    schema::{Model, Table},
};

use super::{CheckedNode, CheckedRead};

/// A transaction whose every table, column and value fits the model.
#[derive(Clone, Debug)]
pub struct CheckedTransaction {
    /// The model it was checked against.
    pub model: Arc<Model>,
    /// Its statements, in order.
    pub statements: Vec<CheckedStatement>,
    /// A routine that writes, called behind the statements: its result is the last, shown as the read says. Its `rows` are
    /// those without the page's bounds where the read counts them; of a statement that returns none, those affected.
    pub call: Option<CheckedRead>,
    /// Whether everything is taken back at its end: the receipt tells what would have been, and its position is none's.
    pub rolls_back: bool,
}

/// One checked statement.
#[derive(Clone, Debug)]
pub struct CheckedStatement {
    /// The table.
    pub table: Arc<Table>,
    /// What it does.
    pub action: CheckedAction,
    /// Indexes of the columns to return; none: nothing is returned.
    pub returning: Option<Arc<[usize]>>,
    /// Rows affected, or matched.
    pub expect: Option<Expect>,
    /// What a plan says of it: a write of the table API.
    pub planned: Option<Arc<Planned>>,
}

/// What a plan says of an insert, update or delete. Such a statement has no `returning` where its rows are shown, and an
/// upsert's result tells how many rows are new.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its filters say which rows an update or a delete means, besides the action's own conditions. They look at the
    /// table's own columns alone; nothing else of the node counts.
    pub rows: CheckedNode,
    /// How the rows affected are shown: a read that has no filters of its own. Rows deleted are shown as they were.
    pub shown: Option<CheckedRead>,
    /// How many rows must be shown, where that may be fewer than are affected (an inner embed): else PGRST116, and nothing
    /// is written.
    pub shows_exactly: Option<u64>,
}

impl Planned {
    /// Holds what is shown to [`Planned::shows_exactly`].
    ///
    /// # Errors
    /// PGRST116.
    pub fn check_shown(&self, rows: u64) -> Result<()> {
        match self.shows_exactly {
            Some(expected) if expected != rows => Err(not_one(rows)),
            _ => Ok(()),
        }
    }
}

/// There is not just one row where one object is asked for.
pub fn not_one(rows: u64) -> Error {
    Error::new("PGRST116", "Cannot coerce the result to a single JSON object")
        .details(format!("The result contains {rows} rows"))
}

/// More rows than the caller wanted to be touched.
pub fn too_many(rows: u64) -> Error {
    Error::new("PGRST124", "Query result exceeds max-affected preference constraint")
        .details(format!("The query affects {rows} rows"))
}

/// What a checked statement does.
#[derive(Clone, Debug)]
pub enum CheckedAction {
    /// Rows, with what happens to those that are there.
    Insert {
        /// One or more rows.
        rows: Vec<CheckedRow>,
        /// For an upsert.
        conflict: Option<Conflict>,
    },
    /// A change of the rows that match.
    Update {
        /// Which rows: all conditions hold.
        filter: Vec<Predicate>,
        /// What they get, by column index; each column once.
        set: Vec<(usize, Assign)>,
    },
    /// The end of the rows that match.
    Delete {
        /// Which rows: all conditions hold.
        filter: Vec<Predicate>,
    },
    /// How many rows match.
    Check {
        /// Which rows: all conditions hold.
        filter: Vec<Predicate>,
    },
}

/// One row to insert. Columns that are not in it take their default.
#[derive(Clone, Debug)]
pub struct CheckedRow {
    /// Indexes of the columns given; shared by neighbouring rows that give the same.
    pub columns: Arc<[usize]>,
    /// Their values, in the same order.
    pub values: Vec<Operand>,
}

/// What an upsert does to a row that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Indexes of the columns of the unique constraint.
    pub target: Vec<usize>,
    /// Indexes of the columns that take the given value; none: the row stays as it is and does not count.
    pub update: Option<Vec<usize>>,
}

/// A value, now or once an earlier statement has returned it.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A value that fits its column.
    Value(Value),
    /// What an earlier statement returned. Its type is the same as the column's.
    Returned {
        /// Index of the statement.
        statement: usize,
        /// Index of the row among those it returned. That it exists is only known when the statement ran: 22023 if not.
        row: usize,
        /// Index into the columns it returned.
        column: usize,
    },
}

/// What an updated column gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Assign {
    /// This value.
    Set(Operand),
    /// Its own value and this more.
    Add(Operand),
    /// Its default.
    Default,
}

/// One condition on one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicate {
    /// Index of the column.
    pub column: usize,
    /// The comparison. Equality with null has become [`Operator::Is`].
    pub operator: Operator,
    /// One operand; for `in` any number.
    pub operands: Vec<Operand>,
}

impl CheckedStatement {
    /// The conditions that a plan adds, if there are some.
    pub fn rows_meant(&self) -> Option<&CheckedNode> {
        let rows = self.planned.as_ref().map(|planned| &planned.rows);
        rows.filter(|node| node.policy.is_some() || !node.filters.is_empty())
    }

    /// How the rows affected are shown.
    pub fn shown(&self) -> Option<&CheckedRead> {
        self.planned.as_ref()?.shown.as_ref()
    }

    /// Whether its result tells how many rows are new.
    pub fn tells_inserted(&self) -> bool {
        let merges = matches!(&self.action, CheckedAction::Insert { conflict: Some(c), .. } if c.update.is_some());
        merges && self.planned.is_some()
    }
}

impl CheckedTransaction {
    /// Whether every statement only looks.
    pub fn is_read_only(&self) -> bool {
        self.call.is_none() && self.statements.iter().all(|s| matches!(s.action, CheckedAction::Check { .. }))
    }
}
