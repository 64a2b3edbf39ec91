//! `DATA/keys.json`: the file of the API keys. It is replaced whole, by a rename, so that a crash leaves the old one or the
//! new one and nothing between.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    time::Duration,
};

use brigade_core::data::{Error, Result, code};

use serde::{Deserialize, Serialize};

use super::{ApiKey, Hash, Kept, Keys, hex};

/// A key as the file has it.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    key: ApiKey,
    /// In hex.
    hash: String,
}

/// The file's name in the data folder.
pub(super) const NAME: &str = "keys.json";

/// The keys in a file; none where it is not there.
pub(super) fn read(path: &Path) -> Result<Keys> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Keys::new()),
        Err(e) => return Err(unusable(path, &e).source(e)),
    };
    let lines: Vec<Line> = serde_json::from_slice(&text).map_err(|e| unusable(path, &e))?;
    let kept = lines.into_iter().map(|Line { key, hash }| {
        let hash = unhex(&hash).ok_or_else(|| unusable(path, &format_args!("the hash of {} is none", key.id)))?;
        Ok((key.id.clone(), Kept::new(key, hash)))
    });
    kept.collect()
}

fn unhex(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    if text.len() != 2 * hash.len() || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::new(code::CONFIG, format!("the API keys in {} cannot be read: {error}", path.display()))
        .hint("put the file back from a backup; without it every key is unknown, and new ones must be made")
}

/// Writes the keys; when it returns, they are durable.
pub(super) fn write(path: &Path, keys: &Keys) -> Result<()> {
    let lines: Vec<Line> = keys.values().map(|kept| Line { key: kept.key.clone(), hash: hex(&kept.hash) }).collect();
    let text = serde_json::to_vec_pretty(&lines).expect("strings alone");
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
