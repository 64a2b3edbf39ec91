//! Runs the statement of a read and writes its rows as they come.

use std::time::{Duration, Instant};

use brigade_core::{
    data::{Error, Json, JsonValue, Result, code, escape_json},
    engine::{CheckedRead, Form, ReadAnswer, push_cell},
    schema::Table,
};
use rusqlite::{Connection, params_from_iter, types::Value as Bound};

use super::{
    node::{Rows, Sql},
    row::Kind,
};
use crate::error;

/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;

pub(super) fn run(conn: &mut Connection, read: &CheckedRead, timeout: Duration) -> Result<ReadAnswer> {
    limit(conn, timeout)?;
    answer(conn, read)
}

/// Whoever runs it bounds its time.
pub(super) fn answer(conn: &mut Connection, read: &CheckedRead) -> Result<ReadAnswer> {
    let source = source(read)?;
    if read.count.is_none() || read.is_whole() {
        let mut answer = page(conn, read, source.as_ref())?;
        answer.total = read.count.map(|_| answer.rows);
        return Ok(answer);
    }
    // Two statements on one state: the page, and how many rows there are without its bounds.
    let view = conn.transaction().map_err(error::from_sqlite)?;
    let mut answer = page(&view, read, source.as_ref())?;
    answer.total = Some(total(&view, read, source.as_ref())?);
    Ok(answer)
}

/// The page alone, inside a view that is open already.
pub(crate) fn within(conn: &mut Connection, read: &CheckedRead, timeout: Duration) -> Result<ReadAnswer> {
    limit(conn, timeout)?;
    let answer = page(conn, read, source(read)?.as_ref());
    conn.progress_handler(0, None::<fn() -> bool>).map_err(error::from_sqlite)?;
    answer
}

/// Ends what runs on a connection after a time.
pub(super) fn limit(conn: &mut Connection, timeout: Duration) -> Result<()> {
    let deadline = Instant::now() + timeout.min(Duration::from_secs(86_400));
    conn.progress_handler(STEPS, Some(move || Instant::now() > deadline)).map_err(error::from_sqlite)
}

pub(super) fn total(conn: &Connection, read: &CheckedRead, source: Option<&Rows>) -> Result<u64> {
    let mut sql = Sql::new(&read.model);
    sql.count(&read.node, source)?;
    let (text, bound) = sql.finish()?;
    let mut statement = conn.prepare_cached(&text).map_err(error::from_sqlite)?;
    let counted = statement.query_row(params_from_iter(bound), |row| row.get::<_, i64>(0));
    counted.map(|n| n as u64).map_err(error::from_sqlite)
}

pub(super) fn page(conn: &Connection, read: &CheckedRead, source: Option<&Rows>) -> Result<ReadAnswer> {
    let mut sql = Sql::new(&read.model);
    let kinds = sql.page(&read.node, source)?;
    let (text, bound) = sql.finish()?;
    let mut statement = conn.prepare_cached(&text).map_err(error::from_sqlite)?;
    rows(&mut statement, bound, read, &kinds)
}

pub(super) fn source(read: &CheckedRead) -> Result<Option<Rows>> {
    read.source.as_ref().map(Rows::of).transpose()
}

/// The rows at some places of the node's table.
pub(super) fn at_places(conn: &Connection, read: &CheckedRead, table: &Table, places: &[i64]) -> Result<ReadAnswer> {
    let mut sql = Sql::new(&read.model);
    let kinds = sql.at_places(&read.node, table, places)?;
    let (text, bound) = sql.finish()?;
    let mut statement = conn.prepare_cached(&text).map_err(error::from_sqlite)?;
    rows(&mut statement, bound, read, &kinds)
}

