//! Dates and times: SQLite keeps them as text of fixed width, so that their order is the order of time.

use brigade_core::data::{Interval, SqlType, interval};
use sqlparser::ast::{BinaryOperator as Op, DateTimeField, Expr};

use super::{Result, Scope, Sql, Untranslatable, literal, unknown};

/// The time now as a column of the type keeps it, to the millisecond that SQLite's clock has.
pub(crate) fn now(ty: &SqlType) -> String {
    at("'now'", ty)
}

fn at(arguments: &str, ty: &SqlType) -> String {
    match ty {
        SqlType::Date => format!("strftime('%Y-%m-%d', {arguments})"),
        SqlType::Time => format!("rtrim(rtrim(strftime('%H:%M:%f', {arguments}), '0'), '.')"),
        SqlType::Timestamp => format!("(strftime('%Y-%m-%dT%H:%M:%f', {arguments}) || '000')"),
        _ => format!("(strftime('%Y-%m-%dT%H:%M:%f', {arguments}) || '000+00:00')"),
    }
}

/// Whether it is a point in time or a span of it.
pub(super) fn is_time(ty: &SqlType) -> bool {
    matches!(ty, SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::TimestampTz | SqlType::Interval)
}

/// A point in time of one type as another: UTC is the zone of timestamps without one.
pub(super) fn converted(text: &str, from: &SqlType, to: &SqlType) -> Result<String> {
    Ok(match (from, to) {
        _ if from == to => text.to_owned(),
        (SqlType::TimestampTz, SqlType::Timestamp) => format!("substr({text}, 1, 26)"),
        (SqlType::Timestamp, SqlType::TimestampTz) => format!("({text} || '+00:00')"),
        (SqlType::Date, SqlType::Timestamp) => format!("({text} || 'T00:00:00.000000')"),
        (SqlType::Date, SqlType::TimestampTz) => format!("({text} || 'T00:00:00.000000+00:00')"),
        (SqlType::Timestamp | SqlType::TimestampTz, SqlType::Date) => format!("substr({text}, 1, 10)"),
        _ => return Err(Untranslatable::new(format!("{from} is no {to}"), "")),
    })
}

/// Seconds since 1970 of a stored text.
fn epoch(text: &str) -> String {
    format!("(strftime('%s', substr({text}, 1, 19)) + CAST('0' || substr({text}, 20, 7) AS REAL))")
}

