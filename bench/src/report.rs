//! The table that people read, the bars that decide, and the file that programs read.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::{machine, sample::Sample};

/// Everything measured in one run.
#[derive(Debug, Default)]
pub struct Report {
    samples: Map<String, Value>,
    facts: Map<String, Value>,
    bars: Vec<Bar>,
}

/// A measured figure and what it must reach.
#[derive(Debug)]
struct Bar {
    name: String,
    measured: f64,
    wanted: f64,
    unit: &'static str,
    met: bool,
}

impl Report {
    /// Prints a heading.
    pub fn heading(&self, text: &str) {
        println!("\n{text}");
        println!("  {:<44} {:>10} {:>11} {:>11} {:>11}", "", "per second", "p50", "p99", "max");
    }

    /// Prints and keeps a sample.
    pub fn sample(&mut self, name: &str, sample: &Sample) {
        let Sample { rate, p50, p99, max, .. } = sample;
        println!("  {name:<44} {rate:>10.0} {:>11} {:>11} {:>11}", shown(*p50), shown(*p99), shown(*max));
        self.samples.insert(name.to_owned(), sample.to_json());
    }

    /// Prints and keeps a single figure.
    pub fn fact(&mut self, name: &str, value: Value) {
        println!("  {name:<44} {value:>10}");
        self.facts.insert(name.to_owned(), value);
    }

    /// A figure that should be at least `wanted`.
    pub fn at_least(&mut self, name: &str, measured: f64, wanted: f64, unit: &'static str) {
        self.bars.push(Bar { name: format!("{name}, at least"), measured, wanted, unit, met: measured >= wanted });
    }

    /// A figure that should be at most `wanted`.
    pub fn at_most(&mut self, name: &str, measured: f64, wanted: f64, unit: &'static str) {
        self.bars.push(Bar { name: format!("{name}, at most"), measured, wanted, unit, met: measured <= wanted });
    }

    /// Prints the bars and writes `bench/results/NAME-TIME.json`.
    pub fn finish(&self, name: &str) -> Result<PathBuf> {
        println!("\nbars");
        for Bar { name, measured, wanted, unit, met } in &self.bars {
            let result = if *met { "met" } else { "NOT MET" };
            println!("  {name:<60} {wanted:>10.2} {unit:<9} measured {measured:>10.2}  {result}");
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
        std::fs::create_dir_all(&folder)?;
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
        let path = folder.join(format!("{name}-{seconds}.json"));
        std::fs::write(&path, serde_json::to_string_pretty(&self.to_json(seconds))?)?;
        println!("\nwritten to {}", path.display());
        Ok(path)
    }

    fn to_json(&self, seconds: u64) -> Value {
        let bars: Vec<Value> = self
            .bars
            .iter()
            .map(|bar| {
                json!({"name": bar.name, "wanted": bar.wanted, "measured": bar.measured, "unit": bar.unit, "met": bar.met})
            })
            .collect();
        json!({
            "unix_seconds": seconds,
            "version": env!("CARGO_PKG_VERSION"),
            "cores": machine::cores(),
            "samples": self.samples,
            "facts": self.facts,
            "bars": bars,
        })
    }
}

fn shown(time: Duration) -> String {
    match time.as_micros() {
        micros if micros < 1_000 => format!("{micros} µs"),
        micros if micros < 1_000_000 => format!("{:.2} ms", micros as f64 / 1e3),
        micros => format!("{:.2} s", micros as f64 / 1e6),
    }
}
