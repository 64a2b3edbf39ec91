//! Whether a value is one of its type where only the model knows: an enum has the labels that a migration gave it.

use crate::data::{SqlType, Value, ValueError, code};

use super::{Model, nearest};

impl Model {
    /// A value of a column's type, given as PostgreSQL's text form.
    ///
    /// # Errors
    /// With PostgreSQL's SQLSTATE.
    pub fn read_text(&self, ty: &SqlType, text: &str) -> Result<Value, ValueError> {
        Value::from_text(ty, text).and_then(|value| self.check_label(ty, value))
    }

    /// The value, if it is no enum or one of the enum's labels.
    ///
    /// # Errors
    /// 22P02 with the nearest label.
    pub fn check_label(&self, ty: &SqlType, value: Value) -> Result<Value, ValueError> {
        match (ty, &value) {
            (SqlType::Enum(name), Value::Text(label)) => {
                let labels = self.enums.get(&**name).map_or(&[][..], |e| &e.labels);
                if labels.contains(label) {
                    return Ok(value);
                }
                let known = nearest(label, labels.iter().map(String::as_str))
                    .map_or_else(|| labels.join(", "), |n| format!("did you mean {n:?}?"));
                Err(ValueError {
                    code: code::INVALID_TEXT,
                    message: format!("invalid input value for enum {name}: {label:?} ({known})"),
                })
            }
            (SqlType::Array(of), Value::Array(items)) => {
                for item in items {
                    let nested = matches!(item, Value::Array(_));
                    self.check_label(if nested { ty } else { of }, item.clone())?;
                }
                Ok(value)
            }
            _ => Ok(value),
        }
    }
}
