//! What every file of code has and has not: a first line that says why it exists, no unfinished marks, no endless length.

use anyhow::Result;

use crate::run;

/// A ratchet: it may only go down. A file that would pass it holds two subjects.
const LINES_MAX: usize = 450;

/// Marks of unfinished work, written apart so that this file does not hold them.
const MARKS: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("dbg", "!("),
];

/// Files that break a rule.
pub fn problems() -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for file in run::files(&[".rs"])? {
        let text = run::read(&file)?;
        if !text.starts_with("//! ") {
            problems.push(format!("{file}: begins without a //! line that says why the file exists"));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            problems.push(format!("{file}: {lines} lines, at most {LINES_MAX}: split it by subject"));
        }
    }
    for file in run::files(&[".rs", ".toml", ".md", ".sql"])? {
        let text = run::read(&file)?;
        for mark in MARKS.iter().filter(|mark| text.contains(**mark)) {
            problems.push(format!("{file}: holds {mark}"));
        }
    }
    Ok(problems)
}