impl Scope<'_> {
    pub(super) fn bare_word(&self, name: &str) -> Result<Sql> {
        let ty = match name {
            "current_timestamp" => SqlType::TimestampTz,
            "current_date" => SqlType::Date,
            _ => return Err(unknown("the name", name)),
        };
        Ok(Sql::typed(now(&ty), ty))
    }

    pub(super) fn interval_literal(&self, e: &Expr) -> Result<Sql> {
        let value = constant_interval(e).ok_or_else(|| unknown("the interval", &e.to_string()))?;
        literal::of(&sqlparser::ast::Value::SingleQuotedString(interval::format(value)), Some(&SqlType::Interval))
    }

    /// `time + interval` and `time - interval` with a constant interval; nothing where it is other arithmetic.
    pub(super) fn moved_time(&self, left: &Expr, op: &Op, right: &Expr) -> Result<Option<Sql>> {
        let sign = match op {
            Op::Plus => 1,
            Op::Minus => -1,
            _ => return Ok(None),
        };
        let (Some(span), time) = (constant_interval(right), left) else { return Ok(None) };
        let time = self.any(time)?;
        let Some(ty @ (SqlType::Timestamp | SqlType::TimestampTz | SqlType::Date)) = time.ty.clone() else {
            return Ok(None);
        };
        if span.months != 0 || span.micros % 1_000_000 != 0 {
            return Err(unknown("an interval of months or parts of a second", &right.to_string())
                .hint("use days, hours, minutes and seconds"));
        }
        let seconds = sign * span.micros / 1_000_000;
        let modifiers = format!("'{:+} days', '{seconds:+} seconds'", sign * i64::from(span.days));
        if time.text == now(&ty) {
            let ty = if ty == SqlType::Date { SqlType::Timestamp } else { ty };
            return Ok(Some(Sql::typed(at(&format!("'now', {modifiers}"), &ty), ty)));
        }
        let text = match ty {
            SqlType::Date => format!("(strftime('%Y-%m-%dT%H:%M:%S', {}, {modifiers}) || '.000000')", time.text),
            _ => format!(
                "(strftime('%Y-%m-%dT%H:%M:%S', substr({0}, 1, 19), {modifiers}) || substr({0}, 20))",
                time.text
            ),
        };
        Ok(Some(Sql::typed(text, if ty == SqlType::Date { SqlType::Timestamp } else { ty })))
    }

    pub(super) fn extract(&self, field: &DateTimeField, e: &Expr) -> Result<Sql> {
        if let (DateTimeField::Epoch, Expr::BinaryOp { left, op: Op::Minus, right }) = (field, inner(e)) {
            let (a, b) = (self.any(left)?, self.any(right)?);
            let point = |s: &Sql| matches!(s.ty, Some(SqlType::Timestamp | SqlType::TimestampTz));
            if point(&a) && point(&b) {
                return Ok(Sql::typed(format!("({} - {})", epoch(&a.text), epoch(&b.text)), SqlType::Double));
            }
        }
        let time = self.any(e)?;
        if !matches!(time.ty, Some(SqlType::Timestamp | SqlType::TimestampTz | SqlType::Date)) {
            return Err(unknown("EXTRACT from", &e.to_string()));
        }
        let part = match field {
            DateTimeField::Year => "%Y",
            DateTimeField::Month => "%m",
            DateTimeField::Day => "%d",
            DateTimeField::Hour => "%H",
            DateTimeField::Minute => "%M",
            DateTimeField::Dow => "%w",
            DateTimeField::Doy => "%j",
            DateTimeField::Epoch => return Ok(Sql::typed(epoch(&time.text), SqlType::Double)),
            DateTimeField::Second => {
                return Ok(Sql::typed(format!("CAST(substr({}, 18, 9) AS REAL)", time.text), SqlType::Double));
            }
            other => return Err(unknown("EXTRACT of", &other.to_string())),
        };
        Ok(Sql::typed(format!("CAST(strftime('{part}', substr({}, 1, 19)) AS INTEGER)", time.text), SqlType::Int))
    }

    /// `date_trunc('day', time)`
    pub(super) fn date_trunc(&self, unit: &str, e: &Expr) -> Result<Sql> {
        let time = self.any(e)?;
        let Some(ty @ (SqlType::Timestamp | SqlType::TimestampTz)) = time.ty.clone() else {
            return Err(unknown("date_trunc of", &e.to_string()));
        };
        let (kept, rest) = match unit {
            "year" => (4, "-01-01T00:00:00.000000"),
            "month" => (7, "-01T00:00:00.000000"),
            "day" => (10, "T00:00:00.000000"),
            "hour" => (13, ":00:00.000000"),
            "minute" => (16, ":00.000000"),
            "second" => (19, ".000000"),
            _ => return Err(unknown("date_trunc to", unit)),
        };
        let zone = if ty == SqlType::TimestampTz { "+00:00" } else { "" };
        Ok(Sql::typed(format!("(substr({}, 1, {kept}) || '{rest}{zone}')", time.text), ty))
    }

    /// `time AT TIME ZONE 'UTC'`
    pub(super) fn at_time_zone(&self, time: &Expr, zone: &Expr) -> Result<Sql> {
        let utc = zone.to_string();
        if !matches!(utc.trim_matches('\'').to_ascii_lowercase().as_str(), "utc" | "z" | "gmt" | "etc/utc") {
            return Err(unknown("the time zone", &utc).hint("only UTC is known on sqlite"));
        }
        let sql = self.any(time)?;
        let (from, to) = match &sql.ty {
            Some(SqlType::TimestampTz) => (SqlType::TimestampTz, SqlType::Timestamp),
            Some(SqlType::Timestamp) => (SqlType::Timestamp, SqlType::TimestampTz),
            _ => return Err(unknown("AT TIME ZONE of", &time.to_string())),
        };
        Ok(Sql::typed(converted(&sql.text, &from, &to)?, to))
    }
}

fn inner(e: &Expr) -> &Expr {
    match e {
        Expr::Nested(e) => inner(e),
        other => other,
    }
}

fn constant_interval(e: &Expr) -> Option<Interval> {
    let text = |e: &Expr| match e {
        Expr::Value(v) => v.value.clone().into_string(),
        _ => None,
    };
    match inner(e) {
        Expr::Interval(i) => {
            let value = match &*i.value {
                Expr::Value(v) => match &v.value {
                    sqlparser::ast::Value::Number(n, _) => n.clone(),
                    other => other.clone().into_string()?,
                },
                _ => return None,
            };
            let unit = i.leading_field.as_ref().map_or(String::new(), |f| format!(" {}", f.to_string().to_lowercase()));
            interval::parse(&format!("{value}{unit}"))
        }
        Expr::Cast { expr, data_type: sqlparser::ast::DataType::Interval { .. }, .. } => interval::parse(&text(expr)?),
        Expr::TypedString(s) if matches!(s.data_type, sqlparser::ast::DataType::Interval { .. }) => {
            interval::parse(&s.value.value.clone().into_string()?)
        }
        _ => None,
    }
}
