//! Comparison, lists, patterns and arithmetic. Numerics are texts of digits, so they are compared and reckoned as numbers.

use brigade_core::data::SqlType;
use sqlparser::ast::{BinaryOperator as Op, Expr, Query, Value as Literal};

use super::{Result, Scope, Sql, literal, time, unknown};
use crate::tables::{name::text_literal, select};

/// A number that SQLite can reckon with.
pub(super) fn as_number(sql: Sql) -> Sql {
    match sql.ty {
        Some(SqlType::Numeric { .. }) => Sql::typed(format!("CAST({} AS REAL)", sql.text), SqlType::Double),
        _ => sql,
    }
}

impl Scope<'_> {
    /// Two sides in one form: a literal in quotes takes the type of the other side.
    fn pair(&self, left: &Expr, right: &Expr) -> Result<(Sql, Sql)> {
        let (a, b) = (self.any(left)?, self.any(right)?);
        match (&a.literal, &b.literal, &a.ty, &b.ty) {
            (None, Some(_), Some(ty), _) => {
                let b = self.expression(right, Some(&plain(ty)))?;
                Ok((a, b))
            }
            (Some(_), None, _, Some(ty)) => {
                let a = self.expression(left, Some(&plain(ty)))?;
                Ok((a, b))
            }
            _ => Ok((a, b)),
        }
    }

    pub(super) fn comparison(&self, left: &Expr, op: &str, right: &Expr) -> Result<Sql> {
        let (a, b) = self.pair(left, right)?;
        let (a, b) = comparable(a, b, matches!(op, "=" | "<>" | "IS" | "IS NOT"))?;
        Ok(Sql::typed(format!("({} {op} {})", a.text, b.text), SqlType::Bool))
    }

    pub(super) fn between(&self, e: &Expr, negated: bool, low: &Expr, high: &Expr) -> Result<Sql> {
        let above = self.comparison(e, ">=", low)?.text;
        let below = self.comparison(e, "<=", high)?.text;
        let not = if negated { "NOT " } else { "" };
        Ok(Sql::typed(format!("({not}({above} AND {below}))"), SqlType::Bool))
    }

    pub(super) fn in_list(&self, e: &Expr, list: &[Expr], negated: bool) -> Result<Sql> {
        let left = self.any(e)?;
        let word = if negated { "NOT IN" } else { "IN" };
        if let Expr::Tuple(_) = e {
            let items = list.iter().map(|i| Ok(self.any(i)?.text)).collect::<Result<Vec<_>>>()?;
            return Ok(Sql::typed(format!("({} {word} (VALUES {}))", left.text, items.join(", ")), SqlType::Bool));
        }
        let mut items = Vec::new();
        let mut number = false;
        for item in list {
            let (a, b) = self.pair(e, item)?;
            let (a, b) = comparable(a, b, true)?;
            number |= a.text != left.text;
            items.push(b.text);
        }
        let left = if number { as_number(left) } else { left };
        Ok(Sql::typed(format!("({} {word} ({}))", left.text, items.join(", ")), SqlType::Bool))
    }

    pub(super) fn in_query(&self, e: &Expr, query: &Query, negated: bool) -> Result<Sql> {
        let word = if negated { "NOT IN" } else { "IN" };
        let query = select::query(self, query)?;
        Ok(Sql::typed(format!("({} {word} ({}))", self.any(e)?.text, query.text), SqlType::Bool))
    }

    /// `x = ANY (ARRAY[…])`, `x = ANY ('{…}')`, `x = ANY (column)`; `<> ALL` likewise.
    pub(super) fn any_of(&self, left: &Expr, op: &Op, right: &Expr, all: bool) -> Result<Sql> {
        let (right, negated) = match (op, all) {
            (Op::Eq, false) => (unnested(right), false),
            (Op::NotEq, true) => (unnested(right), true),
            _ => return Err(unknown("the comparison", &format!("{op} {}", if all { "ALL" } else { "ANY" }))),
        };
        let word = if negated { "NOT IN" } else { "IN" };
        match right {
            Expr::Array(array) => self.in_list(left, &array.elem, negated),
            Expr::Cast { expr, .. } if matches!(**expr, Expr::Array(_)) => self.any_of(left, op, expr, all),
            Expr::Subquery(query) => self.in_query(left, query, negated),
            other => {
                let left = self.any(left)?;
                let want = left.ty.clone().map(|ty| SqlType::Array(Box::new(plain(&ty))));
                let array = self.expression(other, want.as_ref())?.text;
                Ok(Sql::typed(format!("({} {word} (SELECT value FROM json_each({array})))", left.text), SqlType::Bool))
            }
        }
    }

    /// LIKE heeds case, which SQLite's own does not: GLOB does.
    pub(super) fn like(&self, e: &Expr, pattern: &Expr, escape: Option<&Expr>, negated: bool) -> Result<Sql> {
        let escape = escape_of(escape)?;
        let pattern = text_of(pattern).ok_or_else(|| {
            unknown("LIKE with a pattern that is no literal", "LIKE").hint("use ILIKE, or compare with left(…)")
        })?;
        let not = if negated { "NOT " } else { "" };
        let glob = text_literal(&glob(&pattern, escape));
        Ok(Sql::typed(format!("({} {not}GLOB {glob})", self.any(e)?.text), SqlType::Bool))
    }

    /// ILIKE: SQLite's LIKE, which knows the case of ASCII letters alone.
    pub(super) fn ilike(&self, e: &Expr, pattern: &Expr, escape: Option<&Expr>, negated: bool) -> Result<Sql> {
        let escape = escape_of(escape)?.map_or(String::new(), |c| format!(" ESCAPE {}", text_literal(&c.to_string())));
        let not = if negated { "NOT " } else { "" };
        let (text, pattern) = (self.any(e)?.text, self.any(pattern)?.text);
        Ok(Sql::typed(format!("({text} {not}LIKE {pattern}{escape})"), SqlType::Bool))
    }

    pub(super) fn arithmetic(&self, left: &Expr, op: &Op, right: &Expr, want: Option<&SqlType>) -> Result<Sql> {
        if let Some(moved) = self.moved_time(left, op, right)? {
            return Ok(moved);
        }
        let number_wanted = want.filter(|t| t.is_number() && !matches!(t, SqlType::Numeric { .. }));
        let (a, b) = self.pair(left, right)?;
        if let Some(ty) = [&a, &b].iter().filter_map(|s| s.ty.as_ref()).find(|t| time::is_time(t)) {
            return Err(unknown("arithmetic with", &ty.to_string())
                .hint("only a constant interval of days, hours, minutes and seconds can be added on sqlite"));
        }
        let (a, b) = (as_number(a), as_number(b));
        let ty = wider(a.ty.as_ref(), b.ty.as_ref()).or_else(|| number_wanted.cloned());
        Ok(Sql { text: format!("({} {op} {})", a.text, b.text), ty, literal: None })
    }

    pub(super) fn concatenation(&self, left: &Expr, right: &Expr) -> Result<Sql> {
        let (a, b) = (self.any(left)?, self.any(right)?);
        if [&a, &b].iter().any(|s| matches!(s.ty, Some(SqlType::Jsonb | SqlType::Array(_) | SqlType::Bytea))) {
            return Err(unknown("|| of jsonb, arrays and bytea", "||"));
        }
        Ok(Sql::typed(format!("({} || {})", a.text, b.text), SqlType::Text))
    }
}

