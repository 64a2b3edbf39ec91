//! The machine's own limit, measured in the same run: how long it takes until bytes are on its disk.

use std::{
    fs::OpenOptions,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::sample::Sample;

/// Appends 4 KiB and syncs, again and again, in the folder where the stores will lie.
pub fn fdatasync(folder: &Path, time: Duration) -> Result<Sample> {
    let path = folder.join("fdatasync");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let block = [7_u8; 4096];
    let (begin, mut times) = (Instant::now(), Vec::new());
    while begin.elapsed() < time {
        let start = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    let sample = Sample::new(times, begin.elapsed());
    std::fs::remove_file(path)?;
    Ok(sample)
}

/// Threads that run at once.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Bytes of memory that a process holds (Linux).
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).and_then(|rest| rest.split_whitespace().next());
    Ok(kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1024)
}

/// Processor time that this process has taken so far, all threads together (Linux). Other programs slow an answer down;
/// they do not change this.
pub fn processor_time() -> Result<Duration> {
    /// The kernel counts in hundredths of a second, whatever its own clock is.
    const TICK: Duration = Duration::from_millis(10);
    let text = std::fs::read_to_string("/proc/self/stat")?;
    // The second field is a name in parentheses, which may hold blanks.
    let fields = text.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').skip(11).take(2);
    let ticks = fields.map(str::parse::<u32>).sum::<Result<u32, _>>()?;
    Ok(TICK * ticks)
}
