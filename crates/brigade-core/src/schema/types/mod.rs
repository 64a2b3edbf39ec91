//! PostgreSQL's names of types, every alias of them, become a [`SqlType`].
//!
//! Invariant: a type that cannot be kept with its full meaning on every engine is refused, never silently widened.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::data::{Error, Result, SqlType, code};

use super::place::{did_you_mean, nearest};

/// Names without further words and what they mean; `numeric`, texts and times have rules of their own below.
const PLAIN: [(&str, SqlType); 25] = [
    ("bool", SqlType::Bool),
    ("boolean", SqlType::Bool),
    ("smallint", SqlType::SmallInt),
    ("int2", SqlType::SmallInt),
    ("smallserial", SqlType::SmallInt),
    ("serial2", SqlType::SmallInt),
    ("int", SqlType::Int),
    ("integer", SqlType::Int),
    ("int4", SqlType::Int),
    ("serial", SqlType::Int),
    ("serial4", SqlType::Int),
    ("bigint", SqlType::BigInt),
    ("int8", SqlType::BigInt),
    ("bigserial", SqlType::BigInt),
    ("serial8", SqlType::BigInt),
    ("real", SqlType::Real),
    ("float4", SqlType::Real),
    ("double precision", SqlType::Double),
    ("float8", SqlType::Double),
    ("text", SqlType::Text),
    ("uuid", SqlType::Uuid),
    ("date", SqlType::Date),
    ("json", SqlType::Json),
    ("jsonb", SqlType::Jsonb),
    ("bytea", SqlType::Bytea),
];

/// Names with an argument of their own meaning.
const WITH_ARGUMENTS: [&str; 16] = [
    "numeric",
    "decimal",
    "dec",
    "float",
    "varchar",
    "character varying",
    "char varying",
    "char",
    "character",
    "bpchar",
    "timestamp",
    "timestamp without time zone",
    "timestamp with time zone",
    "timestamptz",
    "time",
    "interval",
];

/// Types that only PostgreSQL has: carried as text.
const OTHER: [&str; 51] = [
    "bit",
    "bit varying",
    "box",
    "box2d",
    "box3d",
    "bpchar",
    "cidr",
    "circle",
    "citext",
    "cube",
    "daterange",
    "datemultirange",
    "geography",
    "geometry",
    "halfvec",
    "hstore",
    "inet",
    "int4multirange",
    "int4range",
    "int8multirange",
    "int8range",
    "jsonpath",
    "line",
    "lquery",
    "lseg",
    "ltree",
    "ltxtquery",
    "macaddr",
    "macaddr8",
    "money",
    "name",
    "nummultirange",
    "numrange",
    "oid",
    "path",
    "pg_lsn",
    "point",
    "polygon",
    "regclass",
    "regtype",
    "sparsevec",
    "time with time zone",
    "timetz",
    "tsmultirange",
    "tsquery",
    "tsrange",
    "tstzmultirange",
    "tstzrange",
    "tsvector",
    "varbit",
    "vector",
];

/// Types of other databases, and what they are here.
const FOREIGN: [(&str, &str); 24] = [
    ("blob", "bytea"),
    ("tinyblob", "bytea"),
    ("mediumblob", "bytea"),
    ("longblob", "bytea"),
    ("binary", "bytea"),
    ("varbinary", "bytea"),
    ("bytes", "bytea"),
    ("datetime", "timestamptz or timestamp"),
    ("datetime2", "timestamptz or timestamp"),
    ("double", "double precision"),
    ("float32", "real"),
    ("float64", "double precision"),
    ("tinyint", "smallint, or boolean for tinyint(1)"),
    ("mediumint", "integer"),
    ("int32", "integer"),
    ("int64", "bigint"),
    ("number", "numeric"),
    ("string", "text"),
    ("tinytext", "text"),
    ("mediumtext", "text"),
    ("longtext", "text"),
    ("clob", "text"),
    ("nvarchar", "varchar"),
    ("uniqueidentifier", "uuid"),
];

/// Reads a type as it stands in SQL or as PostgreSQL's `format_type` gives it. `is_enum` says which names are enums.
///
/// # Errors
/// 42704 for a type nobody knows, with the nearest known one; 0A000 for a precision that is not kept on every engine.
pub fn read_type<'e>(written: &str, enums: impl IntoIterator<Item = &'e str> + Clone) -> Result<SqlType> {
    let (element, is_array) = strip_array(written);
    let ty = read_element(element, enums)?;
    Ok(if is_array { SqlType::Array(Box::new(ty)) } else { ty })
}

/// Whether an unquoted word is the name of a type.
pub(super) fn is_known(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    PLAIN.iter().any(|(name, _)| *name == word)
        || WITH_ARGUMENTS.contains(&word.as_str())
        || OTHER.contains(&word.as_str())
        || FOREIGN.iter().any(|(name, _)| *name == word)
}

/// Whether the type numbers itself.
pub(super) fn is_serial(written: &str) -> bool {
    let word = written.trim().to_ascii_lowercase();
    matches!(word.as_str(), "serial" | "serial2" | "serial4" | "serial8" | "bigserial" | "smallserial")
}

/// `text[]`, `int[3][3]`, `int ARRAY[3]` are arrays of any number of dimensions.
fn strip_array(written: &str) -> (&str, bool) {
    let mut rest = written.trim();
    let mut is_array = false;
    while let Some(head) = rest.strip_suffix(']').and_then(|r| r.rfind('[').map(|i| r[..i].trim_end())) {
        (rest, is_array) = (head, true);
    }
    let tail = rest.len().checked_sub(" array".len()).and_then(|i| rest.get(i..));
    if tail.is_some_and(|t| t.eq_ignore_ascii_case(" array")) {
        (rest, is_array) = (rest[..rest.len() - 6].trim_end(), true);
    }
    (rest, is_array)
}

