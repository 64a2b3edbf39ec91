//! `sql`: one statement on the truth. A table for people, an array of objects for programs; digits exactly as they are.

use std::io::Read as _;

use brigade::data::{Error, code, escape_json};
use reqwest::Method;
use serde_json::json;

use super::json_line;
use crate::{
    access::{Access, Rows},
    failure::{Answer, Failure},
    output,
};

/// The statement that an argument means: itself, or standard input for `-`.
pub fn statement(argument: &str) -> Result<String, Failure> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(1 << 20)
        .read_to_string(&mut text)
        .map_err(|e| Error::new(code::CONFIG, format!("standard input cannot be read: {e}")).source(e))?;
    Ok(text)
}

/// Runs it and shows its rows.
pub async fn run(access: &Access, sql: &str, write: bool, limit: usize, json: bool) -> Result<Answer, Failure> {
    // One more than is shown, so that a cut is known and said.
    let body = json!({"sql": sql, "write": write, "rows_max": limit.saturating_add(1)});
    let request = access.request(Method::POST, "/admin/sql").header("content-type", "application/json");
    let mut answer: Rows = access.get(request.body(body.to_string())).await?;
    let is_cut = answer.rows.len() > limit;
    answer.rows.truncate(limit);
    match (json, answer.columns.is_empty()) {
        (true, true) => json_line(&json!({"affected": answer.affected}))?,
        (true, false) => output::line(objects(&answer))?,
        (false, true) => output::line(format!("{} affected", output::rows(answer.affected.unwrap_or(0))))?,
        (false, false) => {
            let rows = answer.rows.iter().map(|row| row.iter().map(|v| cell(v.get())).collect());
            output::line(output::table(answer.columns.clone(), rows.collect()))?;
            output::note(format!("({})", output::rows(answer.rows.len() as u64)));
        }
    }
    if is_cut {
        output::note(format!("only the first {}: there are more (--limit)", output::rows(limit as u64)));
    }
    Ok(Answer::Yes)
}

/// A value for people: text without its quotes; null as `NULL`.
fn cell(json: &str) -> String {
    match json {
        "null" => "NULL".to_owned(),
        text if text.starts_with('"') => {
            let text: String = serde_json::from_str(text).unwrap_or_else(|_| text.to_owned());
            text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
        }
        other => other.to_owned(),
    }
}

/// One object a row. Columns of the same name get a number, since a program would see only one of them.
fn objects(answer: &Rows) -> String {
    let mut names: Vec<String> = Vec::with_capacity(answer.columns.len());
    for column in &answer.columns {
        let mut name = column.clone();
        let mut number = 2;
        while names.contains(&name) {
            name = format!("{column}_{number}");
            number += 1;
        }
        names.push(name);
    }
    let mut out = String::from("[");
    for (i, row) in answer.rows.iter().enumerate() {
        out.push_str(if i > 0 { ",\n{" } else { "{" });
        for (j, (name, value)) in names.iter().zip(row).enumerate() {
            out.push_str(if j > 0 { "," } else { "" });
            escape_json(name, &mut out);
            out.push(':');
            out.push_str(value.get());
        }
        out.push('}');
    }
    out.push(']');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_digits_and_all_their_columns() {
        let answer: Rows =
            serde_json::from_str(r#"{"columns":["a","a","b"],"rows":[[1,12.50,"x\"y"],[null,2,3]],"affected":null}"#)
                .unwrap();
        assert_eq!(objects(&answer), "[{\"a\":1,\"a_2\":12.50,\"b\":\"x\\\"y\"},\n{\"a\":null,\"a_2\":2,\"b\":3}]");
        assert_eq!([cell("null"), cell("12.50"), cell(r#""a\u001bb""#)], ["NULL", "12.50", "a\u{fffd}b"]);
    }
}
