//! PostgreSQL's expressions in SQLite's words, with the types of columns known.
//!
//! Only functions of a stock SQLite stand in the result: it ends up in checks, defaults, indexes and triggers that other
//! programs run too. What has another meaning in SQLite, or none, is [`Untranslatable`].

mod compare;
mod function;
mod json;
mod literal;
mod number_text;
mod scope;
mod time;

use brigade_core::data::SqlType;
use sqlparser::ast::{BinaryOperator as Op, CaseWhen, Expr, UnaryOperator, Value};

pub(super) use scope::{Scope, Source, folded, last_name};
pub(super) use time::now;

use super::{routine, select};

/// Something that SQLite cannot say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Untranslatable {
    /// What it is.
    pub what: String,
    /// A piece of the source that shows where it stands.
    pub needle: String,
    /// How to mend it.
    pub hint: Option<String>,
    /// PostgreSQL's SQLSTATE, where PostgreSQL cannot say it either.
    pub code: Option<&'static str>,
}

impl Untranslatable {
    /// `what` cannot be said; `needle` stands in the source at its place.
    pub(super) fn new(what: impl Into<String>, needle: &str) -> Self {
        Self { what: what.into(), needle: needle.to_owned(), hint: None, code: None }
    }

    /// Adds PostgreSQL's SQLSTATE.
    fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Adds how to mend it.
    pub(super) fn hint(mut self, hint: &str) -> Self {
        self.hint = Some(hint.to_owned());
        self
    }
}

pub(super) type Result<T> = std::result::Result<T, Untranslatable>;

/// A translated expression.
#[derive(Clone, Debug)]
pub(crate) struct Sql {
    /// SQLite's text, safe to stand beside any operator.
    pub text: String,
    /// Its type, where it is known.
    pub ty: Option<SqlType>,
    /// The text of a literal in quotes, which takes the type of its neighbour.
    pub literal: Option<String>,
}

impl Sql {
    fn typed(text: impl Into<String>, ty: SqlType) -> Self {
        Self { text: text.into(), ty: Some(ty), literal: None }
    }

    fn untyped(text: impl Into<String>) -> Self {
        Self { text: text.into(), ty: None, literal: None }
    }
}

