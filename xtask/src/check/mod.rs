//! `cargo xtask check`: every rule of this repository that a program can check. A rule that is not here is advice.

mod headers;
mod imports;
mod paths;

use anyhow::{Result, bail};

use crate::{run, test};

/// A named check: what it finds, one problem a line.
type Part = (&'static str, fn() -> Result<Vec<String>>);

/// In the order of cost: what answers in a second comes first.
const PARTS: [Part; 7] = [
    ("format", format),
    ("imports", imports::problems),
    ("headers", headers::problems),
    ("paths", paths::problems),
    ("clippy", clippy),
    ("docs", docs),
    ("tests", tests),
];

/// Runs the named parts, or all. Every part runs, also after one has failed.
pub fn run(names: &[String]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| !PARTS.iter().any(|(part, _)| part == name)) {
        let known: Vec<&str> = PARTS.iter().map(|(part, _)| *part).collect();
        bail!("there is no part {unknown}: the parts are {}", known.join(", "));
    }
    let mut failed = Vec::new();
    for (name, part) in PARTS {
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        eprintln!("check {name}");
        let problems = part().unwrap_or_else(|error| vec![format!("{error:#}")]);
        for problem in &problems {
            eprintln!("  {problem}");
        }
        if !problems.is_empty() {
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!("not in order: {}", failed.join(", "));
    }
    Ok(())
}

fn format() -> Result<Vec<String>> {
    run::run(&mut run::command(&["cargo", "fmt", "--all", "--check"]))?;
    Ok(Vec::new())
}

/// In the release profile, like everything here: dependencies are checked once for clippy and for the documentation.
fn clippy() -> Result<Vec<String>> {
    let line =
        ["cargo", "clippy", "--quiet", "--release", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    run::run(&mut run::command(&line))?;
    Ok(Vec::new())
}

fn docs() -> Result<Vec<String>> {
    let line = ["cargo", "doc", "--quiet", "--release", "--workspace", "--no-deps", "--locked"];
    run::run(run::command(&line).env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Vec::new())
}

fn tests() -> Result<Vec<String>> {
    test::run(&[])?;
    Ok(Vec::new())
}
