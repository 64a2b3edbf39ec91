//! Access into json and jsonb, which are kept as text.

use brigade_core::data::SqlType;
use sqlparser::ast::{BinaryOperator as Op, Expr, Value as Literal};

use super::{Result, Scope, Sql, unknown};
use crate::tables::name::text_literal;

impl Scope<'_> {
    /// `->` gives JSON, `->>` gives text; a key or a place from the start of an array.
    pub(super) fn json_access(&self, left: &Expr, op: &Op, right: &Expr) -> Result<Sql> {
        let of = self.any(left)?;
        let key = match right {
            Expr::Value(v) => match &v.value {
                Literal::SingleQuotedString(key) if !key.contains('"') => format!("$.\"{key}\""),
                Literal::Number(at, _) => format!("$[{at}]"),
                _ => return Err(unknown("the access", &right.to_string())),
            },
            _ => return Err(unknown("the access", &right.to_string())),
        };
        let path = text_literal(&key);
        if *op == Op::Arrow {
            return Ok(Sql::typed(format!("({} -> {path})", of.text), SqlType::Jsonb));
        }
        let text = format!(
            "(CASE json_type({0}, {path}) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' \
             ELSE CAST({0} ->> {path} AS TEXT) END)",
            of.text
        );
        Ok(Sql::typed(text, SqlType::Text))
    }
}