fn rows(
    statement: &mut rusqlite::Statement<'_>,
    bound: Vec<Bound>,
    read: &CheckedRead,
    kinds: &[Kind],
) -> Result<ReadAnswer> {
    let mut writer = Writer::new(read, kinds);
    let mut rows = statement.query(params_from_iter(bound)).map_err(error::from_sqlite)?;
    while let Some(row) = rows.next().map_err(error::from_sqlite)? {
        writer.row(row)?;
    }
    Ok(writer.finish())
}

/// Writes rows, one after another, into one text.
pub(super) struct Writer<'r> {
    read: &'r CheckedRead,
    kinds: &'r [Kind],
    /// `"name":` for each item.
    names: Vec<String>,
    out: String,
    rows: u64,
}

impl<'r> Writer<'r> {
    pub(super) fn new(read: &'r CheckedRead, kinds: &'r [Kind]) -> Self {
        let mut out = String::with_capacity(1024);
        let mut names = Vec::with_capacity(kinds.len());
        for (i, item) in read.node.items.iter().enumerate() {
            if read.form == Form::Csv {
                out.push_str(if i > 0 { "," } else { "" });
                push_cell(Some(&item.name), &mut out);
            } else {
                let mut name = String::with_capacity(item.name.len() + 3);
                escape_json(&item.name, &mut name);
                name.push(':');
                names.push(name);
            }
        }
        if read.form != Form::Csv {
            out.push('[');
        }
        Self { read, kinds, names, out, rows: 0 }
    }

    fn row(&mut self, row: &rusqlite::Row<'_>) -> Result<()> {
        match self.read.form {
            Form::Csv => self.line(row)?,
            Form::Json => self.object(row)?,
            Form::JsonWithoutNulls => {
                let begin = self.out.len();
                self.object(row)?;
                strip(&mut self.out, begin + usize::from(self.rows > 0));
            }
        }
        self.rows += 1;
        if self.out.len() > self.read.bytes_max {
            return Err(Error::new(code::LIMIT, format!("the answer is larger than {} bytes", self.read.bytes_max))
                .details("ANSWER_BYTES_MAX")
                .hint("ask for fewer rows or columns"));
        }
        Ok(())
    }

    pub(super) fn object(&mut self, row: &rusqlite::Row<'_>) -> Result<()> {
        self.out.push_str(if self.rows > 0 { ",{" } else { "{" });
        for (i, (name, kind)) in self.names.iter().zip(self.kinds).enumerate() {
            self.out.push_str(if i > 0 { "," } else { "" });
            self.out.push_str(name);
            kind.write(row.get_ref(i).map_err(error::from_sqlite)?, &mut self.out);
        }
        self.out.push('}');
        Ok(())
    }

    fn line(&mut self, row: &rusqlite::Row<'_>) -> Result<()> {
        self.out.push('\n');
        for (i, kind) in self.kinds.iter().enumerate() {
            self.out.push_str(if i > 0 { "," } else { "" });
            kind.write_cell(row.get_ref(i).map_err(error::from_sqlite)?, &mut self.out);
        }
        Ok(())
    }

    /// The one object that was written, without a list around it.
    pub(super) fn finish_one(mut self) -> String {
        self.out.split_off(1)
    }

    fn finish(mut self) -> ReadAnswer {
        if self.read.form != Form::Csv {
            self.out.push(']');
        }
        ReadAnswer { body: self.out.into_bytes(), rows: self.rows, ..ReadAnswer::default() }
    }
}

/// Takes keys whose value is null out of the JSON that begins at a place.
fn strip(out: &mut String, begin: usize) {
    fn without(json: &mut Json) {
        match &mut json.value {
            JsonValue::Object(entries) => {
                entries.retain(|(_, value)| value.value != JsonValue::Null);
                entries.iter_mut().for_each(|(_, value)| without(value));
            }
            JsonValue::Array(items) => items.iter_mut().for_each(without),
            _ => {}
        }
    }
    if let Ok(mut json) = Json::parse_lenient(&out.as_bytes()[begin..]) {
        without(&mut json);
        out.truncate(begin);
        out.push_str(&json.to_compact());
    }
}
