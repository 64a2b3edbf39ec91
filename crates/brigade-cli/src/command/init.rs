//! `init`: a project that serves at once. Nothing that is there is ever overwritten.

use std::{fs, path::Path};

use brigade::data::{Error, code};
use serde_json::json;

use super::json_line;
use crate::{
    failure::{Answer, Failure},
    output,
};

/// Path in the project, and what it holds.
const FILES: [(&str, &str); 4] = [
    ("brigade.toml", include_str!("../../templates/brigade.toml")),
    ("migrations/0001_init.sql", include_str!("../../templates/0001_init.sql")),
    (".gitignore", include_str!("../../templates/gitignore")),
    ("README.md", include_str!("../../templates/README.md")),
];

/// Writes the files of a new project into a folder.
pub fn run(dir: &Path, json: bool) -> Result<Answer, Failure> {
    let in_the_way = FILES.iter().map(|(name, _)| dir.join(name)).find(|path| path.symlink_metadata().is_ok());
    if let Some(path) = in_the_way {
        return Err(Error::new(code::CONFIG, format!("{} is there already, and stays as it is", path.display()))
            .hint("choose a new folder, or move that file away")
            .into());
    }
    let unwritable = |e: std::io::Error| {
        Error::new(code::CONFIG, format!("the project cannot be written: {e}"))
            .details(dir.display().to_string())
            .source(e)
    };
    fs::create_dir_all(dir.join("migrations")).map_err(unwritable)?;
    for (name, text) in FILES {
        // `create_new`: a file that came meanwhile stays too.
        let mut file = fs::File::create_new(dir.join(name)).map_err(unwritable)?;
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(unwritable)?;
    }
    if json {
        let files: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        json_line(&json!({"project": dir, "files": files}))?;
    } else {
        output::line(format!("made the project {}", dir.display()))?;
        output::note(format!("next: brigade serve {}", dir.display()));
    }
    Ok(Answer::Yes)
}
