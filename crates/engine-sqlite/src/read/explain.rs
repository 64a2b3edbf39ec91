//! How SQLite would run a read: `EXPLAIN QUERY PLAN` of the statements that the read is, written as the `sqlite3` shell does.

use std::time::Duration;

use brigade_core::{
    data::{Error, Result, escape_json},
    engine::{CheckedRead, Explain, PlanFormat},
};
use rusqlite::{Connection, params_from_iter, types::Value as Bound};

use super::{node::Sql, run};
use crate::error;

/// A step of a plan, and the steps that it is made of.
struct Step {
    detail: String,
    steps: Vec<Step>,
}

pub(super) fn explain(conn: &mut Connection, read: &CheckedRead, how: Explain, timeout: Duration) -> Result<String> {
    if !how.options.is_empty() {
        let words = how.options.words().join(", ");
        return Err(Error::new("PGRST127", format!("Feature not implemented: a plan of sqlite's with {words}"))
            .hint("leave the options out: sqlite tells the steps of a plan, and neither costs nor times"));
    }
    run::limit(conn, timeout)?;
    let source = run::source(read)?;
    let mut page = Sql::new(&read.model);
    page.page(&read.node, source.as_ref())?;
    let mut plans = vec![steps(conn, page.finish()?)?];
    if read.count.is_some() && !read.is_whole() {
        let mut count = Sql::new(&read.model);
        count.count(&read.node, source.as_ref())?;
        plans.push(steps(conn, count.finish()?)?);
    }
    let mut out = String::new();
    match how.format {
        PlanFormat::Text => plans.iter().for_each(|steps| {
            out.push_str(if out.is_empty() { "QUERY PLAN\n" } else { "\nQUERY PLAN\n" });
            lines(steps, "", &mut out);
        }),
        PlanFormat::Json => {
            for (i, steps) in plans.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "[" });
                out.push_str("{\"Plan\":{\"Node Type\":\"Query Plan\"");
                objects(steps, &mut out);
                out.push_str("}}");
            }
            out.push(']');
        }
    }
    Ok(out)
}

/// The steps of a statement. SQLite names each with the step that it belongs to, which comes before it.
fn steps(conn: &Connection, (text, bound): (String, Vec<Bound>)) -> Result<Vec<Step>> {
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {text}")).map_err(error::from_sqlite)?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get("id")?, row.get("parent")?, row.get("detail")?));
    let rows = statement.query_map(params_from_iter(bound), row).map_err(error::from_sqlite)?;
    let told: Vec<(i64, i64, String)> = rows.collect::<rusqlite::Result<_>>().map_err(error::from_sqlite)?;
    Ok(of(0, &told))
}

fn of(whole: i64, told: &[(i64, i64, String)]) -> Vec<Step> {
    let own = told.iter().enumerate().filter(|(_, (_, parent, _))| *parent == whole);
    // A step comes behind the one that it belongs to: what is looked through grows shorter, and this ends.
    own.map(|(at, (id, _, detail))| Step { detail: detail.clone(), steps: of(*id, &told[at + 1..]) }).collect()
}

fn lines(steps: &[Step], before: &str, out: &mut String) {
    for (i, step) in steps.iter().enumerate() {
        let is_last = i + 1 == steps.len();
        out.push_str(before);
        out.push_str(if is_last { "`--" } else { "|--" });
        out.push_str(&step.detail);
        out.push('\n');
        lines(&step.steps, &format!("{before}{}", if is_last { "   " } else { "|  " }), out);
    }
}

fn objects(steps: &[Step], out: &mut String) {
    if steps.is_empty() {
        return;
    }
    out.push_str(",\"Plans\":[");
    for (i, step) in steps.iter().enumerate() {
        out.push_str(if i > 0 { ",{\"Detail\":" } else { "{\"Detail\":" });
        escape_json(&step.detail, out);
        objects(&step.steps, out);
        out.push('}');
    }
    out.push(']');
}
