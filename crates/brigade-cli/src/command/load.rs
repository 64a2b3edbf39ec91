//! `load`: rows of a file into a table, a thousand rows a transaction. What was loaded before a mistake stays and is said;
//! nothing of the transaction with the mistake is there.

use std::{path::Path, time::Duration};

use brigade::{
    data::{Error, Kind, Problem, Result, code, escape_json},
    limits,
};
use reqwest::Method;
use serde_json::json;

use super::json_line;
use crate::{
    access::{Access, Receipt},
    arguments::Format,
    failure::{Answer, Failure},
    load::{Bad, Csv, Line, Ndjson, Rows, Source},
    output,
    progress::Progress,
};

/// Bytes of rows after which a transaction is sent although more rows would fit: half of what a body may be.
const BATCH_BYTES_MAX: usize = limits::BODY_BYTES_MAX / 2;

/// Times a transaction is sent while the server is overloaded or away. Its key makes repeating it safe.
const TRIES_MAX: u32 = 6;

/// What to load.
pub struct Wanted<'a> {
    pub table: &'a str,
    pub file: &'a str,
    pub upsert: bool,
    pub on: &'a [String],
    pub format: Option<Format>,
    pub batch_rows: usize,
}

/// What was loaded so far.
#[derive(Default)]
struct Loaded {
    rows: u64,
    transactions: u64,
    last_line: u64,
    position: Option<String>,
}

/// Loads a file.
pub async fn run(access: &Access, wanted: &Wanted<'_>, file: (Source, Format), json: bool) -> Result<Answer, Failure> {
    let mut rows = rows(access, wanted.table, file).await?;
    let progress = Progress::new(format!("loading {}", wanted.table));
    let mut loaded = Loaded::default();
    let run = uuid::Uuid::new_v4();
    loop {
        let batch = match read_batch(&mut rows, wanted) {
            Ok(batch) => batch,
            Err(error) => return Err(stopped(error, &loaded).into()),
        };
        let Some(last) = batch.last() else { break };
        let key = format!("load-{run}-{}", loaded.transactions);
        let receipt = match send(access, wanted, &batch, &key).await {
            Ok(receipt) => receipt,
            Err(error) => return Err(stopped(error, &loaded).into()),
        };
        loaded.rows += batch.len() as u64;
        loaded.transactions += 1;
        loaded.last_line = last.number;
        loaded.position = Some(receipt.position);
        let (done, total) = rows.bytes();
        progress.at(done, total, Some(loaded.rows));
    }
    drop(progress);
    let Loaded { rows, transactions, position, .. } = loaded;
    if json {
        json_line(&json!({"table": wanted.table, "rows": rows, "transactions": transactions, "position": position}))?;
    } else {
        output::line(format!("{}: {rows} rows loaded in {transactions} transactions", wanted.table))?;
    }
    Ok(Answer::Yes)
}

/// Opens the file and knows what it holds: before any store is opened.
///
/// # Errors
/// BRGCFG where it cannot be read, or its format is not known.
pub fn open(wanted: &Wanted<'_>) -> Result<(Source, Format)> {
    let source = Source::open(wanted.file)?;
    let ending = Path::new(wanted.file).extension().and_then(|e| e.to_str()).unwrap_or_default();
    let format = match ending.to_ascii_lowercase().as_str() {
        "csv" => Some(Format::Csv),
        "ndjson" | "jsonl" => Some(Format::Ndjson),
        _ => None,
    };
    match wanted.format.or(format) {
        Some(format) => Ok((source, format)),
        None => Err(Error::new(code::CONFIG, format!("what {} holds is not known", source.name))
            .hint("say --format csv or --format ndjson")),
    }
}

async fn rows(access: &Access, table: &str, (source, format): (Source, Format)) -> Result<Rows> {
    Ok(match format {
        Format::Ndjson => Rows::Ndjson(Ndjson::new(source)),
        Format::Csv => Rows::Csv(Csv::new(source, &access.columns(table).await?)?),
    })
}

