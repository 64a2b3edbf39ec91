//! The same statements by `pgbench`, straight to the server: what PostgreSQL does without anybody between.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::report::Report;

const BY_KEY: &str = "\\set id random(0, 999999)\nSELECT row_to_json(c) FROM customers AS c WHERE id = :id;\n";

const PAGE: &str = "\\set c random(0, 199)\n\
    SELECT row_to_json(c) FROM customers AS c WHERE country = 'c' || :c ORDER BY id LIMIT 20;\n";

const EMBED: &str = "\\set c random(0, 199)\n\
    SELECT row_to_json(p) FROM (SELECT c.*, (SELECT coalesce(json_agg(o), '[]') FROM \
    (SELECT id, total FROM orders WHERE customer = c.id) AS o) AS orders \
    FROM customers AS c WHERE country = 'c' || :c ORDER BY id LIMIT 20) AS p;\n";

const CREATE: &str = "\\set id random(1000000000, 9000000000000)\n\
    INSERT INTO customers VALUES (:id, 'customer ' || :id, 'c7', '2026-01-01T00:00:00Z') ON CONFLICT DO NOTHING;\n";

/// Runs each script with as many clients as there were connections.
pub async fn measure(url: &str, connections: &[usize], time: Duration, report: &mut Report) -> Result<()> {
    let Some(pgbench) = program() else {
        println!("\npgbench: not found, not measured");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    for &clients in connections {
        println!("\npgbench, {clients} clients");
        for (name, script) in [("by key", BY_KEY), ("page", PAGE), ("page with embed", EMBED), ("create", CREATE)] {
            let file = folder.path().join("script.sql");
            std::fs::write(&file, script)?;
            let ran = Command::new(&pgbench)
                .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
                .arg(format!("--client={clients}"))
                .arg(format!("--time={}", time.as_secs().max(1)))
                .arg(format!("--file={}", file.display()))
                .arg(url)
                .output()
                .context("pgbench")?;
            let text = String::from_utf8_lossy(&ran.stdout);
            let rate =
                text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse::<f64>().ok());
            let Some(rate) = rate else { bail!("pgbench: {}", String::from_utf8_lossy(&ran.stderr)) };
            report.fact(&format!("pgbench: {name}, {clients}, a second"), json!(rate.round()));
        }
    }
    Ok(())
}

/// pgbench on the PATH, or where Debian keeps the newest one.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("pgbench"));
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<PathBuf> = versions.map(|version| version.path().join("bin/pgbench")).collect();
    debian.sort();
    on_path.chain(debian.into_iter().rev()).find(|path| path.is_file())
}
