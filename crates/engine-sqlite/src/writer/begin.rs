//! Taking the file's write lock beside programs that hardly let go of it.
//!
//! SQLite's own way of waiting tries again after up to 100 ms, so that a program that begins its next transaction as soon as
//! it has ended one can keep the writer out for as long as it waits. Looking every millisecond finds the gaps.

use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

/// Between two looks, at most: some chance in it, so that nobody's rhythm keeps it out.
const LOOK_MICROS: std::ops::Range<u64> = 200..1_500;

/// Begins a transaction that writes, waiting for the lock for as long as the connection's owner has patience.
///
/// # Errors
/// SQLITE_BUSY once the patience is over; else what SQLite says.
pub(crate) fn begin(conn: &Connection, patience: Duration) -> rusqlite::Result<()> {
    let begun = || conn.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(|_| ());
    conn.busy_timeout(Duration::ZERO)?;
    let (since, mut outcome) = (Instant::now(), begun());
    while is_busy(&outcome) && since.elapsed() < patience {
        std::thread::sleep(Duration::from_micros(rand::random_range(LOOK_MICROS)));
        outcome = begun();
    }
    conn.busy_timeout(patience)?;
    outcome
}

fn is_busy(outcome: &rusqlite::Result<()>) -> bool {
    matches!(outcome, Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy))
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;

    /// With SQLite's own way of waiting most of these rounds end without the lock.
    #[test]
    fn a_program_that_hardly_lets_go_keeps_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("truth.db");
        let open = || Connection::open(&file).unwrap();
        let conn = open();
        conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
        let (other, stop) = (open(), Arc::new(AtomicBool::new(false)));
        let stopping = Arc::clone(&stop);
        let greedy = std::thread::spawn(move || {
            while !stopping.load(Ordering::Relaxed) {
                other.execute_batch("BEGIN IMMEDIATE").unwrap();
                std::thread::sleep(Duration::from_millis(60));
                other.execute_batch("COMMIT").unwrap();
                std::thread::sleep(Duration::from_millis(3));
            }
        });
        // Begins while the other one has the lock for certain.
        std::thread::sleep(Duration::from_millis(20));
        for round in 0..5 {
            begin(&conn, Duration::from_secs(5)).unwrap_or_else(|e| panic!("round {round}: {e}"));
            conn.execute_batch("ROLLBACK").unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
        stop.store(true, Ordering::Relaxed);
        greedy.join().unwrap();
    }

    #[test]
    fn patience_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (holder, conn) = (Connection::open(folder.path().join("t.db")).unwrap(), folder.path().join("t.db"));
        holder.execute_batch("BEGIN IMMEDIATE").unwrap();
        let (conn, since) = (Connection::open(conn).unwrap(), Instant::now());
        assert!(is_busy(&begin(&conn, Duration::from_millis(50))));
        assert!(since.elapsed() >= Duration::from_millis(50));
    }
}
