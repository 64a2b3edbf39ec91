//! A checked statement as SQL with the values to bind. Values are bound, never pasted; names come from the model.

use std::fmt::Write as _;

use brigade_core::{
    data::{Error, Operator, Result, SqlType, Value, code},
    engine::{Assign, Conflict, Operand, Predicate},
    schema::{Column, Table},
};

/// Parameters of one statement (SQLite's own limit is 32,766).
const PARAMETERS_MAX: usize = 32_000;

/// What is bound for one parameter.
#[derive(Clone, Debug)]
pub(crate) enum Bound<'t> {
    /// A value of the statement, or what an earlier statement returned.
    Operand(&'t Operand, &'t SqlType),
    /// The transaction's own time, as its column has it.
    Time(Value, &'t SqlType),
}

/// SQL with its parameters, in order.
#[derive(Debug, Default)]
pub(crate) struct Sql<'t> {
    /// The text; equal shapes give equal texts, so that prepared statements are found again.
    pub text: String,
    /// The parameters.
    pub bound: Vec<Bound<'t>>,
}

impl<'t> Sql<'t> {
    fn bind(&mut self, bound: Bound<'t>) {
        self.text.push('?');
        self.bound.push(bound);
    }

    fn finish(mut self, table: &Table, returning: Option<&[usize]>) -> Result<Self> {
        if let Some(columns) = returning {
            self.text.push_str(" RETURNING ");
            list(&mut self.text, columns.iter().map(|&c| table.columns[c].name.as_str()));
        }
        if self.bound.len() > PARAMETERS_MAX {
            return Err(Error::new(code::LIMIT, format!("a statement has at most {PARAMETERS_MAX} values in it"))
                .hint("split it into several statements of the same transaction"));
        }
        Ok(self)
    }
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

/// Columns that are not given and whose default is the time of the transaction, with that time. SQLite would ask the clock
/// once a statement; PostgreSQL means the transaction's start.
pub(crate) fn times<'t>(table: &'t Table, given: &[usize], now: i64) -> Vec<(usize, Bound<'t>)> {
    let columns = table.columns.iter().enumerate().filter(|(i, _)| !given.contains(i));
    columns
        .filter(|(_, c)| c.default.as_ref().is_some_and(|d| is_now(&d.sql)))
        .filter_map(|(i, c)| Some((i, Bound::Time(time_as(&c.ty, now)?, &c.ty))))
        .collect()
}

fn is_now(sql: &str) -> bool {
    const NAMES: [&str; 5] =
        ["now()", "current_timestamp", "transaction_timestamp()", "current_date", "localtimestamp"];
    NAMES.iter().any(|name| sql.trim().eq_ignore_ascii_case(name))
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

/// `INSERT` of rows that give the same columns; the values of every row follow one another in `bound`.
pub(crate) fn insert<'t>(
    table: &'t Table,
    columns: &[usize],
    rows: &[&'t [Operand]],
    conflict: Option<&Conflict>,
    returning: Option<&[usize]>,
    now: i64,
) -> Result<Sql<'t>> {
    let mut sql = Sql::default();
    let times = times(table, columns, now);
    sql.text.push_str("INSERT INTO ");
    quoted(&mut sql.text, &table.name);
    if columns.is_empty() && times.is_empty() {
        sql.text.push_str(" DEFAULT VALUES");
    } else {
        sql.text.push('(');
        let all = columns.iter().copied().chain(times.iter().map(|(c, _)| *c));
        list(&mut sql.text, all.map(|c| table.columns[c].name.as_str()));
        sql.text.push_str(") VALUES");
        for (i, row) in rows.iter().enumerate() {
            sql.text.push_str(if i > 0 { ",(" } else { "(" });
            let given = columns.iter().zip(*row).map(|(&c, v)| Bound::Operand(v, &table.columns[c].ty));
            for (n, bound) in given.chain(times.iter().map(|(_, b)| b.clone())).enumerate() {
                sql.text.push_str(if n > 0 { "," } else { "" });
                sql.bind(bound);
            }
            sql.text.push(')');
        }
    }
    if let Some(conflict) = conflict {
        on_conflict(&mut sql, table, conflict, now);
    }
    sql.finish(table, returning)
}

fn on_conflict<'t>(sql: &mut Sql<'t>, table: &'t Table, conflict: &Conflict, now: i64) {
    sql.text.push_str(" ON CONFLICT(");
    list(&mut sql.text, conflict.target.iter().map(|&c| table.columns[c].name.as_str()));
    let Some(update) = &conflict.update else {
        sql.text.push_str(") DO NOTHING");
        return;
    };
    sql.text.push_str(") DO UPDATE SET ");
    // An upsert that gives nothing but its key still counts as an update of the row.
    let update = if update.is_empty() { &conflict.target } else { update };
    for (i, &column) in update.iter().enumerate() {
        sql.text.push_str(if i > 0 { "," } else { "" });
        quoted(&mut sql.text, &table.columns[column].name);
        sql.text.push_str("=excluded.");
        quoted(&mut sql.text, &table.columns[column].name);
    }
    touch(sql, table, update, now);
}

