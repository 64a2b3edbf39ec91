//! Which foreign key is broken. SQLite says only that one is; this asks, after the fact, in PostgreSQL's words.

use brigade_core::{
    engine::{Operand, Predicate},
    schema::{ForeignKey, Model, Table},
};
use rusqlite::{Connection, ToSql, params_from_iter, types::ToSqlOutput};

use crate::{
    encode,
    statement::{self, Bound},
};

/// Message and details of a row whose values point at nothing.
pub(super) fn without_parent(
    conn: &Connection,
    model: &Model,
    table: &Table,
    columns: &[usize],
    values: &[Operand],
) -> Option<(String, String)> {
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
            (
                format!("row of table {:?} violates foreign key constraint {:?}", table.name, key.name),
                format!(
                    "Key ({})=({}) is not present in table {:?}.",
                    names(table, key),
                    shown.join(", "),
                    parent.name
                ),
            )
        })
    })
}

/// Message and details of rows that other rows still point at.
pub(super) fn with_children(
    conn: &Connection,
    model: &Model,
    table: &Table,
    filter: &[Predicate],
) -> Option<(String, String)> {
    let children = model.tables.values().flat_map(|t| t.foreign_keys.iter().map(move |key| (t, key)));
    children.filter(|(_, key)| key.table == table.name).find_map(|(child, key)| {
        let matched = statement::check(table, filter).ok()?;
        let mut sql = String::from("SELECT EXISTS(SELECT 1 FROM ");
        statement::quoted(&mut sql, &child.name);
        sql.push_str(" WHERE (");
        statement::list(&mut sql, key.columns.iter().map(|&c| child.columns[c].name.as_str()));
        sql.push_str(") IN (SELECT ");
        statement::list(&mut sql, key.references.iter().map(String::as_str));
        sql.push_str(matched.text.strip_prefix("SELECT count(*)")?);
        sql.push_str("))");
        let bound = bind(matched.bound.iter().cloned())?;
        let there: bool = conn.query_row(&sql, params_from_iter(&bound), |r| r.get(0)).ok()?;
        there.then(|| {
            (
                format!(
                    "update or delete on table {:?} violates foreign key constraint {:?} on table {:?}",
                    table.name, key.name, child.name
                ),
                format!("Key ({}) is still referenced from table {:?}.", key.references.join(", "), child.name),
            )
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
