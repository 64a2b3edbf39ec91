//! `cargo xtask fuzz`: inputs invented by libFuzzer for everything that strangers write. The functions lie in the crates
//! (`fuzz.rs`), where an ordinary test replays the corpus; this needs a nightly compiler and `cargo-fuzz`, and says so.

use std::{fs, time::Duration};

use anyhow::{Context, Result, bail};

use crate::run;

/// How long each target runs, unless told otherwise.
const SECONDS: u64 = 60;

/// The longest an input may take before it counts as a hang: far above what the largest of them takes.
const INPUT_MAX: Duration = Duration::from_secs(10);

/// Fuzzes the named targets, or all.
pub fn run(arguments: &[String]) -> Result<()> {
    let (targets, seconds) = wanted(arguments)?;
    let nightly = |line: &[&str]| run::output(&mut run::command(&[&["cargo", "+nightly"], line].concat()));
    if let Err(error) = nightly(&["--version"]).and_then(|_| nightly(&["fuzz", "--version"])) {
        eprintln!("***");
        eprintln!("*** NOTHING IS FUZZED: a nightly compiler and cargo-fuzz are needed.");
        eprintln!("*** rustup toolchain install nightly && cargo install cargo-fuzz");
        eprintln!("***");
        return Err(error.context("no cargo-fuzz"));
    }
    for target in &targets {
        eprintln!("fuzz: {target}, {seconds} s");
        let found = format!("fuzz/found/{target}");
        fs::create_dir_all(run::root().join(&found))?;
        // Without a sanitizer: no code of ours is unsafe where these functions go.
        let mut line = run::command(&["cargo", "+nightly", "fuzz", "run", "--sanitizer", "none"]);
        line.args([target, &found, &format!("fuzz/corpus/{target}"), "--"]);
        line.args([format!("-max_total_time={seconds}"), format!("-timeout={}", INPUT_MAX.as_secs())]);
        run::run(&mut line).with_context(|| format!("{target}: put what it found into fuzz/corpus/{target}"))?;
    }
    Ok(())
}

fn wanted(arguments: &[String]) -> Result<(Vec<String>, u64)> {
    let mut known: Vec<String> = fs::read_dir(run::root().join("fuzz/fuzz_targets"))?
        .map(|file| Ok(file?.path().file_stem().context("a name")?.to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    known.sort();
    let (mut targets, mut seconds, mut rest) = (Vec::new(), SECONDS, arguments.iter());
    while let Some(word) = rest.next() {
        match word.as_str() {
            "--seconds" => seconds = rest.next().context("--seconds needs a number")?.parse()?,
            name if known.iter().any(|target| target == name) => targets.push(name.to_owned()),
            name => bail!("there is no target {name:?}; there are: {}", known.join(", ")),
        }
    }
    Ok((if targets.is_empty() { known } else { targets }, seconds))
}
