//! The fixed window. State: the window's number since 1970, and what was admitted in it.

use super::{Quota, Shape, get, put};

pub(super) const WORDS: usize = 3;
const COUNT: usize = 2;

pub(super) fn admit(shape: &Shape, state: &mut [u32], now_ms: u64, quota: Quota, cost: u32) -> bool {
    let number = now_ms / shape.window_ms;
    if get(state, 0) < number {
        put(state, 0, number);
        state[COUNT] = 0;
    }
    let admitted = u64::from(state[COUNT]) + u64::from(cost) <= u64::from(quota.quota);
    if admitted {
        state[COUNT] += cost;
    }
    admitted
}

pub(super) fn describe(shape: &Shape, state: &[u32], now_ms: u64, quota: Quota) -> (u32, u64, u64) {
    let left_ms = ((get(state, 0) + 1) * shape.window_ms).saturating_sub(now_ms);
    (quota.quota.saturating_sub(state[COUNT]), left_ms, left_ms)
}

pub(super) fn is_idle(shape: &Shape, state: &[u32], now_ms: u64) -> bool {
    get(state, 0) < now_ms / shape.window_ms || state[COUNT] == 0
}
