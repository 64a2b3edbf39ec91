//! `cargo xtask test`: the README's second command. Gets what tests need, runs them all, and closes with one line that
//! says how many there were.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use anyhow::{Result, bail};

use crate::{clients, postgres, redis, run};

/// Runs all tests of the workspace; `arguments` go to `cargo test`.
pub fn run(arguments: &[String]) -> Result<()> {
    postgres::ensure()?;
    redis::ensure()?;
    clients::ensure()?;
    let mut cargo = run::command(&["cargo", "test", "--release", "--workspace", "--locked", "--no-fail-fast"]);
    let mut child = cargo.args(arguments).stdout(Stdio::piped()).spawn()?;
    let mut sum = Sum::default();
    for line in BufReader::new(child.stdout.take().expect("piped above")).lines() {
        let line = line?;
        println!("{line}");
        sum.add(&line);
    }
    let status = child.wait()?;
    println!("\n{sum}");
    if !status.success() {
        bail!("cargo test: {status}");
    }
    Ok(())
}

/// What the runners of all test programs said at their ends.
#[derive(Debug, Default, PartialEq)]
struct Sum {
    programs: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Sum {
    /// Counts a line such as `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        self.programs += 1;
        let mut last = 0;
        for word in result.split([' ', ';', '.']) {
            match word {
                "passed" => self.passed += last,
                "failed" => self.failed += last,
                "ignored" => self.ignored += last,
                _ => last = word.parse().unwrap_or(last),
            }
        }
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let result = if self.failed == 0 { "ok" } else { "FAILED" };
        let Self { programs, passed, failed, ignored } = self;
        write!(f, "all tests: {result}. {passed} passed; {failed} failed; {ignored} ignored; {programs} test programs")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let mut sum = Sum::default();
        for line in [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.10s",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.02s",
            "test a::b ... ok",
        ] {
            sum.add(line);
        }
        assert_eq!(sum, Sum { programs: 2, passed: 14, failed: 1, ignored: 1 });
    }
}
