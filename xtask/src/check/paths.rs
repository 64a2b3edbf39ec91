//! A document that names a file is held to it: every relative link and every path of the repository in a `.md` exists.

use std::path::Path;

use anyhow::Result;

use crate::run;

/// Folders on top of the repository: a word in backticks that begins with one of them is a path.
const FOLDERS: [&str; 8] = ["crates/", "apps/", "docs/", "bench/", "xtask/", ".ci/", ".cargo/", "fuzz/"];

/// Names in documents that lead nowhere.
pub fn problems() -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for file in run::files(&[".md"])? {
        let text = run::read(&file)?;
        let folder = run::root().join(&file).parent().map(Path::to_owned).unwrap_or_default();
        for link in links(&text).iter().filter(|link| !folder.join(link).exists()) {
            problems.push(format!("{file}: links to {link}, which does not exist"));
        }
        for path in paths(&text).iter().filter(|path| !run::root().join(path).exists()) {
            problems.push(format!("{file}: names {path}, which does not exist"));
        }
    }
    Ok(problems)
}

/// Targets of links that stay in the repository, without their `#part`.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|after| after.split(')').next())
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
        .collect()
}

/// Paths of the repository in backticks; patterns (`*`, `{}`) and what `.gitignore` makes (`data`, `results`) are passed
/// over.
fn paths(text: &str) -> Vec<&str> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| FOLDERS.iter().any(|folder| code.starts_with(folder)))
        .filter(|code| !code.contains(['*', '{', ' ', '<', '…']) && !made_by_running(code))
        .map(|code| code.trim_end_matches('/'))
        .collect()
}

fn made_by_running(path: &str) -> bool {
    path.split('/').any(|part| part == "data" || part == "results") && !path.contains("/src/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_paths_are_found() {
        let text =
            "See [a](docs/a.md#top), [b](https://b) and `crates/x/src/`, `apps/*/data`, `cargo run`, `apps/smo1/data`.";
        assert_eq!(links(text), ["docs/a.md"]);
        assert_eq!(paths(text), ["crates/x/src"]);
    }
}
