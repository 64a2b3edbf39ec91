//! "May this one go on?" How often somebody may do something: three algorithms, each defined here and nowhere else.
//!
//! Times are whole milliseconds since 1970. A *state* is what is kept of one identifier: a few words, all of them 0 for who
//! never asked. An engine keeps states and asks [`Shape::admit`], or does the same in a script of its own and lets
//! [`Shape::describe`] say what it means; so all engines say the same.
//!
//! Invariant: nothing here reads a clock, and a time before that of the state counts as the state's, so that a clock that is
//! set back admits nobody twice.

mod fixed;
mod key;
mod sliding;
#[cfg(test)]
mod tests;
mod token;

pub use key::{LimitKey, Template, Unfilled, VARIABLES, encode};

/// How admissions are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// At most the quota in each window; windows are aligned to Unix time. Twice the quota may pass around a window's end.
    FixedWindow,
    /// At most the quota in every interval of the window's length, however it lies. Admissions are counted in sub-buckets,
    /// and the oldest one counts whole, so a little less than the quota passes under constant load: n of n + 1 with n buckets.
    SlidingWindow,
    /// A bucket that holds `burst` tokens, starts full, and gains `quota` tokens a window, evenly. At most
    /// `burst + quota × t / window` pass in any interval of length t.
    TokenBucket,
}

impl Algorithm {
    /// Every algorithm with its word.
    pub const ALL: [(&'static str, Self); 3] = [
        ("fixed_window", Self::FixedWindow),
        ("sliding_window", Self::SlidingWindow),
        ("token_bucket", Self::TokenBucket),
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, algorithm)| *algorithm == self).map_or("", |(word, _)| word)
    }
}

/// What is the same for all who are counted by one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How admissions are counted.
    pub algorithm: Algorithm,
    /// The window, in milliseconds; above 0.
    pub window_ms: u64,
    /// Sub-buckets of a sliding window; at least 1.
    pub buckets: u32,
}

/// How much one identifier may: it depends on its tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Admitted in a window; at least 1.
    pub quota: u32,
    /// Tokens that a token bucket holds; at least 1. Others do not look at it.
    pub burst: u32,
}

/// The answer to one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it was admitted, and counted.
    pub allowed: bool,
    /// The most that can be admitted at once.
    pub limit: u32,
    /// What can still be admitted now.
    pub remaining: u32,
    /// Until the quota is there again, in milliseconds. Of a sliding window: until it has passed since the newest admission's
    /// sub-bucket began.
    pub reset_ms: u64,
    /// Where it was refused: after so many milliseconds a check of the same cost is admitted, if nobody else asked meanwhile.
    pub retry_ms: Option<u64>,
    /// When it was, by the clock that decided.
    pub now_ms: u64,
}

impl Shape {
    /// Words of a state.
    pub fn words(&self) -> usize {
        match self.algorithm {
            Algorithm::FixedWindow => fixed::WORDS,
            Algorithm::SlidingWindow => sliding::words(self),
            Algorithm::TokenBucket => token::WORDS,
        }
    }

    /// The most that one check may cost; what costs more would be refused for ever.
    pub fn cost_max(&self, quota: Quota) -> u32 {
        match self.algorithm {
            Algorithm::TokenBucket => quota.burst,
            _ => quota.quota,
        }
    }

    /// Milliseconds of a sub-bucket of a sliding window.
    pub fn bucket_ms(&self) -> u64 {
        sliding::bucket_ms(self)
    }

    /// Admits a check and counts it, or refuses it. A cost of 0 only looks.
    pub fn admit(&self, state: &mut [u32], now_ms: u64, quota: Quota, cost: u32) -> Verdict {
        let allowed = match self.algorithm {
            Algorithm::FixedWindow => fixed::admit(self, state, now_ms, quota, cost),
            Algorithm::SlidingWindow => sliding::admit(self, state, now_ms, quota, cost),
            Algorithm::TokenBucket => token::admit(self, state, now_ms, quota, cost),
        };
        self.describe(state, now_ms, quota, cost, allowed)
    }

    /// What a state means that a check has just been decided on, whoever decided it.
    pub fn describe(&self, state: &[u32], now_ms: u64, quota: Quota, cost: u32, allowed: bool) -> Verdict {
        let (remaining, reset_ms, retry_ms) = match self.algorithm {
            Algorithm::FixedWindow => fixed::describe(self, state, now_ms, quota),
            Algorithm::SlidingWindow => sliding::describe(self, state, now_ms, quota, cost),
            Algorithm::TokenBucket => token::describe(self, state, quota, cost),
        };
        let retry_ms = (!allowed).then_some(retry_ms);
        let reset_ms = reset_ms.max(retry_ms.unwrap_or_default());
        Verdict { allowed, limit: self.cost_max(quota), remaining, reset_ms, retry_ms, now_ms }
    }

    /// Whether a state means by now what one of all zeros means, so that it can be forgotten. `slowest` is the smallest quota
    /// of all tiers.
    pub fn is_idle(&self, state: &[u32], now_ms: u64, slowest: u32) -> bool {
        match self.algorithm {
            Algorithm::FixedWindow => fixed::is_idle(self, state, now_ms),
            Algorithm::SlidingWindow => sliding::is_idle(self, state, now_ms),
            Algorithm::TokenBucket => token::is_idle(state, now_ms, slowest),
        }
    }

    /// Moves a state from one clock to another that shows `to_ms` when the first one showed `from_ms`.
    pub fn shift(&self, state: &mut [u32], from_ms: u64, to_ms: u64) {
        let unit = match self.algorithm {
            Algorithm::FixedWindow => self.window_ms,
            Algorithm::SlidingWindow => self.bucket_ms(),
            Algorithm::TokenBucket => 1,
        };
        let time = get(state, 0);
        put(state, 0, (time + to_ms / unit).saturating_sub(from_ms / unit));
    }
}

/// Two words as one number.
fn get(state: &[u32], at: usize) -> u64 {
    u64::from(state[at]) | u64::from(state[at + 1]) << 32
}

fn put(state: &mut [u32], at: usize, value: u64) {
    state[at] = value as u32;
    state[at + 1] = (value >> 32) as u32;
}

/// Builds a state out of what a script keeps: the number of the window or sub-bucket, or the time, then the rest.
pub fn state(time: u64, rest: &[u32]) -> Vec<u32> {
    let mut state = vec![0; 2];
    put(&mut state, 0, time);
    state.extend_from_slice(rest);
    state
}

/// A number as two words of a state.
pub fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}
