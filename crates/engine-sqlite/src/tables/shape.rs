//! How a type is stored, and the cheap checks that refuse a value of another shape, also from outside programs.
//!
//! A check is named `brigade:COLUMN:SQLSTATE`: SQLite names a broken check in its error, and so the column and
//! PostgreSQL's code for the mistake come back from any writer.

use brigade_core::{
    data::SqlType,
    schema::{Column, Model},
};

use super::{
    expression::Untranslatable,
    name::{quote, text_literal},
};

const DATE: &str = "[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]";
const CLOCK: &str = "[0-2][0-9]:[0-5][0-9]:[0-5][0-9]";
const MICROS: &str = ".[0-9][0-9][0-9][0-9][0-9][0-9]";

/// The declared type in a STRICT table.
pub(super) fn storage(ty: &SqlType) -> &'static str {
    match ty {
        SqlType::Bool | SqlType::SmallInt | SqlType::Int | SqlType::BigInt => "INTEGER",
        SqlType::Real | SqlType::Double => "REAL",
        SqlType::Bytea => "BLOB",
        _ => "TEXT",
    }
}

/// The name of a check, from which the writer reads column and SQLSTATE.
pub(super) fn check_name(column: &str, code: &str) -> String {
    format!("brigade:{column}:{code}")
}

/// The checks of a column, as they stand behind its type.
pub(super) fn checks(model: &Model, column: &Column) -> Result<String, Untranslatable> {
    let mut out = String::new();
    for (code, condition) in conditions(model, column)? {
        let name = quote(&check_name(&column.name, code));
        out.push_str(&format!(" CONSTRAINT {name} CHECK ({condition})"));
    }
    Ok(out)
}

fn conditions(model: &Model, column: &Column) -> Result<Vec<(&'static str, String)>, Untranslatable> {
    let c = quote(&column.name);
    Ok(match &column.ty {
        SqlType::Bool => vec![("22P02", format!("{c} IN (0, 1)"))],
        SqlType::SmallInt => vec![("22003", format!("{c} BETWEEN -32768 AND 32767"))],
        SqlType::Int => vec![("22003", format!("{c} BETWEEN -2147483648 AND 2147483647"))],
        SqlType::Real => vec![("22003", format!("abs({c}) <= 3.402823669209385e38 OR abs({c}) = 9e999"))],
        SqlType::BigInt | SqlType::Double | SqlType::Text | SqlType::Bytea => Vec::new(),
        SqlType::Numeric { precision, scale } => numeric(&c, *precision, *scale),
        SqlType::VarChar(n) => vec![("22001", format!("length({c}) <= {n}"))],
        SqlType::Char(n) => vec![("22001", format!("length({c}) = {n}"))],
        SqlType::Uuid => {
            vec![("22P02", format!("{c} GLOB '????????-????-????-????-????????????' AND {c} NOT GLOB '*[^0-9a-f-]*'"))]
        }
        SqlType::Date => vec![("22007", datetime(&c, DATE))],
        SqlType::Time => vec![("22007", time(&c))],
        SqlType::Timestamp => vec![("22007", datetime(&c, &format!("{DATE}T{CLOCK}{MICROS}")))],
        SqlType::TimestampTz => vec![("22007", datetime(&c, &format!("{DATE}T{CLOCK}{MICROS}+00:00")))],
        SqlType::Interval => {
            vec![("22007", format!("{c} GLOB 'P*[YMWDHS]' AND {c} NOT GLOB '*[^PYMWDTHS0-9.+-]*'"))]
        }
        SqlType::Json | SqlType::Jsonb => vec![("22P02", format!("json_valid({c})"))],
        SqlType::Array(_) => {
            vec![("22P02", format!("CASE WHEN json_valid({c}) THEN json_type({c}) = 'array' ELSE {c} IS NULL END"))]
        }
        SqlType::Enum(name) => {
            let labels = &model.enums.get(&**name).ok_or_else(|| unknown(column))?.labels;
            let labels: Vec<String> = labels.iter().map(|l| text_literal(l)).collect();
            vec![("22P02", format!("{c} IN ({})", labels.join(", ")))]
        }
        SqlType::Other(_) => return Err(unknown(column)),
    })
}

fn unknown(column: &Column) -> Untranslatable {
    Untranslatable::new(format!("sqlite has no type {} (column {})", column.ty, column.name), &column.ty.to_string())
        .hint("use text, jsonb or an array, or keep the column in a NNNN_name.postgres.sql file")
}

/// The shape by GLOB; that the day exists by asking the calendar, which goes round through the day's number only where it
/// is moved (by no days).
fn datetime(c: &str, shape: &str) -> String {
    format!(
        "{c} GLOB '{shape}' AND {c} >= '0001' AND date({c}, '+0 days') IS substr({c}, 1, 10) OR {c} IN ('infinity', '-infinity')"
    )
}

fn time(c: &str) -> String {
    format!(
        "{c} <= '24:00:00' AND ({c} GLOB '{CLOCK}' \
         OR {c} GLOB '{CLOCK}.*[1-9]' AND length({c}) <= 15 AND substr({c}, 10) NOT GLOB '*[^0-9]*')"
    )
}

/// Exact digits: numeric(p,s) at its own scale, so that equal numbers are equal texts.
fn numeric(c: &str, precision: Option<u32>, scale: u32) -> Vec<(&'static str, String)> {
    let digits = format!("CASE WHEN {c} GLOB '-*' THEN substr({c}, 2) ELSE {c} END");
    let Some(precision) = precision else {
        let shape = format!(
            "({digits}) GLOB '[0-9]*' AND {c} GLOB '*[0-9]' AND ({digits}) NOT GLOB '*[^0-9.]*' AND {c} NOT GLOB '*.*.*' \
             OR {c} IN ('NaN', 'Infinity', '-Infinity')"
        );
        return vec![("22P02", shape)];
    };
    let fraction = if scale == 0 { String::new() } else { format!(".{}", "[0-9]".repeat(scale as usize)) };
    let dots = if scale == 0 { "*.*" } else { "*.*.*" };
    let length = precision + u32::from(scale > 0);
    vec![
        (
            "22P02",
            format!(
                "({digits}) GLOB '[0-9]*{fraction}' AND ({digits}) NOT GLOB '*[^0-9.]*' AND {c} NOT GLOB '{dots}' \
                 AND ({digits}) NOT GLOB '0[0-9]*' OR {c} = 'NaN'"
            ),
        ),
        ("22003", format!("length({digits}) <= {length} OR ({digits}) GLOB '0.*'")),
    ]
}
