//! A file or standard input, in lines of bounded length.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use brigade::{
    data::{Error, Result, code},
    limits::BODY_BYTES_MAX,
};

/// Where rows come from.
pub struct Source {
    /// Its name in messages.
    pub name: String,
    reader: Box<dyn BufRead + Send>,
    /// Number of the line read last, from 1.
    pub line: u64,
    read: u64,
    total: u64,
}

impl Source {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// BRGCFG where it cannot be read.
    pub fn open(file: &str) -> Result<Self> {
        if file == "-" {
            return Ok(Self::new("standard input", io::stdin(), 0));
        }
        let unreadable = |e: io::Error| Error::new(code::CONFIG, format!("{file} cannot be read: {e}")).source(e);
        let opened = File::open(Path::new(file)).map_err(unreadable)?;
        let facts = opened.metadata().map_err(unreadable)?;
        if facts.is_dir() {
            return Err(Error::new(code::CONFIG, format!("{file} is a folder")).hint("name a file"));
        }
        Ok(Self::new(file, opened, facts.len()))
    }

    /// Lines of a reader of `total` bytes (0: unknown).
    pub fn new(name: &str, reader: impl Read + Send + 'static, total: u64) -> Self {
        let reader = Box::new(BufReader::with_capacity(64 << 10, reader));
        Self { name: name.to_owned(), reader, line: 0, read: 0, total }
    }

    /// Appends the next line with its line end to `out`; whether there was one. A byte order mark at the start is left out.
    ///
    /// # Errors
    /// BRGCFG where reading fails; BRG413 for a line longer than a transaction may be.
    pub fn next_line(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let before = out.len();
        let read = (&mut self.reader)
            .take(BODY_BYTES_MAX as u64 + 1)
            .read_until(b'\n', out)
            .map_err(|e| Error::new(code::CONFIG, format!("{} cannot be read: {e}", self.name)).source(e))?;
        self.line += u64::from(read > 0);
        self.read += read as u64;
        if out.len() > BODY_BYTES_MAX {
            return Err(Error::new(code::LIMIT, format!("{}:{}: the row is too long", self.name, self.line))
                .details(format!("BODY_BYTES_MAX is {BODY_BYTES_MAX}")));
        }
        if self.line == 1 && before == 0 && out.starts_with(b"\xef\xbb\xbf") {
            out.drain(..3);
        }
        Ok(read > 0)
    }

    /// Bytes read, and bytes in all (0: unknown).
    pub fn bytes(&self) -> (u64, u64) {
        (self.read, self.total)
    }
}

/// A line without its line end.
pub fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
