//! What may stand on the command line. Nothing is decided here: every argument has its meaning where it is used.

use std::path::PathBuf;

use brigade::data::{Error, code};
use clap::{Parser, Subcommand, ValueEnum};

use crate::failure::Failure;

/// One truth, and projections that follow it.
///
/// PROJECT is a folder with a brigade.toml; by default the current one. Commands work beside a running server, through it.
/// Exit codes: 0 good; 1 it ran and the answer is no; 2 it could not run.
#[derive(Debug, Parser)]
#[command(name = "brigade", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Arguments {
    /// Answer with JSON, for programs.
    #[arg(long, global = true)]
    pub json: bool,
    /// Keep every embedded store below DIR instead of PROJECT/data.
    #[arg(long, global = true, env = "BRIGADE_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The project, where the command does not name it.
    #[arg(long, global = true, env = "BRIGADE_PROJECT", value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Write the program's own log as JSON lines (BRIGADE_LOG or RUST_LOG say how much of it).
    #[arg(long, global = true)]
    pub log_json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a project that serves at once.
    Init {
        /// The new folder.
        dir: PathBuf,
    },
    /// Open the stores, apply pending migrations, run the projections, and serve HTTP.
    Serve {
        /// The project's folder.
        project: Option<PathBuf>,
        /// Where to listen; port 0 takes a free one.
        #[arg(long, env = "BRIGADE_LISTEN", default_value = "127.0.0.1:8600", value_name = "ADDR")]
        listen: String,
    },
    /// Show or apply the migrations of PROJECT/migrations.
    Migrate {
        /// `plan` shows what `apply` would do; `status` shows every migration.
        action: MigrateAction,
        /// The project's folder.
        project: Option<PathBuf>,
        /// Exit with 1 where migrations are pending.
        #[arg(long)]
        check: bool,
    },
    /// Run one statement of SQL on the truth.
    #[command(override_usage = "brigade sql [OPTIONS] [PROJECT] SQL")]
    Sql {
        /// The project's folder, where it is not the current one, and the statement (`-` reads it from standard input).
        #[arg(num_args = 1..=2, required = true, value_name = "SQL")]
        arguments: Vec<String>,
        /// Allow a statement that writes. What it writes goes to the log as any other change.
        #[arg(long)]
        write: bool,
        /// Rows to answer at most.
        #[arg(long, default_value_t = 10_000, value_name = "N")]
        limit: usize,
    },
    /// Show the stores and projections, and whether all is well (exit code 1: not ready).
    Status {
        /// The project's folder.
        project: Option<PathBuf>,
    },
    /// Read the change log.
    Changes {
        /// The project's folder.
        project: Option<PathBuf>,
        /// Only what comes after this position; `now` for what is still to come.
        #[arg(long, value_name = "POSITION")]
        after: Option<String>,
        /// Only these tables, with commas between them.
        #[arg(long, value_name = "TABLES")]
        table: Option<String>,
        /// At most this many changes.
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
        /// Go on with what comes.
        #[arg(long)]
        follow: bool,
    },
    /// Load rows from CSV (with a header) or NDJSON.
    #[command(override_usage = "brigade load [OPTIONS] [PROJECT] TABLE FILE")]
    Load {
        /// The project's folder, where it is not the current one; the table; the file (`-` for standard input).
        #[arg(num_args = 2..=3, required = true, value_name = "TABLE FILE")]
        arguments: Vec<String>,
        /// Rows whose key is there already replace what is there.
        #[arg(long)]
        upsert: bool,
        /// Columns of the unique constraint that --upsert goes by, with commas between them; by default the primary key.
        #[arg(long, requires = "upsert", value_delimiter = ',', value_name = "COLUMNS")]
        on: Vec<String>,
        /// What the file holds; by default its ending says.
        #[arg(long)]
        format: Option<Format>,
        /// Rows of one transaction.
        #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=50_000))]
        batch: u32,
    },
    /// Compare projections with the truth (exit code 1: rows differ).
    #[command(override_usage = "brigade verify [OPTIONS] [PROJECT] [NAME]")]
    Verify {
        /// The project's folder, where it is not the current one, and the projection; by default all of them.
        #[arg(num_args = 0..=2, value_name = "NAME")]
        arguments: Vec<String>,
    },
    /// Project the rows that differ anew.
    #[command(override_usage = "brigade repair [OPTIONS] [PROJECT] NAME")]
    Repair(Named),
    /// Make a projection anew beside the old one, verify it, and swap.
    #[command(override_usage = "brigade rebuild [OPTIONS] [PROJECT] NAME")]
    Rebuild(Named),
    /// Stop applying to a projection, also over restarts.
    #[command(override_usage = "brigade pause [OPTIONS] [PROJECT] NAME")]
    Pause(Named),
    /// Apply to a projection again; a stopped one tries again.
    #[command(override_usage = "brigade resume [OPTIONS] [PROJECT] NAME")]
    Resume(Named),
    /// Make, list and take back API keys.
    Keys {
        /// What to do with them.
        #[command(subcommand)]
        action: KeysAction,
    },
}

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub enum KeysAction {
    /// Make a key, and show it this once.
    Create {
        /// The project's folder.
        project: Option<PathBuf>,
        /// What it may do: `service`, or a role of [access] in brigade.toml.
        #[arg(long)]
        role: String,
        /// What people call it.
        #[arg(long)]
        name: Option<String>,
        /// Whose data it works on.
        #[arg(long)]
        tenant: Option<String>,
        /// Which quota it has.
        #[arg(long)]
        tier: Option<String>,
    },
    /// Show every key's id, name and role, but not the key.
    List {
        /// The project's folder.
        project: Option<PathBuf>,
    },
    /// Take a key back.
    #[command(override_usage = "brigade keys revoke [OPTIONS] [PROJECT] ID")]
    Revoke {
        /// The project's folder, where it is not the current one, and the key's id.
        #[arg(num_args = 1..=2, required = true, value_name = "ID")]
        arguments: Vec<String>,
    },
}

/// One projection.
#[derive(Debug, clap::Args)]
pub struct Named {
    /// The project's folder, where it is not the current one, and the projection, as `copy.backup`.
    #[arg(num_args = 1..=2, required = true, value_name = "NAME")]
    pub arguments: Vec<String>,
}

/// What to do with migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MigrateAction {
    /// Show the pending ones.
    Plan,
    /// Apply the pending ones.
    Apply,
    /// Show all of them.
    Status,
}

/// What a file of rows holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Comma-separated values with a header line; an empty cell without quotes is null.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// Reads the command line. Ends the process for help (0) and mistakes (2; as JSON where `--json` is among them).
pub fn parse() -> Arguments {
    Arguments::try_parse().unwrap_or_else(|error| {
        if !error.use_stderr() || !std::env::args_os().any(|a| a == "--json") {
            error.exit();
        }
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let refused = Error::new(code::CONFIG, message).hint("see brigade --help");
        let _ = Failure::from(refused).report(true);
        std::process::exit(2);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_fit_together() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }
}
