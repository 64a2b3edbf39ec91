//! A checked statement becomes SQL. Texts depend on the statement's shape alone, never on the number of rows or list
//! members, so that prepared statements are found again; guards are compiled in where they can be, so that a broken one
//! raises in the server and the COMMIT behind it in the same round trip cannot take effect.

mod filter;
mod planned;
mod returned;
mod write;

use std::fmt::Write as _;

use brigade_core::{
    data::{Operator, Result, SqlType, Value},
    engine::{Assign, CheckedAction, CheckedStatement, Operand, Predicate},
    schema::Table,
};

use crate::encode::{Param, cast, quote};
use returned::counted;

pub(crate) use planned::must_be_seen;
pub(crate) use returned::EXPECT;

/// One SQL statement of a checked one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sql {
    pub text: String,
    pub params: Vec<Param>,
    pub answer: Answer,
}

/// Where in the answer rows and their number are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The number is in the command's tag, returned columns are the row's.
    Tag,
    /// One row, one column: the number.
    Count,
    /// A first column that is null where the row is none.
    Marked,
    /// The number of rows, the number of new ones, then a column that is null where the row is none, and the row as it is
    /// shown or returned.
    Planned,
}

/// Turns an operand into its value; fails where an earlier statement did not return that row.
pub(crate) type Resolve<'a> = dyn Fn(&Operand) -> Result<Value> + Sync + 'a;

/// Whether it refers to what an earlier statement of the transaction returns, and to which.
pub(crate) fn refers_to(statement: &CheckedStatement) -> Option<usize> {
    fn of(operand: &Operand) -> Option<usize> {
        match operand {
            Operand::Value(_) => None,
            Operand::Returned { statement, .. } => Some(*statement),
        }
    }
    fn among(filter: &[Predicate]) -> Option<usize> {
        filter.iter().flat_map(|p| &p.operands).filter_map(of).max()
    }
    match &statement.action {
        CheckedAction::Insert { rows, .. } => rows.iter().flat_map(|r| &r.values).filter_map(of).max(),
        CheckedAction::Update { filter, set } => {
            let set = set.iter().filter_map(|(_, assign)| match assign {
                Assign::Set(operand) | Assign::Add(operand) => of(operand),
                Assign::Default => None,
            });
            set.max().max(among(filter))
        }
        CheckedAction::Delete { filter } | CheckedAction::Check { filter } => among(filter),
    }
}

/// Whether running it alone at READ COMMITTED means the same as SERIALIZABLE: it looks at no row but the ones it writes.
pub(crate) fn stands_alone(statement: &CheckedStatement) -> bool {
    let key = statement.table.key();
    let plan = statement.rows_meant();
    let by_key = |filter: &[Predicate]| {
        let is_given = |k: &usize| {
            let by_itself = filter.iter().any(|p| p.column == *k && p.operator == Operator::Eq);
            by_itself || plan.is_some_and(|plan| planned::names_one(plan, *k))
        };
        !key.is_empty() && key.iter().all(is_given)
    };
    match &statement.action {
        _ if must_be_seen(statement) => false,
        CheckedAction::Insert { .. } => true,
        CheckedAction::Update { filter, .. } | CheckedAction::Delete { filter } => by_key(filter),
        CheckedAction::Check { .. } => false,
    }
}

/// Compiles a statement. More than one SQL statement comes only of rows that give different columns; their numbers add up,
/// and their guard is the caller's.
pub(crate) fn compile(statement: &CheckedStatement, resolve: &Resolve<'_>) -> Result<Vec<Sql>> {
    let table = &statement.table;
    let mut out = Vec::new();
    match &statement.action {
        CheckedAction::Insert { rows, conflict } => {
            let differ = rows.windows(2).any(|pair| pair[0].columns != pair[1].columns);
            if differ && statement.planned.is_some() {
                let mut sql = Builder::new(table, resolve);
                sql.insert_with_defaults(rows, conflict.as_ref())?;
                out.push(sql);
            } else {
                for group in rows.chunk_by(|a, b| a.columns == b.columns) {
                    let mut sql = Builder::new(table, resolve);
                    sql.insert(group, conflict.as_ref())?;
                    out.push(sql);
                }
            }
        }
        CheckedAction::Update { filter, set } => {
            let mut sql = Builder::new(table, resolve);
            sql.update(set, statement.rows_meant().is_some())?;
            sql.filter(filter)?;
            sql.plan(statement.rows_meant(), !filter.is_empty())?;
            out.push(sql);
        }
        CheckedAction::Delete { filter } => {
            let mut sql = Builder::new(table, resolve);
            sql.text = format!("DELETE FROM {}", sql.target(statement.rows_meant().is_some()));
            sql.filter(filter)?;
            sql.plan(statement.rows_meant(), !filter.is_empty())?;
            out.push(sql);
        }
        CheckedAction::Check { filter } => {
            let mut sql = Builder::new(table, resolve);
            write!(sql.text, "SELECT {} FROM {}", counted(statement.expect, "*"), quote(&table.name))
                .expect("writing to a string");
            sql.filter(filter)?;
            return Ok(vec![sql.finish(Answer::Count)]);
        }
    }
    if let (Some(_), [only]) = (&statement.planned, &mut out[..]) {
        return Ok(vec![std::mem::replace(only, Builder::new(table, resolve)).planned(statement)?]);
    }
    let guard = statement.expect.filter(|_| out.len() == 1);
    Ok(out.into_iter().map(|sql| sql.returning(statement.returning.as_deref(), guard)).collect())
}

struct Builder<'a> {
    table: &'a Table,
    resolve: &'a Resolve<'a>,
    text: String,
    params: Vec<Param>,
}

impl<'a> Builder<'a> {
    fn new(table: &'a Table, resolve: &'a Resolve<'a>) -> Self {
        Self { table, resolve, text: String::new(), params: Vec::new() }
    }

    fn finish(self, answer: Answer) -> Sql {
        Sql { text: self.text, params: self.params, answer }
    }

    fn name(&self, column: usize) -> String {
        quote(&self.table.columns[column].name)
    }

    /// The table, and the name under which a plan's conditions know it.
    fn target(&self, has_plan: bool) -> String {
        quote(&self.table.name) + if has_plan { " AS t0" } else { "" }
    }

    fn ty(&self, column: usize) -> &'a SqlType {
        &self.table.columns[column].ty
    }

    /// Binds a value of a column's type.
    fn bind(&mut self, column: usize, operand: &Operand) -> Result<String> {
        let value = (self.resolve)(operand)?;
        self.params.push(Param::value(&value));
        Ok(format!("${}::{}", self.params.len(), cast(self.ty(column))))
    }
}

#[cfg(test)]
mod tests;
