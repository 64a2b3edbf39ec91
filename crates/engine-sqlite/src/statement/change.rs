//! `UPDATE`, `DELETE` and the count of a check.

use std::fmt::Write as _;

use brigade_core::{
    data::{Result, SqlType},
    engine::{Assign, Operand, Predicate},
    schema::{Column, Table},
};

use super::{Bound, Draft, Sql, condition::conditions, is_now, quoted, time_as, touched};

/// `UPDATE`. `default` gives the SQL of a column's default.
pub(crate) fn update<'t>(
    table: &'t Table,
    filter: &'t [Predicate],
    set: &'t [(usize, Assign)],
    returning: Option<&[usize]>,
    now: i64,
    default: impl Fn(usize) -> Result<String>,
) -> Result<Sql<'t>> {
    let mut sql = Draft::begin("UPDATE ");
    quoted(&mut sql.text, &table.name);
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
    conditions(&mut sql, table, filter);
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
pub(crate) fn delete<'t>(table: &'t Table, filter: &'t [Predicate], returning: Option<&[usize]>) -> Result<Sql<'t>> {
    let mut sql = Draft::begin("DELETE FROM ");
    quoted(&mut sql.text, &table.name);
    conditions(&mut sql, table, filter);
    sql.finish(table, returning)
}

/// A count of the rows that match.
pub(crate) fn check<'t>(table: &'t Table, filter: &'t [Predicate]) -> Result<Sql<'t>> {
    let mut sql = Draft::begin("SELECT count(*) FROM ");
    quoted(&mut sql.text, &table.name);
    conditions(&mut sql, table, filter);
    sql.finish(table, None)
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
