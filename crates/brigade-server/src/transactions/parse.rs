//! A body becomes a [`Transaction`]: shapes are checked here, meaning is checked against the model.
//!
//! Nothing is guessed and nothing is passed over: an unknown key, a key twice or a wrong shape is an error that names line
//! and column of the body and the statement. Values stay as they were written ([`Input::Json`]): only the check against the
//! model knows which columns hold json.

use brigade::data::{Action, Condition, Expect, Input, Json, JsonValue, Record, Result, Statement, Transaction, Where};

use super::place::{Fields, Place};
use crate::error;

/// How much one transaction may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Statements.
    pub statements_max: usize,
    /// Rows given, over all statements.
    pub rows_max: usize,
}

/// Reads the body of `POST /transactions`.
///
/// # Errors
/// BRG400 with line and column; BRG413 where a limit is passed.
pub fn parse(body: &[u8], limits: Limits) -> Result<Transaction> {
    let json = crate::body::json(body)?;
    let place = Place::top(body);
    let mut fields = Fields::of(json, &place, "the body", &["statements"])?;
    let listed = fields.required("statements")?;
    fields.end()?;
    let listed = place.array(listed, "statements")?;
    if listed.items.is_empty() {
        let hint = "give at least one statement: {\"statements\": [{\"insert\": {…}}]}";
        return Err(place.error(listed.at, "statements is empty", hint));
    }
    if listed.items.len() > limits.statements_max {
        return Err(error::limit("statements_max", limits.statements_max, listed.items.len(), "statements"));
    }
    let mut rows_left = Rows { max: limits.rows_max, given: 0 };
    let statements = listed
        .items
        .into_iter()
        .enumerate()
        .map(|(index, json)| statement(json, &place.in_statement(index), &mut rows_left))
        .collect::<Result<_>>()?;
    Ok(Transaction { statements })
}

/// Rows given so far, over all statements.
struct Rows {
    max: usize,
    given: usize,
}

const KINDS: [&str; 5] = ["insert", "upsert", "update", "delete", "check"];

fn statement(json: Json, place: &Place<'_>, rows: &mut Rows) -> Result<Statement> {
    let at = json.at;
    let mut fields = Fields::of(json, place, "a statement", &KINDS)?;
    let mut given = KINDS.iter().filter_map(|kind| fields.take(kind).map(|json| (*kind, json)));
    let one = given.next();
    let another = given.next();
    drop(given);
    match (one, another) {
        (Some((kind, json)), None) => {
            fields.end()?;
            of_kind(kind, json, &place.within(kind), rows)
        }
        (first, second) => {
            let found = match (first, second) {
                (Some((a, _)), Some((b, _))) => {
                    format!("a statement is one of insert, upsert, update, delete, check; here are {a} and {b}")
                }
                _ => "a statement is one of insert, upsert, update, delete, check; here is none".to_owned(),
            };
            Err(place.error(at, found, "write each as an object of its own in \"statements\""))
        }
    }
}

fn of_kind(kind: &'static str, json: Json, place: &Place<'_>, rows: &mut Rows) -> Result<Statement> {
    let known: &[&str] = match kind {
        "insert" => &["table", "rows", "returning", "expect"],
        "upsert" => &["table", "rows", "on", "action", "update", "returning", "expect"],
        "update" => &["table", "where", "all", "set", "returning", "expect"],
        "delete" => &["table", "where", "all", "returning", "expect"],
        _ => &["table", "where", "all", "expect"],
    };
    let mut fields = Fields::of(json, place, kind, known)?;
    let table = place.text(fields.required("table")?, "table")?;
    let statement = match kind {
        "insert" => Statement::Insert {
            table,
            rows: records(&mut fields, rows)?,
            returning: names(&mut fields, "returning")?,
            expect: expect(&mut fields)?,
        },
        "upsert" => Statement::Upsert {
            table,
            rows: records(&mut fields, rows)?,
            on: names(&mut fields, "on")?,
            action: action(&mut fields)?,
            update: names(&mut fields, "update")?,
            returning: names(&mut fields, "returning")?,
            expect: expect(&mut fields)?,
        },
        "update" => Statement::Update {
            table,
            filter: filter(&mut fields, true)?,
            set: set(&mut fields)?,
            returning: names(&mut fields, "returning")?,
            expect: expect(&mut fields)?,
        },
        "delete" => Statement::Delete {
            table,
            filter: filter(&mut fields, true)?,
            returning: names(&mut fields, "returning")?,
            expect: expect(&mut fields)?,
        },
        _ => Statement::Check { table, filter: filter(&mut fields, false)?, expect: expect(&mut fields)? },
    };
    fields.end()?;
    Ok(statement)
}

