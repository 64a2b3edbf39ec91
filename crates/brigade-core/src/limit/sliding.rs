//! The sliding window in sub-buckets. State: the number of the newest sub-bucket since 1970, and a ring of what was admitted
//! in each of the newest n + 1.
//!
//! Why no interval of the window's length admits more than the quota: it touches at most n + 1 sub-buckets that follow each
//! other, since n of them are at least as long as the window. When the last of its admissions was decided, all others of it
//! lay in the sub-bucket of that time or in the n before it, and those were all counted.

use super::{Quota, Shape, get, put};

const COUNTS: usize = 2;

pub(super) fn words(shape: &Shape) -> usize {
    COUNTS + shape.buckets as usize + 1
}

/// Rounded up: n sub-buckets are at least as long as the window.
pub(super) fn bucket_ms(shape: &Shape) -> u64 {
    shape.window_ms.div_ceil(u64::from(shape.buckets))
}

pub(super) fn admit(shape: &Shape, state: &mut [u32], now_ms: u64, quota: Quota, cost: u32) -> bool {
    advance(state, now_ms / bucket_ms(shape));
    let admitted = counted(state) + u64::from(cost) <= u64::from(quota.quota);
    if admitted {
        let at = place(state, get(state, 0));
        state[at] += cost;
    }
    admitted
}

/// Makes this sub-bucket the newest and forgets those that it pushes out.
fn advance(state: &mut [u32], number: u64) {
    let newest = get(state, 0);
    if number <= newest {
        return;
    }
    let pushed = (number - newest).min((state.len() - COUNTS) as u64);
    for n in 0..pushed {
        let at = place(state, number - n);
        state[at] = 0;
    }
    put(state, 0, number);
}

fn place(state: &[u32], number: u64) -> usize {
    COUNTS + (number % (state.len() - COUNTS) as u64) as usize
}

fn counted(state: &[u32]) -> u64 {
    state[COUNTS..].iter().map(|&count| u64::from(count)).sum()
}

pub(super) fn describe(shape: &Shape, state: &[u32], now_ms: u64, quota: Quota, cost: u32) -> (u32, u64, u64) {
    let (width, ring, newest) = (bucket_ms(shape), (state.len() - COUNTS) as u64, get(state, 0));
    let mut left = counted(state);
    let remaining = u64::from(quota.quota).saturating_sub(left) as u32;
    // Once the next sub-bucket begins the oldest is pushed out, and so on, until the cost fits.
    let mut retry_ms = 0;
    for step in 1..=ring {
        if left + u64::from(cost) <= u64::from(quota.quota) {
            break;
        }
        let oldest = (newest + step).checked_sub(ring).map_or(0, |number| state[place(state, number)]);
        left -= u64::from(oldest);
        retry_ms = ((newest + step) * width).saturating_sub(now_ms);
    }
    let last = (0..ring).map_while(|n| newest.checked_sub(n)).find(|&number| state[place(state, number)] > 0);
    let reset_ms = last.map_or(0, |number| (number * width + shape.window_ms).saturating_sub(now_ms));
    (remaining, reset_ms, retry_ms)
}

pub(super) fn is_idle(shape: &Shape, state: &[u32], now_ms: u64) -> bool {
    let ring = (state.len() - COUNTS) as u64;
    get(state, 0) + ring <= now_ms / bucket_ms(shape) || counted(state) == 0
}
