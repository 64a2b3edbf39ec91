//! Migrations, as they were written. One transaction holds the statements, what captures the tables they make, the record
//! of the migration and its entry in the log; so after a failure nothing of it is there, and after success everything is.

use std::collections::{BTreeMap, BTreeSet};

use brigade_core::{
    data::{Error, Result, code, escape_json, line_column},
    engine::{Applied, MigrationStep},
    schema::{Script, SqlStatement},
};
use fail::fail_point;
use tokio_postgres::{Client, error::ErrorPosition};

use crate::{
    capture::{self, Found},
    encode::literal,
    error::{from_db, from_pg},
    query::transaction_control,
    truth::PostgresTruth,
};

/// Marks brigade's messages in the WAL.
pub(crate) const MESSAGE: &str = "brigade";

/// The advisory lock of everything that changes the schema: "brigade" as a number.
const LOCK: i64 = 0x0062_7269_6761_6465;

const INTERNAL_TABLES: &str = "
CREATE TABLE IF NOT EXISTS brigade_migration (
    number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS brigade_idempotency (
    principal text NOT NULL, key text NOT NULL, part smallint NOT NULL, body_hash bytea, receipt bytea,
    expires_at timestamptz NOT NULL, PRIMARY KEY (principal, key, part));
CREATE INDEX IF NOT EXISTS brigade_idempotency_expires_at ON brigade_idempotency (expires_at);
CREATE TABLE IF NOT EXISTS brigade_life (life integer PRIMARY KEY, began_at timestamptz NOT NULL DEFAULT now());";

/// Waits for the lock against other schema changes, until this transaction ends.
pub(crate) async fn lock(client: &Client) -> Result<()> {
    client.query_one("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await.map_err(from_pg)?;
    Ok(())
}

/// Makes brigade's own tables in the first configured schema. They are never published.
pub(crate) async fn make_internal_tables(client: &Client) -> Result<()> {
    let there = "SELECT to_regclass('brigade_migration') IS NOT NULL AND \
                 to_regclass('brigade_idempotency_expires_at') IS NOT NULL AND to_regclass('brigade_life') IS NOT NULL";
    if client.query_one(there, &[]).await.map_err(from_pg)?.try_get::<_, bool>(0).map_err(from_pg)? {
        return Ok(());
    }
    client.batch_execute("BEGIN").await.map_err(from_pg)?;
    lock(client).await?;
    client.batch_execute(INTERNAL_TABLES).await.map_err(from_pg).map_err(|e| {
        e.context("making brigade's own tables").hint("the role needs CREATE on the first schema of [schema] schemas")
    })?;
    client.batch_execute("COMMIT").await.map_err(from_pg)
}

/// The record of migrations.
pub(crate) async fn applied(truth: &PostgresTruth) -> Result<Vec<Applied>> {
    const ASK: &str = "SELECT number, name, checksum, (extract(epoch FROM applied_at) * 1000000)::bigint \
                       FROM brigade_migration ORDER BY number";
    let session = truth.session().await?;
    let rows = session.client().query(ASK, &[]).await.map_err(from_pg)?;
    rows.iter()
        .map(|row| {
            Ok(Applied {
                number: row.try_get::<_, i32>(0).map_err(from_pg)?.unsigned_abs(),
                name: row.try_get(1).map_err(from_pg)?,
                checksum: row.try_get(2).map_err(from_pg)?,
                at: row.try_get(3).map_err(from_pg)?,
            })
        })
        .collect()
}

/// Applies one migration.
pub(crate) async fn migrate(truth: &PostgresTruth, step: &MigrationStep) -> Result<()> {
    let mut session = truth.session().await?;
    session.begin();
    let result = apply(truth, session.client(), step).await;
    match &result {
        Ok(()) => {
            // Prepared statements may rest on what the migration changed.
            session.client().statement_cache.clear();
            session.end();
        }
        Err(_) => session.roll_back().await,
    }
    result
}

async fn apply(truth: &PostgresTruth, client: &Client, step: &MigrationStep) -> Result<()> {
    client.batch_execute("BEGIN; SET LOCAL statement_timeout = 0").await.map_err(from_pg)?;
    lock(client).await?;
    if is_applied(client, step).await? {
        return client.batch_execute("ROLLBACK").await.map_err(from_pg);
    }
    let (schemas, publication) = (&truth.reach.config.schemas, &truth.reach.publication);
    capture::make_publication(client, publication).await?;
    let before = capture::tables(client, schemas, publication).await?;
    announce(client, step, None).await?;
    for script in [&step.migration.common, &step.migration.postgres].into_iter().flatten() {
        for statement in &script.statements {
            refuse_control(script, statement)?;
            client.batch_execute(&statement.for_postgres()).await.map_err(|e| place(script, statement, e))?;
            if may_make_tables(&statement.sql) {
                take_in_new(truth, client, &before, step).await?;
            }
        }
    }
    tell_rewritten(truth, client, &before, step).await?;
    client
        .execute(
            "INSERT INTO brigade_migration VALUES ($1, $2, $3, now())",
            &[&(step.migration.number as i32), &step.migration.name, &step.migration.checksum],
        )
        .await
        .map_err(from_pg)?;
    fail_point!("migration::recorded");
    client
        .batch_execute("COMMIT")
        .await
        .map_err(|e| from_pg(e).context(format!("migration {:04}_{}", step.migration.number, step.migration.name)))?;
    fail_point!("migration::committed");
    Ok(())
}

async fn is_applied(client: &Client, step: &MigrationStep) -> Result<bool> {
    let found = client
        .query_opt("SELECT checksum FROM brigade_migration WHERE number = $1", &[&(step.migration.number as i32)])
        .await
        .map_err(from_pg)?;
    let Some(row) = found else { return Ok(false) };
    if row.try_get::<_, String>(0).map_err(from_pg)? == step.migration.checksum {
        return Ok(true);
    }
    Err(Error::new(code::CONFIG, format!("migration {} was applied with other contents", step.migration.number))
        .hint("put the file back as it was, and write a new migration for the change"))
}

/// The migration's entry in the log. Its own comes first, so that every image behind it is of the schema that it names;
/// one for each table whose rows it changed without telling the log comes last.
async fn announce(client: &Client, step: &MigrationStep, table: Option<&str>) -> Result<()> {
    let mut text = format!("{{\"number\":{},\"name\":", step.migration.number);
    escape_json(&step.migration.name, &mut text);
    if let Some(table) = table {
        text.push_str(",\"table\":");
        escape_json(table, &mut text);
    }
    text.push('}');
    client
        .query_one("SELECT pg_logical_emit_message(true, $1, $2::text)", &[&MESSAGE, &text])
        .await
        .map_err(from_pg)?;
    Ok(())
}

fn refuse_control(script: &Script, statement: &SqlStatement) -> Result<()> {
    let Some(word) = transaction_control(&statement.sql) else { return Ok(()) };
    Err(Error::new(
        code::TRANSACTION_STATE,
        format!("{}: {word} may not stand in a migration", at(script, statement.at)),
    )
    .hint("each migration runs in one transaction of brigade's"))
}

fn may_make_tables(sql: &str) -> bool {
    let word = crate::query::first_word(sql);
    ["CREATE", "DO", "SELECT", "CALL", "ALTER", "WITH"].contains(&word.as_str())
}

/// Rule 21: tables that the migration has just made are captured from their first row on.
async fn take_in_new(truth: &PostgresTruth, client: &Client, before: &[Found], step: &MigrationStep) -> Result<()> {
    let publication = &truth.reach.publication;
    for table in capture::tables(client, &truth.reach.config.schemas, publication).await? {
        let is_new = !before.iter().any(|b| b.oid == table.oid);
        if !is_new || table.is_published || (table.is_partition && table.identity == "f") {
            continue;
        }
        let settings = step.after.table(&table.name).map(|t| &t.settings);
        capture::take_in(client, publication, &table, capture::wants_full(&table, settings)).await?;
        if table.has_rows {
            announce(client, step, Some(&table.root)).await?;
        }
    }
    Ok(())
}

/// Rule 3: a rewrite changes rows and tells the log nothing. So the migration itself tells it, and what is derived from
/// those tables is made anew when it comes to that place.
async fn tell_rewritten(truth: &PostgresTruth, client: &Client, before: &[Found], step: &MigrationStep) -> Result<()> {
    let after = capture::tables(client, &truth.reach.config.schemas, &truth.reach.publication).await?;
    let files: BTreeMap<u32, u32> = after.iter().map(|t| (t.oid, t.file)).collect();
    let is_rewritten = |old: &&Found| old.has_rows && files.get(&old.oid).is_some_and(|file| *file != old.file);
    let rewritten: BTreeSet<&str> = before.iter().filter(is_rewritten).map(|old| old.root.as_str()).collect();
    for table in rewritten {
        announce(client, step, Some(table)).await?;
        truth.note(format!(
            "migration {} rewrote table {table} without changes in the log: what is derived from it is made anew",
            step.migration.number
        ));
    }
    Ok(())
}

fn at(script: &Script, offset: usize) -> String {
    let (line, column) = line_column(script.text.as_bytes(), offset);
    format!("{}:{line}:{column}", script.file)
}

/// The server's error with `FILE:LINE:COLUMN` at its head. PostgreSQL counts characters, from 1.
fn place(script: &Script, statement: &SqlStatement, error: tokio_postgres::Error) -> Error {
    let Some(db) = error.as_db_error() else { return from_pg(error) };
    let inside = match db.position() {
        Some(ErrorPosition::Original(n)) => {
            statement.sql.char_indices().nth((*n as usize).saturating_sub(1)).map_or(statement.sql.len(), |(i, _)| i)
        }
        _ => 0,
    };
    statement.met(from_db(db)).context(at(script, statement.at + inside))
}

/// A small transactional message: an idle log's place moves on with it.
pub(crate) fn nudge_sql() -> String {
    format!("SELECT pg_logical_emit_message(true, {}, '')", literal("brigade.nudge"))
}
