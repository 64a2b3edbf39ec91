//! Runs the statements of a transaction, one after the other, on the writer's connection.

use std::sync::Arc;

use brigade_core::{
    data::{Error, Result, Returned, Row, SqlType, StatementResult, Value, code},
    engine::{
        Assign, CheckedAction, CheckedRow, CheckedStatement, CheckedTransaction, Conflict, Operand, Predicate,
        expect_failed, no_such_row,
    },
    schema::Table,
};

use super::{
    foreign::{self, Broken},
    state::State,
};
use crate::{
    encode, error,
    statement::{self, Bound, InsertShape, Sql},
};

/// One statement at work.
struct Running<'a> {
    state: &'a State,
    transaction: &'a CheckedTransaction,
    statement: &'a CheckedStatement,
    index: usize,
    now: i64,
    earlier: &'a [StatementResult],
}

/// Rows affected, and those returned.
type Outcome = (u64, Vec<Row>);

/// Runs all statements and holds them to what they expect.
pub(super) fn run(state: &State, transaction: &CheckedTransaction, now: i64) -> Result<Vec<StatementResult>> {
    let mut results: Vec<StatementResult> = Vec::with_capacity(transaction.statements.len());
    for (index, statement) in transaction.statements.iter().enumerate() {
        let running = Running { state, transaction, statement, index, now, earlier: &results };
        state.limit_time(true);
        let outcome = running.run();
        state.limit_time(false);
        let (rows, returned) = outcome.map_err(|e| e.in_statement(index, None))?;
        if let Some(expect) = statement.expect
            && !expect.holds(rows)
        {
            return Err(expect_failed(index, rows, expect));
        }
        let returned = statement
            .returning
            .as_ref()
            .map(|columns| Returned { columns: described(&statement.table, columns), rows: returned });
        results.push(StatementResult { rows, returned });
    }
    Ok(results)
}

fn described(table: &Table, columns: &[usize]) -> Arc<[(String, SqlType)]> {
    columns.iter().map(|&c| (table.columns[c].name.clone(), table.columns[c].ty.clone())).collect()
}

impl<'a> Running<'a> {
    fn run(&self) -> Result<Outcome> {
        let table: &'a Table = &self.statement.table;
        let returning = self.statement.returning.as_deref();
        match &self.statement.action {
            CheckedAction::Insert { rows, conflict } if rows.len() > 1 && points_at_itself(table) => {
                self.insert_together(rows, conflict.as_ref())
            }
            CheckedAction::Insert { rows, conflict } => self.insert_each(rows, conflict.as_ref()),
            CheckedAction::Update { filter, set } => {
                let default = |column| self.default_of(column);
                let sql = statement::update(table, filter, set, returning, self.now, default)?;
                self.execute(&sql, None)
            }
            CheckedAction::Delete { filter } => self.execute(&statement::delete(table, filter, returning)?, None),
            CheckedAction::Check { filter } => self.count(&statement::check(table, filter)?),
        }
    }

    /// Rows one by one: what is returned comes in the order given, and an error knows its row.
    fn insert_each(&self, rows: &'a [CheckedRow], conflict: Option<&Conflict>) -> Result<Outcome> {
        let mut outcome: Outcome = (0, Vec::new());
        for row in rows {
            let sql = self.insert(&row.columns, conflict, &[&row.values])?;
            let (affected, mut returned) = self.execute(&sql, Some(row))?;
            outcome.0 += affected;
            outcome.1.append(&mut returned);
        }
        Ok(outcome)
    }

    /// Rows of a table that points at itself, in one statement as long as they give the same columns: a row may point at
    /// one that comes after it.
    fn insert_together(&self, rows: &'a [CheckedRow], conflict: Option<&Conflict>) -> Result<Outcome> {
        let mut outcome: Outcome = (0, Vec::new());
        for same in rows.chunk_by(|a, b| a.columns == b.columns) {
            let width = same[0].columns.len().max(1) + self.statement.table.columns.len();
            for chunk in same.chunks((30_000 / width).max(1)) {
                let values: Vec<&[Operand]> = chunk.iter().map(|row| row.values.as_slice()).collect();
                let sql = self.insert(&same[0].columns, conflict, &values)?;
                let (affected, mut returned) = self.execute(&sql, None)?;
                outcome.0 += affected;
                outcome.1.append(&mut returned);
            }
        }
        Ok(outcome)
    }

