//! Who may import whom. The folders of `brigade-core` and the crates form a picture that ARCHITECTURE.md draws; this file
//! holds it to that picture. A row that proves wrong is changed here, with a decision record that says why.

use anyhow::{Context, Result};

use crate::run;

/// A folder of `brigade-core` and the folders that it may import. The way in (`commit`) and the way out (`query`) share
/// only data at rest.
const FOLDERS: [(&str, &[&str]); 12] = [
    ("data", &[]),
    ("limit", &["data"]),
    ("session", &["data"]),
    ("cache", &["data"]),
    ("schema", &["data", "limit", "cache"]),
    ("engine", &["data", "limit", "session", "schema"]),
    ("log", &["data", "schema", "engine"]),
    ("commit", &["data", "schema", "engine", "log"]),
    ("query", &["data", "schema", "engine", "log"]),
    ("live", &["data", "schema", "engine", "log", "query"]),
    ("projection", &["data", "cache", "schema", "engine", "log", "commit", "query"]),
    ("ops", &["data", "schema", "engine", "log", "commit", "query", "projection"]),
];

/// Beside the folders: numbers that everyone may read.
const FOR_ALL: &str = "limits";

/// A crate and the crates of this workspace that it may depend on; `engine-` stands for every engine.
const CRATES: [(&str, &[&str]); 9] = [
    ("brigade-core", &[]),
    ("engine-", &["brigade-core"]),
    ("brigade", &["brigade-core", "engine-"]),
    ("brigade-server", &["brigade"]),
    ("brigade-cli", &["brigade", "brigade-server"]),
    ("brigade-testing", &["brigade-core"]),
    ("bench", &["brigade", "brigade-testing"]),
    ("xtask", &[]),
    ("brigade-fuzz", &["brigade-core", "brigade-server", "engine-"]),
];

/// What the core never does, with the reason.
const NEVER_IN_CORE: [(&str, &str); 6] = [
    ("std::fs", "the core opens no file: text comes in from outside"),
    ("tokio::fs", "the core opens no file: text comes in from outside"),
    ("std::net", "the core opens no socket"),
    ("tokio::net", "the core opens no socket"),
    ("rusqlite", "the core names no engine"),
    ("tokio_postgres", "the core names no engine"),
];

/// Imports that the tables forbid.
pub fn problems() -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for file in run::files(&[".rs"])? {
        if let Some(path) = file.strip_prefix("crates/brigade-core/src/") {
            in_core(&file, path, &run::read(&file)?, &mut problems);
        }
    }
    for file in run::files(&["Cargo.toml"])? {
        between_crates(&file, &run::read(&file)?, &mut problems)?;
    }
    Ok(problems)
}

fn in_core(file: &str, path: &str, text: &str, problems: &mut Vec<String>) {
    let code = without_comments(text);
    for (word, why) in NEVER_IN_CORE {
        if code.contains(word) && !is_test(path) {
            problems.push(format!("{file}: names {word}: {why}"));
        }
    }
    let Some((folder, _)) = path.split_once('/') else { return };
    let Some((_, allowed)) = FOLDERS.iter().find(|(name, _)| *name == folder) else {
        problems.push(format!("{file}: the folder {folder} is in no row of the import table"));
        return;
    };
    for name in imported(&code) {
        let known = FOLDERS.iter().any(|(other, _)| *other == name);
        if known && name != folder && name != FOR_ALL && !allowed.contains(&name.as_str()) {
            problems.push(format!("{file}: {folder} may not import {name}"));
        }
    }
}

/// A test may read the applications' own files.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// First names after `crate::`, also those in braces.
fn imported(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(list) => names.extend(first_names(list)),
            None => names.push(identifier(after)),
        }
    }
    names
}

/// First names of a list in braces, whose opening brace is already read.
fn first_names(list: &str) -> Vec<String> {
    let (mut names, mut depth, mut start) = (Vec::new(), 1, true);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => start = true,
            c if start && !c.is_whitespace() => {
                names.push(identifier(&list[at..]));
                start = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn between_crates(file: &str, text: &str, problems: &mut Vec<String>) -> Result<()> {
    let manifest: toml::Table = text.parse().with_context(|| file.to_owned())?;
    let Some(name) = manifest.get("package").and_then(|package| package.get("name")).and_then(|name| name.as_str())
    else {
        return Ok(());
    };
    let Some((_, allowed)) = CRATES.iter().find(|(row, _)| row_is(row, name)) else {
        problems.push(format!("{file}: the crate {name} is in no row of the import table"));
        return Ok(());
    };
    let dependencies = manifest.get("dependencies").and_then(|table| table.as_table());
    for dependency in dependencies.into_iter().flat_map(|table| table.keys()) {
        let ours = CRATES.iter().any(|(row, _)| row_is(row, dependency));
        if ours && !allowed.iter().any(|row| row_is(row, dependency)) {
            problems.push(format!("{file}: {name} may not depend on {dependency}"));
        }
    }
    Ok(())
}

fn row_is(row: &str, name: &str) -> bool {
    row == name || (row.ends_with('-') && name.starts_with(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, expected: &[&str]) {
        let mut problems = Vec::new();
        in_core(path, path, text, &mut problems);
        assert_eq!(problems, expected, "{text}");
    }

    #[test]
    fn an_import_outside_the_table_is_found() {
        check("schema/model.rs", "use crate::data::Row;", &[]);
        check("data/row.rs", "use crate::limits::ROWS;", &[]);
        check("data/row.rs", "use crate::schema::Model;", &["data/row.rs: data may not import schema"]);
        check(
            "commit/mod.rs",
            "use crate::{data::{Row, query}, query::Plan};",
            &["commit/mod.rs: commit may not import query"],
        );
        check("engine/log.rs", "fn f(x: crate::log::Reader) {}", &["engine/log.rs: engine may not import log"]);
        check("engine/log.rs", "// like crate::log::Reader", &[]);
        check("data/tests/a.rs", "std::fs::read(x)", &[]);
        check("util/a.rs", "", &["util/a.rs: the folder util is in no row of the import table"]);
        check(
            "data/a.rs",
            "std::fs::read(x)",
            &["data/a.rs: names std::fs: the core opens no file: text comes in from outside"],
        );
    }

    #[test]
    fn a_dependency_outside_the_table_is_found() {
        for (name, dependency, allowed) in [
            ("brigade", "engine-sqlite", true),
            ("engine-sqlite", "brigade-core", true),
            ("engine-sqlite", "engine-memory", false),
            ("brigade-core", "brigade", false),
            ("brigade-server", "brigade-core", false),
            ("brigade-server", "axum", true),
        ] {
            let text = format!("[package]\nname = \"{name}\"\n[dependencies]\n{dependency} = \"1\"\n");
            let mut problems = Vec::new();
            between_crates("Cargo.toml", &text, &mut problems).unwrap();
            assert_eq!(problems.is_empty(), allowed, "{name} on {dependency}: {problems:?}");
        }
    }
}
