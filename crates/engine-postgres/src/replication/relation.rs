//! Tables as the stream describes them, completed by what only the catalog knows: types' names, the primary key, and
//! generated columns, which pgoutput leaves out before PostgreSQL 18 and which are computed by the server itself.
//!
//! The catalog is asked when the stream describes a table, so a table whose key was changed between the write and its
//! decoding is seen with the newer key.

use std::{collections::HashMap, sync::Arc};

use brigade_core::data::{Change, Error, Image, Key, Layout, LayoutColumn, Result, Row, Value};
use pg_walstream::{ColumnInfo, LogicalReplicationMessage as Message, TupleData};
use tokio_postgres::Client;

use super::decode::{self, Decoded, Relation, Step};
use crate::{
    catalog::Types,
    encode::{self, Param, cast, quote},
    error::from_pg,
};

/// The tables of one stream.
pub(crate) struct Relations {
    schemas: Vec<String>,
    types: Types,
    known: HashMap<u32, Option<Arc<Relation>>>,
}

/// A column as the catalog has it.
struct Attribute {
    name: String,
    ty: u32,
    modifier: i32,
    generated: Option<String>,
}

impl Relations {
    pub fn new(schemas: Vec<String>) -> Self {
        Self { schemas, types: Types::default(), known: HashMap::new() }
    }

    /// A table, if it is one of the model's schemas.
    pub fn get(&self, id: u32) -> Option<&Arc<Relation>> {
        self.known.get(&id)?.as_ref()
    }

    /// Asks for types anew from now on.
    pub fn forget(&mut self) {
        self.types.forget();
    }

    /// Takes up a description. The stream sends one before a table's first change and after each change of its shape.
    pub async fn describe(
        &mut self,
        client: &Client,
        id: u32,
        schema: &str,
        table: &str,
        columns: &[ColumnInfo],
    ) -> Result<()> {
        if !self.schemas.iter().any(|s| s == schema) || table.starts_with("brigade_") {
            self.known.insert(id, None);
            return Ok(());
        }
        let (attributes, key) = catalog(client, id).await?;
        let mut layout = Layout { table: table.to_owned(), columns: Vec::new(), key: Vec::new() };
        let (mut places, mut generated) = (Vec::new(), Vec::new());
        let mut sent = columns.iter().peekable();
        // Both lists are in the order of the table; only the catalog has the columns that the stream leaves out.
        for attribute in &attributes {
            if sent.peek().is_some_and(|c| *c.name == *attribute.name) {
                self.add(client, &mut layout, sent.next().expect("peeked")).await?;
                places.push(layout.columns.len() - 1);
            } else if let Some(expression) = &attribute.generated {
                let ty = self.types.get(client, attribute.ty, attribute.modifier).await?;
                generated.push((layout.columns.len(), expression.clone()));
                layout.columns.push(LayoutColumn { name: attribute.name.clone(), ty });
            }
        }
        // What the catalog no longer has (dropped or renamed since) is what the stream says it was.
        for column in sent {
            self.add(client, &mut layout, column).await?;
            places.push(layout.columns.len() - 1);
        }
        if places.len() < columns.len() || layout.columns.len() < columns.len() {
            return Err(Error::internal(format!("the stream's columns of {table} cannot be matched")));
        }
        layout.key = key.iter().filter_map(|name| layout.column(name)).collect();
        let relation = Relation {
            sql: format!("{}.{}", quote(schema), quote(table)),
            layout: Arc::new(layout),
            places,
            generated,
        };
        self.known.insert(id, Some(Arc::new(relation)));
        Ok(())
    }

    async fn add(&mut self, client: &Client, layout: &mut Layout, column: &ColumnInfo) -> Result<()> {
        let ty = self.types.get(client, column.type_id, column.type_modifier).await?;
        layout.columns.push(LayoutColumn { name: column.name.to_string(), ty });
        Ok(())
    }

    /// What a message of a row does; none for a table that is not the model's, or another message.
    pub async fn steps(&self, client: &Client, message: Message) -> Result<Option<(Arc<Layout>, Vec<Step>)>> {
        let id = match &message {
            Message::Insert { relation_id, .. }
            | Message::Update { relation_id, .. }
            | Message::Delete { relation_id, .. } => *relation_id,
            _ => return Ok(None),
        };
        let relation = match self.known.get(&id) {
            Some(Some(relation)) => relation,
            Some(None) => return Ok(None),
            None => return Err(Error::internal(format!("the stream did not describe table {id}"))),
        };
        let steps = match message {
            Message::Insert { tuple, .. } => decode::insert(relation.row(&tuple, None).row),
            Message::Delete { old_tuple, key_type, .. } => decode::delete(before(relation, &old_tuple, Some(key_type))),
            Message::Update { old_tuple, new_tuple, key_type, .. } => {
                let old = old_tuple.as_ref().filter(|_| key_type == Some('O'));
                let decoded = relation.row(&new_tuple, old);
                let after = fetch_unchanged(client, relation, decoded).await?;
                let before = old_tuple.as_ref().map(|old| before(relation, old, key_type));
                decode::update(&relation.layout, before, after)
            }
            _ => return Ok(None),
        };
        Ok(Some((relation.layout.clone(), steps)))
    }

