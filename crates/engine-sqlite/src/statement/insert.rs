//! `INSERT`: its text depends only on its shape, and most transactions have one of a few shapes, so texts are kept.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::Arc,
};

use brigade_core::{
    data::Result,
    engine::{Conflict, Operand},
    schema::Table,
};

use super::{Bound, Returning, Sql, is_now, list, push_returning, quoted, refuse_too_many, time_as, touched};

/// Texts kept; with one more all are forgotten.
const TEXTS_MAX: usize = 512;

/// What the text of an insert depends on. Every row gives the same columns.
#[derive(Clone, Debug)]
pub(crate) struct InsertShape {
    /// The table; two shapes are of one table only if they share it.
    pub table: Arc<Table>,
    /// Indexes of the columns that are given.
    pub columns: Arc<[usize]>,
    /// Rows of one statement.
    pub rows: usize,
    /// For an upsert.
    pub conflict: Option<Conflict>,
    /// Indexes of the columns to return.
    pub returning: Option<Arc<[usize]>>,
    /// Whether it answers where its rows lie, in place of columns.
    pub places: bool,
}

/// The text, and what is bound beside the values that are given.
#[derive(Debug)]
struct Text {
    sql: Arc<str>,
    /// Columns, after those given, that take the time of the transaction.
    times: Vec<usize>,
    /// The column whose time an upsert sets.
    touched: Option<usize>,
}

/// The texts of the shapes seen so far.
#[derive(Debug, Default)]
pub(crate) struct Inserts(HashMap<InsertShape, Text>);

impl PartialEq for InsertShape {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.table, &other.table)
            && (&self.columns, self.rows, &self.conflict, &self.returning, self.places)
                == (&other.columns, other.rows, &other.conflict, &other.returning, other.places)
    }
}

impl Eq for InsertShape {}

impl Hash for InsertShape {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (Arc::as_ptr(&self.table), &self.columns, self.rows, self.conflict.is_some()).hash(state);
    }
}

impl Inserts {
    /// The statement of a shape with these rows; the values of every row follow one another in `bound`.
    pub fn sql<'t>(
        &mut self,
        shape: &InsertShape,
        table: &'t Table,
        rows: &[&'t [Operand]],
        now: i64,
    ) -> Result<Sql<'t>> {
        if !self.0.contains_key(shape) {
            if self.0.len() >= TEXTS_MAX {
                self.0.clear();
            }
            self.0.insert(shape.clone(), shape.text());
        }
        let text = &self.0[shape];
        let time = |&column: &usize| {
            let ty = &table.columns[column].ty;
            time_as(ty, now).map(|time| Bound::Time(time, ty))
        };
        let mut bound = Vec::with_capacity(rows.len() * (shape.columns.len() + text.times.len()) + 1);
        for row in rows {
            bound.extend(shape.columns.iter().zip(*row).map(|(&c, v)| Bound::Operand(v, &table.columns[c].ty)));
            bound.extend(text.times.iter().filter_map(time));
        }
        bound.extend(text.touched.iter().filter_map(time));
        refuse_too_many(bound.len())?;
        Ok(Sql { text: Arc::clone(&text.sql), bound })
    }
}

impl InsertShape {
    fn text(&self) -> Text {
        let table = &*self.table;
        let (times, mut sql) = (self.times(), String::from("INSERT INTO "));
        quoted(&mut sql, &table.name);
        let width = self.columns.len() + times.len();
        if width == 0 {
            sql.push_str(" DEFAULT VALUES");
        } else {
            sql.push('(');
            list(&mut sql, self.columns.iter().chain(&times).map(|&c| table.columns[c].name.as_str()));
            sql.push_str(") VALUES");
            let row = format!("(?{})", ",?".repeat(width - 1));
            sql.push_str(&row);
            sql.push_str(&format!(",{row}").repeat(self.rows - 1));
        }
        let touched = self.conflict.as_ref().and_then(|conflict| on_conflict(&mut sql, table, conflict));
        push_returning(
            &mut sql,
            table,
            match &self.returning {
                _ if self.places => Returning::Places,
                Some(columns) => Returning::Columns(columns),
                None => Returning::Nothing,
            },
        );
        Text { sql: sql.into(), times, touched }
    }

    /// Columns that are not given and whose default is the time of the transaction. SQLite would ask the clock once a
    /// statement; PostgreSQL means the transaction's start.
    fn times(&self) -> Vec<usize> {
        let columns = self.table.columns.iter().enumerate().filter(|(i, _)| !self.columns.contains(i));
        columns
            .filter(|(_, c)| c.default.as_ref().is_some_and(|d| is_now(&d.sql)) && time_as(&c.ty, 0).is_some())
            .map(|(i, _)| i)
            .collect()
    }
}

/// Writes what an upsert does to a row that is there, and answers the column that takes the time.
fn on_conflict(sql: &mut String, table: &Table, conflict: &Conflict) -> Option<usize> {
    sql.push_str(" ON CONFLICT(");
    list(sql, conflict.target.iter().map(|&c| table.columns[c].name.as_str()));
    let Some(update) = &conflict.update else {
        sql.push_str(") DO NOTHING");
        return None;
    };
    sql.push_str(") DO UPDATE SET ");
    // An upsert that gives nothing but its key still counts as an update of the row.
    let update = if update.is_empty() { &conflict.target } else { update };
    for (i, &column) in update.iter().enumerate() {
        sql.push_str(if i > 0 { "," } else { "" });
        quoted(sql, &table.columns[column].name);
        sql.push_str("=excluded.");
        quoted(sql, &table.columns[column].name);
    }
    let touched = touched(table, update)?;
    sql.push(',');
    quoted(sql, &table.columns[touched].name);
    sql.push_str("=?");
    Some(touched)
}