/// Rows of the next transaction; empty at the end.
///
/// # Errors
/// All that is wrong with them, each with its line.
fn read_batch(rows: &mut Rows, wanted: &Wanted<'_>) -> Result<Vec<Line>> {
    let (mut batch, mut bad, mut bytes) = (Vec::new(), Vec::new(), 0);
    while batch.len() + bad.len() < wanted.batch_rows && bytes < BATCH_BYTES_MAX && bad.len() < limits::PROBLEMS_MAX {
        match rows.next()? {
            Some(Ok(line)) => {
                bytes += line.json.len();
                batch.push(line);
            }
            Some(Err(wrong)) => bad.push(wrong),
            None => break,
        }
    }
    if bad.is_empty() { Ok(batch) } else { Err(refused(wanted, bad)) }
}

/// Commits one batch. Where the store refuses it without saying which row, it is sent again with a statement for each row,
/// which fails alike and names the row.
async fn send(access: &Access, wanted: &Wanted<'_>, batch: &[Line], key: &str) -> Result<Receipt> {
    let first = match commit(access, body(wanted, batch, batch.len()), key).await {
        Ok(receipt) => return Ok(receipt),
        Err(error) => error,
    };
    let bad = bad_rows(&first, batch, batch.len());
    if !bad.is_empty() {
        return Err(refused(wanted, bad));
    }
    if first.kind() == Kind::Caller && batch.len() > 1 && batch.len() <= limits::STATEMENTS_MAX {
        match commit(access, body(wanted, batch, 1), &format!("{key}-rows")).await {
            Ok(receipt) => return Ok(receipt),
            Err(error) => {
                let bad = bad_rows(&error, batch, 1);
                if !bad.is_empty() {
                    return Err(refused(wanted, bad));
                }
            }
        }
    }
    let lines = format!("{}:{}-{}", name(wanted), batch[0].number, batch[batch.len() - 1].number);
    Err(first.context(lines))
}

async fn commit(access: &Access, body: String, key: &str) -> Result<Receipt> {
    let mut tried = 1;
    loop {
        let request = access
            .request(Method::POST, "/transactions")
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(body.clone());
        match access.get(request).await {
            Err(error) if error.kind() == Kind::World && error.code() != code::NO_SPACE && tried < TRIES_MAX => {
                let pause = error.get_retry_after().unwrap_or(Duration::from_millis(200) * tried);
                tokio::time::sleep(pause.min(Duration::from_secs(5))).await;
                tried += 1;
            }
            other => return other,
        }
    }
}

/// The transaction: statements of `rows_each` rows.
fn body(wanted: &Wanted<'_>, batch: &[Line], rows_each: usize) -> String {
    let mut table = String::new();
    escape_json(wanted.table, &mut table);
    let verb = if wanted.upsert { "upsert" } else { "insert" };
    let mut on = String::new();
    for (i, column) in wanted.on.iter().enumerate() {
        on.push_str(if i > 0 { "," } else { "\"on\":[" });
        escape_json(column, &mut on);
        on.push_str(if i + 1 == wanted.on.len() { "]," } else { "" });
    }
    let statements = batch.chunks(rows_each).map(|lines| {
        let rows: Vec<&str> = lines.iter().map(|l| l.json.as_str()).collect();
        format!("{{\"{verb}\":{{\"table\":{table},{on}\"rows\":[{}]}}}}", rows.join(","))
    });
    format!("{{\"statements\":[{}]}}", statements.collect::<Vec<_>>().join(","))
}

/// The rows that an error's problems name, by `rows[3].amount` or, in statements of one row, by the statement.
fn bad_rows(error: &Error, batch: &[Line], rows_each: usize) -> Vec<Bad> {
    let rows = error.get_problems().iter().filter_map(|problem| {
        let (row, column) = match problem.field.as_deref().and_then(|f| f.strip_prefix("rows[")) {
            Some(field) => {
                let (row, column) = field.split_once(']')?;
                (row.parse().ok()?, column.strip_prefix('.').map(str::to_owned))
            }
            None if rows_each == 1 => (0, None),
            None => return None,
        };
        let number = batch.get(problem.statement.checked_mul(rows_each)?.checked_add(row)?)?.number;
        Some(Bad { number, column, code: problem.code.clone(), message: problem.message.clone() })
    });
    rows.collect()
}

