//! `[limits.NAME]` of an open project: who asks, how much they may, and what happens while the store is away.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use brigade_core::{
    data::{Error, Result, code},
    engine::Limiter,
    limit::{Quota, Unfilled, Verdict},
    limits::LIMIT_KEY_BYTES_MAX,
    schema::LimitConfig,
};
use metrics::Counter;

use crate::{Brigade, Project, brigade::undeclared, stores::Stores};

/// All limits of a project.
#[derive(Default)]
pub(crate) struct LimitSet(BTreeMap<String, Limit>);

/// One limit. Cheap to clone.
#[derive(Clone)]
pub struct Limit {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    config: LimitConfig,
    limiter: Arc<dyn Limiter>,
    allowed: Counter,
    refused: Counter,
    failed_open: Counter,
}

impl std::fmt::Debug for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limit").field("name", &self.inner.name).finish_non_exhaustive()
    }
}

impl LimitSet {
    pub(crate) fn open(project: &Project, data_dir: &Path, stores: &Stores) -> Result<Self> {
        describe();
        let open = |(name, config): (&String, &LimitConfig)| {
            let limiter = stores.limiter(name, config, data_dir).map_err(|error| error.context(&config.place))?;
            Ok((name.clone(), Limit::new(name, config.clone(), limiter)))
        };
        project.config.limits.iter().map(open).collect::<Result<_>>().map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn publish_metrics(&self) {
        for (name, limit) in &self.0 {
            if let Some(identifiers) = limit.inner.limiter.identifiers() {
                metrics::gauge!("brigade_limit_identifiers", "limit" => name.clone()).set(identifiers as f64);
            }
        }
    }

    /// Writes down what a restart must not forget.
    pub(crate) async fn close(&self) {
        for limit in self.0.values() {
            limit.inner.limiter.close().await;
        }
    }
}

fn describe() {
    metrics::describe_counter!("brigade_limit_checks_total", "Checks of a limit that were decided, by result");
    metrics::describe_counter!(
        "brigade_limit_fail_open_total",
        "Checks that were admitted because the store of the limit was away"
    );
    metrics::describe_gauge!("brigade_limit_identifiers", "Identifiers that a limit counts in the process");
}

impl Brigade {
    /// A limit of brigade.toml.
    ///
    /// # Errors
    /// BRG404 with the nearest name.
    pub fn limit(&self, name: &str) -> Result<Limit> {
        let limits = &self.inner.limits.0;
        limits.get(name).cloned().ok_or_else(|| undeclared("limit", name, limits.keys(), "[limits.api]"))
    }
}

impl Limit {
    fn new(name: &str, config: LimitConfig, limiter: Arc<dyn Limiter>) -> Self {
        let checks = |result: &'static str| metrics::counter!("brigade_limit_checks_total", "limit" => name.to_owned(), "result" => result);
        let (allowed, refused) = (checks("allowed"), checks("refused"));
        let failed_open = metrics::counter!("brigade_limit_fail_open_total", "limit" => name.to_owned());
        for counter in [&allowed, &refused, &failed_open] {
            counter.absolute(0);
        }
        let name = name.to_owned();
        Self { inner: Arc::new(Inner { name, config, limiter, allowed, refused, failed_open }) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// As it stands in brigade.toml.
    pub fn config(&self) -> &LimitConfig {
        &self.inner.config
    }

    /// Asks for an identifier, as `user:42`, `apikey:…`, `ip:192.0.2.1`, at a cost of 1 and without a tier.
    pub fn ask<'l>(&'l self, identifier: &'l str) -> Ask<'l> {
        Ask { limit: self, identifier, tier: None, cost: 1, variables: BTreeMap::new() }
    }

    /// Decides and counts one check of an identifier without a tier.
    ///
    /// # Errors
    /// As [`Ask::check`].
    pub async fn check(&self, identifier: &str, cost: u32) -> Result<Verdict> {
        self.ask(identifier).cost(cost).check().await
    }

    /// Decides one check with a quota that is known already: of a principal's tier, for example.
    ///
    /// # Errors
    /// As [`Ask::check`].
    pub async fn check_with(
        &self,
        quota: Quota,
        identifier: &str,
        variables: &BTreeMap<String, String>,
        cost: u32,
    ) -> Result<Verdict> {
        let inner = &*self.inner;
        if identifier.is_empty() {
            return Err(malformed("the identifier is empty", "as user:42, apikey:7 or ip:192.0.2.1"));
        }
        let most = inner.config.shape.cost_max(quota);
        if cost > most {
            let message = format!("a cost of {cost} is never admitted: the most is {most}");
            return Err(malformed(message, "split it, or raise the limit"));
        }
        let key = inner.config.key.fill(identifier, variables).map_err(unfilled)?;
        let bytes = identifier.len().max(key.text().len());
        if bytes > LIMIT_KEY_BYTES_MAX {
            return Err(Error::new(code::LIMIT, "the identifier is too long")
                .details(format!("LIMIT_KEY_BYTES_MAX is {LIMIT_KEY_BYTES_MAX}, given are {bytes}"))
                .hint("count by an id or a hash"));
        }
        match inner.limiter.check(&key, quota, cost).await {
            Ok(verdict) => {
                (if verdict.allowed { &inner.allowed } else { &inner.refused }).increment(1);
                Ok(verdict)
            }
            Err(_) if inner.config.fail_open => {
                inner.failed_open.increment(1);
                Ok(unlimited(most))
            }
            Err(error) => {
                let after = error.get_retry_after().unwrap_or(RETRY_AFTER);
                Err(Error::unavailable(format!("limit {}: {error}", inner.name), after)
                    .details("nobody is admitted while the store is away, since fail = \"closed\"")
                    .source(error))
            }
        }
    }
}

/// How long a caller waits before it repeats a check that nobody could decide.
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_secs(1);

/// A check being put together.
#[derive(Clone, Debug)]
pub struct Ask<'l> {
    limit: &'l Limit,
    identifier: &'l str,
    tier: Option<&'l str>,
    cost: u32,
    variables: BTreeMap<String, String>,
}

impl<'l> Ask<'l> {
    /// Of this tier.
    #[must_use]
    pub fn tier(mut self, tier: &'l str) -> Self {
        self.tier = Some(tier);
        self
    }

    /// At this cost; 0 only looks.
    #[must_use]
    pub fn cost(mut self, cost: u32) -> Self {
        self.cost = cost;
        self
    }

    /// With a variable of the limit's key.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Decides and counts it.
    ///
    /// # Errors
    /// BRG400 for an empty identifier, an unknown tier, a variable too few or too many, and a cost that is never admitted;
    /// BRG413 for an identifier that is too long; BRG503 where the store is away and the limit fails closed.
    pub async fn check(self) -> Result<Verdict> {
        let quota = self.limit.inner.config.quota(self.tier)?;
        self.limit.check_with(quota, self.identifier, &self.variables, self.cost).await
    }
}

/// The answer while nobody counts.
fn unlimited(most: u32) -> Verdict {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    Verdict { allowed: true, limit: most, remaining: most, reset_ms: 0, retry_ms: None, now_ms }
}

fn unfilled(why: Unfilled) -> Error {
    match why {
        Unfilled::Missing(name) => {
            malformed(format!("the variable {name} is not given"), "the limit's key has it: give it in vars")
        }
        Unfilled::Strange(name) => {
            malformed(format!("the limit's key has no variable {name}"), "take it out of vars, or into the key")
        }
    }
}

fn malformed(message: impl Into<String>, hint: &str) -> Error {
    Error::new(code::MALFORMED, message).hint(hint)
}
