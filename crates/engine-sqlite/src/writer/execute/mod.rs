//! Runs the statements of a transaction, one after the other, on the writer's connection.
//!
//! `insert` says which rows go into one statement, `blame` what an error was about.

mod blame;
mod insert;

use std::{collections::HashSet, sync::Arc};

use brigade_core::{
    data::{Error, Result, Returned, Row, Shown, SqlType, StatementResult, Value, code},
    engine::{
        CheckedAction, CheckedRead, CheckedRow, CheckedStatement, CheckedTransaction, Operand, Predicate,
        expect_failed, no_such_row,
    },
    schema::Table,
};

use super::state::State;
use crate::{
    encode, read,
    statement::{self, Bound, Returning, Sql, Target},
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

/// What a statement did.
#[derive(Default)]
struct Outcome {
    /// Rows affected.
    rows: u64,
    /// What it returned of them.
    returned: Vec<Row>,
    /// Where they lie, if they are to be shown.
    places: Vec<i64>,
    /// The rows as they are shown, if that had to be before they were gone.
    shown: Option<Shown>,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.returned.extend(other.returned);
        self.places.extend(other.places);
    }
}

/// Runs all statements and holds them to what they expect.
pub(super) fn run(state: &State, transaction: &CheckedTransaction, now: i64) -> Result<Vec<StatementResult>> {
    let mut results: Vec<StatementResult> = Vec::with_capacity(transaction.statements.len());
    for (index, statement) in transaction.statements.iter().enumerate() {
        let running = Running { state, transaction, statement, index, now, earlier: &results };
        state.limit_time(true);
        let result = running.result();
        state.limit_time(false);
        results.push(result.map_err(|e| e.in_statement(index, None))?);
    }
    Ok(results)
}

fn described(table: &Table, columns: &[usize]) -> Arc<[(String, SqlType)]> {
    columns.iter().map(|&c| (table.columns[c].name.clone(), table.columns[c].ty.clone())).collect()
}

impl<'a> Running<'a> {
    /// Runs it, holds it to what it expects, and shows its rows where that is asked.
    fn result(&self) -> Result<StatementResult> {
        let statement = self.statement;
        let counting = statement.tells_inserted().then(|| self.state.count_inserts(&statement.table.name));
        let outcome = self.run();
        let inserted = counting.map(|counting| counting.end());
        let Outcome { rows, returned, places, shown } = outcome?;
        if let Some(expect) = statement.expect
            && !expect.holds(rows)
        {
            return Err(expect_failed(self.index, rows, expect));
        }
        if statement.tells_inserted() && places.iter().collect::<HashSet<_>>().len() < places.len() {
            return Err(Error::new("21000", "ON CONFLICT DO UPDATE command cannot affect row a second time")
                .hint("give each key only once in a request"));
        }
        let shown = match (shown, statement.shown()) {
            (None, Some(read)) => Some(self.shown(read, &places)?),
            (shown, _) => shown,
        };
        if let (Some(planned), Some(shown)) = (&statement.planned, &shown) {
            planned.check_shown(shown.rows)?;
        }
        let columns = statement.returning.as_ref().filter(|_| statement.shown().is_none());
        let returned =
            columns.map(|columns| Returned { columns: described(&statement.table, columns), rows: returned });
        Ok(StatementResult { rows, returned, shown, inserted })
    }

    fn shown(&self, read: &CheckedRead, places: &[i64]) -> Result<Shown> {
        let answer = read::at_places(&self.state.conn, read, &self.statement.table, places)?;
        Ok(Shown { body: answer.body, rows: answer.rows })
    }

    fn target(&self, filter: &'a [Predicate]) -> Target<'a> {
        let plan = self.statement.rows_meant();
        Target { model: &self.transaction.model, table: &self.statement.table, filter, plan }
    }

    fn run(&self) -> Result<Outcome> {
        let table: &'a Table = &self.statement.table;
        let returning = Returning::of(self.statement);
        match &self.statement.action {
            CheckedAction::Insert { rows, conflict } if rows.len() > 1 && insert::points_at_itself(table) => {
                self.insert_together(rows, conflict.as_ref())
            }
            CheckedAction::Insert { rows, conflict } => self.insert_each(rows, conflict.as_ref()),
            CheckedAction::Update { filter, set } => {
                let default = |column| self.default_of(column);
                let sql = statement::update(self.target(filter), set, returning, self.now, default)?;
                self.execute(&sql, None)
            }
            CheckedAction::Delete { filter } => self.delete(self.target(filter), returning),
            CheckedAction::Check { filter } => self.count(&statement::check(self.target(filter))?),
        }
    }

    /// Rows that are shown are shown first: afterwards nothing is left to read.
    fn delete(&self, target: Target<'a>, returning: Returning<'_>) -> Result<Outcome> {
        let shown = match self.statement.shown() {
            Some(read) => Some(self.shown(read, &self.places(&statement::matching(target)?)?)?),
            None => None,
        };
        let outcome = self.execute(&statement::delete(target, returning)?, None)?;
        Ok(Outcome { shown, ..outcome })
    }

    fn places(&self, sql: &Sql<'_>) -> Result<Vec<i64>> {
        let mut statement = self.prepare(sql)?;
        let mut rows = statement.raw_query();
        let mut places = Vec::new();
        while let Some(row) = rows.next().map_err(|e| self.failed(e, None))? {
            places.push(row.get(0).map_err(|e| self.failed(e, None))?);
        }
        Ok(places)
    }

    fn count(&self, sql: &Sql<'_>) -> Result<Outcome> {
        let mut statement = self.prepare(sql)?;
        let mut rows = statement.raw_query();
        let counted = rows.next().and_then(|row| row.map_or(Ok(0), |row| row.get::<_, i64>(0)));
        counted.map(|n| Outcome { rows: n as u64, ..Outcome::default() }).map_err(|e| self.failed(e, None))
    }

    fn execute(&self, sql: &Sql<'_>, row: Option<&CheckedRow>) -> Result<Outcome> {
        let mut statement = self.prepare(sql)?;
        let columns = match Returning::of(self.statement) {
            Returning::Columns(columns) => columns,
            Returning::Nothing => {
                let rows = statement.raw_execute().map_err(|e| self.failed(e, row))? as u64;
                return Ok(Outcome { rows, ..Outcome::default() });
            }
            Returning::Places => {
                let mut places: Vec<i64> = Vec::new();
                let mut rows = statement.raw_query();
                while let Some(found) = rows.next().map_err(|e| self.failed(e, row))? {
                    places.push(found.get(0).map_err(|e| self.failed(e, row))?);
                }
                return Ok(Outcome { rows: places.len() as u64, places, ..Outcome::default() });
            }
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
        Ok(Outcome { rows: returned.len() as u64, returned, ..Outcome::default() })
    }

    fn prepare(&self, sql: &Sql<'_>) -> Result<rusqlite::CachedStatement<'a>> {
        let mut statement = self.state.conn.prepare_cached(&sql.text).map_err(|e| self.failed(e, None))?;
        for (i, bound) in sql.bound.iter().enumerate() {
            let value = match bound {
                Bound::Operand(operand, ty) => {
                    encode::to_sql(self.value(operand)?, ty).map_err(|e| self.at_column(e, operand))?
                }
                Bound::Time(value, ty) => encode::to_sql(value, ty)?,
                Bound::Plan(value) => rusqlite::ToSql::to_sql(value).map_err(|e| self.failed(e, None))?,
            };
            statement.raw_bind_parameter(i + 1, value).map_err(|e| self.failed(e, None))?;
        }
        Ok(statement)
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
}
