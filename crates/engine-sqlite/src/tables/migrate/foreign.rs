//! Foreign keys after tables were made anew: nothing may point at a row that is not there, unless it did before.

use std::collections::BTreeMap;

use brigade_core::{
    data::{Error, Result, code},
    schema::Model,
};
use rusqlite::Connection;

use crate::tables::failed;

/// Rows that point at nothing, counted by table and the table pointed at.
pub(super) type Orphans = BTreeMap<(String, String), i64>;

pub(super) fn orphans(conn: &Connection) -> Result<Orphans> {
    let read = || -> rusqlite::Result<Orphans> {
        conn.prepare("SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2")?
            .query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?
            .collect()
    };
    read().map_err(failed("check foreign keys"))
}

pub(super) fn refuse_new_orphans(conn: &Connection, before: &Orphans, after: &Model) -> Result<()> {
    for ((table, parent), count) in orphans(conn)? {
        if before.get(&(table.clone(), parent.clone())).is_none_or(|old| *old < count) {
            let keys = after.table(&table).into_iter().flat_map(|table| &table.foreign_keys);
            let names: Vec<&str> = keys.filter(|key| key.table == parent).map(|key| key.name.as_str()).collect();
            return Err(Error::new(
                code::FOREIGN_KEY,
                format!("the migration leaves {count} rows of {table:?} that point at no row of {parent:?}"),
            )
            .details(format!("table {table}, constraint {}", names.join(" or "))));
        }
    }
    Ok(())
}