/// Comparing text with varchar(n) must not cut the literal.
fn plain(ty: &SqlType) -> SqlType {
    match ty {
        SqlType::VarChar(_) => SqlType::Text,
        SqlType::SmallInt | SqlType::Int => SqlType::BigInt,
        other => other.clone(),
    }
}

fn comparable(a: Sql, b: Sql, equality: bool) -> Result<(Sql, Sql)> {
    use SqlType::{Date, Interval, Numeric, Timestamp, TimestampTz};
    match (a.ty.clone(), b.ty.clone()) {
        (Some(x @ Numeric { precision: Some(_), .. }), Some(y)) if x == y && equality => Ok((a, b)),
        (Some(Numeric { .. }), _) | (_, Some(Numeric { .. })) => Ok((as_number(a), as_number(b))),
        (Some(x @ (Date | Timestamp | TimestampTz)), Some(y @ (Date | Timestamp | TimestampTz))) if x != y => {
            Ok((literal::assigned(a, &TimestampTz)?, literal::assigned(b, &TimestampTz)?))
        }
        (Some(Interval), Some(Interval)) if !equality => Err(unknown("the order of", "interval")),
        (Some(SqlType::Enum(name)), Some(_)) | (Some(_), Some(SqlType::Enum(name))) if !equality => {
            Err(unknown("the order of labels of the enum", &name))
        }
        _ => Ok((a, b)),
    }
}

fn wider(a: Option<&SqlType>, b: Option<&SqlType>) -> Option<SqlType> {
    let rank = |ty: &SqlType| match ty {
        SqlType::SmallInt => 1,
        SqlType::Int => 2,
        SqlType::BigInt => 3,
        _ => 4,
    };
    match (a, b) {
        (Some(a), Some(b)) => Some(if rank(a) >= rank(b) { a.clone() } else { b.clone() }),
        (one, other) => one.or(other).cloned(),
    }
}

fn unnested(e: &Expr) -> &Expr {
    match e {
        Expr::Nested(inner) => unnested(inner),
        other => other,
    }
}

fn text_of(e: &Expr) -> Option<String> {
    match unnested(e) {
        Expr::Value(v) => match &v.value {
            Literal::SingleQuotedString(text) | Literal::EscapedStringLiteral(text) => Some(text.clone()),
            _ => None,
        },
        Expr::Cast { expr, .. } => text_of(expr),
        _ => None,
    }
}

fn escape_of(escape: Option<&Expr>) -> Result<Option<char>> {
    match escape {
        None => Ok(Some('\\')),
        Some(e) => match text_of(e).as_deref().map(|t| (t.chars().next(), t.chars().count())) {
            Some((c, 0 | 1)) => Ok(c),
            _ => Err(unknown("ESCAPE", &e.to_string())),
        },
    }
}

fn glob(pattern: &str, escape: Option<char>) -> String {
    let mut out = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let (c, plain) = if Some(c) == escape { (chars.next().unwrap_or(c), true) } else { (c, false) };
        match c {
            '%' if !plain => out.push('*'),
            '_' if !plain => out.push('?'),
            '*' | '?' | '[' => out.push_str(&format!("[{c}]")),
            _ => out.push(c),
        }
    }
    out
}
