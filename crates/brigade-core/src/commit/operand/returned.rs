//! Values that an earlier statement of the transaction returned: what is known of them before it ran.

use super::{Field, Operands};
use crate::{
    commit::check::ReturnedColumns,
    data::{Json, JsonValue, ReturnedRef, SqlType},
    engine::Operand,
};

impl Operands<'_> {
    /// A reference, where the earlier statement returns such a column.
    pub(super) fn reference(&mut self, ty: &SqlType, reference: &ReturnedRef, field: Field<'_>) -> Option<Operand> {
        let ReturnedRef { statement, row, column } = reference;
        if *statement >= self.problems.statement() {
            let message = format!("statement {statement} is no earlier statement of this transaction");
            self.wrong(field, &message, None);
            return None;
        }
        let ReturnedColumns::Known(table, columns) = &self.returned[*statement] else { return None };
        let Some(place) = columns.iter().position(|&c| table.columns[c].name == *column) else {
            let message = format!("statement {statement} does not return a column {column:?}");
            self.wrong(field, &message, Some("list the column in that statement's \"returning\""));
            return None;
        };
        let from = &table.columns[columns[place]].ty;
        if !same_kind(from, ty) {
            let message = format!("column {column:?} of statement {statement} is {from}, and this is {ty}");
            self.push(field, "42804", message, None);
            return None;
        }
        Some(Operand::Returned { statement: *statement, row: *row, column: place })
    }
}

/// Types whose values are kept in the same way, so that one may stand for the other.
fn same_kind(from: &SqlType, to: &SqlType) -> bool {
    let int = |t: &SqlType| matches!(t, SqlType::SmallInt | SqlType::Int | SqlType::BigInt);
    let numeric = |t: &SqlType| matches!(t, SqlType::Numeric { .. });
    from == to || (int(from) && int(to)) || (numeric(from) && numeric(to)) || (from.is_text() && to.is_text())
}

/// `{"returned": {"statement": …, "row": …, "column": …}}`; not for json columns, where every value is itself.
pub(super) fn returned_ref(json: &Json, ty: &SqlType) -> Option<Result<ReturnedRef, &'static str>> {
    let JsonValue::Object(entries) = &json.value else { return None };
    let [(key, of)] = &entries[..] else { return None };
    if key.name != "returned" || ty.is_json() {
        return None;
    }
    let number = |name: &str| match of.get(name).map(|n| &n.value) {
        Some(JsonValue::Number(digits)) => digits.parse::<usize>().ok(),
        _ => None,
    };
    let JsonValue::Object(parts) = &of.value else { return Some(Err("\"returned\" takes an object")) };
    if parts.iter().any(|(k, _)| !matches!(k.name.as_str(), "statement" | "row" | "column")) {
        return Some(Err("\"returned\" has the keys statement, row and column alone"));
    }
    Some(match (number("statement"), number("row"), of.get("column").and_then(Json::as_str)) {
        (Some(statement), Some(row), Some(column)) => Ok(ReturnedRef { statement, row, column: column.to_owned() }),
        _ => Err("\"returned\" needs statement and row as numbers and column as text"),
    })
}
