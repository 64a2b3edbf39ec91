//! How far long work is: a bar on a terminal, a plain line now and then elsewhere. Always on standard error.

use std::{
    io::{self, IsTerminal as _},
    sync::Mutex,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// How often a plain line is written.
const PLAIN_INTERVAL: Duration = Duration::from_secs(2);

/// Progress of one piece of work.
#[derive(Debug)]
pub struct Progress {
    what: String,
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    Lines(Mutex<Instant>),
}

impl Progress {
    /// Begins to show `what` is being done ("loading links").
    pub fn new(what: impl Into<String>) -> Self {
        let what = what.into();
        let shown = if io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner().with_message(what.clone());
            bar.enable_steady_tick(Duration::from_millis(120));
            Shown::Bar(bar)
        } else {
            Shown::Lines(Mutex::new(Instant::now()))
        };
        Self { what, shown }
    }

    /// Waits for work that does not say how far it is: the bar turns, or a line says how long it has taken.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let begun = Instant::now();
        loop {
            match tokio::time::timeout(PLAIN_INTERVAL, work.as_mut()).await {
                Ok(done) => return done,
                Err(_) if matches!(self.shown, Shown::Lines(_)) => {
                    output::note(format!("{}: {} s", self.what, begun.elapsed().as_secs()));
                }
                Err(_) => {}
            }
        }
    }

    /// `done` of `total` (0: unknown) is done; `rows` says it in rows where `done` counts bytes.
    pub fn at(&self, done: u64, total: u64, rows: Option<u64>) {
        let counted = rows.unwrap_or(done);
        match &self.shown {
            Shown::Bar(bar) => {
                if total > 0 && bar.length() != Some(total) {
                    bar.set_length(total);
                    bar.set_style(bar_style());
                }
                bar.set_position(done);
                bar.set_message(format!("{}: {counted} rows", self.what));
            }
            Shown::Lines(said) => {
                let mut said = said.lock().expect("nothing panics while it is held");
                if said.elapsed() >= PLAIN_INTERVAL {
                    *said = Instant::now();
                    output::note(plain(&self.what, done, total, counted));
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{msg} {wide_bar} {percent:>3} % in {elapsed}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn plain(what: &str, done: u64, total: u64, rows: u64) -> String {
    match done.saturating_mul(100).checked_div(total) {
        Some(percent) => format!("{what}: {rows} rows, {} %", percent.min(100)),
        None => format!("{what}: {rows} rows"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_say_how_far_it_is() {
        assert_eq!(plain("loading links", 50, 200, 7), "loading links: 7 rows, 25 %");
        assert_eq!(plain("loading links", 300, 200, 9), "loading links: 9 rows, 100 %");
        assert_eq!(plain("verifying copy.a", 50, 0, 50), "verifying copy.a: 50 rows");
    }
}
