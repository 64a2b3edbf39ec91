//! The type of an expression in a view, as PostgreSQL would say; nothing where that takes more than looking at it.

use sqlparser::ast::{BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator};
use sqlparser::ast::{DateTimeField, Value};

use super::view::{self, Known, Source};
use crate::{data::SqlType, schema::read_type};

const NUMERIC: SqlType = SqlType::Numeric { precision: None, scale: 0 };

/// The name that PostgreSQL gives a column that has none.
pub(super) fn name(expr: &Expr) -> String {
    match expr {
        Expr::Function(function) => function_name(function),
        Expr::Cast { expr, .. } | Expr::Nested(expr) => name(expr),
        Expr::Identifier(ident) => view::name(ident),
        Expr::CompoundIdentifier(parts) => parts.last().map(view::name).unwrap_or_default(),
        Expr::Case { .. } => "case".to_owned(),
        Expr::Exists { .. } => "exists".to_owned(),
        _ => "?column?".to_owned(),
    }
}

/// The type.
pub(super) fn ty(expr: &Expr, known: &Known<'_>, sources: &[&Source]) -> Option<SqlType> {
    let of = |expr: &Expr| ty(expr, known, sources);
    if let Some(column) = view::plain(expr, sources) {
        return Some(without_length(column.ty.clone()));
    }
    match expr {
        Expr::Nested(inner) => of(inner),
        Expr::Collate { expr, .. } => of(expr),
        Expr::Cast { data_type, .. } => {
            read_type(&data_type.to_string().to_lowercase(), known.model.enums.keys().map(String::as_str)).ok()
        }
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) if digits.contains(['.', 'e', 'E']) => Some(NUMERIC),
            Value::Number(digits, _) => {
                Some(if digits.parse::<i32>().is_ok() { SqlType::Int } else { SqlType::BigInt })
            }
            Value::Boolean(_) => Some(SqlType::Bool),
            Value::Null => None,
            _ => Some(SqlType::Text),
        },
        Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_)
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..)
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::SimilarTo { .. }
        | Expr::AnyOp { .. }
        | Expr::AllOp { .. }
        | Expr::Exists { .. } => Some(SqlType::Bool),
        Expr::UnaryOp { op: UnaryOperator::Not, .. } => Some(SqlType::Bool),
        Expr::UnaryOp { expr, .. } => of(expr),
        Expr::BinaryOp { left, op, right } => binary(op, of(left), of(right)),
        Expr::Case { conditions, else_result, .. } => conditions
            .iter()
            .find_map(|when| of(&when.result))
            .or_else(|| else_result.as_ref().and_then(|otherwise| of(otherwise))),
        Expr::Subquery(query) => view::query(query, known, sources).into_iter().next().map(|column| column.ty),
        Expr::Extract { field, .. } => {
            Some(if matches!(field, DateTimeField::Custom(_)) { SqlType::Double } else { NUMERIC })
        }
        Expr::Ceil { expr, .. } | Expr::Floor { expr, .. } => of(expr).map(|ty| match ty {
            SqlType::Double | SqlType::Real => SqlType::Double,
            _ => NUMERIC,
        }),
        Expr::Substring { .. } | Expr::Trim { .. } | Expr::Overlay { .. } => Some(SqlType::Text),
        Expr::Position { .. } => Some(SqlType::Int),
        Expr::AtTimeZone { timestamp, .. } => match of(timestamp) {
            Some(SqlType::TimestampTz) => Some(SqlType::Timestamp),
            Some(_) => Some(SqlType::TimestampTz),
            None => None,
        },
        Expr::Function(function) => call(function, known, sources),
        _ => None,
    }
}

/// An expression has no length: `varchar(20)` is text once something was done with it.
fn without_length(ty: SqlType) -> SqlType {
    match ty {
        SqlType::Numeric { .. } => NUMERIC,
        other => other,
    }
}

