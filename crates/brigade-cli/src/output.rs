//! Standard output and the program's own log. A reader that goes away ends the command quietly, and never in a panic.

use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
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
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).remove_style(comfy_table::TableComponent::TopBorder);
    table.remove_style(comfy_table::TableComponent::BottomBorder);
    table.remove_style(comfy_table::TableComponent::HorizontalLines);
    table.remove_style(comfy_table::TableComponent::MiddleIntersections);
    let arrangement =
        if io::stdout().is_terminal() { ContentArrangement::Dynamic } else { ContentArrangement::Disabled };
    table.set_content_arrangement(arrangement);
    table.set_header(header.into_iter().map(Into::into).collect::<Vec<String>>());
    rows.into_iter().for_each(|row| {
        table.add_row(row);
    });
    table.lines().map(|l| l.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
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
