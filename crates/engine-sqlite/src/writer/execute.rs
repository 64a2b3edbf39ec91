//! Runs the statements of a transaction, one after the other, on the writer's connection.

use std::{collections::HashSet, sync::Arc};

use brigade_core::{
    data::{Error, Result, Returned, Row, Shown, SqlType, StatementResult, Value, code},
    engine::{
        Assign, CheckedAction, CheckedRead, CheckedRow, CheckedStatement, CheckedTransaction, Conflict, Operand,
        Predicate, expect_failed, no_such_row,
    },
    schema::Table,
};

use super::{
    foreign::{self, Broken},
    state::State,
};
use crate::{
    encode, error, read,
    statement::{self, Bound, InsertShape, Returning, Sql, Target},
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
            CheckedAction::Insert { rows, conflict } if rows.len() > 1 && points_at_itself(table) => {
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

    /// Rows one by one: what is returned comes in the order given, and an error knows its row.
    fn insert_each(&self, rows: &'a [CheckedRow], conflict: Option<&Conflict>) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        for row in rows {
            let sql = self.insert(&row.columns, conflict, &[&row.values])?;
            outcome.add(self.execute(&sql, Some(row))?);
        }
        Ok(outcome)
    }

    /// Rows of a table that points at itself, in one statement as long as they give the same columns: a row may point at
    /// one that comes after it.
    fn insert_together(&self, rows: &'a [CheckedRow], conflict: Option<&Conflict>) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        for same in rows.chunk_by(|a, b| a.columns == b.columns) {
            let width = same[0].columns.len().max(1) + self.statement.table.columns.len();
            for chunk in same.chunks((30_000 / width).max(1)) {
                let values: Vec<&[Operand]> = chunk.iter().map(|row| row.values.as_slice()).collect();
                let sql = self.insert(&same[0].columns, conflict, &values)?;
                outcome.add(self.execute(&sql, None)?);
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
            places: Returning::of(self.statement) == Returning::Places,
        };
        self.state.inserts.borrow_mut().sql(&shape, &self.statement.table, rows, self.now)
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
                    .or_else(|| foreign::with_children(conn, self.target(filter)))
            }
            CheckedAction::Delete { filter } => foreign::with_children(conn, self.target(filter)),
            CheckedAction::Check { .. } => None,
        }
    }
}

fn points_at_itself(table: &Table) -> bool {
    table.foreign_keys.iter().any(|key| key.table == table.name)
}
