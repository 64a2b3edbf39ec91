//! A database of its own for each test. On a server that others use too, it goes with the test, and its slots with it.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::{Result, bail};

/// How another program reaches a server: `psql` and a URL.
#[derive(Clone, Debug)]
pub(super) struct Psql {
    pub program: PathBuf,
    pub url: String,
}

impl Psql {
    /// The same server, another database.
    pub fn url_of(&self, database: &str) -> String {
        let (address, options) = self.url.split_once('?').map_or((&*self.url, None), |(a, o)| (a, Some(o)));
        let begin = address.find("://").map_or(0, |at| at + 3);
        let end = address[begin..].find('/').map_or(address.len(), |at| begin + at);
        let options = options.map(|o| format!("?{o}")).unwrap_or_default();
        format!("{}/{database}{options}", &address[..end])
    }

    /// Runs SQL in a database and gives what is printed.
    pub fn run(&self, database: &str, sql: &str) -> Result<String> {
        let out = Command::new(&self.program)
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d"])
            .arg(self.url_of(database))
            .arg("-c")
            .arg(sql)
            .output()?;
        if !out.status.success() {
            bail!("psql: {}", String::from_utf8_lossy(&out.stderr));
        }
        Ok(String::from_utf8_lossy(&out.stdout).trim_end().to_owned())
    }
}

/// A database of one test.
#[derive(Debug)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// Its URL.
    pub url: String,
    /// Set where the server outlives the test.
    pub(super) cleans: Option<Psql>,
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(psql) = &self.cleans else { return };
        let name = &self.name;
        let free = format!(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = '{name}' AND active; \
             SELECT pg_sleep(0.1); \
             SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '{name}'"
        );
        let mut tries = 0;
        let dropped = loop {
            let dropped = psql
                .run("postgres", &free)
                .and_then(|_| psql.run("postgres", &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
            tries += 1;
            if dropped.is_ok() || tries == 20 {
                break dropped;
            }
            // Whoever used it may be about to end, or to come back.
            std::thread::sleep(Duration::from_millis(100));
        };
        if let Err(error) = dropped {
            eprintln!("database {name} is left on the server: {error:#}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database_of_the_same_server() {
        for (url, other) in [
            ("postgres://u:p@h:1/postgres?sslmode=disable", "postgres://u:p@h:1/x?sslmode=disable"),
            ("postgresql://h", "postgresql://h/x"),
            ("postgres://u@h/a", "postgres://u@h/x"),
        ] {
            assert_eq!(Psql { program: "psql".into(), url: url.to_owned() }.url_of("x"), other);
        }
    }
}