fn binary(op: &BinaryOperator, left: Option<SqlType>, right: Option<SqlType>) -> Option<SqlType> {
    use BinaryOperator::{
        And, Arrow, Divide, Eq, Gt, GtEq, LongArrow, Lt, LtEq, Minus, Modulo, Multiply, NotEq, Or, Plus, StringConcat,
    };
    match op {
        And | Or | Eq | NotEq | Gt | GtEq | Lt | LtEq => Some(SqlType::Bool),
        LongArrow => Some(SqlType::Text),
        Arrow => left,
        StringConcat => match (left, right) {
            (Some(array @ SqlType::Array(_)), _) | (_, Some(array @ SqlType::Array(_))) => Some(array),
            (Some(SqlType::Jsonb), _) => Some(SqlType::Jsonb),
            _ => Some(SqlType::Text),
        },
        Plus | Minus | Multiply | Divide | Modulo => match (left?, right?) {
            (a, b) if a.is_number() && b.is_number() => Some(wider(a, b)),
            (SqlType::Date, SqlType::Date) if matches!(op, Minus) => Some(SqlType::Int),
            (SqlType::Date, b) if b.is_number() => Some(SqlType::Date),
            (SqlType::Date | SqlType::Timestamp, SqlType::Interval) => Some(SqlType::Timestamp),
            (SqlType::TimestampTz, SqlType::Interval) => Some(SqlType::TimestampTz),
            (SqlType::Timestamp | SqlType::TimestampTz, SqlType::Timestamp | SqlType::TimestampTz) => {
                Some(SqlType::Interval)
            }
            _ => None,
        },
        _ => None,
    }
}

fn wider(a: SqlType, b: SqlType) -> SqlType {
    let rank = |ty: &SqlType| match ty {
        SqlType::SmallInt => 0,
        SqlType::Int => 1,
        SqlType::BigInt => 2,
        SqlType::Numeric { .. } => 3,
        SqlType::Real => 4,
        _ => 5,
    };
    match (rank(&a), rank(&b)) {
        (4, 4) => SqlType::Real,
        (x, y) if x >= 4 || y >= 4 => SqlType::Double,
        (x, y) => without_length(if x >= y { a } else { b }),
    }
}

fn function_name(function: &Function) -> String {
    function.name.0.last().and_then(|part| part.as_ident()).map(view::name).unwrap_or_default()
}

fn call(function: &Function, known: &Known<'_>, sources: &[&Source]) -> Option<SqlType> {
    let arguments: Vec<&Expr> = match &function.args {
        FunctionArguments::List(list) => list.args.iter().filter_map(argument).collect(),
        _ => Vec::new(),
    };
    let first = arguments.iter().find_map(|expr| ty(expr, known, sources));
    match function_name(function).as_str() {
        "count" | "row_number" | "rank" | "dense_rank" => Some(SqlType::BigInt),
        "sum" => match first? {
            SqlType::SmallInt | SqlType::Int => Some(SqlType::BigInt),
            SqlType::BigInt | SqlType::Numeric { .. } => Some(NUMERIC),
            other => Some(other),
        },
        "avg" => match first? {
            SqlType::Real | SqlType::Double => Some(SqlType::Double),
            SqlType::Interval => Some(SqlType::Interval),
            _ => Some(NUMERIC),
        },
        "min" | "max" | "coalesce" | "greatest" | "least" | "nullif" | "abs" | "first_value" | "last_value" | "lag"
        | "lead" => first,
        "round" | "trunc" | "ceil" | "floor" => match first? {
            SqlType::Real | SqlType::Double => Some(SqlType::Double),
            _ => Some(NUMERIC),
        },
        "lower" | "upper" | "concat" | "concat_ws" | "trim" | "ltrim" | "rtrim" | "btrim" | "replace" | "left"
        | "right" | "substr" | "substring" | "to_char" | "string_agg" | "md5" | "initcap" => Some(SqlType::Text),
        "length" | "char_length" | "octet_length" | "position" | "strpos" | "array_length" | "cardinality" => {
            Some(SqlType::Int)
        }
        "bool_and" | "bool_or" | "every" => Some(SqlType::Bool),
        "now" | "current_timestamp" => Some(SqlType::TimestampTz),
        "current_date" => Some(SqlType::Date),
        "date_trunc" => arguments.get(1).and_then(|expr| ty(expr, known, sources)),
        "array_agg" => first.map(|of| SqlType::Array(Box::new(of))),
        "json_agg" | "json_build_object" | "row_to_json" => Some(SqlType::Json),
        "jsonb_agg" | "jsonb_build_object" | "to_jsonb" => Some(SqlType::Jsonb),
        "gen_random_uuid" => Some(SqlType::Uuid),
        _ => None,
    }
}

fn argument(argument: &FunctionArg) -> Option<&Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    }
}
