//! Functions that statements of brigade's own connections use where SQLite's operators would mean something else than
//! PostgreSQL's: exact numbers kept as text, overflow that is an error, LIKE that tells case apart.
//!
//! Nothing stored in the file (triggers, checks, defaults) uses them: other programs do not have them.

use brigade_core::data::{Numeric, code};
use rusqlite::{
    Connection, Error, Result,
    functions::{Context, FunctionFlags},
    types::ValueRef,
};

/// Registers them on a connection.
pub(crate) fn register(conn: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    conn.create_scalar_function("brigade_add_int", 5, flags, add_int)?;
    conn.create_scalar_function("brigade_add_real", 4, flags, add_real)?;
    conn.create_scalar_function("brigade_add_numeric", 5, flags, add_numeric)?;
    conn.create_scalar_function("brigade_compare", 2, flags, compare)?;
    conn.create_scalar_function("brigade_like", 3, flags, like)?;
    crate::read::functions::register(conn)
}

/// The message by which the mapping of errors knows a column and its SQLSTATE.
pub(crate) fn refused(column: &str, sqlstate: &str) -> Error {
    Error::UserFunctionError(format!("brigade:{column}:{sqlstate}").into())
}

fn is_null(context: &Context<'_>, arguments: usize) -> bool {
    (0..arguments).any(|i| context.get_raw(i) == ValueRef::Null)
}

/// `(value, more, min, max, column)`
fn add_int(context: &Context<'_>) -> Result<Option<i64>> {
    if is_null(context, 2) {
        return Ok(None);
    }
    let (min, max): (i64, i64) = (context.get(2)?, context.get(3)?);
    let sum = context.get::<i64>(0)?.checked_add(context.get(1)?).filter(|n| (min..=max).contains(n));
    sum.map(Some).ok_or_else(|| refused(text(context, 4), code::OUT_OF_RANGE))
}

/// `(value, more, single, column)`; `single` for a 32-bit column.
fn add_real(context: &Context<'_>) -> Result<Option<f64>> {
    if is_null(context, 2) {
        return Ok(None);
    }
    let (a, b): (f64, f64) = (context.get(0)?, context.get(1)?);
    let sum = if context.get(2)? { f64::from((a as f32) + (b as f32)) } else { a + b };
    if sum.is_infinite() && a.is_finite() && b.is_finite() {
        return Err(refused(text(context, 3), code::OUT_OF_RANGE));
    }
    Ok(Some(sum))
}

/// `(value, more, precision or null, scale, column)`
fn add_numeric(context: &Context<'_>) -> Result<Option<String>> {
    if is_null(context, 2) {
        return Ok(None);
    }
    let sum = match (numeric(context, 0)?, numeric(context, 1)?) {
        (Numeric::Finite(a), Numeric::Finite(b)) => Numeric::Finite(a + b),
        (Numeric::Finite(_), other) | (other, Numeric::Finite(_)) => other,
        (a, b) if a == b => a,
        _ => Numeric::NaN,
    };
    let fitted = match context.get::<Option<u32>>(2)? {
        None => Some(sum),
        Some(precision) => sum.fit(precision, context.get(3)?),
    };
    fitted.map(|n| Some(n.to_string())).ok_or_else(|| refused(text(context, 4), code::OUT_OF_RANGE))
}

/// `(a, b)`: -1, 0 or 1 by number, as PostgreSQL orders them: NaN above everything.
fn compare(context: &Context<'_>) -> Result<Option<i64>> {
    if is_null(context, 2) {
        return Ok(None);
    }
    let rank = |n: &Numeric| match n {
        Numeric::NegInfinity => 0,
        Numeric::Finite(_) => 1,
        Numeric::Infinity => 2,
        Numeric::NaN => 3,
    };
    let order = match (numeric(context, 0)?, numeric(context, 1)?) {
        (Numeric::Finite(a), Numeric::Finite(b)) => a.cmp(&b),
        (a, b) => rank(&a).cmp(&rank(&b)),
    };
    Ok(Some(order as i64))
}

