//! `Prefer`: what the caller would like beside the rows, in one header or several.

use std::{borrow::Cow, time::Duration};

use axum::http::{HeaderMap, Method};
use brigade::{
    data::{Error, Result, plan::Count},
    schema::RestConfig,
};

/// The names of UTC among those that PostgreSQL knows.
const UTC: [&str; 12] = [
    "UTC",
    "Etc/UTC",
    "UCT",
    "Etc/UCT",
    "Universal",
    "Etc/Universal",
    "Zulu",
    "Etc/Zulu",
    "GMT",
    "Etc/GMT",
    "GMT0",
    "Etc/GMT0",
];

/// The preferences of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// `count=`
    pub count: Option<Count>,
    /// `handling=strict`, or `handling=lenient`.
    pub strict: Option<bool>,
    /// `return=`
    pub returning: Option<Return>,
    /// `resolution=`: what happens to rows that are there.
    pub resolution: Option<Resolution>,
    /// `missing=default`: a key that a row does not give is left to its column's default; `missing=null`: it is null.
    pub missing_default: Option<bool>,
    /// `max-affected=`: heeded with `handling=strict`.
    pub max_affected: Option<u64>,
    /// `tx=rollback`, or `tx=commit`: heeded where brigade.toml allows it.
    pub rollback: Option<bool>,
    /// `timezone=`: times are always written in UTC, so that one of its names is heeded and no other.
    pub timezone: Option<String>,
    /// `wait=SECONDS` (RFC 7240): how long to wait for a named position.
    pub wait: Option<Duration>,
}

/// What a write answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// Nothing but headers.
    Minimal,
    /// The same, and where the row is.
    HeadersOnly,
    /// The rows.
    Representation,
}

/// What happens to a row that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It gets the new values.
    Merge,
    /// It stays as it is.
    Ignore,
}

impl Prefer {
    /// What a write answers.
    pub fn returned(&self) -> Return {
        self.returning.unwrap_or(Return::Minimal)
    }

    /// Reads them. Of the same preference twice the first counts.
    ///
    /// # Errors
    /// PGRST122 for an unknown one, where `handling=strict` asks for that.
    pub fn read(headers: &HeaderMap, config: &RestConfig) -> Result<Self> {
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
        // Where it is not allowed it is as if it had not been asked for, as PostgREST has it.
        prefer.rollback = prefer.rollback.filter(|_| config.tx_override);
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
            ("return", "minimal") => self.returning = self.returning.or(Some(Return::Minimal)),
            ("return", "headers-only") => self.returning = self.returning.or(Some(Return::HeadersOnly)),
            ("return", "representation") => self.returning = self.returning.or(Some(Return::Representation)),
            ("resolution", "merge-duplicates") => self.resolution = self.resolution.or(Some(Resolution::Merge)),
            ("resolution", "ignore-duplicates") => self.resolution = self.resolution.or(Some(Resolution::Ignore)),
            ("missing", "default") => self.missing_default = self.missing_default.or(Some(true)),
            ("missing", "null") => self.missing_default = self.missing_default.or(Some(false)),
            ("tx", "rollback") => self.rollback = self.rollback.or(Some(true)),
            ("tx", "commit") => self.rollback = self.rollback.or(Some(false)),
            ("max-affected", rows) => match rows.parse() {
                Ok(rows) => self.max_affected = self.max_affected.or(Some(rows)),
                Err(_) => return false,
            },
            ("timezone", zone) if UTC.contains(&zone) => {
                self.timezone = self.timezone.take().or_else(|| Some(zone.to_owned()));
            }
            _ => return false,
        }
        true
    }

    /// `Preference-Applied` of a read, in PostgREST's order.
    pub fn applied(&self) -> Option<String> {
        joined([self.count_applied(), self.tx_applied(), self.handling_applied(), self.timezone_applied()])
    }

    /// `Preference-Applied` of a call.
    pub fn applied_to_call(&self) -> Option<String> {
        let max = self.max_affected().map(|max| Cow::from(format!("max-affected={max}")));
        joined([self.count_applied(), self.tx_applied(), self.handling_applied(), self.timezone_applied(), max])
    }

    /// `Preference-Applied` of a write.
    pub fn applied_to_write(&self, method: &Method) -> Option<String> {
        let is_post = *method == Method::POST;
        let resolution = self.resolution.filter(|_| is_post).map(|resolution| match resolution {
            Resolution::Merge => "resolution=merge-duplicates",
            Resolution::Ignore => "resolution=ignore-duplicates",
        });
        let takes_rows = is_post || *method == Method::PATCH;
        let missing = self.missing_default.filter(|_| takes_rows);
        let missing = missing.map(|default| if default { "missing=default" } else { "missing=null" });
        let returning = self.returning.map(|returning| match returning {
            Return::Minimal => "return=minimal",
            Return::HeadersOnly => "return=headers-only",
            Return::Representation => "return=representation",
        });
        let heeds_max = matches!(*method, Method::PATCH | Method::DELETE);
        let max = self.max_affected().filter(|_| heeds_max).map(|max| format!("max-affected={max}"));
        joined([
            resolution.map(Cow::from),
            missing.map(Cow::from),
            returning.map(Cow::from),
            self.count_applied(),
            self.tx_applied(),
            self.handling_applied(),
            self.timezone_applied(),
            max.map(Cow::from),
        ])
    }

    /// How many rows a write may affect: heeded with `handling=strict` alone.
    pub fn max_affected(&self) -> Option<u64> {
        self.max_affected.filter(|_| self.strict == Some(true))
    }

    fn count_applied(&self) -> Option<Cow<'static, str>> {
        self.count.map(|count| match count {
            Count::Exact => "count=exact".into(),
            Count::Planned => "count=planned".into(),
            Count::Estimated => "count=estimated".into(),
        })
    }

    fn tx_applied(&self) -> Option<Cow<'static, str>> {
        self.rollback.map(|rollback| if rollback { "tx=rollback".into() } else { "tx=commit".into() })
    }

    fn handling_applied(&self) -> Option<Cow<'static, str>> {
        self.strict.map(|strict| if strict { "handling=strict".into() } else { "handling=lenient".into() })
    }

    fn timezone_applied(&self) -> Option<Cow<'static, str>> {
        self.timezone.as_ref().map(|zone| format!("timezone={zone}").into())
    }
}

fn joined<const N: usize>(applied: [Option<Cow<'static, str>>; N]) -> Option<String> {
    let applied: Vec<Cow<'static, str>> = applied.into_iter().flatten().collect();
    (!applied.is_empty()).then(|| applied.join(", "))
}
