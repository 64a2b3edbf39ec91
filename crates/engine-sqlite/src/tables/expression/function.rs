//! Functions that both engines have, or that stock SQLite functions can say.

use brigade_core::data::SqlType;
use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
    TrimWhereField, WindowType,
};

use super::{Result, Scope, Sql, compare::as_number, last_name, time, unknown};
use crate::tables::select;

/// A version 4 UUID as text, from stock functions.
const UUID: &str = "(lower(hex(randomblob(4))) || '-' || lower(hex(randomblob(2))) || '-4' \
                    || substr(lower(hex(randomblob(2))), 2) || '-' || substr('89ab', 1 + (random() & 3), 1) \
                    || substr(lower(hex(randomblob(2))), 2) || '-' || lower(hex(randomblob(6))))";

impl Scope<'_> {
    pub(super) fn function(&self, f: &Function, want: Option<&SqlType>) -> Result<Sql> {
        let name = last_name(&f.name);
        let shown = || unknown("the function", &format!("{name}("));
        let (distinct, arguments, clauses) = match &f.args {
            FunctionArguments::None => (false, Vec::new(), &[][..]),
            FunctionArguments::List(list) => {
                let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
                (distinct, list.args.iter().collect(), list.clauses.as_slice())
            }
            FunctionArguments::Subquery(_) => return Err(shown()),
        };
        if !f.within_group.is_empty() {
            return Err(shown());
        }
        if let [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] = arguments.as_slice() {
            return self.decorated(Sql::typed(format!("{name}(*)"), SqlType::BigInt), f);
        }
        let arguments: Vec<&Expr> = arguments
            .into_iter()
            .map(|a| match a {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Ok(e),
                _ => Err(shown()),
            })
            .collect::<Result<_>>()?;
        if let Some(aggregate) = self.aggregate(&name, &arguments, distinct, clauses)? {
            return self.decorated(aggregate, f);
        }
        if distinct || !clauses.is_empty() || f.filter.is_some() || f.over.is_some() {
            return Err(shown());
        }
        self.scalar(&name, &arguments, want)?.ok_or_else(shown)
    }

    fn scalar(&self, name: &str, arguments: &[&Expr], want: Option<&SqlType>) -> Result<Option<Sql>> {
        use SqlType::{BigInt, Bool, Date, Double, Int, Text, TimestampTz, Uuid};
        let text = |at: usize| Ok(self.expression(arguments[at], None)?.text);
        let number = |at: usize| Ok(as_number(self.expression(arguments[at], None)?));
        let call = |out: String, ty: SqlType| Ok(Some(Sql::typed(out, ty)));
        match (name, arguments.len()) {
            ("now" | "current_timestamp" | "transaction_timestamp" | "statement_timestamp" | "clock_timestamp", 0) => {
                call(time::now(&TimestampTz), TimestampTz)
            }
            ("localtimestamp", 0) => call(time::now(&SqlType::Timestamp), SqlType::Timestamp),
            ("current_date", 0) => call(time::now(&Date), Date),
            ("localtime", 0) => call(time::now(&SqlType::Time), SqlType::Time),
            ("gen_random_uuid" | "uuid_generate_v4", 0) => call(UUID.to_owned(), Uuid),
            ("random", 0) => call("((random() & 9007199254740991) / 9007199254740992.0)".to_owned(), Double),
            ("length" | "char_length" | "character_length", 1) => call(format!("length({})", text(0)?), Int),
            ("octet_length", 1) => call(format!("length(CAST({} AS BLOB))", text(0)?), Int),
            ("lower" | "upper", 1) => call(format!("{name}({})", text(0)?), Text),
            ("trim" | "btrim", 1) => call(format!("trim({})", text(0)?), Text),
            ("btrim", 2) => call(format!("trim({}, {})", text(0)?, text(1)?), Text),
            ("ltrim" | "rtrim", 1) => call(format!("{name}({})", text(0)?), Text),
            ("ltrim" | "rtrim", 2) => call(format!("{name}({}, {})", text(0)?, text(1)?), Text),
            ("replace", 3) => call(format!("replace({}, {}, {})", text(0)?, text(1)?, text(2)?), Text),
            ("strpos", 2) => call(format!("instr({}, {})", text(0)?, text(1)?), Int),
            ("starts_with", 2) => call(format!("(instr({}, {}) = 1)", text(0)?, text(1)?), Bool),
            ("substr" | "substring", 2) => call(format!("substr({}, {})", text(0)?, text(1)?), Text),
            ("substr" | "substring", 3) => call(format!("substr({}, {}, {})", text(0)?, text(1)?, text(2)?), Text),
            ("left", 2) => call(format!("substr({}, 1, max(0, {}))", text(0)?, text(1)?), Text),
            ("concat", 1..) => {
                let parts = (0..arguments.len()).map(|i| Ok(format!("ifnull({}, '')", text(i)?)));
                call(format!("({})", parts.collect::<Result<Vec<_>>>()?.join(" || ")), Text)
            }
            ("abs", 1) => {
                let of = number(0)?;
                Ok(Some(Sql { text: format!("abs({})", of.text), ..of }))
            }
            ("round", 1) => call(format!("round({})", number(0)?.text), Double),
            ("round", 2) => call(format!("round({}, {})", number(0)?.text, text(1)?), Double),
            ("mod", 2) => call(format!("({} % {})", text(0)?, text(1)?), BigInt),
            ("nullif", 2) => {
                let of = self.expression(arguments[0], want)?;
                let other = self.expression(arguments[1], of.ty.as_ref().or(want))?;
                Ok(Some(Sql { text: format!("nullif({}, {})", of.text, other.text), ..of }))
            }
            ("coalesce", 1..) => {
                let (texts, ty) = self.unified(arguments, want)?;
                let text = if texts.len() == 1 { texts[0].clone() } else { format!("coalesce({})", texts.join(", ")) };
                Ok(Some(Sql { text, ty, literal: None }))
            }
            ("greatest" | "least", 2) => {
                let (texts, ty) = self.unified(arguments, want)?;
                let word = if name == "greatest" { "max" } else { "min" };
                if matches!(ty, Some(SqlType::Numeric { .. } | SqlType::Enum(_))) {
                    return Err(unknown("the order of this type in", name));
                }
                let (a, b) = (&texts[0], &texts[1]);
                Ok(Some(Sql { text: format!("{word}(coalesce({a}, {b}), coalesce({b}, {a}))"), ty, literal: None }))
            }
            ("date_trunc", 2) => {
                let Expr::Value(unit) = arguments[0] else { return Ok(None) };
                let unit = unit.value.clone().into_string().unwrap_or_default().to_lowercase();
                self.date_trunc(&unit, arguments[1]).map(Some)
            }
            ("jsonb_array_length" | "json_array_length", 1) => call(format!("json_array_length({})", text(0)?), Int),
            ("jsonb_build_object" | "json_build_object", _) => {
                let parts = (0..arguments.len()).map(text).collect::<Result<Vec<_>>>()?;
                call(format!("json_object({})", parts.join(", ")), SqlType::Jsonb)
            }
            ("jsonb_build_array" | "json_build_array", _) => {
                let parts = (0..arguments.len()).map(text).collect::<Result<Vec<_>>>()?;
                call(format!("json_array({})", parts.join(", ")), SqlType::Jsonb)
            }
            ("jsonb_typeof" | "json_typeof", 1) => call(
                format!(
                    "(CASE json_type({}) WHEN 'true' THEN 'boolean' WHEN 'false' THEN 'boolean' WHEN 'integer' THEN 'number' \
                     WHEN 'real' THEN 'number' WHEN 'text' THEN 'string' ELSE json_type({}) END)",
                    text(0)?,
                    text(0)?
                ),
                Text,
            ),
            ("cardinality", 1) => call(format!("json_array_length({})", text(0)?), Int),
            ("array_length", 2) => call(format!("nullif(json_array_length({}), 0)", text(0)?), Int),
            ("row_number" | "rank" | "dense_rank", 0) => call(format!("{name}()"), BigInt),
            _ => Ok(None),
        }
    }

    fn aggregate(
        &self,
        name: &str,
        arguments: &[&Expr],
        distinct: bool,
        clauses: &[FunctionArgumentClause],
    ) -> Result<Option<Sql>> {
        if matches!(name, "row_number" | "rank" | "dense_rank") {
            return Ok(Some(Sql::typed(format!("{name}()"), SqlType::BigInt)));
        }
        let word = if distinct { "DISTINCT " } else { "" };
        let ordered = !clauses.is_empty();
        let (name, ty) = match name {
            "count" => ("count", Some(SqlType::BigInt)),
            "sum" => ("sum", None),
            "avg" => ("avg", Some(SqlType::Double)),
            "min" | "bool_and" | "every" => ("min", None),
            "max" | "bool_or" => ("max", None),
            "string_agg" => ("group_concat", Some(SqlType::Text)),
            "array_agg" | "json_agg" | "jsonb_agg" => ("json_group_array", Some(SqlType::Jsonb)),
            _ => return Ok(None),
        };
        if ordered || arguments.is_empty() {
            return Err(unknown("the order inside of", &format!("{name}(")));
        }
        let of = self.any(arguments[0])?;
        if matches!(of.ty, Some(SqlType::Enum(_))) && matches!(name, "min" | "max") {
            return Err(unknown("the order of an enum in", &format!("{name}(")));
        }
        let of = if name == "count" { of } else { as_number(of) };
        let rest = arguments[1..].iter().map(|e| Ok(format!(", {}", self.any(e)?.text))).collect::<Result<String>>()?;
        let ty = ty.or(of.ty);
        Ok(Some(Sql { text: format!("{name}({word}{}{rest})", of.text), ty, literal: None }))
    }

    /// FILTER and OVER.
    fn decorated(&self, sql: Sql, f: &Function) -> Result<Sql> {
        let mut text = sql.text;
        if let Some(filter) = &f.filter {
            text.push_str(&format!(" FILTER (WHERE {})", self.condition(filter)?));
        }
        match &f.over {
            None => {}
            Some(WindowType::WindowSpec(spec)) if spec.window_frame.is_none() && spec.window_name.is_none() => {
                let mut parts = Vec::new();
                if !spec.partition_by.is_empty() {
                    let by = spec.partition_by.iter().map(|e| Ok(self.any(e)?.text)).collect::<Result<Vec<_>>>()?;
                    parts.push(format!("PARTITION BY {}", by.join(", ")));
                }
                if !spec.order_by.is_empty() {
                    parts.push(format!("ORDER BY {}", select::order(self, &spec.order_by)?));
                }
                text.push_str(&format!(" OVER ({})", parts.join(" ")));
            }
            Some(over) => return Err(unknown("the window", &over.to_string())),
        }
        Ok(Sql { text, ..sql })
    }

    /// Functions with a syntax of their own.
    pub(super) fn special_function(&self, e: &Expr) -> Result<Sql> {
        match e {
            Expr::Ceil { expr, .. } | Expr::Floor { expr, .. } => {
                let (sign, compare) = if matches!(e, Expr::Ceil { .. }) { ("+", ">") } else { ("-", "<") };
                let x = as_number(self.any(expr)?).text;
                Ok(Sql::typed(
                    format!("(CAST({x} AS INTEGER) {sign} ({x} {compare} CAST({x} AS INTEGER)))"),
                    SqlType::Double,
                ))
            }
            Expr::Position { expr, r#in } => {
                Ok(Sql::typed(format!("instr({}, {})", self.any(r#in)?.text, self.any(expr)?.text), SqlType::Int))
            }
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let from = substring_from.as_ref().map_or(Ok("1".to_owned()), |e| Ok(self.any(e)?.text))?;
                let length =
                    substring_for.as_ref().map_or(Ok(String::new()), |e| Ok(format!(", {}", self.any(e)?.text)))?;
                Ok(Sql::typed(format!("substr({}, {from}{length})", self.any(expr)?.text), SqlType::Text))
            }
            Expr::Trim { trim_where, trim_what, expr, .. } => {
                let name = match trim_where {
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                    _ => "trim",
                };
                let what = trim_what.as_ref().map_or(Ok(String::new()), |e| Ok(format!(", {}", self.any(e)?.text)))?;
                Ok(Sql::typed(format!("{name}({}{what})", self.any(expr)?.text), SqlType::Text))
            }
            other => Err(unknown("the expression", &other.to_string())),
        }
    }
}