/// `(text, pattern, fold)`: SQL LIKE with `\` as escape; `fold` for ILIKE.
fn like(context: &Context<'_>) -> Result<Option<bool>> {
    if is_null(context, 2) {
        return Ok(None);
    }
    let fold: bool = context.get(2)?;
    let characters = |i: usize| -> Vec<char> {
        let text = text(context, i);
        if fold { text.to_lowercase().chars().collect() } else { text.chars().collect() }
    };
    Ok(Some(matches(&characters(0), &characters(1))))
}

fn text<'a>(context: &'a Context<'_>, i: usize) -> &'a str {
    context.get_raw(i).as_str().unwrap_or_default()
}

fn numeric(context: &Context<'_>, i: usize) -> Result<Numeric> {
    let parsed = match context.get_raw(i) {
        ValueRef::Integer(n) => n.to_string().parse(),
        ValueRef::Real(n) => n.to_string().parse(),
        other => other.as_str().unwrap_or_default().parse(),
    };
    parsed.map_err(|_| Error::UserFunctionError("a numeric column holds no number".into()))
}

/// Matches in time proportional to text times pattern: on a mismatch only the newest `%` is tried again.
fn matches(text: &[char], pattern: &[char]) -> bool {
    let (mut t, mut p) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        let step = match pattern.get(p) {
            Some('%') => {
                retry = Some((t, p + 1));
                p += 1;
                continue;
            }
            Some('_') => Some(1),
            Some('\\') if p + 1 < pattern.len() => (pattern[p + 1] == text[t]).then_some(2),
            Some(&c) => (c == text[t]).then_some(1),
            None => None,
        };
        match (step, &mut retry) {
            (Some(width), _) => {
                t += 1;
                p += width;
            }
            (None, Some((from, after))) => {
                *from += 1;
                (t, p) = (*from, *after);
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|&c| c == '%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_matches_as_postgresql_does() {
        for (text, pattern, expected) in [
            ("abc", "abc", true),
            ("abc", "ABC", false),
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "a_c", true),
            ("abc", "a_", false),
            ("a%c", r"a\%c", true),
            ("abc", r"a\%c", false),
            ("aXbXc", "a%X%c", true),
            ("", "%", true),
            ("", "_", false),
            ("mississippi", "%iss%ip%", true),
        ] {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            assert_eq!(matches(&chars(text), &chars(pattern)), expected, "{text} like {pattern}");
        }
    }

    #[test]
    fn numbers_add_and_compare_exactly() {
        let conn = Connection::open_in_memory().unwrap();
        register(&conn).unwrap();
        for (sql, expected) in [
            ("brigade_add_numeric('0.10', '0.2', NULL, 0, 'c')", "0.30"),
            ("brigade_add_numeric('1.005', '0', 5, 2, 'c')", "1.01"),
            ("brigade_compare('10', '9.99')", "1"),
            ("brigade_compare('1.0', '1.00')", "0"),
            ("brigade_compare('NaN', 'Infinity')", "1"),
            ("brigade_add_int(1, 2, -10, 10, 'c')", "3"),
        ] {
            let got: String = conn.query_row(&format!("SELECT CAST({sql} AS TEXT)"), [], |r| r.get(0)).unwrap();
            assert_eq!(got, expected, "{sql}");
        }
        for sql in [
            "brigade_add_int(9223372036854775807, 1, -9223372036854775808, 9223372036854775807, 'c')",
            "brigade_add_int(9, 2, -10, 10, 'c')",
            "brigade_add_numeric('999.99', '0.01', 5, 2, 'c')",
            "brigade_add_real(1e308, 1e308, 0, 'c')",
        ] {
            let error = conn.query_row(&format!("SELECT {sql}"), [], |_| Ok(())).unwrap_err();
            assert!(error.to_string().contains("brigade:c:22003"), "{sql}: {error}");
        }
    }
}
