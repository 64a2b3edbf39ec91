//! A project folder, read whole: brigade.toml and migrations/. Nothing here opens a store.

use std::path::{Path, PathBuf};

use brigade_core::{
    data::{Error, Result, code, line_column},
    schema::{Config, Migration, MigrationFile, migrations},
};

/// What a project's files say.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its folder.
    pub dir: PathBuf,
    /// brigade.toml; the defaults where there is none.
    pub config: Config,
    /// migrations/, in order.
    pub migrations: Vec<Migration>,
    /// queries/, by name.
    pub queries: Vec<MigrationFile>,
}

impl Project {
    /// Reads a project folder.
    ///
    /// # Errors
    /// BRGCFG with `FILE:LINE:COLUMN` first where a file is wrong, and where the folder is no project.
    pub fn read(dir: &Path) -> Result<Self> {
        let config = read_config(dir)?;
        let migrations = if config.schema.existing { Vec::new() } else { read_migrations(dir)? };
        Ok(Self { dir: dir.to_owned(), config, migrations, queries: read_files(&dir.join("queries"), "queries/")? })
    }
}

fn read_config(dir: &Path) -> Result<Config> {
    let file = dir.join("brigade.toml");
    if !dir.is_dir() || (!file.exists() && !dir.join("migrations").is_dir()) {
        return Err(Error::new(code::CONFIG, format!("{} is no brigade project", dir.display()))
            .details("neither brigade.toml nor migrations/ is there")
            .hint("name the project's folder, or make one with: brigade init DIR"));
    }
    let text = if file.exists() { read_text(&file, "brigade.toml")? } else { String::new() };
    let name = std::path::absolute(dir)
        .ok()
        .and_then(|d| d.file_name().map(|n| n.to_string_lossy().into_owned()))
        .unwrap_or_else(|| "project".to_owned());
    Config::parse(&text, &name, &|variable| std::env::var(variable).ok())
}

fn read_migrations(dir: &Path) -> Result<Vec<Migration>> {
    migrations(read_files(&dir.join("migrations"), "")?)
}

/// The files of SQL in a folder, by name; none where there is no folder. `shown` stands before a name in errors.
fn read_files(folder: &Path, shown: &str) -> Result<Vec<MigrationFile>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let unreadable =
        |e: std::io::Error| Error::new(code::CONFIG, format!("{} cannot be read: {e}", folder.display())).source(e);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_file() && name.ends_with(".sql") && !name.starts_with('.') {
            let text = read_text(&path, &format!("{shown}{name}"))?;
            files.push(MigrationFile { name, text });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Reads a file as text; what is no UTF-8 is named with its place.
fn read_text(path: &Path, shown: &str) -> Result<String> {
    let bytes = std::fs::read(path)
        .map_err(|e| Error::new(code::CONFIG, format!("{} cannot be read: {e}", path.display())).source(e))?;
    String::from_utf8(bytes).map_err(|e| {
        let (line, column) = line_column(e.as_bytes(), e.utf8_error().valid_up_to());
        Error::new(code::CONFIG, format!("{shown}:{line}:{column}: the file is no UTF-8"))
            .hint("save it as UTF-8")
            .source(e)
    })
}
