//! A checked statement as SQL with the values to bind. Values are bound, never pasted; names come from the model.

mod change;
mod condition;
mod insert;

use std::sync::Arc;

use brigade_core::{
    data::{Error, Result, SqlType, Value, code},
    engine::{CheckedNode, CheckedStatement, Operand},
    schema::{Model, Table},
};

use crate::{read, tables::rowid};

pub(crate) use change::{Target, check, delete, matching, update};
pub(crate) use insert::{InsertShape, Inserts};

/// Parameters of one statement (SQLite's own limit is 32,766).
const PARAMETERS_MAX: usize = 32_000;

/// What is bound for one parameter.
#[derive(Clone, Debug)]
pub(crate) enum Bound<'t> {
    /// A value of the statement, or what an earlier statement returned.
    Operand(&'t Operand, &'t SqlType),
    /// The transaction's own time, as its column has it.
    Time(Value, &'t SqlType),
    /// A value of a plan, as SQLite keeps it.
    Plan(rusqlite::types::Value),
}

/// SQL with its parameters, in order.
#[derive(Debug)]
pub(crate) struct Sql<'t> {
    /// The text; equal shapes give equal texts, so that prepared statements are found again.
    pub text: Arc<str>,
    /// The parameters.
    pub bound: Vec<Bound<'t>>,
}

/// SQL that is being written.
#[derive(Debug, Default)]
struct Draft<'t> {
    text: String,
    bound: Vec<Bound<'t>>,
}

impl<'t> Draft<'t> {
    fn begin(text: &str) -> Self {
        Self { text: text.to_owned(), bound: Vec::new() }
    }

    /// The table, and the name under which a plan's conditions know it.
    fn table(&mut self, table: &Table, plan: Option<&CheckedNode>) {
        quoted(&mut self.text, &table.name);
        self.text.push_str(if plan.is_some() { " AS t0" } else { "" });
    }

    /// The conditions of a plan, behind those that the statement has itself.
    fn plan(&mut self, model: &Model, plan: Option<&CheckedNode>, behind_others: bool) -> Result<()> {
        let Some(plan) = plan else { return Ok(()) };
        let (text, bound) = read::conditions(model, plan)?;
        self.text.push_str(if behind_others { " AND " } else { " WHERE " });
        self.text.push_str(&text);
        self.bound.extend(bound.into_iter().map(Bound::Plan));
        Ok(())
    }

    fn bind(&mut self, bound: Bound<'t>) {
        self.text.push('?');
        self.bound.push(bound);
    }

    fn finish(mut self, table: &Table, returning: Returning<'_>) -> Result<Sql<'t>> {
        push_returning(&mut self.text, table, returning);
        refuse_too_many(self.bound.len())?;
        Ok(Sql { text: self.text.into(), bound: self.bound })
    }
}

/// What a statement answers of the rows that it wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Returning<'r> {
    /// Their number.
    Nothing,
    /// These columns.
    Columns(&'r [usize]),
    /// Where they lie, so that they can be read as a plan shows them.
    Places,
}

impl<'r> Returning<'r> {
    /// What a checked statement asks for.
    pub(crate) fn of(statement: &'r CheckedStatement) -> Self {
        match &statement.returning {
            _ if statement.shown().is_some() => Self::Places,
            Some(columns) => Self::Columns(columns),
            None if statement.tells_inserted() => Self::Places,
            None => Self::Nothing,
        }
    }
}

fn push_returning(text: &mut String, table: &Table, returning: Returning<'_>) {
    match returning {
        Returning::Nothing => {}
        Returning::Columns(columns) => {
            text.push_str(" RETURNING ");
            list(text, columns.iter().map(|&c| table.columns[c].name.as_str()));
        }
        Returning::Places => {
            text.push_str(" RETURNING ");
            text.push_str(rowid(table));
        }
    }
}

fn refuse_too_many(parameters: usize) -> Result<()> {
    if parameters > PARAMETERS_MAX {
        return Err(Error::new(code::LIMIT, format!("a statement has at most {PARAMETERS_MAX} values in it"))
            .hint("split it into several statements of the same transaction"));
    }
    Ok(())
}

/// A name as SQL.
pub(crate) fn quoted(out: &mut String, name: &str) {
    out.push('"');
    if name.contains('"') {
        out.push_str(&name.replace('"', "\"\""));
    } else {
        out.push_str(name);
    }
    out.push('"');
}

/// Names as SQL, with commas between.
pub(crate) fn list<'n>(out: &mut String, names: impl Iterator<Item = &'n str>) {
    for (i, name) in names.enumerate() {
        out.push_str(if i > 0 { "," } else { "" });
        quoted(out, name);
    }
}

fn is_now(sql: &str) -> bool {
    const NAMES: [&str; 5] =
        ["now()", "current_timestamp", "transaction_timestamp()", "current_date", "localtimestamp"];
    NAMES.iter().any(|name| sql.trim().eq_ignore_ascii_case(name))
}

/// The column that keeps the time of the newest change, unless the statement sets it itself.
fn touched(table: &Table, set: &[usize]) -> Option<usize> {
    let column = table.settings.touch.as_ref().and_then(|name| table.column(name));
    column.filter(|c| !set.contains(c) && time_as(&table.columns[*c].ty, 0).is_some())
}

/// A time as a column's type has it; nothing for a type that holds no time.
pub(crate) fn time_as(ty: &SqlType, now: i64) -> Option<Value> {
    const DAY: i64 = 86_400_000_000;
    match ty {
        SqlType::TimestampTz => Some(Value::TimestampTz(now)),
        SqlType::Timestamp => Some(Value::Timestamp(now)),
        SqlType::Date => Some(Value::Date(now.div_euclid(DAY) as i32)),
        SqlType::Time => Some(Value::Time(now.rem_euclid(DAY))),
        _ => None,
    }
}