fn name<'a>(wanted: &'a Wanted<'_>) -> &'a str {
    if wanted.file == "-" { "standard input" } else { wanted.file }
}

/// The error of bad rows, first by line: each as `FILE:LINE: column NAME: what`.
fn refused(wanted: &Wanted<'_>, bad: Vec<Bad>) -> Error {
    let problems = bad.into_iter().map(|row| {
        let column = row.column.map(|c| format!("column {c}: ")).unwrap_or_default();
        Problem {
            statement: 0,
            field: Some(format!("line {}", row.number)),
            code: row.code,
            message: format!("{}:{}: {column}{}", name(wanted), row.number, row.message),
            hint: None,
        }
    });
    Error::problems(problems.collect())
}

/// The error, with what is loaded and stays.
fn stopped(error: Error, loaded: &Loaded) -> Error {
    let stays = match loaded.rows {
        0 => "nothing was loaded".to_owned(),
        rows => format!("{rows} rows, up to line {}, are loaded and stay; nothing after line {0} is", loaded.last_line),
    };
    let details = match error.get_details().filter(|_| error.get_problems().is_empty()) {
        Some(known) => format!("{stays}\n{known}"),
        None => stays,
    };
    let hint =
        error.get_hint().map_or_else(|| "mend the file and load what is not there yet".to_owned(), str::to_owned);
    error.details(details).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(upsert: bool) -> Wanted<'static> {
        Wanted { table: "t", file: "f.csv", upsert, on: &[], format: None, batch_rows: 2 }
    }

    fn batch() -> Vec<Line> {
        [(2, "{\"a\":1}"), (7, "{\"a\":2}")].map(|(number, json)| Line { number, json: json.to_owned() }).to_vec()
    }

    #[test]
    fn one_statement_for_speed_or_one_a_row_for_places() {
        let together = r#"{"statements":[{"insert":{"table":"t","rows":[{"a":1},{"a":2}]}}]}"#;
        assert_eq!(body(&wanted(false), &batch(), 2), together);
        let apart =
            r#"{"statements":[{"upsert":{"table":"t","rows":[{"a":1}]}},{"upsert":{"table":"t","rows":[{"a":2}]}}]}"#;
        assert_eq!(body(&wanted(true), &batch(), 1), apart);
        let on = ["a".to_owned(), "b".to_owned()];
        let by_constraint = body(&Wanted { on: &on, ..wanted(true) }, &batch()[..1], 1);
        assert_eq!(by_constraint, r#"{"statements":[{"upsert":{"table":"t","on":["a","b"],"rows":[{"a":1}]}}]}"#);
    }

    #[test]
    fn what_the_store_refuses_is_said_with_its_line() {
        let problem = |statement, field: Option<&str>| Problem {
            statement,
            field: field.map(str::to_owned),
            code: "22P02".into(),
            message: "m".into(),
            hint: None,
        };
        for (problem, rows_each, expected) in [
            (problem(0, Some("rows[1].a")), 2, Some((7, Some("a")))),
            (problem(1, Some("rows[0].a")), 1, Some((7, Some("a")))),
            (problem(1, None), 1, Some((7, None))),
            (problem(0, None), 1, Some((2, None))),
            (problem(0, None), 2, None),
            (problem(0, Some("table")), 2, None),
            (problem(0, Some("rows[9].a")), 2, None),
        ] {
            let bad = bad_rows(&Error::problems(vec![problem.clone()]), &batch(), rows_each);
            let found = bad.first().map(|b| (b.number, b.column.as_deref()));
            assert_eq!(found, expected, "{problem:?}");
        }
        let bad = bad_rows(&Error::problems(vec![problem(0, Some("rows[1].a"))]), &batch(), 2);
        let loaded = Loaded { rows: 2, last_line: 3, ..Loaded::default() };
        let error = stopped(refused(&wanted(false), bad), &loaded);
        assert_eq!(error.message(), "f.csv:7: column a: m");
        assert!(error.get_details().unwrap().starts_with("2 rows, up to line 3, are loaded"), "{error:?}");
    }
}
