//! `[limits.NAME]`: how often somebody may do something; `[server.limits]`: which of them a route has.
//!
//! Invariant: what is read here can be counted: every tier has a quota, every sum fits, and no two limits count under the
//! same names.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    data::{Error, Result, code},
    limit::{Algorithm, Quota, Shape, Template, VARIABLES},
    limits::{BUCKETS_MAX, QUOTA_MAX, WINDOW_MAX},
    schema::place::{did_you_mean, nearest},
};

use super::{
    Config,
    document::{Scalar, Section, Source},
};

const KEYS: [&str; 9] = ["algorithm", "key", "window", "buckets", "quota", "default_tier", "burst", "fail", "max_keys"];

/// The tier of who has none, where nothing else is said and there is such a tier.
const DEFAULT_TIER: &str = "anonymous";

/// A limit.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitConfig {
    /// How admissions are counted.
    pub shape: Shape,
    /// Under which names.
    pub key: Template,
    /// How much may be admitted.
    pub quotas: Quotas,
    /// The tier of who has none.
    pub default_tier: Option<String>,
    /// Tokens of a token bucket, where they are not as many as the quota.
    pub burst: Option<u32>,
    /// Whether everybody is admitted while the store is away; else nobody.
    pub fail_open: bool,
    /// In process: identifiers that are counted apart; further ones share counters.
    pub max_keys: usize,
    /// Where it stands in brigade.toml.
    pub place: String,
}

/// How much may be admitted in a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quotas {
    /// As much for everybody.
    One(u32),
    /// By tier; at least one.
    ByTier(BTreeMap<String, u32>),
}

impl LimitConfig {
    /// The quota of a tier; of the default tier for who has none.
    ///
    /// # Errors
    /// BRG400 for an unknown tier, and for none where there is no default.
    pub fn quota(&self, tier: Option<&str>) -> Result<Quota> {
        let quota = match (&self.quotas, tier.or(self.default_tier.as_deref())) {
            (Quotas::One(quota), _) => *quota,
            (Quotas::ByTier(tiers), Some(tier)) => *tiers.get(tier).ok_or_else(|| {
                Error::new(code::MALFORMED, format!("unknown tier \"{tier}\""))
                    .hint(did_you_mean(tier, tiers.keys().map(String::as_str)))
            })?,
            (Quotas::ByTier(tiers), None) => {
                let known: Vec<&str> = tiers.keys().map(String::as_str).collect();
                return Err(Error::new(code::MALFORMED, "the limit's quota depends on a tier, and none is given")
                    .hint(format!("give one of: {}; or set default_tier", known.join(", "))));
            }
        };
        Ok(Quota { quota, burst: self.burst.unwrap_or(quota) })
    }

    /// The quota of a principal's tier. One that the limit does not know counts as none.
    ///
    /// # Errors
    /// BRG400 where there is no default.
    pub fn quota_of_principal(&self, tier: Option<&str>) -> Result<Quota> {
        let known = |tier: &&str| matches!(&self.quotas, Quotas::ByTier(tiers) if tiers.contains_key(*tier));
        self.quota(tier.filter(known))
    }

    /// The smallest quota of all tiers.
    pub fn slowest(&self) -> u32 {
        match &self.quotas {
            Quotas::One(quota) => *quota,
            Quotas::ByTier(tiers) => tiers.values().copied().min().unwrap_or(1),
        }
    }

    fn largest(&self) -> u32 {
        match &self.quotas {
            Quotas::One(quota) => *quota,
            Quotas::ByTier(tiers) => tiers.values().copied().max().unwrap_or(1),
        }
    }
}

pub(super) fn limits(section: &Section<'_>, source: &Source<'_>, config: &mut Config) -> Result<()> {
    let mut outlines: BTreeMap<String, String> = BTreeMap::new();
    for (name, at, table) in section.named("api")? {
        let limit = limit(name, &table, source, at)?;
        let outline = limit.key.outline();
        if let Some(other) = outlines.insert(outline, name.to_string()) {
            let message = format!("[limits.{name}]: counts under the same names as [limits.{other}]");
            let error = source.error(table.key_at("key"), message);
            return Err(error.hint(format!("give it another key, as \"rate:{name}:{{identifier}}\"")));
        }
        config.places.insert(format!("limits.{name}"), limit.place.clone());
        config.limits.insert(name.to_string(), limit);
    }
    Ok(())
}