impl Scope<'_> {
    /// As a condition.
    pub(super) fn condition(&self, e: &Expr) -> Result<String> {
        Ok(self.expression(e, Some(&SqlType::Bool))?.text)
    }

    /// As a value that a column of the type takes.
    pub(super) fn value(&self, e: &Expr, ty: &SqlType) -> Result<String> {
        let sql = self.expression(e, Some(ty))?;
        Ok(literal::assigned(sql, ty)?.text)
    }

    /// As it is; a literal in quotes becomes text.
    pub(super) fn any(&self, e: &Expr) -> Result<Sql> {
        self.expression(e, None)
    }

    /// Translates; `want` is the type that a literal in quotes takes.
    pub(super) fn expression(&self, e: &Expr, want: Option<&SqlType>) -> Result<Sql> {
        match e {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => self.column(e),
            Expr::Nested(inner) => {
                let sql = self.expression(inner, want)?;
                Ok(Sql { text: format!("({})", sql.text), ..sql })
            }
            Expr::Value(v) => match &v.value {
                Value::Placeholder(name) => self.parameter(name),
                literal => literal::of(literal, want),
            },
            Expr::TypedString(s) => self.cast(&Expr::Value(s.value.clone()), &s.data_type),
            Expr::Cast { expr, data_type, .. } => self.cast(expr, data_type),
            Expr::Array(array) => self.array(&array.elem, want),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right, want),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr, want),
            Expr::IsNull(x) => self.suffixed(x, "IS NULL"),
            Expr::IsNotNull(x) => self.suffixed(x, "IS NOT NULL"),
            Expr::IsUnknown(x) => self.suffixed(x, "IS NULL"),
            Expr::IsNotUnknown(x) => self.suffixed(x, "IS NOT NULL"),
            Expr::IsTrue(x) => self.suffixed(x, "IS 1"),
            Expr::IsNotTrue(x) => self.suffixed(x, "IS NOT 1"),
            Expr::IsFalse(x) => self.suffixed(x, "IS 0"),
            Expr::IsNotFalse(x) => self.suffixed(x, "IS NOT 0"),
            Expr::IsDistinctFrom(a, b) => self.comparison(a, "IS NOT", b),
            Expr::IsNotDistinctFrom(a, b) => self.comparison(a, "IS", b),
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            Expr::InSubquery { expr, subquery, negated } => self.in_query(expr, subquery, *negated),
            Expr::Between { expr, negated, low, high } => self.between(expr, *negated, low, high),
            Expr::Like { negated, expr, pattern, escape_char, any: false } => {
                self.like(expr, pattern, escape_char.as_deref(), *negated)
            }
            Expr::ILike { negated, expr, pattern, escape_char, any: false } => {
                self.ilike(expr, pattern, escape_char.as_deref(), *negated)
            }
            Expr::AnyOp { left, compare_op, right, .. } => self.any_of(left, compare_op, right, false),
            Expr::AllOp { left, compare_op, right } => self.any_of(left, compare_op, right, true),
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), want)
            }
            Expr::Function(f) => self.function(f, want),
            Expr::Extract { field, expr, .. } => self.extract(field, expr),
            Expr::Interval(_) => self.interval_literal(e),
            Expr::Ceil { .. }
            | Expr::Floor { .. }
            | Expr::Position { .. }
            | Expr::Substring { .. }
            | Expr::Trim { .. } => self.special_function(e),
            Expr::Exists { subquery, negated } => {
                let query = select::query(self, subquery)?;
                let not = if *negated { "NOT " } else { "" };
                Ok(Sql::typed(format!("{not}EXISTS ({})", query.text), SqlType::Bool))
            }
            Expr::Subquery(query) => {
                let query = select::query(self, query)?;
                let ty = query.columns.into_iter().next().and_then(|(_, ty)| ty);
                Ok(Sql { text: format!("({})", query.text), ty, literal: None })
            }
            Expr::Tuple(items) => {
                let items = items.iter().map(|i| Ok(self.any(i)?.text)).collect::<Result<Vec<_>>>()?;
                Ok(Sql::untyped(format!("({})", items.join(", "))))
            }
            Expr::AtTimeZone { timestamp, time_zone } => self.at_time_zone(timestamp, time_zone),
            other => Err(unknown("the expression", &other.to_string())),
        }
    }

    /// The place of a value that a named query is given.
    fn parameter(&self, name: &str) -> Result<Sql> {
        let bare = name.strip_prefix(':').unwrap_or_default();
        match self.params.iter().position(|param| param.name == bare) {
            Some(at) => Ok(Sql::typed(routine::place(at), self.params[at].ty.clone())),
            None => Err(unknown("the placeholder", name)),
        }
    }

    fn unary(&self, op: UnaryOperator, e: &Expr, want: Option<&SqlType>) -> Result<Sql> {
        match op {
            UnaryOperator::Not => Ok(Sql::typed(format!("(NOT {})", self.condition(e)?), SqlType::Bool)),
            UnaryOperator::Minus | UnaryOperator::Plus => {
                if let (UnaryOperator::Minus, Expr::Value(v)) = (op, e)
                    && let sqlparser::ast::Value::Number(digits, _) = &v.value
                {
                    return literal::number(&format!("-{digits}"), want);
                }
                let sql = compare::as_number(self.expression(e, None)?);
                Ok(Sql { text: format!("({op}{})", sql.text), ..sql })
            }
            UnaryOperator::BitwiseNot => Ok(Sql::typed(format!("(~{})", self.any(e)?.text), SqlType::BigInt)),
            _ => Err(unknown("the operator", &op.to_string())),
        }
    }

    fn suffixed(&self, e: &Expr, suffix: &str) -> Result<Sql> {
        Ok(Sql::typed(format!("({} {suffix})", self.any(e)?.text), SqlType::Bool))
    }

    fn case(
        &self,
        operand: Option<&Expr>,
        whens: &[CaseWhen],
        last: Option<&Expr>,
        want: Option<&SqlType>,
    ) -> Result<Sql> {
        let results: Vec<&Expr> = whens.iter().map(|w| &w.result).chain(last).collect();
        let (results, ty) = self.unified(&results, want)?;
        let mut out = "(CASE".to_owned();
        for (when, result) in whens.iter().zip(&results) {
            let condition = match operand {
                Some(operand) => self.comparison(operand, "=", &when.condition)?.text,
                None => self.condition(&when.condition)?,
            };
            out.push_str(&format!(" WHEN {condition} THEN {result}"));
        }
        if last.is_some() {
            out.push_str(&format!(" ELSE {}", results[whens.len()]));
        }
        Ok(Sql { text: format!("{out} END)"), ty, literal: None })
    }

    /// Several expressions that are one value in the end: literals take the type of the first that has one.
    fn unified(&self, items: &[&Expr], want: Option<&SqlType>) -> Result<(Vec<String>, Option<SqlType>)> {
        let first: Vec<Sql> = items.iter().map(|e| self.expression(e, None)).collect::<Result<_>>()?;
        let found = first.iter().find(|s| s.literal.is_none() && s.ty.is_some()).and_then(|s| s.ty.clone());
        let ty = match (found, want) {
            (Some(found), Some(want)) if found.is_number() && want.is_number() => Some(want.clone()),
            (Some(found), _) => Some(found),
            (None, want) => want.cloned(),
        };
        let Some(ty) = ty else { return Ok((first.into_iter().map(|s| s.text).collect(), None)) };
        let texts = items
            .iter()
            .map(|e| Ok(literal::assigned(self.expression(e, Some(&ty))?, &ty)?.text))
            .collect::<Result<_>>()?;
        Ok((texts, Some(ty)))
    }

    fn binary(&self, left: &Expr, op: &Op, right: &Expr, want: Option<&SqlType>) -> Result<Sql> {
        match op {
            Op::And | Op::Or => {
                let text = format!("({} {op} {})", self.condition(left)?, self.condition(right)?);
                Ok(Sql::typed(text, SqlType::Bool))
            }
            Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq => self.comparison(left, &op.to_string(), right),
            Op::Plus | Op::Minus | Op::Multiply | Op::Divide | Op::Modulo => self.arithmetic(left, op, right, want),
            Op::StringConcat => self.concatenation(left, right),
            Op::Arrow | Op::LongArrow => self.json_access(left, op, right),
            Op::PGLikeMatch | Op::PGNotLikeMatch => self.like(left, right, None, *op == Op::PGNotLikeMatch),
            Op::PGILikeMatch | Op::PGNotILikeMatch => self.ilike(left, right, None, *op == Op::PGNotILikeMatch),
            Op::BitwiseAnd | Op::BitwiseOr | Op::PGBitwiseShiftLeft | Op::PGBitwiseShiftRight => {
                let text = format!("({} {op} {})", self.any(left)?.text, self.any(right)?.text);
                Ok(Sql::typed(text, SqlType::BigInt))
            }
            _ => Err(unknown("the operator", &op.to_string())),
        }
    }
}

/// What SQLite cannot say, and where to put it instead.
pub(super) fn unknown(kind: &str, shown: &str) -> Untranslatable {
    let short: String = shown.chars().take(80).collect();
    Untranslatable::new(format!("sqlite cannot say {kind} {short}"), shown)
}
