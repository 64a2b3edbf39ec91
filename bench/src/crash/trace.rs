//! What `strace` wrote, as the operations that a disk sees and the answers that clients see, in order.

use std::{collections::HashMap, io::BufRead, path::Path};

use anyhow::{Context, Result};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Bytes were written into a file.
    Write {
        /// Its name in the data folder.
        file: String,
        /// Where.
        at: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// A file was cut or grown.
    Truncate {
        /// Its name.
        file: String,
        /// Its new length.
        length: u64,
    },
    /// A sync that had begun has ended: what was written before it began is durable.
    Synced {
        /// Its name.
        file: String,
        /// How many events on this file had come before it began.
        before: usize,
    },
    /// A file was removed.
    Removed {
        /// Its name.
        file: String,
    },
    /// An answer is on its way to a client, which may act on it from now on.
    Acknowledged(Vec<u64>),
}

/// Reads a whole trace; only database files below `data` count, not shared memory and locks, which a power cut removes.
pub fn parse(text: impl BufRead, data: &Path) -> Result<Vec<Event>> {
    let mut reader = Reader { data: data.to_string_lossy().into_owned(), ..Reader::default() };
    for line in text.lines() {
        let line = line?;
        reader.line(&line).with_context(|| format!("a line of the trace: {:.120}", line))?;
    }
    Ok(reader.events)
}

#[derive(Debug, Default)]
struct Reader {
    data: String,
    events: Vec<Event>,
    /// Events on each file so far.
    counts: HashMap<String, usize>,
    /// Syncs that have begun, by thread: the file and its count at that time.
    syncing: HashMap<String, (String, usize)>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<()> {
        let Some((thread, rest)) = line.split_once(' ') else { return Ok(()) };
        let rest = rest.trim_start();
        if rest.starts_with("<... fsync resumed>") || rest.starts_with("<... fdatasync resumed>") {
            if let Some((file, before)) = self.syncing.remove(thread) {
                self.push(Event::Synced { file: file.clone(), before }, &file);
            }
            return Ok(());
        }
        let Some((call, arguments)) = rest.split_once('(') else { return Ok(()) };
        match call {
            "sendto" | "write" | "writev" | "sendmsg" if !self.is_file(arguments) => self.answer(arguments),
            "pwrite64" | "write" => self.write(call, arguments)?,
            "ftruncate" => {
                if let Some(file) = self.file(arguments) {
                    let length = number(arguments.split(',').nth(1))?;
                    self.push(Event::Truncate { file: file.clone(), length }, &file);
                }
            }
            "fsync" | "fdatasync" => {
                if let Some(file) = self.file(arguments) {
                    let before = self.counts.get(&file).copied().unwrap_or_default();
                    if rest.contains("<unfinished") {
                        self.syncing.insert(thread.to_owned(), (file, before));
                    } else {
                        self.push(Event::Synced { file: file.clone(), before }, &file);
                    }
                }
            }
            "unlink" => {
                let path = unescape(quoted(arguments).unwrap_or_default());
                if let Some(file) = self.name(&String::from_utf8_lossy(&path)) {
                    self.push(Event::Removed { file: file.clone() }, &file);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, event: Event, file: &str) {
        *self.counts.entry(file.to_owned()).or_default() += 1;
        self.events.push(event);
    }

    fn write(&mut self, call: &str, arguments: &str) -> Result<()> {
        let Some(file) = self.file(arguments) else { return Ok(()) };
        anyhow::ensure!(call == "pwrite64", "{file} is written at no given place, which is not followed");
        let bytes = unescape(quoted(arguments).context("bytes")?);
        let after = arguments.rsplit_once('"').map(|(_, after)| after).unwrap_or_default();
        let at = number(after.split(',').nth(2))?;
        self.push(Event::Write { file: file.clone(), at, bytes }, &file);
        Ok(())
    }

    /// Batches named in an answer of HTTP.
    fn answer(&mut self, arguments: &str) {
        let strings = arguments.split('"').skip(1).step_by(2).flat_map(unescape).collect::<Vec<u8>>();
        let text = String::from_utf8_lossy(&strings);
        if !text.contains("HTTP/1.1 200") {
            return;
        }
        let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
        let batches = text.split("\"batch\":").skip(1).filter_map(|rest| digits(rest.trim_start()).parse().ok());
        let batches: Vec<u64> = batches.collect();
        if !batches.is_empty() {
            self.events.push(Event::Acknowledged(batches));
        }
    }

    fn is_file(&self, arguments: &str) -> bool {
        descriptor(arguments).is_some_and(|path| path.starts_with(&self.data))
    }

    fn file(&self, arguments: &str) -> Option<String> {
        self.name(&descriptor(arguments)?)
    }

    /// The name of a database file or its write-ahead log.
    fn name(&self, path: &str) -> Option<String> {
        let name = path.strip_prefix(&self.data)?.trim_start_matches('/');
        [".db", ".db-wal", ".db-journal"].iter().any(|end| name.ends_with(end)).then(|| name.to_owned())
    }
}

/// The path of `12</path>, …`, which newer releases of strace print as hex.
fn descriptor(arguments: &str) -> Option<String> {
    let path = arguments.split_once('<')?.1.split_once('>')?.0;
    Some(String::from_utf8_lossy(&unescape(path)).into_owned())
}

fn quoted(arguments: &str) -> Option<&str> {
    arguments.split_once('"')?.1.split('"').next()
}

/// `\x41b` is `Ab`.
fn unescape(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len() / 4), text);
    while let Some(c) = rest.chars().next() {
        let hex = rest.strip_prefix("\\x").and_then(|after| u8::from_str_radix(after.get(..2)?, 16).ok());
        match hex {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[4..];
            }
            None => {
                let width = c.len_utf8();
                bytes.extend_from_slice(&rest.as_bytes()[..width]);
                rest = &rest[width..];
            }
        }
    }
    bytes
}

fn number(text: Option<&str>) -> Result<u64> {
    let digits: String = text.unwrap_or_default().trim().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().context("a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_syncs_and_answers_come_in_order() {
        let text = r#"7  pwrite64(9</p/data/truth.db-wal>, "\x41\x42", 2, 32) = 2
7  fdatasync(9</p/data/truth.db-wal> <unfinished ...>
8  pwrite64(9</p/data/truth.db-wal>, "\x43", 1, 34) = 1
7  <... fdatasync resumed>) = 0
8  pwrite64(8<\x2f\x70\x2f\x64\x61\x74\x61\x2f\x74\x72\x75\x74\x68\x2e\x64\x62>, "\x44", 1, 0 <unfinished ...>
9  sendto(12<TCP:[1]>, "HTTP/1.1 200 OK {\"batch\":17}", 9, MSG_NOSIGNAL, NULL, 0) = 9
8  pwrite64(7</p/data/truth.db-shm>, "\x44", 1, 0) = 1
8  ftruncate(9</p/data/truth.db-wal>, 0) = 0
"#
        .replace("\\\"", "\\x22");
        let wal = "truth.db-wal".to_owned();
        let events = parse(text.as_bytes(), Path::new("/p/data")).unwrap();
        assert_eq!(
            events,
            [
                Event::Write { file: wal.clone(), at: 32, bytes: b"AB".to_vec() },
                Event::Write { file: wal.clone(), at: 34, bytes: b"C".to_vec() },
                Event::Synced { file: wal.clone(), before: 1 },
                Event::Write { file: "truth.db".to_owned(), at: 0, bytes: b"D".to_vec() },
                Event::Acknowledged(vec![17]),
                Event::Truncate { file: wal, length: 0 },
            ]
        );
    }
}
