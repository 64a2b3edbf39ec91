//! Comma-separated values with a header, typed by the model. Read here and not by a library, because null is an empty cell
//! *without* quotes and `""` is an empty text, as PostgreSQL's COPY has it, and libraries drop the quotes.

use brigade::data::{Error, Result, SqlType, Value, code, escape_json};

use crate::access::Columns;

use super::{Bad, Line, Source, source::trim_end};

/// The rows of a CSV file.
pub struct Csv {
    pub(super) source: Source,
    columns: Vec<Column>,
    record: Vec<u8>,
}

struct Column {
    name: String,
    /// `"name":` as it stands in the JSON object.
    key: String,
    ty: SqlType,
}

/// One cell; none: empty and without quotes.
type Cell = Option<String>;

impl Csv {
    /// Reads the header.
    ///
    /// # Errors
    /// 42703 for a column that the table does not have, 42701 for one that is there twice.
    pub fn new(mut source: Source, table: &Columns) -> Result<Self> {
        let mut record = Vec::new();
        let header = match next_record(&mut source, &mut record)? {
            Some((_, Ok(cells))) => cells,
            Some((number, Err(message))) => {
                return Err(Error::new(code::INVALID_TEXT, format!("{}:{number}: {message}", source.name)));
            }
            None => {
                return Err(Error::new(code::INVALID_TEXT, format!("{}:1: there is no header line", source.name))
                    .hint("the first line names the columns"));
            }
        };
        let mut columns: Vec<Column> = Vec::with_capacity(header.len());
        for name in header.into_iter().map(Option::unwrap_or_default) {
            let place = format!("{}:{}", source.name, source.line);
            let Some(known) = table.columns.iter().find(|c| c.name == name) else {
                let known: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
                return Err(Error::new(
                    code::UNKNOWN_COLUMN,
                    format!("{place}: {} has no column {name:?}", table.table),
                )
                .hint(format!("its columns are {}; the first line names those that the file has", known.join(", "))));
            };
            if columns.iter().any(|c| c.name == name) {
                return Err(Error::new("42701", format!("{place}: the column {name:?} is there twice")));
            }
            let mut key = String::new();
            escape_json(&name, &mut key);
            key.push(':');
            columns.push(Column { name, key, ty: known.ty.clone() });
        }
        Ok(Self { source, columns, record })
    }

    pub(super) fn next(&mut self) -> Result<Option<Result<Line, Bad>>> {
        loop {
            let Some((number, cells)) = next_record(&mut self.source, &mut self.record)? else { return Ok(None) };
            let bad = |message| Bad { number, column: None, code: code::INVALID_TEXT.into(), message };
            match cells {
                Err(message) => return Ok(Some(Err(bad(message)))),
                // A blank line holds no row, unless a row is one cell.
                Ok(cells) if cells == [None] && self.columns.len() > 1 => {}
                Ok(cells) if cells.len() != self.columns.len() => {
                    let message = format!("{} cells, and the header has {}", cells.len(), self.columns.len());
                    return Ok(Some(Err(bad(message))));
                }
                Ok(cells) => return Ok(Some(self.row(number, cells))),
            }
        }
    }

    fn row(&self, number: u64, cells: Vec<Cell>) -> Result<Line, Bad> {
        let mut json = String::from("{");
        for (i, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            json.push_str(if i > 0 { "," } else { "" });
            json.push_str(&column.key);
            let value = match cell {
                None => Ok(Value::Null),
                Some(text) => Value::from_text(&column.ty, &text),
            };
            let value = value.map_err(|e| Bad {
                number,
                column: Some(column.name.clone()),
                code: e.code.into(),
                message: e.message,
            })?;
            value.write_json(&mut json);
        }
        json.push('}');
        Ok(Line { number, json })
    }
}

/// The next record with the number of its first line: its cells, or what is wrong with it.
type Record = Option<(u64, Result<Vec<Cell>, String>)>;

/// Reads lines until every quote is closed, then splits.
fn next_record(source: &mut Source, buffer: &mut Vec<u8>) -> Result<Record> {
    buffer.clear();
    if !source.next_line(buffer)? {
        return Ok(None);
    }
    let number = source.line;
    // A doubled quote flips twice: an odd number means that one is open.
    let mut quotes = count_quotes(buffer);
    while quotes % 2 == 1 {
        let before = buffer.len();
        if !source.next_line(buffer)? {
            return Err(Error::new(code::INVALID_TEXT, format!("{}:{number}: a quote never closes", source.name))
                .hint("a quote inside a quoted cell is written twice"));
        }
        quotes += count_quotes(&buffer[before..]);
    }
    Ok(Some((
        number,
        match std::str::from_utf8(trim_end(buffer)) {
            Ok(text) => split(text),
            Err(_) => Err("it is no UTF-8".to_owned()),
        },
    )))
}

