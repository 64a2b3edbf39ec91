//! What a restart must not forget: states, appended as they change, in batches that are whole or not there. Once it is much
//! longer than what it holds, it is written anew beside itself and takes its own place.
//!
//! Invariant: what is read is what was written last; a batch that was torn ends the reading, and the file is then written
//! anew. The system keeps what a killed process wrote; only closing waits for the disk.

use std::{
    collections::HashMap,
    fs,
    io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use brigade_core::{
    data::{Error, Result, code},
    limit::{Algorithm, Shape},
};
use xxhash_rust::xxh3::xxh3_64;

use super::table::Hash;

const MAGIC: &[u8; 8] = b"BRGLIMT1";
const HEADER: usize = 8 + 1 + 8 + 4 + 8;

/// A batch begins with what it holds, when it was, how many words follow, and what they add up to.
const BATCH: usize = 1 + 8 + 4 + 8;
const OWN: u8 = 0;
const SHARED: u8 = 1;

/// Below this length it is not written anew.
const SHORT: u64 = 1 << 20;

/// Words of a batch at most: a longer one is no batch.
const WORDS_MAX: usize = 64 << 20;

/// The open file.
pub struct File {
    path: PathBuf,
    shape: Shape,
    seed: u64,
    file: fs::File,
    bytes: u64,
    /// It holds something that cannot be read, or lacks something: the next time it is written anew.
    broken: bool,
    /// Whether it could not be written the last time.
    pub fails: bool,
}

/// What a file held.
#[derive(Default)]
pub struct Read {
    /// The clock when it was last written.
    pub written_ms: u64,
    pub own: HashMap<Hash, Box<[u32]>>,
    pub shared: HashMap<u32, Box<[u32]>>,
}

impl std::hash::Hash for Hash {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        self.0.hash(hasher);
    }
}

/// Writes batches.
pub struct Writer<'f> {
    to: &'f mut fs::File,
    now_ms: u64,
    bytes: u64,
}

impl File {
    /// Opens it, or makes it anew where it is of another shape.
    pub fn open(path: PathBuf, shape: Shape) -> Result<(Self, Read)> {
        let unusable = |path: &Path, e: io::Error| {
            Error::new(code::CONFIG, format!("the file {} of a limit cannot be used: {e}", path.display()))
                .hint("give this user the right to write there")
                .source(e)
        };
        let opened = fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|e| unusable(&path, e))?;
        let mut opened = Self { path, shape, seed: rand::random(), file, bytes: 0, broken: true, fails: false };
        let read = opened.read().map_err(|e| unusable(&opened.path, e))?;
        Ok((opened, read))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether it should be written anew, with so many states.
    pub fn wants_all(&self, states: usize) -> bool {
        let whole = (states * (4 + self.shape.words()) * 4) as u64;
        self.broken || self.bytes > SHORT + 4 * whole
    }

    /// Writes what `give` gives: behind what it holds, or `anew`. At the `end` it waits for the disk.
    pub fn write(
        &mut self,
        now_ms: u64,
        anew: bool,
        end: bool,
        give: impl FnOnce(&mut Writer<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.broken = true;
        if anew {
            let beside = self.path.with_extension("new");
            let mut file = fs::OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&beside)?;
            file.write_all(&self.header())?;
            let mut writer = Writer { to: &mut file, now_ms, bytes: HEADER as u64 };
            give(&mut writer)?;
            let bytes = writer.bytes;
            file.sync_data()?;
            fs::rename(&beside, &self.path)?;
            (self.file, self.bytes) = (file, bytes);
        } else {
            let mut writer = Writer { to: &mut self.file, now_ms, bytes: 0 };
            give(&mut writer)?;
            self.bytes += writer.bytes;
            if end {
                self.file.sync_data()?;
            }
        }
        self.broken = false;
        Ok(())
    }

    fn header(&self) -> Vec<u8> {
        let algorithm = Algorithm::ALL.iter().position(|(_, a)| *a == self.shape.algorithm).unwrap_or_default() as u8;
        let mut header = MAGIC.to_vec();
        header.push(algorithm);
        header.extend(self.shape.window_ms.to_le_bytes());
        header.extend(self.shape.buckets.to_le_bytes());
        header.extend(self.seed.to_le_bytes());
        header
    }

    fn read(&mut self) -> io::Result<Read> {
        let length = self.file.metadata()?.len();
        let mut read = Read::default();
        let mut from = BufReader::new(&self.file);
        let mut header = [0; HEADER];
        let given = self.header();
        if length < HEADER as u64
            || from.read_exact(&mut header).is_err()
            || header[..HEADER - 8] != given[..HEADER - 8]
        {
            return Ok(read);
        }
        let seed = number(&header[HEADER - 8..]);
        let mut at = HEADER as u64;
        while let Some(bytes) = batch(&mut from, self.shape.words(), &mut read) {
            at += bytes;
        }
        drop(from);
        (self.seed, self.bytes, self.broken) = (seed, at, at != length);
        self.file.seek(SeekFrom::Start(at))?;
        Ok(read)
    }
}

/// Reads one batch; none where there is no whole one.
fn batch(from: &mut impl io::Read, words: usize, read: &mut Read) -> Option<u64> {
    let mut head = [0; BATCH];
    from.read_exact(&mut head).ok()?;
    let (kind, written_ms) = (head[0], number(&head[1..9]));
    let count = number(&head[9..13]) as usize;
    if count > WORDS_MAX {
        return None;
    }
    let mut bytes = vec![0; count * 4];
    from.read_exact(&mut bytes).ok()?;
    if xxh3_64(&bytes) != number(&head[13..]) {
        return None;
    }
    let numbers: Vec<u32> = bytes.chunks_exact(4).map(|word| number(word) as u32).collect();
    match kind {
        OWN => {
            for record in numbers.chunks_exact(4 + words) {
                let hash = Hash::from_words([record[0], record[1], record[2], record[3]]);
                read.own.insert(hash, record[4..].into());
            }
        }
        SHARED if numbers.len() == 1 + words => {
            read.shared.insert(numbers[0], numbers[1..].into());
        }
        _ => return None,
    }
    read.written_ms = read.written_ms.max(written_ms);
    Some((BATCH + bytes.len()) as u64)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Writer<'_> {
    /// Hashes and states, one after the other.
    pub fn own(&mut self, records: &[u32]) -> io::Result<()> {
        if records.is_empty() { Ok(()) } else { self.batch(OWN, records) }
    }

    /// A counter that several share.
    pub fn shared(&mut self, at: u32, state: &[u32]) -> io::Result<()> {
        let record: Vec<u32> = std::iter::once(at).chain(state.iter().copied()).collect();
        self.batch(SHARED, &record)
    }

    fn batch(&mut self, kind: u8, words: &[u32]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(BATCH + words.len() * 4);
        bytes.push(kind);
        bytes.extend(self.now_ms.to_le_bytes());
        bytes.extend((words.len() as u32).to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        let sum = xxh3_64(&bytes[BATCH..]);
        bytes[BATCH - 8..BATCH].copy_from_slice(&sum.to_le_bytes());
        self.to.write_all(&bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}
