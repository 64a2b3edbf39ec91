//! A transaction that was checked against the model. After the check the type is the proof: every table, column and value
//! in it fits, and engines look nothing up again. Only [`crate::commit::check`] makes one.

use std::sync::Arc;

use crate::{
    data::{Expect, Operator, Value},
    schema::{Model, Table},
};

/// A transaction whose every table, column and value fits the model.
#[derive(Clone, Debug)]
pub struct CheckedTransaction {
    /// The model it was checked against.
    pub model: Arc<Model>,
    /// Its statements, in order.
    pub statements: Vec<CheckedStatement>,
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

impl CheckedTransaction {
    /// Whether every statement only looks.
    pub fn is_read_only(&self) -> bool {
        self.statements.iter().all(|s| matches!(s.action, CheckedAction::Check { .. }))
    }
}
