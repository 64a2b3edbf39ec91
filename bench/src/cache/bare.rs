//! The two libraries that the base is taken from, bare: the same keys and values, nothing else.

use std::{sync::Arc, time::Duration};

use super::{ROWS, rate};

fn value(key: &str) -> Arc<str> {
    format!("{{\"id\":1,\"url\":\"https://example.org/{key}\",\"clicks\":0}}").into()
}

/// Hits a second of `quick_cache`.
pub(super) fn quick(keys: &Arc<Vec<String>>, threads: usize, time: Duration) -> f64 {
    let cache = quick_cache::sync::Cache::<Box<str>, Arc<str>>::new(ROWS * 2);
    keys.iter().for_each(|key| cache.insert(key.as_str().into(), value(key)));
    rate(keys, threads, time, |key| cache.get(key).is_some())
}

/// Hits a second of `moka`.
pub(super) fn moka(keys: &Arc<Vec<String>>, threads: usize, time: Duration) -> f64 {
    let cache = moka::sync::Cache::<String, Arc<str>>::new(ROWS as u64 * 2);
    keys.iter().for_each(|key| cache.insert(key.clone(), value(key)));
    rate(keys, threads, time, |key| cache.get(key).is_some())
}
