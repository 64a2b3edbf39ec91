//! Which rows a statement is about.

use brigade_core::{
    data::{Operator, Result, SqlType, Value},
    engine::{Operand, Predicate},
};

use super::Builder;
use crate::encode::{Param, cast, text};

impl Builder<'_> {
    pub(super) fn filter(&mut self, filter: &[Predicate]) -> Result<()> {
        for (i, predicate) in filter.iter().enumerate() {
            let condition = self.predicate(predicate)?;
            self.text.push_str(if i == 0 { " WHERE " } else { " AND " });
            self.text.push_str(&condition);
        }
        Ok(())
    }

    fn predicate(&mut self, predicate: &Predicate) -> Result<String> {
        let Predicate { column, operator, operands } = predicate;
        let name = self.name(*column);
        let sign = match operator {
            Operator::Eq => "=",
            Operator::Neq => "<>",
            Operator::Gt => ">",
            Operator::Gte => ">=",
            Operator::Lt => "<",
            Operator::Lte => "<=",
            Operator::In => return self.one_of(*column, operands),
            Operator::Is => {
                let what = match (self.resolve)(&operands[0])? {
                    Value::Bool(true) => "TRUE",
                    Value::Bool(false) => "FALSE",
                    _ => "NULL",
                };
                return Ok(format!("{name} IS {what}"));
            }
            Operator::Like | Operator::Ilike => {
                let value = (self.resolve)(&operands[0])?;
                self.params.push(Param::value(&value));
                let name = if self.ty(*column).is_text() { name } else { format!("{name}::text") };
                let word = if *operator == Operator::Like { "LIKE" } else { "ILIKE" };
                return Ok(format!("{name} {word} ${}::text", self.params.len()));
            }
        };
        Ok(format!("{name} {sign} {}", self.bind(*column, &operands[0])?))
    }

    fn one_of(&mut self, column: usize, operands: &[Operand]) -> Result<String> {
        let items: Result<Vec<_>> = operands.iter().map(|o| Ok(text(&(self.resolve)(o)?))).collect();
        self.params.push(Param::List(items?));
        let (name, ty, n) = (self.name(column), self.ty(column), self.params.len());
        let members = format!("SELECT v::{} FROM unnest(${n}::text[]) AS r(v)", cast(ty));
        // An array of arrays would be one array of more dimensions.
        Ok(match ty {
            SqlType::Array(_) => format!("{name} IN ({members})"),
            _ => format!("{name} = ANY(ARRAY({members}))"),
        })
    }
}
