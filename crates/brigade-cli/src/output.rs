//! Standard output and the program's own log. A reader that goes away ends the command quietly, and never in a panic.

use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::{ContentArrangement, Table, TableComponent, presets};
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// Writes one line of the result, at once.
///
/// # Errors
/// [`Failure::ReaderGone`] where nobody reads any more.
pub fn line(text: impl AsRef<str>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_ref().as_bytes())?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Says something that is not the result.
pub fn note(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

/// A table for people, with a line under its header. On a terminal it fits its width.
pub fn table<S: Into<String>>(header: impl IntoIterator<Item = S>, rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    for under_header in [TableComponent::HeaderLines, TableComponent::MiddleHeaderIntersections] {
        table.set_style(under_header, '─');
    }
    let arrangement =
        if io::stdout().is_terminal() { ContentArrangement::Dynamic } else { ContentArrangement::Disabled };
    table.set_content_arrangement(arrangement);
    table.set_header(header.into_iter().map(Into::into).collect::<Vec<String>>());
    rows.into_iter().for_each(|row| {
        table.add_row(row);
    });
    table.lines().map(|l| l.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// A number of rows in words.
pub fn rows(n: u64) -> String {
    if n == 1 { "1 row".to_owned() } else { format!("{n} rows") }
}

/// Sends the program's own log to standard error; `BRIGADE_LOG`, else `RUST_LOG`, says how much of it.
pub fn start_tracing(json: bool) {
    let wanted = ["BRIGADE_LOG", "RUST_LOG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    let filter = EnvFilter::try_new(wanted.as_deref().unwrap_or("warn")).unwrap_or_else(|error| {
        note(format!("warning: the log filter is not understood, so it is warn: {error}"));
        EnvFilter::new("warn")
    });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    if json {
        builder.json().init();
    } else {
        builder.with_target(false).with_ansi(io::stderr().is_terminal()).init();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_table_has_one_line_under_its_header_and_no_other() {
        let shown = super::table(["a", "long"], vec![vec!["1".to_owned(), "x".to_owned()]]);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 3, "{shown}");
        assert!(lines[1].trim().chars().all(|c| c == '─'), "{shown}");
        assert_eq!(lines[2].split_whitespace().collect::<Vec<_>>(), ["1", "x"]);
    }
}
