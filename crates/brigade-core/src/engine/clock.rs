//! The door through which time comes in, so that a test can hold or turn it.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

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

/// A clock that never jumps: wall time when it was made, and from then on what has really passed.
#[derive(Clone, Copy, Debug)]
pub struct SteadyClock {
    began: i64,
    since: Instant,
}

impl SteadyClock {
    /// Set by another one, once.
    pub fn from(clock: &dyn Clock) -> Self {
        Self { began: clock.now(), since: Instant::now() }
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> i64 {
        self.began + self.since.elapsed().as_micros() as i64
    }
}
