//! What one point of a measurement is: how many, in how long, and how long each took.

use std::time::Duration;

use serde_json::{Value, json};

/// Answers counted over a time, with the time that each took.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Answers a second.
    pub rate: f64,
    /// Half of the answers took no longer.
    pub p50: Duration,
    /// 99 of 100 answers took no longer.
    pub p99: Duration,
    /// The slowest answer.
    pub max: Duration,
    /// How many answers.
    pub count: usize,
}

impl Sample {
    /// Of the times that answers took, all within `elapsed`.
    pub fn new(mut times: Vec<Duration>, elapsed: Duration) -> Self {
        times.sort_unstable();
        let at = |share: f64| {
            let index = ((times.len() as f64 * share).ceil() as usize).saturating_sub(1);
            times.get(index).copied().unwrap_or_default()
        };
        Self {
            rate: times.len() as f64 / elapsed.as_secs_f64(),
            p50: at(0.50),
            p99: at(0.99),
            max: times.last().copied().unwrap_or_default(),
            count: times.len(),
        }
    }

    /// For the file of results; times in microseconds.
    pub fn to_json(&self) -> Value {
        json!({
            "per_second": self.rate.round(),
            "p50_us": self.p50.as_micros() as u64,
            "p99_us": self.p99.as_micros() as u64,
            "max_us": self.max.as_micros() as u64,
            "count": self.count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_times() {
        let times = (1..=100).rev().map(Duration::from_millis).collect();
        let sample = Sample::new(times, Duration::from_secs(2));
        assert_eq!(sample.p50, Duration::from_millis(50));
        assert_eq!(sample.p99, Duration::from_millis(99));
        assert_eq!(sample.max, Duration::from_millis(100));
        assert!((sample.rate - 50.0).abs() < f64::EPSILON);
        assert_eq!(Sample::new(Vec::new(), Duration::from_secs(1)).p99, Duration::ZERO);
    }
}