    /// Fills the generated columns of whole images, a table at a time.
    pub async fn compute_generated(&self, client: &Client, changes: &mut [Change]) -> Result<()> {
        for relation in self.known.values().flatten().filter(|r| !r.generated.is_empty()) {
            let mut rows: Vec<&mut Row> = changes
                .iter_mut()
                .filter(|c| Arc::ptr_eq(&c.layout, &relation.layout))
                .flat_map(|c| {
                    let before = match &mut c.before {
                        Some(Image::Whole(row)) => Some(row),
                        _ => None,
                    };
                    before.into_iter().chain(c.after.as_mut())
                })
                .collect();
            if !rows.is_empty() {
                compute(client, relation, &mut rows).await?;
            }
        }
        Ok(())
    }
}

fn before(relation: &Relation, old: &TupleData, key_type: Option<char>) -> Image {
    match key_type {
        Some('O') => Image::Whole(relation.row(old, None).row),
        _ => Image::Key(relation.key(old)),
    }
}

async fn catalog(client: &Client, table: u32) -> Result<(Vec<Attribute>, Vec<String>)> {
    const COLUMNS: &str = "SELECT a.attname::text, a.atttypid, a.atttypmod, \
            CASE WHEN a.attgenerated = 's' THEN pg_get_expr(d.adbin, d.adrelid) END \
        FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
        WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
    const KEY: &str = "SELECT a.attname::text FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place) \
        JOIN pg_attribute a ON a.attnum = k.attnum \
        WHERE i.indrelid = $1 AND i.indisprimary AND a.attrelid = $1 ORDER BY k.place";
    let rows = client.query(COLUMNS, &[&table]).await.map_err(from_pg)?;
    let attributes: Result<Vec<Attribute>> = rows
        .iter()
        .map(|row| {
            Ok(Attribute {
                name: row.try_get(0).map_err(from_pg)?,
                ty: row.try_get(1).map_err(from_pg)?,
                modifier: row.try_get(2).map_err(from_pg)?,
                generated: row.try_get(3).map_err(from_pg)?,
            })
        })
        .collect();
    let key = client.query(KEY, &[&table]).await.map_err(from_pg)?;
    let key: Result<Vec<String>> = key.iter().map(|row| row.try_get(0).map_err(from_pg)).collect();
    Ok((attributes?, key?))
}

/// Large values that an update left alone are not in the stream, and where only keys are kept (`images = "key"`) not in
/// the old image either. They are read from the table as it is now; of a row that is gone they are null, and its delete
/// follows.
async fn fetch_unchanged(client: &Client, relation: &Relation, decoded: Decoded) -> Result<Row> {
    let Decoded { mut row, unchanged } = decoded;
    if unchanged.is_empty() {
        return Ok(row);
    }
    let layout = &relation.layout;
    let key: Key = layout.key_of(&row).unwrap_or_default();
    let columns: Vec<String> = unchanged.iter().map(|&i| format!("{}::text", quote(&layout.columns[i].name))).collect();
    let mut conditions = vec!["true".to_owned()];
    for (i, &place) in layout.key.iter().enumerate() {
        let column = &layout.columns[place];
        conditions.push(format!("{} = ${}::{}", quote(&column.name), i + 1, cast(&column.ty)));
    }
    let sql = format!("SELECT {} FROM {} WHERE {} LIMIT 1", columns.join(", "), relation.sql, conditions.join(" AND "));
    let params: Vec<Param> = key.iter().map(Param::value).collect();
    let params: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = params.iter().map(|p| p as _).collect();
    if let Some(found) = client.query_opt(&sql, &params).await.map_err(from_pg)? {
        for (i, &place) in unchanged.iter().enumerate() {
            row[place] = encode::decode(&layout.columns[place].ty, encode::column(&found, i)?);
        }
    }
    Ok(row)
}

/// Generated columns depend on nothing but their own row and are immutable, so the server computes them from the image.
async fn compute(client: &Client, relation: &Relation, rows: &mut [&mut Row]) -> Result<()> {
    let layout = &relation.layout;
    let (mut lists, mut names, mut values, mut params) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (i, &place) in relation.places.iter().enumerate() {
        let column = &layout.columns[place];
        params.push(Param::List(rows.iter().map(|row| encode::text(&row[place])).collect()));
        lists.push(format!("${}::text[]", i + 1));
        names.push(format!("v{i}"));
        values.push(format!("v{i}::{} AS {}", cast(&column.ty), quote(&column.name)));
    }
    let expressions: Vec<String> = relation.generated.iter().map(|(_, e)| format!("({e})::text")).collect();
    let sql = format!(
        "SELECT {} FROM (SELECT place, {} FROM unnest({}) WITH ORDINALITY AS r({}, place)) AS t ORDER BY t.place",
        expressions.join(", "),
        values.join(", "),
        lists.join(", "),
        names.join(", ")
    );
    let params: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = params.iter().map(|p| p as _).collect();
    let found = client.query(&sql, &params).await.map_err(from_pg)?;
    for (row, found) in rows.iter_mut().zip(&found) {
        for (i, (place, _)) in relation.generated.iter().enumerate() {
            row[*place] = match encode::column(found, i)? {
                None => Value::Null,
                text => encode::decode(&layout.columns[*place].ty, text),
            };
        }
    }
    Ok(())
}
