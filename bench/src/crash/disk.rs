//! What a disk holds after a power cut: everything synced, and any part of what was not.

use std::{collections::BTreeMap, path::Path};

use anyhow::Result;

use super::trace::Event;

/// The unit in which a disk writes: a write may be torn between two of them.
const SECTOR: usize = 512;

/// Files as they would be after the last sync, and what came since.
#[derive(Debug, Default)]
pub struct Disk {
    files: BTreeMap<String, File>,
}

#[derive(Debug, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Event>,
    /// Events that are in `durable`.
    synced: usize,
}

/// A pending event of a file, by its index, and which of its sectors reach the disk (none: all).
pub type Kept = (String, usize, Option<Vec<bool>>);

impl Disk {
    /// Takes one event on a file.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Write { file, .. } | Event::Truncate { file, .. } => {
                self.files.entry(file.clone()).or_default().pending.push(event.clone());
            }
            Event::Synced { file, before } => {
                let file = self.files.entry(file.clone()).or_default();
                let count = before.saturating_sub(file.synced).min(file.pending.len());
                let now: Vec<Event> = file.pending.drain(..count).collect();
                now.iter().for_each(|event| put(&mut file.durable, event, None));
                // The sync is itself an event of the file.
                file.synced += count + 1;
            }
            // What a removed file held matters no more; its entry is assumed durable, as that of a new one is.
            Event::Removed { file } => _ = self.files.remove(file),
            Event::Acknowledged(_) => {}
        }
    }

    /// What a power cut may lose now: file, index, and how many sectors.
    pub fn pending(&self) -> Vec<(String, usize, usize)> {
        let sectors = |event: &Event| match event {
            Event::Write { bytes, .. } => bytes.len().div_ceil(SECTOR),
            _ => 1,
        };
        let of = |(name, file): (&String, &File)| {
            let name = name.clone();
            file.pending.iter().enumerate().map(move |(n, event)| (name.clone(), n, sectors(event))).collect::<Vec<_>>()
        };
        self.files.iter().flat_map(of).collect()
    }

    /// Writes the files with some of what is pending into a folder, and removes all else from it.
    pub fn write(&self, kept: &[Kept], folder: &Path) -> Result<()> {
        std::fs::remove_dir_all(folder)?;
        std::fs::create_dir_all(folder)?;
        for (name, file) in &self.files {
            let mut bytes = file.durable.clone();
            for (_, index, sectors) in kept.iter().filter(|(of, ..)| of == name) {
                put(&mut bytes, &file.pending[*index], sectors.as_deref());
            }
            std::fs::write(folder.join(name), bytes)?;
        }
        Ok(())
    }
}

fn put(content: &mut Vec<u8>, event: &Event, sectors: Option<&[bool]>) {
    match event {
        Event::Write { at, bytes, .. } => {
            let at = *at as usize;
            for (n, sector) in bytes.chunks(SECTOR).enumerate() {
                if sectors.is_none_or(|kept| kept[n]) {
                    let start = at + n * SECTOR;
                    if content.len() < start + sector.len() {
                        content.resize(start + sector.len(), 0);
                    }
                    content[start..start + sector.len()].copy_from_slice(sector);
                }
            }
        }
        Event::Truncate { length, .. } => content.resize(*length as usize, 0),
        _ => {}
    }
}

/// Everything that is pending, whole.
pub fn whole(pending: &[(String, usize, usize)]) -> Vec<Kept> {
    pending.iter().map(|(file, index, _)| (file.clone(), *index, None)).collect()
}

/// Numbers that a seed repeats (SplitMix64).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let n = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    }

    /// Half of what is pending, a quarter of that torn.
    pub fn subset(&mut self, pending: &[(String, usize, usize)]) -> Vec<Kept> {
        let mut kept = Vec::new();
        for (file, index, sectors) in pending {
            let draw = self.next();
            if draw & 1 == 0 {
                let torn = draw & 6 == 0 && *sectors > 1;
                let sectors = torn.then(|| (0..*sectors).map(|_| self.next() & 1 == 0).collect());
                kept.push((file.clone(), *index, sectors));
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(at: u64, bytes: &[u8]) -> Event {
        Event::Write { file: "f".to_owned(), at, bytes: bytes.to_vec() }
    }

    #[test]
    fn only_what_came_before_a_sync_is_durable() {
        let mut disk = Disk::default();
        disk.apply(&write(0, b"aa"));
        disk.apply(&write(2, b"bb"));
        disk.apply(&Event::Synced { file: "f".to_owned(), before: 1 });
        assert_eq!(disk.files["f"].durable, b"aa");
        assert_eq!(disk.pending(), [("f".to_owned(), 0, 1)]);
        disk.apply(&Event::Synced { file: "f".to_owned(), before: 3 });
        assert_eq!(disk.files["f"].durable, b"aabb");
        assert!(disk.pending().is_empty());
    }

    #[test]
    fn a_torn_write_keeps_some_sectors() {
        let mut content = vec![0; 1024];
        put(&mut content, &write(0, &[1; 1024]), Some(&[false, true]));
        assert_eq!((content[511], content[512]), (0, 1));
    }
}
