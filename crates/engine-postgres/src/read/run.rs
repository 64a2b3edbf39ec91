//! Runs the statement of a read and takes its rows as they come.

use brigade_core::{
    data::{Error, Json, JsonValue, Result, code, plan::Count},
    engine::{CheckedRead, Form, ReadAnswer, push_cell},
};
use deadpool_postgres::ClientWrapper;
use futures_util::StreamExt;

use super::node::{From, Shape, Sql};
use crate::{encode::column, error::from_pg};

/// An estimate at or below this is counted: what a guess would save is small then.
const COUNTED_MAX: u64 = 1_000;

pub(crate) async fn run(client: &ClientWrapper, read: &CheckedRead) -> Result<ReadAnswer> {
    let guess = match read.count {
        Some(Count::Planned | Count::Estimated) if !read.is_whole() => Some(planned(client, read).await?),
        _ => None,
    };
    let guess = guess.filter(|&rows| read.count == Some(Count::Planned) || rows > COUNTED_MAX);
    let counts = read.count.is_some() && !read.is_whole() && guess.is_none();
    let mut sql = Sql::default();
    page(&mut sql, read, counts, From::of(read))?;
    let mut answer = rows(client, &sql, read, counts).await?;
    if read.is_whole() {
        answer.total = read.count.map(|_| answer.rows);
    }
    answer.total = guess.or(answer.total);
    Ok(answer)
}

/// The statement: a column with the row as JSON, or columns of text. With `counts` the number of all rows and a mark of a
/// row come before them, so that page and number are of one state also where the page is empty.
pub(super) fn page(sql: &mut Sql, read: &CheckedRead, counts: bool, from: From<'_>) -> Result<()> {
    if counts {
        sql.push("SELECT c.n::text, p.* FROM (SELECT count(*) AS n FROM (");
        sql.all(&read.node, from)?;
        sql.push(") AS a) AS c LEFT JOIN (SELECT 'x'::text AS x, p.* FROM (");
    }
    page_of(sql, read, from)?;
    if counts {
        sql.push(") AS p) AS p ON true");
    }
    Ok(())
}

/// The statement of the rows alone.
pub(super) fn page_of(sql: &mut Sql, read: &CheckedRead, from: From<'_>) -> Result<()> {
    if read.form == Form::Csv {
        return sql.page(&read.node, from, Shape::Cells);
    }
    let strip = read.form == Form::JsonWithoutNulls;
    sql.push(if strip { "SELECT json_strip_nulls(row_to_json(r.*))::text" } else { "SELECT row_to_json(r.*)::text" });
    sql.push(" FROM (");
    sql.page(&read.node, from, Shape::Columns)?;
    sql.push(") AS r");
    Ok(())
}

async fn rows(client: &ClientWrapper, sql: &Sql, read: &CheckedRead, counts: bool) -> Result<ReadAnswer> {
    let statement = client.prepare_cached(&sql.text).await.map_err(from_pg)?;
    let stream = client.query_raw(&statement, &sql.params).await.map_err(from_pg)?;
    tokio::pin!(stream);
    let (mut page, mut total) = (Page::begin(read), None);
    let skip = if counts { 2 } else { 0 };
    while let Some(row) = stream.next().await {
        let row = row.map_err(from_pg)?;
        if counts {
            total = column(&row, 0)?.and_then(|n| n.parse().ok());
            if column(&row, 1)?.is_none() {
                continue;
            }
        }
        page.row(&row, skip)?;
    }
    Ok(ReadAnswer { total, ..page.finish() })
}

/// Rows as they come, in one text.
pub(super) struct Page<'r> {
    read: &'r CheckedRead,
    out: String,
    rows: u64,
}

impl<'r> Page<'r> {
    /// What comes before the first row.
    pub(super) fn begin(read: &'r CheckedRead) -> Self {
        let mut out = String::with_capacity(1024);
        if read.form == Form::Csv {
            for (i, item) in read.node.items.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                push_cell(Some(&item.name), &mut out);
            }
        } else {
            out.push('[');
        }
        Self { read, out, rows: 0 }
    }

    /// One more, whose columns begin at `skip`.
    pub(super) fn row(&mut self, row: &tokio_postgres::Row, skip: usize) -> Result<()> {
        if self.read.form == Form::Csv {
            self.out.push('\n');
            for i in skip..row.len() {
                self.out.push_str(if i > skip { "," } else { "" });
                push_cell(column(row, i)?, &mut self.out);
            }
        } else {
            self.out.push_str(if self.rows > 0 { "," } else { "" });
            self.out.push_str(column(row, skip)?.unwrap_or("{}"));
        }
        self.rows += 1;
        if self.out.len() > self.read.bytes_max {
            return Err(Error::new(code::LIMIT, format!("the answer is larger than {} bytes", self.read.bytes_max))
                .details("ANSWER_BYTES_MAX")
                .hint("ask for fewer rows or columns"));
        }
        Ok(())
    }

    /// The whole.
    pub(super) fn finish(mut self) -> ReadAnswer {
        self.out.push_str(if self.read.form == Form::Csv { "" } else { "]" });
        ReadAnswer { body: self.out.into_bytes(), rows: self.rows, ..ReadAnswer::default() }
    }
}

/// How many rows the planner expects.
async fn planned(client: &ClientWrapper, read: &CheckedRead) -> Result<u64> {
    let mut sql = Sql::default();
    sql.push("EXPLAIN (FORMAT JSON) ");
    sql.all(&read.node, From::of(read))?;
    let statement = client.prepare_cached(&sql.text).await.map_err(from_pg)?;
    let rows = client.query_raw(&statement, &sql.params).await.map_err(from_pg)?;
    tokio::pin!(rows);
    let mut planned = 0;
    while let Some(row) = rows.next().await {
        let row = row.map_err(from_pg)?;
        let text: Text = row.try_get(0).map_err(from_pg)?;
        planned = plan_rows(&text.0).unwrap_or(planned);
    }
    Ok(planned)
}

/// `[{"Plan": {"Plan Rows": 17, …}}]`
fn plan_rows(text: &str) -> Option<u64> {
    let json = Json::parse_lenient(text.as_bytes()).ok()?;
    let JsonValue::Array(plans) = &json.value else { return None };
    match &plans.first()?.get("Plan")?.get("Plan Rows")?.value {
        JsonValue::Number(digits) => digits.parse().ok(),
        _ => None,
    }
}

/// JSON, or text, as its text.
pub(super) struct Text(pub(super) String);

impl<'a> tokio_postgres::types::FromSql<'a> for Text {
    fn from_sql(
        _: &tokio_postgres::types::Type,
        raw: &'a [u8],
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(std::str::from_utf8(raw)?.to_owned()))
    }

    fn accepts(_: &tokio_postgres::types::Type) -> bool {
        true
    }
}