fn limit(name: &str, table: &Section<'_>, source: &Source<'_>, at: usize) -> Result<LimitConfig> {
    table.only(&KEYS)?;
    let missing = |key: &str, hint: &str| source.error(at, format_args!("[limits.{name}]: no {key}")).hint(hint);
    let algorithm = match table.value("algorithm")? {
        Some(value) => value.one_of(&Algorithm::ALL)?,
        None => Algorithm::SlidingWindow,
    };
    let window = table.value("window")?.ok_or_else(|| missing("window", "as window = \"1h\""))?;
    let shape = Shape { algorithm, window_ms: window_ms(&window)?, buckets: buckets(table, algorithm)? };
    let mut limit = LimitConfig {
        shape,
        key: key(name, table)?,
        quotas: quotas(table, source)?.ok_or_else(|| missing("quota", "as quota = 60, or { free = 60, pro = 600 }"))?,
        default_tier: None,
        burst: None,
        fail_open: true,
        max_keys: 10_000_000,
        place: source.place(at),
    };
    default_tier(table, &mut limit)?;
    if let Some(value) = table.value("burst")? {
        if algorithm != Algorithm::TokenBucket {
            return Err(value.error("only a token bucket has a burst").hint("take the line out"));
        }
        limit.burst = Some(quantity(&value)?);
    }
    if u64::from(limit.burst.unwrap_or(limit.largest())) * shape.window_ms > EXACT_MAX
        && algorithm == Algorithm::TokenBucket
    {
        return Err(window
            .error("a bucket this large over a window this long cannot be counted exactly")
            .hint("use a shorter window, with as much less quota"));
    }
    if let Some(value) = table.value("fail")? {
        limit.fail_open = value.one_of(&[("open", true), ("closed", false)])?;
    }
    if let Some(value) = table.value("max_keys")? {
        limit.max_keys = value.count(1)?;
    }
    Ok(limit)
}

/// Whole numbers up to here are exact in a script of Redis, which knows only doubles.
const EXACT_MAX: u64 = 1 << 53;

fn window_ms(value: &Scalar<'_>) -> Result<u64> {
    let window = value.duration()?;
    if window < Duration::from_secs(1) || window.subsec_nanos() > 0 || window > WINDOW_MAX {
        let hint = "write whole seconds, from \"1s\" to \"366d\"";
        return Err(value.error(format_args!("\"{}\" is no window", value.text)).hint(hint));
    }
    Ok(window.as_secs() * 1_000)
}

fn buckets(table: &Section<'_>, algorithm: Algorithm) -> Result<u32> {
    let Some(value) = table.value("buckets")? else { return Ok(10) };
    if algorithm != Algorithm::SlidingWindow {
        return Err(value.error("only a sliding window has buckets").hint("take the line out"));
    }
    let buckets = value.count(2)?;
    u32::try_from(buckets).ok().filter(|&n| n <= BUCKETS_MAX).ok_or_else(|| {
        value.error(format_args!("more than {BUCKETS_MAX}")).hint("each costs 4 bytes an identifier: 10 are many")
    })
}

fn key(name: &str, table: &Section<'_>) -> Result<Template> {
    let Some(value) = table.value("key")? else {
        let template = Template::parse(&format!("limit:{name}:{{identifier}}:{{window_bucket}}"));
        return template.map_err(|(message, _)| Error::internal(message));
    };
    let template = Template::parse(&value.text).map_err(|(message, hint)| value.error(message).hint(hint))?;
    for variable in template.variables().filter(|variable| !VARIABLES.contains(variable)) {
        if let Some(meant) = nearest(variable, VARIABLES) {
            let message = format!("unknown variable {{{variable}}}");
            return Err(value.error(message).hint(format!("did you mean {{{meant}}}?")));
        }
    }
    Ok(template)
}

