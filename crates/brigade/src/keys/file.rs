//! `DATA/keys.json`: the file of the API keys. It is replaced whole, by a rename, so that a crash leaves the old one or the
//! new one and nothing between.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    time::Duration,
};

use brigade_core::data::{Error, Result, code};

use super::{Kept, Keys};

/// The file's name in the data folder.
pub(super) const NAME: &str = "keys.json";

/// The keys in a file; none where it is not there.
pub(super) fn read(path: &Path) -> Result<Keys> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Keys::new()),
        Err(e) => return Err(unusable(path, &e).source(e)),
    };
    let kept: Vec<Kept> = serde_json::from_slice(&text).map_err(|e| unusable(path, &e))?;
    Ok(kept.into_iter().map(|kept| (kept.key.id.clone(), kept)).collect())
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::new(code::CONFIG, format!("the API keys in {} cannot be read: {error}", path.display()))
        .hint("put the file back from a backup; without it every key is unknown, and new ones must be made")
}

/// Writes the keys; when it returns, they are durable.
pub(super) fn write(path: &Path, keys: &Keys) -> Result<()> {
    let kept: Vec<&Kept> = keys.values().collect();
    let text = serde_json::to_vec_pretty(&kept).expect("strings alone");
    replace(path, &text).map_err(|e| {
        Error::unavailable(format!("the API keys cannot be written: {e}"), Duration::from_secs(1))
            .details("nothing was changed")
            .source(e)
    })
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("json.new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    // The name is durable only with its folder.
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
