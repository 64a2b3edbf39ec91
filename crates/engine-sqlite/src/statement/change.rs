//! `UPDATE`, `DELETE` and the count of a check.

use std::fmt::Write as _;

use brigade_core::{
    data::{Result, SqlType},
    engine::{Assign, CheckedNode, Operand, Predicate},
    schema::{Column, Model, Table},
};

use super::{Bound, Draft, Returning, Sql, condition::conditions, is_now, quoted, time_as, touched};
use crate::tables::rowid;

/// What the conditions of a statement stand on.
#[derive(Clone, Copy)]
pub(crate) struct Target<'t> {
    /// The model of it.
    pub model: &'t Model,
    /// The table.
    pub table: &'t Table,
    /// Its own conditions.
    pub filter: &'t [Predicate],
    /// Those of a plan.
    pub plan: Option<&'t CheckedNode>,
}

impl<'t> Target<'t> {
    fn conditions(self, sql: &mut Draft<'t>) -> Result<()> {
        conditions(sql, self.table, self.filter);
        sql.plan(self.model, self.plan, !self.filter.is_empty())
    }
}

/// `UPDATE`. `default` gives the SQL of a column's default.
pub(crate) fn update<'t>(
    target: Target<'t>,
    set: &'t [(usize, Assign)],
    returning: Returning<'_>,
    now: i64,
    default: impl Fn(usize) -> Result<String>,
) -> Result<Sql<'t>> {
    let table = target.table;
    let mut sql = Draft::begin("UPDATE ");
    sql.table(table, target.plan);
    sql.text.push_str(" SET ");
    for (i, (index, assign)) in set.iter().enumerate() {
        let column = &table.columns[*index];
        sql.text.push_str(if i > 0 { "," } else { "" });
        quoted(&mut sql.text, &column.name);
        sql.text.push('=');
        match assign {
            Assign::Set(operand) => sql.bind(Bound::Operand(operand, &column.ty)),
            Assign::Add(operand) => add(&mut sql, column, operand),
            Assign::Default => match column.default.as_ref().filter(|d| is_now(&d.sql)).and(time_as(&column.ty, now)) {
                Some(time) => sql.bind(Bound::Time(time, &column.ty)),
                None => sql.text.push_str(&default(*index)?),
            },
        }
    }
    let columns: Vec<usize> = set.iter().map(|(c, _)| *c).collect();
    touch(&mut sql, table, &columns, now);
    target.conditions(&mut sql)?;
    sql.finish(table, returning)
}

fn add<'t>(sql: &mut Draft<'t>, column: &'t Column, operand: &'t Operand) {
    let (function, range) = match &column.ty {
        SqlType::SmallInt => ("brigade_add_int", format!("{},{}", i16::MIN, i16::MAX)),
        SqlType::Int => ("brigade_add_int", format!("{},{}", i32::MIN, i32::MAX)),
        SqlType::Real => ("brigade_add_real", "1".to_owned()),
        SqlType::Double => ("brigade_add_real", "0".to_owned()),
        SqlType::Numeric { precision: Some(p), scale } => ("brigade_add_numeric", format!("{p},{scale}")),
        SqlType::Numeric { precision: None, .. } => ("brigade_add_numeric", "NULL,0".to_owned()),
        _ => ("brigade_add_int", format!("({}-1),{}", i64::MIN + 1, i64::MAX)),
    };
    sql.text.push_str(function);
    sql.text.push('(');
    quoted(&mut sql.text, &column.name);
    sql.text.push(',');
    sql.bind(Bound::Operand(operand, &column.ty));
    let name = column.name.replace('\'', "''");
    write!(sql.text, ",{range},'{name}')").expect("writing to a string");
}

/// `DELETE`.
pub(crate) fn delete<'t>(target: Target<'t>, returning: Returning<'_>) -> Result<Sql<'t>> {
    let mut sql = Draft::begin("DELETE FROM ");
    sql.table(target.table, target.plan);
    target.conditions(&mut sql)?;
    sql.finish(target.table, returning)
}

/// Where the rows lie that match.
pub(crate) fn matching(target: Target<'_>) -> Result<Sql<'_>> {
    let mut sql = Draft::begin("SELECT ");
    sql.text.push_str(rowid(target.table));
    sql.text.push_str(" FROM ");
    sql.table(target.table, target.plan);
    target.conditions(&mut sql)?;
    sql.finish(target.table, Returning::Nothing)
}

/// A count of the rows that match.
pub(crate) fn check(target: Target<'_>) -> Result<Sql<'_>> {
    let mut sql = Draft::begin("SELECT count(*) FROM ");
    sql.table(target.table, target.plan);
    target.conditions(&mut sql)?;
    sql.finish(target.table, Returning::Nothing)
}

fn touch<'t>(sql: &mut Draft<'t>, table: &'t Table, set: &[usize], now: i64) {
    let column = touched(table, set).map(|c| &table.columns[c]);
    if let Some((column, time)) = column.and_then(|c| Some((c, time_as(&c.ty, now)?))) {
        sql.text.push(',');
        quoted(&mut sql.text, &column.name);
        sql.text.push('=');
        sql.bind(Bound::Time(time, &column.ty));
    }
}