fn quotas(table: &Section<'_>, source: &Source<'_>) -> Result<Option<Quotas>> {
    let Ok(tiers) = table.section("quota") else {
        return table.value("quota")?.map(|value| quantity(&value).map(Quotas::One)).transpose();
    };
    if !tiers.is_there() {
        return table.value("quota")?.map(|value| quantity(&value).map(Quotas::One)).transpose();
    }
    let mut by_tier = BTreeMap::new();
    for (tier, _) in tiers.keys() {
        if let Some(value) = tiers.value(tier)? {
            by_tier.insert(tier.to_string(), quantity(&value)?);
        }
    }
    if by_tier.is_empty() {
        return Err(source.error(tiers.at, "quota: no tier at all").hint("as { free = 60, pro = 600 }"));
    }
    Ok(Some(Quotas::ByTier(by_tier)))
}

fn quantity(value: &Scalar<'_>) -> Result<u32> {
    let given = value.count(1)?;
    u32::try_from(given)
        .ok()
        .filter(|&n| n <= QUOTA_MAX)
        .ok_or_else(|| value.error(format_args!("more than {QUOTA_MAX}")).hint("who needs so many needs no limit"))
}

fn default_tier(table: &Section<'_>, limit: &mut LimitConfig) -> Result<()> {
    let value = table.value("default_tier")?;
    match (&limit.quotas, value) {
        (Quotas::One(_), Some(value)) => {
            return Err(value.error("the quota is the same for all tiers").hint("take the line out"));
        }
        (Quotas::ByTier(tiers), Some(value)) => {
            if !tiers.contains_key(&value.text) {
                let hint = did_you_mean(&value.text, tiers.keys().map(String::as_str));
                return Err(value.error(format_args!("unknown tier \"{}\"", value.text)).hint(hint));
            }
            limit.default_tier = Some(value.text);
        }
        (Quotas::ByTier(tiers), None) if tiers.contains_key(DEFAULT_TIER) => {
            limit.default_tier = Some(DEFAULT_TIER.to_owned());
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config> {
        Config::parse(text, "p", &|_| None)
    }

    #[test]
    fn every_key_is_read() {
        let text = "[limits.api]\nalgorithm = \"token_bucket\"\nkey = \"rate:{identifier}\"\nwindow = \"1m\"\n\
                    quota = { free = 60, pro = 600 }\ndefault_tier = \"free\"\nburst = 100\nfail = \"closed\"\nmax_keys = 5\n\
                    [limits.two]\nwindow = \"1h\"\nquota = 7\nbuckets = 4";
        let config = parse(text).unwrap();
        let api = &config.limits["api"];
        assert_eq!(api.shape, Shape { algorithm: Algorithm::TokenBucket, window_ms: 60_000, buckets: 10 });
        assert_eq!(api.quota(Some("pro")).unwrap(), Quota { quota: 600, burst: 100 });
        assert_eq!(api.quota(None).unwrap(), Quota { quota: 60, burst: 100 });
        assert_eq!(api.quota_of_principal(Some("gold")).unwrap(), Quota { quota: 60, burst: 100 });
        let error = api.quota(Some("prp")).unwrap_err();
        assert_eq!((error.code(), error.get_hint()), (code::MALFORMED, Some("did you mean \"pro\"?")));
        assert_eq!((api.fail_open, api.max_keys, api.slowest()), (false, 5, 60));
        assert_eq!(api.place, "brigade.toml:1:9");
        let two = &config.limits["two"];
        assert_eq!(two.shape, Shape { algorithm: Algorithm::SlidingWindow, window_ms: 3_600_000, buckets: 4 });
        assert_eq!(two.quota(Some("whatever")).unwrap(), Quota { quota: 7, burst: 7 });
        assert_eq!((two.fail_open, two.max_keys, two.key.outline()), (true, 10_000_000, "limit:two:{}:{}".to_owned()));
        let tiers = |rest: &str| parse(&format!("[limits.a]\nwindow = \"1h\"\n{rest}")).unwrap().limits["a"].clone();
        assert_eq!(tiers("quota = { anonymous = 3, pro = 9 }").quota(None).unwrap().quota, 3);
        assert_eq!(tiers("quota = { free = 3, pro = 9 }").quota(None).unwrap_err().code(), code::MALFORMED);
    }

    #[test]
    fn mistakes_have_their_place_and_their_mend() {
        let limit = |rest: &str| format!("[limits.a]\n{rest}");
        let whole = |rest: &str| format!("[limits.a]\nwindow = \"1h\"\nquota = 9\n{rest}");
        for (text, message, hint) in [
            (limit("quota = 1"), "1:9: [limits.a]: no window", "window = \"1h\""),
            (limit("window = \"1h\""), "1:9: [limits.a]: no quota", "quota = 60"),
            (limit("window = \"0s\"\nquota = 1"), "2:10: limits.a.window: \"0s\" is no window", "whole seconds"),
            (limit("window = \"-1h\"\nquota = 1"), "2:10: limits.a.window: \"-1h\" is no duration", "24h"),
            (
                limit("window = \"1500ms\"\nquota = 1"),
                "2:10: limits.a.window: \"1500ms\" is no window",
                "whole seconds",
            ),
            (limit("window = \"400d\"\nquota = 1"), "2:10: limits.a.window: \"400d\" is no window", "366d"),
            (limit("window = \"1h\"\nquota = 0"), "3:9: limits.a.quota: \"0\" is no such number", "at least 1"),
            (limit("window = \"1h\"\nquota = -5"), "3:9: limits.a.quota: \"-5\" is no such number", "at least 1"),
            (limit("window = \"1h\"\nquota = 2000000000"), "3:9: limits.a.quota: more than", "no limit"),
            (limit("window = \"1h\"\nquota = { free = 0 }"), "3:18: limits.a.quota.free: \"0\"", "at least 1"),
            (limit("window = \"1h\"\nquota = {}"), "3:1: quota: no tier at all", "free = 60"),
            (
                limit("window = \"1h\"\nquota = { free = 1 }\ndefault_tier = \"fre\""),
                "4:16: limits.a.default_tier: unknown tier \"fre\"",
                "did you mean \"free\"?",
            ),
            (whole("default_tier = \"free\""), "4:16: limits.a.default_tier: the quota is the same", "take"),
            (whole("algorithm = \"sliding\""), "4:13: limits.a.algorithm: unknown \"sliding\"", "sliding_window"),
            (
                whole("key = \"rate:{identifer}\""),
                "4:7: limits.a.key: unknown variable {identifer}",
                "did you mean {identifier}?",
            ),
            (whole("key = \"rate\""), "4:7: limits.a.key: all would be counted together", "{identifier}"),
            (whole("burst = 5"), "4:9: limits.a.burst: only a token bucket", "take"),
            (whole("algorithm = \"token_bucket\"\nburst = 0"), "5:9: limits.a.burst: \"0\"", "at least 1"),
            (
                whole("algorithm = \"fixed_window\"\nbuckets = 5"),
                "5:11: limits.a.buckets: only a sliding window",
                "take",
            ),
            (whole("buckets = 1"), "4:11: limits.a.buckets: \"1\"", "at least 2"),
            (whole("buckets = 100"), "4:11: limits.a.buckets: more than 60", "4 bytes"),
            (whole("fail = \"shut\""), "4:8: limits.a.fail: unknown \"shut\"", "closed"),
            (whole("max_keys = 0"), "4:12: limits.a.max_keys: \"0\"", "at least 1"),
            (whole("windw = \"1h\""), "4:1: unknown key \"windw\" in [limits.a]", "did you mean \"window\"?"),
            (
                format!(
                    "{}\n[limits.b]\nwindow = \"1s\"\nquota = 1\nkey = \"r:{{identifier}}\"",
                    whole("key = \"r:{user_id}\"")
                ),
                "8:1: [limits.b]: counts under the same names as [limits.a]",
                "another key",
            ),
            ("[limits.\"a b\"]\nwindow = \"1h\"".to_owned(), "1:9: [limits.a b]: a name has", "[limits.api]"),
            (
                limit("window = \"366d\"\nquota = 1000000000\nalgorithm = \"token_bucket\""),
                "2:10: limits.a.window: a bucket this large",
                "shorter",
            ),
        ] {
            let error = parse(&text).expect_err(&text);
            assert_eq!(error.code(), code::CONFIG);
            assert!(error.message().starts_with(&format!("brigade.toml:{message}")), "{text}: {error}");
            assert!(error.get_hint().is_some_and(|h| h.contains(hint)), "{text}: {error:?}");
        }
    }
}
