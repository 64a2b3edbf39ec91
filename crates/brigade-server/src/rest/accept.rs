//! `Accept` and the profiles: in which form the rows are wanted, and of which schema.

use axum::http::{HeaderMap, HeaderValue};
use brigade::{
    data::{Error, Result},
    engine::{Explain, Form, PlanFormat, PlanOptions},
};

/// The form that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    kind: Kind,
    without_nulls: bool,
    /// In the place of rows in this form, how they would be read.
    plan: Option<Explain>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Json,
    Array,
    Object,
    Csv,
}

impl Accepted {
    /// Chooses the first of the wished types that there is; plans are among them where the project allows them.
    ///
    /// # Errors
    /// PGRST107 where there is none.
    pub fn read(headers: &HeaderMap, has_plans: bool) -> Result<Self> {
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
            return Ok(Self { kind: Kind::Json, without_nulls: false, plan: None });
        }
        wished.iter().find_map(|(_, range)| Self::of(range, has_plans)).ok_or_else(|| {
            let names: Vec<&str> = wished.iter().map(|(_, range)| *range).collect();
            Error::new("PGRST107", format!("None of these media types are available: {}", names.join(", ")))
        })
    }

    fn of(range: &str, has_plans: bool) -> Option<Self> {
        let mut parts = parts(range);
        let kind = match parts.next()?.to_ascii_lowercase().as_str() {
            "*/*" | "application/*" | "application/json" => Kind::Json,
            "text/csv" => Kind::Csv,
            "application/vnd.pgrst.object+json" | "application/vnd.pgrst.object" => Kind::Object,
            "application/vnd.pgrst.array+json" | "application/vnd.pgrst.array" => Kind::Array,
            "application/vnd.pgrst.plan+text" | "application/vnd.pgrst.plan" if has_plans => {
                return Self::plan_of(PlanFormat::Text, parts);
            }
            "application/vnd.pgrst.plan+json" if has_plans => return Self::plan_of(PlanFormat::Json, parts),
            _ => return None,
        };
        let without_nulls = matches!(kind, Kind::Object | Kind::Array) && parts.any(|p| p == "nulls=stripped");
        Some(Self { kind, without_nulls, plan: None })
    }

    /// `for="application/json"; options=analyze|verbose`
    fn plan_of<'p>(format: PlanFormat, parts: impl Iterator<Item = &'p str>) -> Option<Self> {
        let (mut of, mut options) = ("application/json", PlanOptions::default());
        for part in parts {
            match part.split_once('=') {
                Some(("for", value)) => of = value.trim_matches('"'),
                Some(("options", value)) => options = PlanOptions::parse(value.trim_matches('"')),
                _ => {}
            }
        }
        Some(Self { plan: Some(Explain { format, options }), ..Self::of(of, false)? })
    }

    /// What is asked of the plan, if one is asked for in the place of rows.
    pub fn plan(self) -> Option<Explain> {
        self.plan
    }

    /// Refuses a plan of what would have to be done to be known.
    ///
    /// # Errors
    /// PGRST107.
    pub fn without_plan(self) -> Result<Self> {
        match self.plan {
            None => Ok(self),
            Some(_) => Err(Error::new("PGRST107", "a write has no plan")
                .hint("ask for the plans of reads, and of calls that only read")),
        }
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
    pub fn content_type(self) -> HeaderValue {
        let of = match (self.kind, self.without_nulls) {
            (Kind::Csv, _) => "text/csv; charset=utf-8",
            (Kind::Object, true) => "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8",
            (Kind::Object, false) => "application/vnd.pgrst.object+json; charset=utf-8",
            (Kind::Array, true) => "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8",
            (Kind::Array | Kind::Json, _) => "application/json; charset=utf-8",
        };
        let Some(Explain { format, options }) = self.plan else { return HeaderValue::from_static(of) };
        let of = of.trim_end_matches("; charset=utf-8");
        let options = match options.is_empty() {
            true => String::new(),
            false => format!("; options={}", options.words().join("|")),
        };
        let format = format.as_str();
        let plan = format!("application/vnd.pgrst.plan+{format}; for=\"{of}\"{options}; charset=utf-8");
        HeaderValue::try_from(plan).expect("visible characters")
    }
}

/// The parts of a media range between its semicolons; one inside quotes is none of them.
fn parts(range: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    range
        .split(move |c| {
            is_quoted ^= c == '"';
            c == ';' && !is_quoted
        })
        .map(str::trim)
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
