//! Probabilistic early expiration: a popular entry is loaded again shortly before it expires, by one reader that chance
//! picks, so that no crowd ever finds it gone.
//!
//! Source: Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention, VLDB 2015 (XFetch).

use std::time::Duration;

/// Whether this reader loads an entry again that is there for another `left`. `cost` is how long its load took; `beta` above 1
/// makes it earlier; `chance` is even in `0.0..1.0`.
pub fn is_due(left: Duration, cost: Duration, beta: f64, chance: f64) -> bool {
    // 1 - chance is never 0, whose logarithm is infinite.
    cost.as_secs_f64() * beta * -(1.0 - chance).ln() >= left.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_the_end_the_likelier() {
        let cost = Duration::from_millis(10);
        let share = |left: u64| {
            let due = |i: &u32| is_due(Duration::from_millis(left), cost, 1.0, f64::from(*i) / 10_000.0);
            (0..10_000).filter(due).count()
        };
        assert_eq!(share(0), 10_000, "an entry at its end is loaded by whoever comes");
        // e^(-left / cost) of all readers.
        for (left, expected) in [(10, 3_679), (20, 1_353), (50, 67)] {
            let share = share(left) as i64;
            assert!((share - expected).abs() <= 2, "{left} ms: {share}");
        }
        assert_eq!(share(1_000), 0);
    }
}
