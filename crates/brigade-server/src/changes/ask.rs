//! What a request for changes asks: from where, which tables, how many, and whether to stay.

use std::collections::BTreeSet;

use axum::{
    extract::Query,
    http::{HeaderMap, Uri, header},
};
use brigade::{
    data::{Error, Result, code},
    log::After,
    schema::Model,
};

use crate::{feed::Format, transactions::nearest};

/// A request for changes, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Where to begin.
    pub after: After,
    /// Only these tables; none: all.
    pub tables: Option<BTreeSet<String>>,
    /// How many lines at most; none: no bound.
    pub limit: Option<u64>,
    /// Whether to stay for what comes.
    pub follow: bool,
    /// How changes are written.
    pub format: Format,
}

const PARAMETERS: [&str; 4] = ["after", "table", "limit", "follow"];

impl Ask {
    /// Reads parameters and headers.
    ///
    /// # Errors
    /// BRG400 for an unknown or malformed parameter, 42P01 for an unknown table.
    pub fn read(uri: &Uri, headers: &HeaderMap, model: &Model) -> Result<Self> {
        let Query(parameters) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|e| Error::new(code::MALFORMED, "malformed query").details(e.to_string()))?;
        let format = format(headers);
        let mut ask = Self { after: After::Oldest, tables: None, limit: None, follow: format == Format::Sse, format };
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in &parameters {
            if seen.contains(&name.as_str()) {
                return Err(malformed(name, value, "it is there twice", "give it once"));
            }
            seen.push(name);
            match name.as_str() {
                "after" => ask.after = after(value)?,
                "table" => ask.tables = Some(tables(value, model)?),
                "limit" => {
                    let whole = value.bytes().all(|b| b.is_ascii_digit());
                    let limit = value.parse().ok().filter(|_| whole);
                    ask.limit = Some(
                        limit.ok_or_else(|| malformed(name, value, "not a number of changes", "write digits alone"))?,
                    );
                }
                "follow" => match value.as_str() {
                    "true" => ask.follow = true,
                    "false" => {}
                    _ => return Err(malformed(name, value, "neither true nor false", "write follow=true")),
                },
                _ => {
                    return Err(Error::new(code::MALFORMED, "unknown parameter")
                        .details(format!("parameter {name}"))
                        .hint(nearest(name, &PARAMETERS)));
                }
            }
        }
        if let Some(last) = headers.get("last-event-id").and_then(|v| v.to_str().ok()).filter(|v| !v.is_empty()) {
            ask.after = after(last)?;
        }
        Ok(ask)
    }
}

fn malformed(name: &str, value: &str, what: &str, hint: &str) -> Error {
    Error::new(code::MALFORMED, format!("malformed parameter {name}: {what}"))
        .details(format!("{name}={value}"))
        .hint(hint)
}

fn after(value: &str) -> Result<After> {
    match value {
        "now" => Ok(After::Now),
        position => position.parse().map(After::Position).map_err(|e: Error| e.details(format!("after={position}"))),
    }
}

fn tables(value: &str, model: &Model) -> Result<BTreeSet<String>> {
    let names: BTreeSet<String> =
        value.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err(malformed("table", value, "it names no table", "write table=a,b"));
    }
    match names.iter().find(|name| model.table(name).is_none()) {
        None => Ok(names),
        Some(unknown) => {
            let known: Vec<&str> = model.tables.keys().map(String::as_str).collect();
            Err(Error::new(code::UNKNOWN_TABLE, format!("relation {unknown:?} does not exist"))
                .details("parameter table")
                .hint(nearest(unknown, &known)))
        }
    }
}

/// Server-sent events where they are asked for before lines are.
fn format(headers: &HeaderMap) -> Format {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    for range in accepted {
        let mut parts = range.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default();
        if parts.any(|p| matches!(p, "q=0" | "q=0.0" | "q=0.00" | "q=0.000")) {
            continue;
        }
        if essence.eq_ignore_ascii_case("text/event-stream") {
            return Format::Sse;
        }
        if essence.eq_ignore_ascii_case("application/x-ndjson") {
            return Format::Ndjson;
        }
    }
    Format::Ndjson
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::http::HeaderValue;
    use brigade::schema::{Table, TableSettings};

    use super::*;

    const POSITION: &str = "0000000000000000000000000000000a-000000000000000b";

    fn model() -> Model {
        let table = |name: &str| Table {
            name: name.to_owned(),
            columns: Vec::new(),
            primary_key: None,
            uniques: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            indexes: Vec::new(),
            settings: TableSettings::default(),
        };
        let mut model = Model::default();
        for name in ["links", "users"] {
            model.tables.insert(name.to_owned(), Arc::new(table(name)));
        }
        model
    }

    fn ask(query: &str, headers: &[(&'static str, &'static str)]) -> Result<Ask> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        Ask::read(&format!("/changes{query}").parse().unwrap(), &map, &model())
    }

    #[test]
    fn reads_parameters_and_headers() {
        let plain = ask("", &[]).unwrap();
        assert_eq!(
            plain,
            Ask { after: After::Oldest, tables: None, limit: None, follow: false, format: Format::Ndjson }
        );
        let full = ask("?after=now&table=links,users&limit=0&follow=true", &[]).unwrap();
        assert_eq!((full.after, full.limit, full.follow), (After::Now, Some(0), true));
        assert!(full.tables.unwrap().iter().eq(["links", "users"]));
        let sse =
            ask("?after=now&follow=false", &[("accept", "text/event-stream"), ("last-event-id", POSITION)]).unwrap();
        assert_eq!(
            (sse.after, sse.follow, sse.format),
            (After::Position(POSITION.parse().unwrap()), true, Format::Sse)
        );
        for (accept, format) in [
            ("*/*", Format::Ndjson),
            ("application/json", Format::Ndjson),
            ("text/html, text/event-stream;q=0.9", Format::Sse),
            ("application/x-ndjson, text/event-stream", Format::Ndjson),
            ("text/event-stream;q=0", Format::Ndjson),
        ] {
            assert_eq!(ask("", &[("accept", accept)]).unwrap().format, format, "{accept}");
        }
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for (query, code) in [
            ("?after=12", code::MALFORMED),
            ("?after=", code::MALFORMED),
            ("?limit=-1", code::MALFORMED),
            ("?limit=", code::MALFORMED),
            ("?limit=1.5", code::MALFORMED),
            ("?limit=99999999999999999999", code::MALFORMED),
            ("?follow=1", code::MALFORMED),
            ("?tables=links", code::MALFORMED),
            ("?table=", code::MALFORMED),
            ("?limit=1&limit=2", code::MALFORMED),
            ("?table=link", code::UNKNOWN_TABLE),
            ("?table=links,brigade_log", code::UNKNOWN_TABLE),
        ] {
            assert_eq!(ask(query, &[]).unwrap_err().code(), code, "{query}");
        }
        assert_eq!(ask("?tables=links", &[]).unwrap_err().get_hint(), Some("did you mean \"table\"?"));
    }
}
