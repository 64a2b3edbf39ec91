//! Which foreign key is broken. SQLite says only that one is; this asks, after the fact, in PostgreSQL's words.

use brigade_core::{
    engine::{Operand, column_of},
    schema::{ForeignKey, Model, Table},
};
use rusqlite::{Connection, ToSql, params_from_iter, types::ToSqlOutput};

use crate::{
    encode,
    statement::{self, Bound, Target},
};

/// A foreign key that is broken, as PostgreSQL tells of it.
pub(crate) struct Broken {
    pub message: String,
    pub details: String,
    /// The column, where it is one of the statement's own table.
    pub field: Option<String>,
}

/// A row whose values point at nothing.
pub(super) fn without_parent(
    conn: &Connection,
    model: &Model,
    table: &Table,
    columns: &[usize],
    values: &[Operand],
) -> Option<Broken> {
    table.foreign_keys.iter().find_map(|key| {
        let given: Vec<(usize, &Operand)> = key
            .columns
            .iter()
            .map(|c| columns.iter().position(|g| g == c).map(|at| (*c, &values[at])))
            .collect::<Option<_>>()?;
        let bound = bind(given.iter().map(|(c, operand)| Bound::Operand(operand, &table.columns[*c].ty)))?;
        let parent = model.table(&key.table)?;
        let mut sql = String::from("SELECT EXISTS(SELECT 1 FROM ");
        statement::quoted(&mut sql, &parent.name);
        for (i, name) in key.references.iter().enumerate() {
            sql.push_str(if i > 0 { " AND " } else { " WHERE " });
            statement::quoted(&mut sql, name);
            sql.push_str("=?");
        }
        let there: bool = conn.query_row(&(sql + ")"), params_from_iter(&bound), |r| r.get(0)).ok()?;
        (!there).then(|| {
            let shown: Vec<String> = given.iter().map(|(_, operand)| shown(operand)).collect();
            Broken {
                message: format!(
                    "insert or update on table {:?} violates foreign key constraint {:?}",
                    table.name, key.name
                ),
                details: format!(
                    "Key ({})=({}) is not present in table {:?}.",
                    names(table, key),
                    shown.join(", "),
                    parent.name
                ),
                field: column_of(table, &key.name).map(str::to_owned),
            }
        })
    })
}

/// Rows that other rows still point at.
pub(super) fn with_children(conn: &Connection, target: Target<'_>) -> Option<Broken> {
    let Target { model, table, .. } = target;
    let children = model.tables.values().flat_map(|t| t.foreign_keys.iter().map(move |key| (t, key)));
    children.filter(|(_, key)| key.table == table.name).find_map(|(child, key)| {
        let matched = statement::check(target).ok()?;
        let mut sql = String::from("SELECT ");
        let columns = || key.columns.iter().map(|&c| &child.columns[c]);
        statement::list(&mut sql, columns().map(|c| c.name.as_str()));
        sql.push_str(" FROM ");
        statement::quoted(&mut sql, &child.name);
        sql.push_str(" WHERE (");
        statement::list(&mut sql, columns().map(|c| c.name.as_str()));
        sql.push_str(") IN (SELECT ");
        statement::list(&mut sql, key.references.iter().map(String::as_str));
        sql.push_str(matched.text.strip_prefix("SELECT count(*)")?);
        sql.push_str(") LIMIT 1");
        let bound = bind(matched.bound.iter().cloned())?;
        let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Option<Vec<String>>> {
            let mut shown = Vec::with_capacity(key.columns.len());
            for (i, column) in columns().enumerate() {
                let value = encode::from_sql(row.get_ref(i)?, &column.ty).ok();
                shown.push(value.and_then(|v| v.to_text().map(|text| text.into_owned())));
            }
            Ok(shown.into_iter().collect())
        };
        let shown = conn.query_row(&sql, params_from_iter(&bound), read).ok()??;
        Some(Broken {
            message: format!(
                "update or delete on table {:?} violates foreign key constraint {:?} on table {:?}",
                table.name, key.name, child.name
            ),
            details: format!(
                "Key ({})=({}) is still referenced from table {:?}.",
                key.references.join(", "),
                shown.join(", "),
                child.name
            ),
            field: None,
        })
    })
}

fn names(table: &Table, key: &ForeignKey) -> String {
    let names: Vec<&str> = key.columns.iter().map(|&c| table.columns[c].name.as_str()).collect();
    names.join(", ")
}

fn shown(operand: &Operand) -> String {
    match operand {
        Operand::Value(value) => value.to_text().map_or_else(|| "null".to_owned(), |text| text.into_owned()),
        Operand::Returned { .. } => "…".to_owned(),
    }
}

/// A parameter that owns what it binds.
struct Owned(rusqlite::types::Value);

impl ToSql for Owned {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

/// Nothing where a value is null (which points at nothing) or not known yet.
fn bind<'b>(bound: impl Iterator<Item = Bound<'b>>) -> Option<Vec<Owned>> {
    bound
        .map(|bound| {
            let (value, ty) = match &bound {
                Bound::Plan(value) => return Some(Owned(value.clone())),
                Bound::Operand(Operand::Value(value), ty) if !value.is_null() => (value, ty),
                Bound::Time(value, ty) => (value, ty),
                Bound::Operand(..) => return None,
            };
            match encode::to_sql(value, ty).ok()? {
                ToSqlOutput::Borrowed(value) => Some(Owned(value.try_into().ok()?)),
                ToSqlOutput::Owned(value) => Some(Owned(value)),
                _ => None,
            }
        })
        .collect()
}
