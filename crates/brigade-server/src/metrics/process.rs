//! Figures of this process, under the names that every Prometheus client library gives them. Read from `/proc`; elsewhere
//! they are absent.

use std::{fs, sync::OnceLock, time::SystemTime};

/// Clock ticks of a second in `/proc`, and bytes of a page, on every Linux that Rust targets with these figures.
const TICKS_PER_SECOND: f64 = 100.0;

/// Says what the figures are.
pub fn describe() {
    metrics::describe_counter!("process_cpu_seconds_total", "User and system time, in whole seconds");
    metrics::describe_gauge!("process_resident_memory_bytes", "Resident memory");
    metrics::describe_gauge!("process_virtual_memory_bytes", "Virtual memory");
    metrics::describe_gauge!("process_open_fds", "Open files");
    metrics::describe_gauge!("process_max_fds", "Open files that are allowed");
    metrics::describe_gauge!("process_threads", "Threads");
    metrics::describe_gauge!("process_start_time_seconds", "When this process started, in seconds since 1970");
    started();
}

/// Reads the figures.
pub fn publish() {
    metrics::gauge!("process_start_time_seconds").set(started());
    if let Some(ticks) = cpu_ticks() {
        metrics::counter!("process_cpu_seconds_total").absolute((ticks / TICKS_PER_SECOND) as u64);
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    for (line, name, unit) in [
        ("VmRSS:", "process_resident_memory_bytes", 1024.0),
        ("VmSize:", "process_virtual_memory_bytes", 1024.0),
        ("Threads:", "process_threads", 1.0),
    ] {
        if let Some(value) = field(&status, line, 0) {
            metrics::gauge!(name).set(value * unit);
        }
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        metrics::gauge!("process_open_fds").set(files.count() as f64);
    }
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    if let Some(files) = field(&limits, "Max open files", 0) {
        metrics::gauge!("process_max_fds").set(files);
    }
}

/// The number at a place behind a line's head.
fn field(text: &str, head: &str, index: usize) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(head))?.split_whitespace().nth(index)?.parse().ok()
}

/// User and system time. The name of the program, in brackets, may hold anything: fields count from behind it.
fn cpu_ticks() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn started() -> f64 {
    static STARTED: OnceLock<f64> = OnceLock::new();
    *STARTED.get_or_init(|| {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    })
}
