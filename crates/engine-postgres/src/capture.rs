//! What makes the server deliver changes: the publication, each table's replica identity, and the `touch` triggers. It
//! owns rules 21 and 22: tables are listed one by one, taken in at once where they are made, and never so that their own
//! users' updates would fail.

use std::collections::BTreeSet;

use brigade_core::{
    data::Result,
    schema::{Model, Table, TableSettings},
};
use tokio_postgres::Client;

use crate::{
    encode::{literal, quote},
    error::from_pg,
    truth::PostgresTruth,
};

/// A table as the server has it, with what decides how it is captured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub oid: u32,
    /// Quoted, with its schema.
    pub sql: String,
    pub name: String,
    /// The table that it is a partition of; else its own name.
    pub root: String,
    pub identity: String,
    pub has_key: bool,
    pub is_published: bool,
    pub is_partition: bool,
    pub file: u32,
    pub has_rows: bool,
}

/// The tables of the configured schemas, without brigade's own.
pub(crate) async fn tables(client: &Client, schemas: &[String], publication: &str) -> Result<Vec<Found>> {
    const ASK: &str = "SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relname::text, \
            c.relreplident::text, EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary), \
            EXISTS (SELECT 1 FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid \
                    WHERE r.prrelid = c.oid AND p.pubname = $2), \
            c.relispartition, c.relfilenode, pg_relation_size(c.oid) > 0, \
            COALESCE((SELECT r.relname FROM pg_class r WHERE r.oid = pg_partition_root(c.oid)), c.relname)::text \
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND n.nspname = ANY ($1) \
            AND c.relname NOT LIKE 'brigade\\_%' ORDER BY c.oid";
    let rows = client.query(ASK, &[&schemas, &publication]).await.map_err(from_pg)?;
    rows.iter()
        .map(|row| {
            Ok(Found {
                oid: row.try_get(0).map_err(from_pg)?,
                sql: row.try_get(1).map_err(from_pg)?,
                name: row.try_get(2).map_err(from_pg)?,
                identity: row.try_get(3).map_err(from_pg)?,
                has_key: row.try_get(4).map_err(from_pg)?,
                is_published: row.try_get(5).map_err(from_pg)?,
                is_partition: row.try_get(6).map_err(from_pg)?,
                file: row.try_get(7).map_err(from_pg)?,
                has_rows: row.try_get(8).map_err(from_pg)?,
                root: row.try_get(9).map_err(from_pg)?,
            })
        })
        .collect()
}

/// Makes the publication where it is missing. Partitions are delivered under the name of their root.
pub(crate) async fn make_publication(client: &Client, publication: &str) -> Result<()> {
    let found =
        client.query_opt("SELECT 1 FROM pg_publication WHERE pubname = $1", &[&publication]).await.map_err(from_pg)?;
    if found.is_none() {
        let sql = format!("CREATE PUBLICATION {} WITH (publish_via_partition_root = true)", quote(publication));
        client.batch_execute(&sql).await.map_err(from_pg)?;
    }
    Ok(())
}

/// Takes a table in: its replica identity first, then the publication, so that no change of it is delivered without the
/// image that was promised.
pub(crate) async fn take_in(client: &Client, publication: &str, table: &Found, full: bool) -> Result<()> {
    if full && table.identity != "f" {
        let sql = format!("ALTER TABLE {} REPLICA IDENTITY FULL", table.sql);
        client.batch_execute(&sql).await.map_err(from_pg)?;
    } else if !full && table.identity == "f" {
        let sql = format!("ALTER TABLE {} REPLICA IDENTITY DEFAULT", table.sql);
        client.batch_execute(&sql).await.map_err(from_pg)?;
    }
    if !table.is_partition && !table.is_published {
        let sql = format!("ALTER PUBLICATION {} ADD TABLE {}", quote(publication), table.sql);
        client.batch_execute(&sql).await.map_err(from_pg)?;
    }
    Ok(())
}

/// Whether a table gets whole images: unless its settings say otherwise, and always without a key (rule 22).
pub(crate) fn wants_full(table: &Found, settings: Option<&TableSettings>) -> bool {
    !table.has_key || !settings.is_some_and(|s| s.key_images)
}

