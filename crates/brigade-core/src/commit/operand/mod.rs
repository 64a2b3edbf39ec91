//! What a statement gives for a column becomes a value that fits it, or a problem with its field.

mod fit;
mod returned;

use std::sync::Arc;

use crate::{
    data::{Input, Json, JsonValue, Numeric, Operator, SqlType, Value, ValueError, code},
    engine::{Assign, Operand},
    schema::{Column, Model, Table},
};

use super::check::{Problems, ReturnedColumns};
use fit::fit;
use returned::returned_ref;

/// What is needed to judge values of one table.
pub(super) struct Operands<'a> {
    pub(super) table: &'a Arc<Table>,
    pub(super) model: &'a Model,
    pub(super) returned: &'a [ReturnedColumns],
    pub(super) problems: &'a mut Problems,
}

type Field<'f> = &'f dyn Fn() -> String;

impl Operands<'_> {
    /// A value for a column of a new row.
    pub(super) fn assigned(&mut self, column: usize, input: Input, field: Field<'_>) -> Option<Operand> {
        let operand = match input {
            Input::Add(_) | Input::Default | Input::Compare(..) => {
                self.wrong(field, "a new row takes plain values", None);
                return None;
            }
            input => self.plain(column, input, field)?,
        };
        self.not_null(column, operand, field)
    }

    /// What an updated column gets.
    pub(super) fn assign(&mut self, column: usize, input: Input, field: Field<'_>) -> Option<Assign> {
        let ty = &self.table.columns[column].ty;
        let input = match input {
            Input::Json(json) if !ty.is_json() => self.special(column, json, field)?,
            other => other,
        };
        match input {
            Input::Default => Some(Assign::Default),
            Input::Add(value) => self.added(column, value, field),
            Input::Compare(..) => {
                self.wrong(field, "a comparison cannot be assigned", None);
                None
            }
            input => {
                let operand = self.plain(column, input, field)?;
                self.not_null(column, operand, field).map(Assign::Set)
            }
        }
    }

    /// A value to compare a column with.
    pub(super) fn compared(
        &mut self,
        column: usize,
        operator: Operator,
        input: Input,
        field: Field<'_>,
    ) -> Option<Operand> {
        let ty = &self.table.columns[column].ty;
        match operator {
            Operator::Like | Operator::Ilike if !ty.is_text() => {
                self.push(field, "42883", format!("{} is for text columns, and this is {ty}", operator.as_str()), None);
                None
            }
            // A pattern may be longer than the column, and `is` takes only words.
            Operator::Like | Operator::Ilike => self.read(&SqlType::Text, input, field),
            Operator::Is => match input {
                Input::Json(Json { value: JsonValue::Null, .. }) | Input::Value(Value::Null) => {
                    Some(Operand::Value(Value::Null))
                }
                Input::Json(Json { value: JsonValue::Bool(b), .. }) | Input::Value(Value::Bool(b)) => {
                    Some(Operand::Value(Value::Bool(b)))
                }
                _ => {
                    self.wrong(field, "\"is\" takes null, true or false", None);
                    None
                }
            },
            _ => match ty {
                SqlType::Json => {
                    let hint = "compare another column, or make it jsonb".to_owned();
                    self.push(field, "42883", "json values cannot be compared".to_owned(), Some(hint));
                    None
                }
                // Lengths do not matter where nothing is stored.
                SqlType::VarChar(_) => self.read(&SqlType::Text, input, field),
                SqlType::Numeric { .. } => self.read(&SqlType::Numeric { precision: None, scale: 0 }, input, field),
                _ => self.plain(column, input, field),
            },
        }
    }

    /// A NOT NULL column without a value, or with a null.
    pub(super) fn null(&mut self, column: &Column, field: String) {
        let message = format!(
            "null value in column {:?} of relation {:?} violates not-null constraint",
            column.name, self.table.name
        );
        self.problems.push(field, code::NOT_NULL, message, None);
    }

    fn not_null(&mut self, column: usize, operand: Operand, field: Field<'_>) -> Option<Operand> {
        let column = &self.table.columns[column];
        if operand == Operand::Value(Value::Null) && !column.nullable {
            self.null(column, field());
            return None;
        }
        Some(operand)
    }

    /// `{"add": n}`, `{"default": true}` and `{"returned": …}`, for columns that are not json.
    fn special(&mut self, column: usize, json: Json, field: Field<'_>) -> Option<Input> {
        let JsonValue::Object(entries) = &json.value else { return Some(Input::Json(json)) };
        match &entries[..] {
            [(key, value)] if key.name == "add" => {
                let ty = sum_type(&self.table.columns[column].ty);
                match Value::from_json(&ty, value) {
                    Ok(value) => Some(Input::Add(value)),
                    Err(error) => {
                        self.value_error(field, error);
                        None
                    }
                }
            }
            [(key, value)] if key.name == "default" => match value.value {
                JsonValue::Bool(true) => Some(Input::Default),
                _ => {
                    self.wrong(field, "\"default\" takes true", None);
                    None
                }
            },
            [(key, _)] if key.name == "returned" => Some(Input::Json(json)),
            _ => {
                let hint = "use a plain value, {\"add\": n}, {\"default\": true} or {\"returned\": {…}}";
                self.push(field, code::INVALID_TEXT, self.no_object(column), Some(hint.to_owned()));
                None
            }
        }
    }

    fn no_object(&self, column: usize) -> String {
        format!("an object is no {}", self.table.columns[column].ty)
    }

    fn added(&mut self, column: usize, value: Value, field: Field<'_>) -> Option<Assign> {
        let ty = &self.table.columns[column].ty;
        let message = match (&value, ty.is_number()) {
            (_, false) => format!("\"add\" is for numbers, and this is {ty}"),
            (Value::Null, true) => "\"add\" takes a number, not null".to_owned(),
            (Value::Int(_) | Value::Real(_) | Value::Double(_) | Value::Numeric(Numeric::Finite(_)), true) => {
                return Some(Assign::Add(Operand::Value(value)));
            }
            _ => "\"add\" takes a number".to_owned(),
        };
        self.push(field, code::INVALID_TEXT, message, None);
        None
    }

    fn plain(&mut self, column: usize, input: Input, field: Field<'_>) -> Option<Operand> {
        let table = Arc::clone(self.table);
        self.read(&table.columns[column].ty, input, field)
    }

    fn read(&mut self, ty: &SqlType, input: Input, field: Field<'_>) -> Option<Operand> {
        let value = match input {
            Input::Returned(reference) => return self.reference(ty, &reference, field),
            Input::Json(json) => {
                if let Some(reference) = returned_ref(&json, ty) {
                    return match reference {
                        Ok(reference) => self.reference(ty, &reference, field),
                        Err(message) => {
                            self.wrong(
                                field,
                                message,
                                Some("use {\"returned\": {\"statement\": 0, \"row\": 0, \"column\": \"id\"}}"),
                            );
                            None
                        }
                    };
                }
                Value::from_json(ty, &json)
            }
            Input::Value(value) => fit(ty, value),
            Input::Add(_) | Input::Default | Input::Compare(..) => {
                self.wrong(field, "a plain value is needed", None);
                return None;
            }
        };
        match value.and_then(|value| self.model.check_label(ty, value)) {
            Ok(value) => Some(Operand::Value(value)),
            Err(error) => {
                self.value_error(field, error);
                None
            }
        }
    }

    fn value_error(&mut self, field: Field<'_>, error: ValueError) {
        self.push(field, error.code, error.message, None);
    }

    fn wrong(&mut self, field: Field<'_>, message: &str, hint: Option<&str>) {
        self.push(field, code::MALFORMED, message.to_owned(), hint.map(str::to_owned));
    }

    fn push(&mut self, field: Field<'_>, code: &'static str, message: String, hint: Option<String>) {
        self.problems.push(field(), code, message, hint);
    }
}

/// The type in which a sum is formed: a summand may have more digits than the column.
fn sum_type(ty: &SqlType) -> SqlType {
    match ty {
        SqlType::SmallInt | SqlType::Int => SqlType::BigInt,
        SqlType::Numeric { .. } => SqlType::Numeric { precision: None, scale: 0 },
        other => other.clone(),
    }
}
