//! `Prefer`: what the caller would like beside the rows, in one header or several.

use std::time::Duration;

use axum::http::HeaderMap;
use brigade::data::{Error, Result, plan::Count};

/// The preferences of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// `count=`
    pub count: Option<Count>,
    /// `handling=strict`, or `handling=lenient`.
    pub strict: Option<bool>,
    /// `wait=SECONDS` (RFC 7240): how long to wait for a named position.
    pub wait: Option<Duration>,
}

impl Prefer {
    /// Reads them. Of the same preference twice the first counts.
    ///
    /// # Errors
    /// PGRST122 for an unknown one, where `handling=strict` asks for that.
    pub fn read(headers: &HeaderMap) -> Result<Self> {
        let mut prefer = Self::default();
        let mut unknown: Vec<&str> = Vec::new();
        let lines = headers.get_all("prefer").into_iter().filter_map(|value| value.to_str().ok());
        for part in lines.flat_map(|line| line.split(',')).map(str::trim).filter(|part| !part.is_empty()) {
            if !prefer.take(part) {
                unknown.push(part);
            }
        }
        if prefer.strict == Some(true) && !unknown.is_empty() {
            return Err(Error::new("PGRST122", "Invalid preferences given with handling=strict")
                .details(format!("Invalid preferences: {}", unknown.join(", "))));
        }
        Ok(prefer)
    }

    fn take(&mut self, part: &str) -> bool {
        let (name, value) = part.split_once('=').map_or((part, ""), |(name, value)| (name.trim(), value.trim()));
        match (name, value) {
            ("count", "exact") => self.count = self.count.or(Some(Count::Exact)),
            ("count", "planned") => self.count = self.count.or(Some(Count::Planned)),
            ("count", "estimated") => self.count = self.count.or(Some(Count::Estimated)),
            ("handling", "strict") => self.strict = self.strict.or(Some(true)),
            ("handling", "lenient") => self.strict = self.strict.or(Some(false)),
            ("wait", seconds) => match seconds.parse::<u32>() {
                Ok(seconds) => self.wait = self.wait.or(Some(Duration::from_secs(seconds.into()))),
                Err(_) => return false,
            },
            // What only writes heed is known and has nothing to do here.
            ("return" | "resolution" | "missing" | "tx" | "max-affected" | "timezone", _) => {}
            _ => return false,
        }
        true
    }

    /// `Preference-Applied`, in PostgREST's order.
    pub fn applied(&self) -> Option<String> {
        let count = self.count.map(|count| match count {
            Count::Exact => "count=exact",
            Count::Planned => "count=planned",
            Count::Estimated => "count=estimated",
        });
        let handling = self.strict.map(|strict| if strict { "handling=strict" } else { "handling=lenient" });
        let applied: Vec<&str> = [count, handling].into_iter().flatten().collect();
        (!applied.is_empty()).then(|| applied.join(", "))
    }
}