/// Sets the column that keeps the time of the newest change, unless the statement sets it itself.
fn touch<'t>(sql: &mut Sql<'t>, table: &'t Table, set: &[usize], now: i64) {
    let column = table.settings.touch.as_ref().and_then(|name| table.column(name)).filter(|c| !set.contains(c));
    if let Some(column) = column
        && let Some(time) = time_as(&table.columns[column].ty, now)
    {
        sql.text.push(',');
        quoted(&mut sql.text, &table.columns[column].name);
        sql.text.push('=');
        sql.bind(Bound::Time(time, &table.columns[column].ty));
    }
}

/// `UPDATE`. `default` gives the SQL of a column's default.
pub(crate) fn update<'t>(
    table: &'t Table,
    filter: &'t [Predicate],
    set: &'t [(usize, Assign)],
    returning: Option<&[usize]>,
    now: i64,
    default: impl Fn(usize) -> Result<String>,
) -> Result<Sql<'t>> {
    let mut sql = Sql::default();
    sql.text.push_str("UPDATE ");
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

fn add<'t>(sql: &mut Sql<'t>, column: &'t Column, operand: &'t Operand) {
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
    let mut sql = Sql { text: "DELETE FROM ".to_owned(), bound: Vec::new() };
    quoted(&mut sql.text, &table.name);
    conditions(&mut sql, table, filter);
    sql.finish(table, returning)
}

/// A count of the rows that match.
pub(crate) fn check<'t>(table: &'t Table, filter: &'t [Predicate]) -> Result<Sql<'t>> {
    let mut sql = Sql { text: "SELECT count(*) FROM ".to_owned(), bound: Vec::new() };
    quoted(&mut sql.text, &table.name);
    conditions(&mut sql, table, filter);
    sql.finish(table, None)
}

fn conditions<'t>(sql: &mut Sql<'t>, table: &'t Table, filter: &'t [Predicate]) {
    for (i, predicate) in filter.iter().enumerate() {
        sql.text.push_str(if i > 0 { " AND " } else { " WHERE " });
        condition(sql, &table.columns[predicate.column], predicate);
    }
}

fn condition<'t>(sql: &mut Sql<'t>, column: &'t Column, predicate: &'t Predicate) {
    let sign = match predicate.operator {
        Operator::Eq => "=",
        Operator::Neq => "<>",
        Operator::Gt => ">",
        Operator::Gte => ">=",
        Operator::Lt => "<",
        Operator::Lte => "<=",
        Operator::Is => " IS ",
        Operator::In => return in_list(sql, column, &predicate.operands),
        Operator::Like | Operator::Ilike => {
            let fold = i32::from(predicate.operator == Operator::Ilike);
            sql.text.push_str("brigade_like(");
            quoted(&mut sql.text, &column.name);
            sql.text.push(',');
            sql.bind(Bound::Operand(&predicate.operands[0], &SqlType::Text));
            write!(sql.text, ",{fold})").expect("writing to a string");
            return;
        }
    };
    compared(sql, column, sign, &predicate.operands[0]);
}

/// A comparison by value: numerics by number, not by text.
fn compared<'t>(sql: &mut Sql<'t>, column: &'t Column, sign: &str, operand: &'t Operand) {
    let exact = matches!(column.ty, SqlType::Numeric { .. }) && sign != " IS ";
    sql.text.push_str(if exact { "brigade_compare(" } else { "" });
    quoted(&mut sql.text, &column.name);
    sql.text.push_str(if exact { "," } else { sign });
    sql.bind(Bound::Operand(operand, &column.ty));
    if exact {
        write!(sql.text, "){sign}0").expect("writing to a string");
    }
}

/// The list is filled up to a power of two with its last value, so that few shapes are prepared.
fn in_list<'t>(sql: &mut Sql<'t>, column: &'t Column, operands: &'t [Operand]) {
    let Some(last) = operands.last() else {
        sql.text.push('0');
        return;
    };
    let fill =
        if operands.len() > PARAMETERS_MAX / 2 { 0 } else { operands.len().next_power_of_two() - operands.len() };
    let operands = operands.iter().chain(std::iter::repeat_n(last, fill));
    if matches!(column.ty, SqlType::Numeric { .. }) {
        sql.text.push('(');
        for (i, operand) in operands.enumerate() {
            sql.text.push_str(if i > 0 { " OR " } else { "" });
            compared(sql, column, "=", operand);
        }
    } else {
        quoted(&mut sql.text, &column.name);
        sql.text.push_str(" IN (");
        for (i, operand) in operands.enumerate() {
            sql.text.push_str(if i > 0 { "," } else { "" });
            sql.bind(Bound::Operand(operand, &column.ty));
        }
    }
    sql.text.push(')');
}
