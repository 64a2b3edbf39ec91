//! `Accept` and the profiles: in which form the rows are wanted, and of which schema.

use axum::http::HeaderMap;
use brigade::{
    data::{Error, Result},
    engine::Form,
};

/// The form that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    kind: Kind,
    without_nulls: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Json,
    Array,
    Object,
    Csv,
}

impl Accepted {
    /// Chooses the first of the wished types that there is.
    ///
    /// # Errors
    /// PGRST107 where there is none.
    pub fn read(headers: &HeaderMap) -> Result<Self> {
        let lines: Vec<&str> = headers.get_all("accept").into_iter().filter_map(|value| value.to_str().ok()).collect();
        let mut wished: Vec<(f32, &str)> = lines
            .iter()
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .filter(|range| !range.is_empty())
            .map(|range| (quality(range), range))
            .collect();
        // A stable sort: of equal wishes the first one counts.
        wished.sort_by(|a, b| b.0.total_cmp(&a.0));
        if wished.is_empty() {
            return Ok(Self { kind: Kind::Json, without_nulls: false });
        }
        wished.iter().find_map(|(_, range)| Self::of(range)).ok_or_else(|| {
            let names: Vec<&str> = wished.iter().map(|(_, range)| *range).collect();
            Error::new("PGRST107", format!("None of these media types are available: {}", names.join(", ")))
        })
    }

    fn of(range: &str) -> Option<Self> {
        let mut parts = range.split(';').map(str::trim);
        let kind = match parts.next()?.to_ascii_lowercase().as_str() {
            "*/*" | "application/*" | "application/json" => Kind::Json,
            "text/csv" => Kind::Csv,
            "application/vnd.pgrst.object+json" | "application/vnd.pgrst.object" => Kind::Object,
            "application/vnd.pgrst.array+json" | "application/vnd.pgrst.array" => Kind::Array,
            _ => return None,
        };
        let without_nulls = matches!(kind, Kind::Object | Kind::Array) && parts.any(|p| p == "nulls=stripped");
        Some(Self { kind, without_nulls })
    }

    /// How rows are written.
    pub fn form(self) -> Form {
        match (self.kind, self.without_nulls) {
            (Kind::Csv, _) => Form::Csv,
            (_, true) => Form::JsonWithoutNulls,
            (_, false) => Form::Json,
        }
    }

    /// Whether the answer is one object, or an error where there is not just one row.
    pub fn is_single(self) -> bool {
        self.kind == Kind::Object
    }

    /// Whether the answer is JSON.
    pub fn is_json(self) -> bool {
        self.kind != Kind::Csv
    }

    /// `Content-Type` of the answer.
    pub fn content_type(self) -> &'static str {
        match (self.kind, self.without_nulls) {
            (Kind::Csv, _) => "text/csv; charset=utf-8",
            (Kind::Object, true) => "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8",
            (Kind::Object, false) => "application/vnd.pgrst.object+json; charset=utf-8",
            (Kind::Array, true) => "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8",
            (Kind::Array | Kind::Json, _) => "application/json; charset=utf-8",
        }
    }
}

fn quality(range: &str) -> f32 {
    range.split(';').find_map(|part| part.trim().strip_prefix("q=")?.parse().ok()).unwrap_or(1.0)
}

/// The one schema there is for clients is `public`.
pub(super) fn check_profile(headers: &HeaderMap, name: &str) -> Result<()> {
    match headers.get(name).map(|value| value.to_str().unwrap_or("?")) {
        None | Some("public") => Ok(()),
        Some(other) => Err(Error::new("PGRST106", format!("Invalid schema: {other}"))
            .hint("Only the following schemas are exposed: public")),
    }
}