    fn insert(&self, columns: &Arc<[usize]>, conflict: Option<&Conflict>, rows: &[&'a [Operand]]) -> Result<Sql<'a>> {
        let shape = InsertShape {
            table: Arc::clone(&self.statement.table),
            columns: Arc::clone(columns),
            rows: rows.len(),
            conflict: conflict.cloned(),
            returning: self.statement.returning.clone(),
        };
        self.state.inserts.borrow_mut().sql(&shape, &self.statement.table, rows, self.now)
    }

    fn count(&self, sql: &Sql<'_>) -> Result<Outcome> {
        let mut statement = self.prepare(sql)?;
        let mut rows = statement.raw_query();
        let counted = rows.next().and_then(|row| row.map_or(Ok(0), |row| row.get::<_, i64>(0)));
        counted.map(|n| (n as u64, Vec::new())).map_err(|e| self.failed(e, None))
    }

    fn execute(&self, sql: &Sql<'_>, row: Option<&CheckedRow>) -> Result<Outcome> {
        let mut statement = self.prepare(sql)?;
        let Some(columns) = self.statement.returning.as_deref() else {
            let affected = statement.raw_execute().map_err(|e| self.failed(e, row))?;
            return Ok((affected as u64, Vec::new()));
        };
        let table = &self.statement.table;
        let mut returned: Vec<Row> = Vec::new();
        let mut rows = statement.raw_query();
        while let Some(found) = rows.next().map_err(|e| self.failed(e, row))? {
            let value = |(i, &c): (usize, &usize)| {
                encode::from_sql(found.get_ref(i).map_err(|e| self.failed(e, row))?, &table.columns[c].ty)
            };
            returned.push(columns.iter().enumerate().map(value).collect::<Result<_>>()?);
        }
        Ok((returned.len() as u64, returned))
    }

    fn prepare(&self, sql: &Sql<'_>) -> Result<rusqlite::CachedStatement<'a>> {
        let mut statement = self.state.conn.prepare_cached(&sql.text).map_err(|e| self.failed(e, None))?;
        for (i, bound) in sql.bound.iter().enumerate() {
            let value = match bound {
                Bound::Operand(operand, ty) => {
                    encode::to_sql(self.value(operand)?, ty).map_err(|e| self.at_column(e, operand))?
                }
                Bound::Time(value, ty) => encode::to_sql(value, ty)?,
            };
            statement.raw_bind_parameter(i + 1, value).map_err(|e| self.failed(e, None))?;
        }
        Ok(statement)
    }

    /// Names the column of a value that cannot be kept.
    fn at_column(&self, error: Error, operand: &Operand) -> Error {
        let among = |filter: &[Predicate]| {
            filter.iter().find(|p| p.operands.iter().any(|o| std::ptr::eq(o, operand))).map(|p| p.column)
        };
        let column = match &self.statement.action {
            CheckedAction::Insert { rows, .. } => rows.iter().find_map(|row| {
                row.values.iter().position(|value| std::ptr::eq(value, operand)).map(|at| row.columns[at])
            }),
            CheckedAction::Update { filter, set } => {
                let given = set.iter().find(|(_, assign)| match assign {
                    Assign::Set(value) | Assign::Add(value) => std::ptr::eq(value, operand),
                    Assign::Default => false,
                });
                given.map(|(column, _)| *column).or_else(|| among(filter))
            }
            CheckedAction::Delete { filter } | CheckedAction::Check { filter } => among(filter),
        };
        let Some(column) = column else { return error };
        let (table, column) = (&self.statement.table.name, &self.statement.table.columns[column].name);
        error
            .context(format!("column {column:?}"))
            .details(format!("table {table}, column {column}"))
            .in_statement(self.index, Some(column.clone()))
    }

    fn value<'v>(&'v self, operand: &'v Operand) -> Result<&'v Value> {
        match operand {
            Operand::Value(value) => Ok(value),
            Operand::Returned { statement, row, column } => {
                let returned = self.earlier.get(*statement).and_then(|r| r.returned.as_ref());
                returned
                    .and_then(|r| r.rows.get(*row)?.get(*column))
                    .ok_or_else(|| no_such_row(self.index, *row, *statement, returned.map_or(0, |r| r.rows.len())))
            }
        }
    }

    fn default_of(&self, column: usize) -> Result<String> {
        let table = &self.statement.table;
        let described = &table.columns[column];
        if described.identity.is_some() {
            return Err(Error::new(
                code::UNSUPPORTED,
                "a column that numbers itself cannot be set to its default on sqlite",
            )
            .details(format!("column {:?} of table {:?}", described.name, table.name)));
        }
        let known = self.state.defaults.get(&table.name).and_then(|columns| columns.get(column)).cloned().flatten();
        Ok(known.map_or_else(|| "NULL".to_owned(), |sql| format!("({sql})")))
    }

    /// Names what went wrong. Asked while the transaction's effects are still there, so that a broken foreign key is found.
    fn failed(&self, cause: rusqlite::Error, row: Option<&CheckedRow>) -> Error {
        self.state.notice(&cause);
        let table = &self.statement.table;
        if cause.to_string().contains("FOREIGN KEY constraint failed") {
            let broken = if self.state.conn.is_autocommit() { None } else { self.broken_key() };
            return error::foreign_key(Some(self.index), broken);
        }
        let shown = |column: usize| {
            let operand = match (row, &self.statement.action) {
                (Some(row), _) => &row.values[row.columns.iter().position(|&c| c == column)?],
                (None, CheckedAction::Update { set, .. }) => match set.iter().find(|(c, _)| *c == column)? {
                    (_, Assign::Set(operand)) => operand,
                    _ => return None,
                },
                _ => return None,
            };
            self.value(operand).ok()?.to_text().map(|text| text.into_owned())
        };
        error::of_statement(cause, table, self.index, shown)
    }

    fn broken_key(&self) -> Option<Broken> {
        let (conn, model, table) = (&self.state.conn, &self.transaction.model, &self.statement.table);
        let resolved = |operand: &Operand| self.value(operand).ok().cloned().map(Operand::Value);
        match &self.statement.action {
            CheckedAction::Insert { rows, .. } => rows.iter().find_map(|row| {
                let values: Option<Vec<Operand>> = row.values.iter().map(resolved).collect();
                foreign::without_parent(conn, model, table, &row.columns, &values?)
            }),
            CheckedAction::Update { filter, set } => {
                let given = set.iter().filter_map(|(c, assign)| match assign {
                    Assign::Set(operand) => Some((*c, resolved(operand)?)),
                    _ => None,
                });
                let (columns, values): (Vec<usize>, Vec<Operand>) = given.unzip();
                foreign::without_parent(conn, model, table, &columns, &values)
                    .or_else(|| foreign::with_children(conn, model, table, filter))
            }
            CheckedAction::Delete { filter } => foreign::with_children(conn, model, table, filter),
            CheckedAction::Check { .. } => None,
        }
    }
}

fn points_at_itself(table: &Table) -> bool {
    table.foreign_keys.iter().any(|key| key.table == table.name)
}