fn count_quotes(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&b| b == b'"').count()
}

/// Splits a record, whose quotes are even in number, into cells.
fn split(record: &str) -> Result<Vec<Cell>, String> {
    let mut cells = Vec::new();
    let mut rest = record;
    loop {
        let (cell, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_cell(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let text = &rest[..end];
                if text.contains('"') {
                    return Err(format!("a quote inside the cell {}, which does not begin with one", cells.len() + 1));
                }
                ((!text.is_empty()).then(|| text.to_owned()), &rest[end..])
            }
        };
        cells.push(cell);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(cells),
            None => return Err(format!("characters behind the closing quote of cell {}", cells.len())),
        }
    }
}

/// The text up to the closing quote, and what stands behind it.
fn quoted_cell(mut rest: &str) -> Result<(Cell, &str), String> {
    let mut text = String::new();
    loop {
        let Some(end) = rest.find('"') else { return Err("a quote never closes".to_owned()) };
        text.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                text.push('"');
                rest = after;
            }
            None => return Ok((Some(text), rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Result<Vec<Result<(u64, String), String>>> {
        let columns = [("n", "integer"), ("t", "text"), ("j", "jsonb"), ("a", "integer[]"), ("m", "mood")]
            .map(|(name, ty)| serde_json::json!({"name": name, "type": ty}));
        let table = serde_json::json!({"table": "things", "columns": columns});
        let table = serde_json::from_value(table).unwrap();
        let mut csv = Csv::new(Source::new("f.csv", text.as_bytes(), 0), &table)?;
        let mut out = Vec::new();
        while let Some(row) = csv.next()? {
            out.push(
                row.map(|l| (l.number, l.json))
                    .map_err(|b| format!("{}:{}: {}", b.number, b.column.unwrap_or_default(), b.message)),
            );
        }
        Ok(out)
    }

    #[test]
    fn cells_become_values_of_their_columns() {
        let rows = read("n,t,j,a\r\n1,,\"{\"\"b\"\": 1}\",\"{1,2}\"\r\n\r\n-2,\"\",null,\n3,\"x\ny, \"\"z\"\"\",[],{}")
            .unwrap();
        let rows: Vec<_> = rows.into_iter().map(Result::unwrap).collect();
        assert_eq!(
            rows,
            [
                (2, r#"{"n":1,"t":null,"j":{"b": 1},"a":[1,2]}"#.to_owned()),
                (4, r#"{"n":-2,"t":"","j":null,"a":null}"#.to_owned()),
                (5, r#"{"n":3,"t":"x\ny, \"z\"","j":[],"a":[]}"#.to_owned()),
            ]
        );
    }

    #[test]
    fn a_bad_row_names_its_line_and_column_and_the_next_one_is_read() {
        let rows = read("n,t\nx,a\n1\n\"1\"2,b\n1,a\"b\"\n2,good").unwrap();
        let said: Vec<String> = rows.into_iter().map(|r| r.map_or_else(|e| e, |ok| ok.1)).collect();
        assert_eq!(said[0], "2:n: \"x\" is no integer");
        assert_eq!(said[1], "3:: 1 cells, and the header has 2");
        assert_eq!(said[2], "4:: characters behind the closing quote of cell 1");
        assert_eq!(said[3], "5:: a quote inside the cell 2, which does not begin with one");
        assert_eq!(said[4], r#"{"n":2,"t":"good"}"#);
    }

    #[test]
    fn what_cannot_be_read_on_from_is_an_error_with_its_place() {
        for (text, code, place) in [
            ("", code::INVALID_TEXT, "f.csv:1: "),
            ("n,x\n", code::UNKNOWN_COLUMN, "f.csv:1: "),
            ("n,n\n", "42701", "f.csv:1: "),
            ("n,t\n1,\"open\n2,b\n", code::INVALID_TEXT, "f.csv:2: "),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.code(), code, "{text:?}");
            assert!(error.message().starts_with(place), "{text:?}: {error}");
        }
    }
}
