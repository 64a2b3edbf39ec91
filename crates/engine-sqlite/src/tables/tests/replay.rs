//! The log, replayed strictly: an insert may not be there, a before image must be the row, unique keys hold throughout.

use std::collections::BTreeMap;

use brigade_core::{data::Layout, schema::Model};
use rusqlite::{Connection, types::Value};

use crate::tables::{quote, read_layout};

type Row = Vec<Value>;

struct Entry {
    layout: std::sync::Arc<Layout>,
    op: i64,
    before: Row,
    after: Row,
}

fn entries(conn: &Connection) -> Vec<Entry> {
    let ops: Vec<(i64, i64, i64)> = conn
        .prepare("SELECT seq, layout, op FROM brigade_log WHERE op <> 4 ORDER BY seq")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .collect::<rusqlite::Result<_>>()
        .unwrap();
    let image = |seq: i64, letter: char, width: usize| -> Row {
        let columns: Vec<String> = (0..width).map(|i| format!("{letter}{i}")).collect();
        conn.query_row(&format!("SELECT {} FROM brigade_log WHERE seq = {seq}", columns.join(", ")), [], |row| {
            (0..width).map(|i| row.get(i)).collect()
        })
        .unwrap()
    };
    ops.into_iter()
        .map(|(seq, layout, op)| {
            let layout = read_layout(conn, layout).unwrap();
            let width = layout.columns.len();
            let (c, d) = (image(seq, 'c', width), image(seq, 'd', width));
            let (before, after) = match op {
                1 => (Vec::new(), c),
                2 => (c, d),
                _ => (c, Vec::new()),
            };
            Entry { layout, op, before, after }
        })
        .collect()
}

/// The log, a line each.
pub(super) fn lines(conn: &Connection) -> Vec<String> {
    let row = |row: &Row| {
        let cells: Vec<String> = row
            .iter()
            .map(|v| match v {
                Value::Null => "null".to_owned(),
                Value::Integer(n) => n.to_string(),
                Value::Real(n) => n.to_string(),
                Value::Text(t) => t.clone(),
                Value::Blob(b) => format!("{b:?}"),
            })
            .collect();
        cells.join(",")
    };
    entries(conn)
        .iter()
        .map(|e| match e.op {
            1 => format!("{} + {}", e.layout.table, row(&e.after)),
            2 => format!("{} {} -> {}", e.layout.table, row(&e.before), row(&e.after)),
            _ => format!("{} - {}", e.layout.table, row(&e.before)),
        })
        .collect()
}

/// Replays the whole log from nothing and compares it with the tables.
pub(super) fn verify(conn: &Connection, model: &Model) -> Result<(), String> {
    let mut tables: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for (i, entry) in entries(conn).iter().enumerate() {
        let rows = tables.entry(entry.layout.table.clone()).or_default();
        let at = |message: &str| {
            format!(
                "entry {i}, {} {}: {message}: {:?} -> {:?}",
                entry.layout.table, entry.op, entry.before, entry.after
            )
        };
        if entry.op != 1 {
            let found = rows.iter().position(|r| *r == entry.before).ok_or_else(|| at("no such row"))?;
            rows.remove(found);
        }
        if entry.op != 3 {
            collide(model, &entry.layout.table, rows, &entry.after).map_err(|key| at(&format!("{key} is there")))?;
            rows.push(entry.after.clone());
        }
    }
    for (name, table) in &model.tables {
        let columns: Vec<String> = table.columns.iter().map(|c| quote(&c.name)).collect();
        let mut there: Vec<Row> = conn
            .prepare(&format!("SELECT {} FROM {}", columns.join(", "), quote(name)))
            .unwrap()
            .query_map([], |row| (0..table.columns.len()).map(|i| row.get(i)).collect())
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap();
        let mut replayed = tables.remove(name).unwrap_or_default();
        let order = |row: &Row| format!("{row:?}");
        there.sort_by_key(order);
        replayed.sort_by_key(order);
        if there != replayed {
            return Err(format!("{name} differs\n there:    {there:?}\n replayed: {replayed:?}"));
        }
    }
    Ok(())
}

fn collide(model: &Model, table: &str, rows: &[Row], new: &Row) -> Result<(), String> {
    let Some(table) = model.table(table) else { return Ok(()) };
    for key in table.primary_key.iter().chain(&table.uniques) {
        let same = |row: &Row| key.columns.iter().all(|&c| row[c] == new[c] && new[c] != Value::Null);
        if rows.iter().any(same) {
            return Err(key.name.clone());
        }
    }
    Ok(())
}
