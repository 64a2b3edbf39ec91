//! The conditions of a statement: comparisons that mean on SQLite what they mean on PostgreSQL.

use std::fmt::Write as _;

use brigade_core::{
    data::{Operator, SqlType},
    engine::{Operand, Predicate},
    schema::{Column, Table},
};

use super::{Bound, Draft, PARAMETERS_MAX, quoted};

pub(super) fn conditions<'t>(sql: &mut Draft<'t>, table: &'t Table, filter: &'t [Predicate]) {
    for (i, predicate) in filter.iter().enumerate() {
        sql.text.push_str(if i > 0 { " AND " } else { " WHERE " });
        condition(sql, &table.columns[predicate.column], predicate);
    }
}

fn condition<'t>(sql: &mut Draft<'t>, column: &'t Column, predicate: &'t Predicate) {
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
fn compared<'t>(sql: &mut Draft<'t>, column: &'t Column, sign: &str, operand: &'t Operand) {
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
fn in_list<'t>(sql: &mut Draft<'t>, column: &'t Column, operands: &'t [Operand]) {
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