/// Makes publication, identities and triggers fit the model; what was not asked for is left alone and noted.
pub(crate) async fn fit(truth: &PostgresTruth, model: &Model) -> Result<()> {
    let mut session = truth.session().await?;
    session.begin();
    let client = session.client();
    let result = async {
        client.batch_execute("BEGIN").await.map_err(from_pg)?;
        crate::migrate::lock(client).await?;
        fit_tables(truth, client, model).await?;
        for table in model.tables.values() {
            touch(client, table).await?;
        }
        client.batch_execute("COMMIT").await.map_err(from_pg)
    }
    .await;
    match result {
        Ok(()) => session.end(),
        Err(_) => session.roll_back().await,
    }
    result
}

async fn fit_tables(truth: &PostgresTruth, client: &Client, model: &Model) -> Result<()> {
    let (config, publication) = (&truth.reach.config, &truth.reach.publication);
    make_publication(client, publication).await?;
    for table in tables(client, &config.schemas, publication).await? {
        let Some(known) = model.table(&table.name) else {
            if !table.is_partition {
                truth.note(format!(
                    "table {} was made from outside and is not in the model: its changes are not captured",
                    table.name
                ));
            }
            continue;
        };
        if !config.existing {
            let full = wants_full(&table, Some(&known.settings));
            take_in(client, publication, &table, full).await?;
        } else if !table.has_key && table.identity != "f" {
            truth.note(format!(
                "table {0} has no primary key and not REPLICA IDENTITY FULL: its changes are not captured; run ALTER TABLE {0} REPLICA IDENTITY FULL",
                table.name
            ));
        } else {
            take_in(client, publication, &table, table.identity == "f").await?;
        }
        note_columns(truth, client, &table, known).await?;
    }
    Ok(())
}

/// Columns that the server has and the model does not.
async fn note_columns(truth: &PostgresTruth, client: &Client, table: &Found, known: &Table) -> Result<()> {
    const ASK: &str = "SELECT attname::text FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped";
    let rows = client.query(ASK, &[&table.oid]).await.map_err(from_pg)?;
    let there: BTreeSet<String> = rows.iter().map(|r| r.try_get(0).map_err(from_pg)).collect::<Result<_>>()?;
    for column in there.iter().filter(|c| known.column(c).is_none()) {
        truth.note(format!(
            "column {}.{column} was added from outside: it is in the images, the model takes it up with a migration or at the next start",
            table.name
        ));
    }
    for column in known.columns.iter().filter(|c| !there.contains(&c.name)) {
        truth.note(format!(
            "column {}.{} of the model is gone: somebody dropped or renamed it",
            table.name, column.name
        ));
    }
    Ok(())
}

/// Keeps a table's `touch` column: a row that changes without giving it a new time gets the transaction's.
async fn touch(client: &Client, table: &Table) -> Result<()> {
    let name = quote(&table.name);
    let function = quote(&format!("brigade_touch_{}", table.name));
    let sql = match &table.settings.touch {
        Some(column) => {
            let column = quote(column);
            format!(
                "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $touch$ BEGIN \
                 IF NEW.{column} IS NOT DISTINCT FROM OLD.{column} THEN NEW.{column} := now(); END IF; \
                 RETURN NEW; END $touch$; \
                 CREATE OR REPLACE TRIGGER brigade_touch BEFORE UPDATE ON {name} FOR EACH ROW EXECUTE FUNCTION {function}()"
            )
        }
        None => {
            let asked = format!(
                "SELECT 1 FROM pg_trigger WHERE tgname = 'brigade_touch' AND tgrelid = to_regclass({})",
                literal(&name)
            );
            if client.query_opt(&asked, &[]).await.map_err(from_pg)?.is_none() {
                return Ok(());
            }
            format!("DROP TRIGGER brigade_touch ON {name}; DROP FUNCTION IF EXISTS {function}()")
        }
    };
    client.batch_execute(&sql).await.map_err(from_pg)
}