fn records(fields: &mut Fields<'_>, total: &mut Rows) -> Result<Vec<Record>> {
    let place = fields.place;
    let rows = place.array(fields.required("rows")?, "rows")?;
    if rows.items.is_empty() {
        return Err(place.field("rows").error(rows.at, "rows is empty", "give at least one row: \"rows\": [{…}]"));
    }
    total.given += rows.items.len();
    if total.given > total.max {
        return Err(error::limit("rows_max", total.max, total.given, "rows"));
    }
    rows.items
        .into_iter()
        .enumerate()
        .map(|(i, row)| match row.value {
            JsonValue::Object(entries) => {
                Ok(entries.into_iter().map(|(key, value)| (key.name, Input::Json(value))).collect())
            }
            _ => Err(place.field(&format!("rows[{i}]")).wrong(&row, "an object of columns and values")),
        })
        .collect()
}

fn set(fields: &mut Fields<'_>) -> Result<Record> {
    let place = fields.place.field("set");
    let json = fields.required("set")?;
    match json.value {
        JsonValue::Object(entries) if !entries.is_empty() => {
            Ok(entries.into_iter().map(|(key, value)| (key.name, Input::Json(value))).collect())
        }
        JsonValue::Object(_) => {
            Err(place.error(json.at, "set is empty", "name at least one column with its new value"))
        }
        _ => Err(place.wrong(&json, "an object of columns and new values")),
    }
}

/// `guarded`: no condition is refused unless `"all": true` says that every row is meant.
fn filter(fields: &mut Fields<'_>, guarded: bool) -> Result<Where> {
    let place = fields.place.field("where");
    let all = match fields.take("all") {
        None => false,
        Some(Json { value: JsonValue::Bool(all), .. }) => all,
        Some(json) => return Err(fields.place.field("all").wrong(&json, "true or false")),
    };
    let (at, conditions) = match fields.take("where") {
        None => (fields.at, Vec::new()),
        Some(Json { at, value: JsonValue::Object(entries) }) => (at, entries),
        Some(json) => return Err(place.wrong(&json, "an object of columns and conditions")),
    };
    if conditions.is_empty() && guarded && !all {
        let message = "where is missing or empty: every row would be meant";
        return Err(place.error(at, message, "name the rows in \"where\", or say \"all\": true"));
    }
    if all && !conditions.is_empty() {
        return Err(place.error(at, "where and \"all\": true contradict each other", "leave one of them out"));
    }
    let conditions =
        conditions.into_iter().map(|(key, value)| Condition { column: key.name, input: Input::Json(value) }).collect();
    Ok(Where { conditions, all })
}

fn names(fields: &mut Fields<'_>, name: &str) -> Result<Vec<String>> {
    let place = fields.place;
    let Some(json) = fields.take(name) else { return Ok(Vec::new()) };
    let list = place.array(json, name)?;
    if list.items.is_empty() {
        let hint = format!("name at least one column, or leave {name:?} out");
        return Err(place.field(name).error(list.at, format!("{name} is empty"), hint));
    }
    list.items.into_iter().enumerate().map(|(i, item)| place.text(item, &format!("{name}[{i}]"))).collect()
}

fn action(fields: &mut Fields<'_>) -> Result<Action> {
    let place = fields.place.field("action");
    match fields.take("action") {
        None => Ok(Action::Update),
        Some(json) => match json.as_str() {
            Some("update") => Ok(Action::Update),
            Some("ignore") => Ok(Action::Ignore),
            _ => Err(place.wrong(&json, "\"update\" or \"ignore\"")),
        },
    }
}

fn expect(fields: &mut Fields<'_>) -> Result<Option<Expect>> {
    let Some(json) = fields.take("expect") else { return Ok(None) };
    let place = fields.place.field("expect");
    if !matches!(json.value, JsonValue::Object(_)) {
        return count(&json, &place, "a number of rows, or {\"min\": a, \"max\": b}").map(Expect::exactly).map(Some);
    }
    let at = json.at;
    let mut bounds = Fields::of(json, &place, "expect", &["min", "max"])?;
    let (min, max) = (bounds.take("min"), bounds.take("max"));
    bounds.end()?;
    if min.is_none() && max.is_none() {
        return Err(place.error(at, "expect gives neither min nor max", "write a number, or {\"min\": a, \"max\": b}"));
    }
    let bound = |json: Option<Json>, name: &str, default: u64| {
        json.map_or(Ok(default), |json| count(&json, &place.within(name), "a number of rows"))
    };
    let (min, max) = (bound(min, "min", 0)?, bound(max, "max", u64::MAX)?);
    if min > max {
        let message = format!("expect can never hold: min {min} is above max {max}");
        return Err(place.error(at, message, "swap min and max"));
    }
    Ok(Some(Expect { min, max }))
}

/// A number of rows: a whole JSON number, or its digits in a string.
fn count(json: &Json, place: &Place<'_>, wanted: &str) -> Result<u64> {
    let digits = match &json.value {
        JsonValue::Number(digits) | JsonValue::String(digits) => digits,
        _ => return Err(place.wrong(json, wanted)),
    };
    let whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| whole).ok_or_else(|| place.wrong(json, wanted))
}
