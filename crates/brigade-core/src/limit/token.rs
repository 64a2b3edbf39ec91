//! The token bucket. State: the time it was last looked at, and the debt then: what is missing from a full bucket. A token
//! is as many units of debt as the window has milliseconds, and each millisecond repays as many units as the quota has
//! tokens; so nothing is ever rounded.

use super::{Quota, Shape, get, put};

pub(super) const WORDS: usize = 4;
const DEBT: usize = 2;

pub(super) fn admit(shape: &Shape, state: &mut [u32], now_ms: u64, quota: Quota, cost: u32) -> bool {
    let last_ms = get(state, 0);
    let repaid = now_ms.saturating_sub(last_ms).saturating_mul(u64::from(quota.quota));
    let debt = get(state, DEBT).saturating_sub(repaid);
    let after = debt + u64::from(cost) * shape.window_ms;
    let admitted = after <= full(shape, quota);
    put(state, 0, now_ms.max(last_ms));
    put(state, DEBT, if admitted { after } else { debt });
    admitted
}

fn full(shape: &Shape, quota: Quota) -> u64 {
    u64::from(quota.burst) * shape.window_ms
}

pub(super) fn describe(shape: &Shape, state: &[u32], quota: Quota, cost: u32) -> (u32, u64, u64) {
    let (debt, full) = (get(state, DEBT), full(shape, quota));
    let missing = (debt + u64::from(cost) * shape.window_ms).saturating_sub(full);
    let rate = u64::from(quota.quota);
    ((full.saturating_sub(debt) / shape.window_ms) as u32, debt.div_ceil(rate), missing.div_ceil(rate))
}

pub(super) fn is_idle(state: &[u32], now_ms: u64, slowest: u32) -> bool {
    now_ms.saturating_sub(get(state, 0)).saturating_mul(u64::from(slowest)) >= get(state, DEBT)
}
