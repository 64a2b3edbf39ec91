//! Which project a command is about, and where its data lies.

use std::path::{Path, PathBuf};

use brigade::data::{Error, Result, code};

use crate::arguments::Arguments;

/// A project's folder and the folder of its embedded stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Folder of the project.
    pub project: PathBuf,
    /// What `--data` said; none: `PROJECT/data`.
    pub data: Option<PathBuf>,
}

impl Place {
    /// The project that a command names, else that of `--project`, else the current folder.
    ///
    /// # Errors
    /// BRGCFG where no project lies there.
    pub fn find(arguments: &Arguments, named: Option<&Path>) -> Result<Self> {
        let project = named.or(arguments.project.as_deref()).unwrap_or(Path::new("."));
        if !project.join("brigade.toml").is_file() && !project.join("migrations").is_dir() {
            let what = if project.exists() { "holds no brigade.toml" } else { "is not there" };
            return Err(Error::new(code::CONFIG, format!("no project: the folder {} {what}", project.display()))
                .hint(format!("make one with `brigade init {}`, or name another folder", project.display())));
        }
        Ok(Self { project: project.to_owned(), data: arguments.data.clone() })
    }

    /// The folder of the embedded stores and of the lock.
    pub fn data_dir(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| self.project.join("data"))
    }
}

/// Splits a command's words into the project, where one is named, and the `wanted` words after it.
pub fn split(words: &[String], wanted: usize) -> (Option<&Path>, &[String]) {
    if words.len() > wanted { (Some(Path::new(&words[0])), &words[1..]) } else { (None, words) }
}

/// As [`split`] with one word that may be missing. A single word is the project if it names a folder, since names of
/// projections (`copy.backup`) hardly do.
pub fn split_optional(words: &[String]) -> (Option<&Path>, Option<&str>) {
    match words {
        [] => (None, None),
        [word] if Path::new(word).is_dir() => (Some(Path::new(word)), None),
        [word] => (None, Some(word)),
        [project, name, ..] => (Some(Path::new(project)), Some(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_comes_first_where_it_is_named() {
        let words = |list: &[&str]| list.iter().map(|&w| w.to_owned()).collect::<Vec<_>>();
        assert_eq!(split(&words(&["select 1"]), 1), (None, &words(&["select 1"])[..]));
        assert_eq!(split(&words(&["p", "select 1"]), 1), (Some(Path::new("p")), &words(&["select 1"])[..]));
        assert_eq!(split_optional(&words(&["copy.backup"])), (None, Some("copy.backup")));
        assert_eq!(split_optional(&words(&["."])), (Some(Path::new(".")), None));
        assert_eq!(split_optional(&words(&["p", "copy.a"])), (Some(Path::new("p")), Some("copy.a")));
    }
}
