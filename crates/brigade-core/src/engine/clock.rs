//! The door through which time comes in, so that a test can hold or turn it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Wall time. Order never comes from it.
pub trait Clock: Send + Sync + 'static {
    /// Microseconds since 1970 in UTC.
    fn now(&self) -> i64;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as i64)
    }
}
