//! Measurements, each beside a limit or a peer of the same run: a number alone says more about the machine than about
//! brigade.

mod cache;
mod commit;
mod crash;
mod limits;
mod machine;
mod redis_benchmark;
mod report;
mod rest;
mod sample;
mod sessions;

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};

/// The binary's own, so that what is measured in process is what it does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: cargo run --release -p bench -- commit [--seconds N] [--memory-seconds N] [--only PART]
       cargo run --release -p bench -- rest [--seconds N] [--only PART]
       cargo run --release -p bench -- cache [--seconds N] [--only PART]
       cargo run --release -p bench -- limits [--seconds N] [--only PART] [--identifiers N]
       cargo run --release -p bench -- sessions [--seconds N] [--only PART]
       cargo run --release -p bench -- crash [TRANSACTIONS [SEED]]

  commit             durable commits: in process, over HTTP, to a reader of the log, and on PostgreSQL
  rest               the table API with an API key: by key, pages, embeds, creates, live reads
  cache              hits in process beside bare libraries, over HTTP and on Redis, and how soon a change is noticed
  limits             checks of limits in process beside governor, and on Redis
  sessions           reads by a session's token beside reads by an API key
  --seconds N        how long each point is measured (3)
  --memory-seconds N how long memory is watched under load (60; 0 leaves it out)
  --only PART        in-process, http, changes, memory or postgres; of rest: sqlite, postgres or live;
                     of cache: in-process, http, lag or redis; of limits: in-process, memory or redis;
                     of sessions: memory or redis
  --identifiers N    how many identifiers' memory is measured (1000000)
  crash              power cuts at every write of the real server (needs strace)
";

/// Some twenty thousand disks: a minute or two.
const CRASH_TRANSACTIONS: u64 = 200;
const CRASH_SEED: u64 = 20_261_121;

/// What the command line asks for.
#[derive(Debug)]
pub struct Options {
    /// How long each point is measured.
    pub time: Duration,
    /// How long memory is watched.
    pub memory_time: Duration,
    /// The one part to run; none: all.
    pub only: Option<String>,
    /// How many identifiers' memory is measured.
    pub identifiers: usize,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.next().as_deref() {
        Some("commit") => runtime.block_on(commit::run(&options(arguments)?)),
        Some("rest") => runtime.block_on(rest::run(&options(arguments)?)),
        Some("cache") => runtime.block_on(cache::run(&options(arguments)?)),
        Some("limits") => runtime.block_on(limits::run(&options(arguments)?)),
        Some("sessions") => runtime.block_on(sessions::run(&options(arguments)?)),
        Some("crash") => {
            let mut number = |default| arguments.next().map_or(Ok(default), |text| text.parse());
            runtime.block_on(crash::run(number(CRASH_TRANSACTIONS)?, number(CRASH_SEED)?))
        }
        _ => {
            eprint!("{USAGE}");
            bail!("which measurement?");
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options {
        time: Duration::from_secs(3),
        memory_time: Duration::from_secs(60),
        only: None,
        identifiers: limits::MILLION,
    };
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--seconds" => options.time = Duration::from_secs(value.parse()?),
            "--memory-seconds" => options.memory_time = Duration::from_secs(value.parse()?),
            "--identifiers" => options.identifiers = value.parse()?,
            "--only" => options.only = Some(value),
            _ => bail!("unknown option {name}\n{USAGE}"),
        }
    }
    Ok(options)
}