fn read_element<'e>(written: &str, enums: impl IntoIterator<Item = &'e str> + Clone) -> Result<SqlType> {
    if let Some(quoted) = written.strip_prefix('"').and_then(|w| w.strip_suffix('"')) {
        let name = quoted.replace("\"\"", "\"");
        return match enums.clone().into_iter().find(|e| *e == name) {
            Some(name) => Ok(SqlType::Enum(name.into())),
            None if name == "char" => Ok(SqlType::Other("\"char\"".into())),
            None => Err(unknown(&name, enums)),
        };
    }
    let (name, arguments) = name_and_arguments(written);
    let name = name.strip_prefix("pg_catalog.").or_else(|| name.strip_prefix("public.")).unwrap_or(&name);
    if let Some(name) = enums.clone().into_iter().find(|e| *e == name) {
        return Ok(SqlType::Enum(name.into()));
    }
    if let (Some((_, ty)), None) = (PLAIN.iter().find(|(n, _)| *n == name), &arguments) {
        return Ok(ty.clone());
    }
    if let Some(ty) = with_arguments(name, arguments.as_deref()) {
        return ty;
    }
    if OTHER.contains(&name) {
        let text = arguments.map_or_else(|| name.to_string(), |a| format!("{name}({a})"));
        return Ok(SqlType::Other(Arc::from(text)));
    }
    Err(unknown(name, enums))
}

/// `Character  Varying ( 10 )` is `character varying` with `10`; `timestamp(6) with time zone` is
/// `timestamp with time zone` with `6`.
fn name_and_arguments(written: &str) -> (String, Option<String>) {
    let (head, arguments, tail) = match (written.find('('), written.rfind(')')) {
        (Some(open), Some(close)) if open < close => {
            (&written[..open], Some(written[open + 1..close].trim().to_string()), &written[close + 1..])
        }
        _ => (written, None, ""),
    };
    let words = head.split_whitespace().chain(tail.split_whitespace());
    (words.map(str::to_lowercase).collect::<Vec<_>>().join(" "), arguments)
}

fn with_arguments(name: &str, arguments: Option<&str>) -> Option<Result<SqlType>> {
    let number = || arguments.and_then(|a| a.parse::<u32>().ok());
    let wrong = || Err(Error::new(code::SYNTAX, format!("type {name} does not take ({})", arguments.unwrap_or(""))));
    let time = |ty: SqlType| match (arguments, number()) {
        (None, _) | (Some(_), Some(6)) => Ok(ty),
        (Some(_), Some(_)) => Err(coarse(name)),
        (Some(_), None) => wrong(),
    };
    Some(match name {
        "numeric" | "decimal" | "dec" => numeric(arguments),
        "float" => match (arguments, number()) {
            (None, _) | (_, Some(25..=53)) => Ok(SqlType::Double),
            (_, Some(1..=24)) => Ok(SqlType::Real),
            _ => wrong(),
        },
        "varchar" | "character varying" | "char varying" => match (arguments, number()) {
            (None, _) => Ok(SqlType::Text),
            (_, Some(n @ 1..=10_485_760)) => Ok(SqlType::VarChar(n)),
            _ => wrong(),
        },
        "char" | "character" => match (arguments, number()) {
            (None, _) => Ok(SqlType::Char(1)),
            (_, Some(n @ 1..=10_485_760)) => Ok(SqlType::Char(n)),
            _ => wrong(),
        },
        "bpchar" if arguments.is_some() => number().map_or_else(wrong, |n| Ok(SqlType::Char(n))),
        "timestamp" | "timestamp without time zone" => time(SqlType::Timestamp),
        "timestamptz" | "timestamp with time zone" => time(SqlType::TimestampTz),
        "time" | "time without time zone" => time(SqlType::Time),
        "interval" => time(SqlType::Interval),
        _ => return None,
    })
}

fn numeric(arguments: Option<&str>) -> Result<SqlType> {
    let Some(arguments) = arguments else { return Ok(SqlType::Numeric { precision: None, scale: 0 }) };
    let mut parts = arguments.split(',').map(|a| a.trim().parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().unwrap_or(Some(0)), parts.next()) {
        (Some(precision @ 1..=1000), Some(scale @ 0..=1000), None) => {
            Ok(SqlType::Numeric { precision: Some(precision), scale })
        }
        _ => Err(Error::new(code::SYNTAX, format!("type numeric does not take ({arguments})"))
            .hint("numeric(PRECISION, SCALE), with 1 to 1000 digits and a scale that is not negative")),
    }
}

fn coarse(name: &str) -> Error {
    Error::new(code::UNSUPPORTED, format!("{name} with fewer than six digits of a second is not kept on every engine"))
        .hint("leave the precision out: microseconds are kept everywhere")
}

fn unknown<'e>(name: &str, enums: impl IntoIterator<Item = &'e str>) -> Error {
    let error = Error::new("42704", format!("type \"{name}\" does not exist"));
    if let Some((_, here)) = FOREIGN.iter().find(|(foreign, _)| *foreign == name) {
        return error.hint(format!("in PostgreSQL it is {here}"));
    }
    let enums: Vec<&str> = enums.into_iter().collect();
    let known = PLAIN.iter().map(|(n, _)| *n).chain(WITH_ARGUMENTS).chain(OTHER);
    match nearest(name, known.chain(enums.iter().copied())) {
        Some(near) => error.hint(format!("did you mean \"{near}\"?")),
        None if enums.is_empty() => error.hint("an enum is made by CREATE TYPE … AS ENUM, before the table"),
        None => error.hint(did_you_mean(name, enums)),
    }
}
