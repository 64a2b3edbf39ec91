//! Writing a transaction in Rust: `brigade.transaction().insert(…).update(…)`.

use crate::data::{
    Action, Condition, Expect, Input, Operator, Record, ReturnedRef, Statement, Transaction, Value, Where,
};

/// Builds a [`Transaction`], statement by statement. `returning` and `expect` speak of the statement before them.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    transaction: Transaction,
}

/// Columns with what they get: `Row::new().set("id", id).set("url", url)`.
#[derive(Clone, Debug, Default)]
pub struct Row(Record);

impl Row {
    /// No column yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a column a value.
    #[must_use]
    pub fn set(mut self, column: &str, value: impl Into<Input>) -> Self {
        self.0.push((column.to_owned(), value.into()));
        self
    }

    /// Adds to a column's own value (updates alone).
    #[must_use]
    pub fn add(mut self, column: &str, value: impl Into<Value>) -> Self {
        self.0.push((column.to_owned(), Input::Add(value.into())));
        self
    }

    /// Gives a column its default (updates alone).
    #[must_use]
    pub fn set_default(mut self, column: &str) -> Self {
        self.0.push((column.to_owned(), Input::Default));
        self
    }

    /// Gives a column what an earlier statement returned.
    #[must_use]
    pub fn returned(mut self, column: &str, statement: usize, row: usize, of: &str) -> Self {
        let reference = ReturnedRef { statement, row, column: of.to_owned() };
        self.0.push((column.to_owned(), Input::Returned(reference)));
        self
    }
}

/// A filter of one column equal to a value; more by [`Where::and`].
pub fn filter(column: &str, value: impl Into<Value>) -> Where {
    Where::default().and(column, Operator::Eq, [value.into()])
}

/// Any value, for lists of mixed types.
pub fn value(value: impl Into<Value>) -> Value {
    value.into()
}

impl Where {
    /// Every row of the table.
    pub fn all() -> Self {
        Self { conditions: Vec::new(), all: true }
    }

    /// One more condition.
    #[must_use]
    pub fn and(mut self, column: &str, operator: Operator, values: impl IntoIterator<Item = Value>) -> Self {
        let input = Input::Compare(operator, values.into_iter().collect());
        self.conditions.push(Condition { column: column.to_owned(), input });
        self
    }
}

impl Builder {
    /// No statement yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One new row.
    #[must_use]
    pub fn insert(self, table: &str, row: Row) -> Self {
        self.insert_all(table, [row])
    }

    /// New rows.
    #[must_use]
    pub fn insert_all(mut self, table: &str, rows: impl IntoIterator<Item = Row>) -> Self {
        self.transaction.statements.push(Statement::Insert {
            table: table.to_owned(),
            rows: rows.into_iter().map(|r| r.0).collect(),
            returning: Vec::new(),
            expect: None,
        });
        self
    }

    /// New rows, or a change of those with the same key (`on`; empty: the primary key).
    #[must_use]
    pub fn upsert(mut self, table: &str, on: &[&str], rows: impl IntoIterator<Item = Row>) -> Self {
        self.transaction.statements.push(Statement::Upsert {
            table: table.to_owned(),
            rows: rows.into_iter().map(|r| r.0).collect(),
            on: on.iter().map(|c| (*c).to_owned()).collect(),
            action: Action::Update,
            update: Vec::new(),
            returning: Vec::new(),
            expect: None,
        });
        self
    }

    /// A change of the rows that match.
    #[must_use]
    pub fn update(mut self, table: &str, filter: Where, set: Row) -> Self {
        self.transaction.statements.push(Statement::Update {
            table: table.to_owned(),
            filter,
            set: set.0,
            returning: Vec::new(),
            expect: None,
        });
        self
    }

    /// The end of the rows that match.
    #[must_use]
    pub fn delete(mut self, table: &str, filter: Where) -> Self {
        self.transaction.statements.push(Statement::Delete {
            table: table.to_owned(),
            filter,
            returning: Vec::new(),
            expect: None,
        });
        self
    }

    /// How many rows match.
    #[must_use]
    pub fn check(mut self, table: &str, filter: Where) -> Self {
        self.transaction.statements.push(Statement::Check { table: table.to_owned(), filter, expect: None });
        self
    }

    /// Asks the statement before for columns; `*` for all. A check returns none.
    #[must_use]
    pub fn returning(mut self, columns: &[&str]) -> Self {
        if let Some(
            Statement::Insert { returning, .. }
            | Statement::Upsert { returning, .. }
            | Statement::Update { returning, .. }
            | Statement::Delete { returning, .. },
        ) = self.transaction.statements.last_mut()
        {
            *returning = columns.iter().map(|c| (*c).to_owned()).collect();
        }
        self
    }

    /// The statement before must affect (or match) exactly so many rows.
    #[must_use]
    pub fn expect(self, rows: u64) -> Self {
        self.expect_between(rows, rows)
    }

    /// The statement before must affect (or match) so many rows.
    #[must_use]
    pub fn expect_between(mut self, min: u64, max: u64) -> Self {
        if let Some(
            Statement::Insert { expect, .. }
            | Statement::Upsert { expect, .. }
            | Statement::Update { expect, .. }
            | Statement::Delete { expect, .. }
            | Statement::Check { expect, .. },
        ) = self.transaction.statements.last_mut()
        {
            *expect = Some(Expect { min, max });
        }
        self
    }

    /// The transaction.
    pub fn build(self) -> Transaction {
        self.transaction
    }
}
