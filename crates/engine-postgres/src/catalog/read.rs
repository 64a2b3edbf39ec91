//! The model of tables that were there before brigade: read from `pg_catalog`, with expressions as the server prints them.
//! What the parser does not know of them is left out and named in the truth's notes, since the server keeps to it anyway.

use std::{collections::BTreeMap, sync::Arc};

use brigade_core::{
    data::Result,
    schema::{
        Check, Column, Deferrable, EnumType, Expression, ForeignKey, Identity, Index, IndexOn, IndexPart,
        KeyConstraint, Model, ReferentialAction, Table, TableSettings, View,
    },
};
use sqlparser::{ast, dialect::PostgreSqlDialect, parser::Parser};
use tokio_postgres::{Client, Row};

use super::Types;
use crate::{error::from_pg, truth::PostgresTruth};

impl PostgresTruth {
    /// The model of what the schemas hold now: for `[schema] existing = true`. Settings of tables are the caller's to add.
    ///
    /// # Errors
    /// BRG503 where the server cannot be reached.
    pub async fn read_catalog(&self, schemas: &[String]) -> Result<Model> {
        let session = self.session().await?;
        let mut reading = Reading { client: session.client(), schemas, types: Types::default(), unread: Vec::new() };
        let model = reading.model().await?;
        for what in reading.unread {
            self.note(format!("{what} could not be read into the model; the server keeps to it all the same"));
        }
        Ok(model)
    }
}

struct Reading<'a> {
    client: &'a Client,
    schemas: &'a [String],
    types: Types,
    unread: Vec<String>,
}

fn text(row: &Row, index: usize) -> Result<String> {
    row.try_get(index).map_err(from_pg)
}

fn maybe(row: &Row, index: usize) -> Result<Option<String>> {
    row.try_get(index).map_err(from_pg)
}

impl Reading<'_> {
    async fn model(&mut self) -> Result<Model> {
        let mut model = Model { enums: self.enums().await?, ..Model::default() };
        const TABLES: &str = "SELECT c.oid, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
            WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition AND n.nspname = ANY ($1) \
            AND c.relname NOT LIKE 'brigade\\_%'";
        for row in self.rows(TABLES).await? {
            let (oid, name): (u32, String) = (row.try_get(0).map_err(from_pg)?, text(&row, 1)?);
            let table = self.table(oid, &name).await?;
            model.tables.insert(name, Arc::new(table));
        }
        model.views = self.views().await?;
        Ok(model)
    }

    async fn rows(&self, sql: &str) -> Result<Vec<Row>> {
        self.client.query(sql, &[&self.schemas]).await.map_err(from_pg)
    }

    async fn enums(&self) -> Result<BTreeMap<String, EnumType>> {
        const ENUMS: &str = "SELECT t.typname::text, array_agg(e.enumlabel::text ORDER BY e.enumsortorder) \
            FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid JOIN pg_namespace n ON n.oid = t.typnamespace \
            WHERE n.nspname = ANY ($1) GROUP BY t.oid, t.typname";
        let rows = self.rows(ENUMS).await?;
        rows.iter().map(|row| Ok((text(row, 0)?, EnumType { labels: row.try_get(1).map_err(from_pg)? }))).collect()
    }

    async fn table(&mut self, oid: u32, name: &str) -> Result<Table> {
        let mut table = Table {
            name: name.to_owned(),
            columns: self.columns(oid, name).await?,
            primary_key: None,
            uniques: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            indexes: Vec::new(),
            settings: TableSettings::default(),
        };
        self.constraints(oid, &mut table).await?;
        table.indexes = self.indexes(oid).await?;
        Ok(table)
    }

    async fn columns(&mut self, oid: u32, table: &str) -> Result<Vec<Column>> {
        const COLUMNS: &str = "SELECT a.attname::text, a.atttypid, a.atttypmod, NOT a.attnotnull, \
                pg_get_expr(d.adbin, d.adrelid), a.attgenerated::text, a.attidentity::text, \
                pg_get_serial_sequence(a.attrelid::regclass::text, a.attname) IS NOT NULL \
            FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
            WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
        let mut columns = Vec::new();
        for row in self.client.query(COLUMNS, &[&oid]).await.map_err(from_pg)? {
            let name = text(&row, 0)?;
            let ty = row.try_get(1).map_err(from_pg)?;
            let ty = self.types.get(self.client, ty, row.try_get(2).map_err(from_pg)?).await?;
            let is_generated = !text(&row, 5)?.is_empty();
            let identity = match text(&row, 6)?.as_str() {
                "a" => Some(Identity::Always),
                "d" => Some(Identity::ByDefault),
                _ => row.try_get::<_, bool>(7).map_err(from_pg)?.then_some(Identity::Serial),
            };
            let what = format!("the default of {table}.{name}");
            let expression = match maybe(&row, 4)?.filter(|_| identity.is_none()) {
                Some(sql) => self.expression(sql, &what),
                None => None,
            };
            let (default, generated) = if is_generated { (None, expression) } else { (expression, None) };
            let nullable = row.try_get(3).map_err(from_pg)?;
            columns.push(Column { name, ty, nullable, default, generated, identity });
        }
        Ok(columns)
    }

    fn expression(&mut self, sql: String, what: &str) -> Option<Expression> {
        match Parser::new(&PostgreSqlDialect {}).try_with_sql(&sql).and_then(|mut p| p.parse_expr()) {
            Ok(ast) => Some(Expression { sql, ast: Box::new(ast) }),
            Err(_) => {
                self.unread.push(what.to_owned());
                None
            }
        }
    }

    async fn constraints(&mut self, oid: u32, table: &mut Table) -> Result<()> {
        const CONSTRAINTS: &str = "SELECT c.conname::text, c.contype::text, c.condeferrable, c.condeferred, \
                ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(n, place) \
                    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY k.place), \
                f.relname::text, \
                ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(n, place) \
                    JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY k.place), \
                c.confdeltype::text, c.confupdtype::text, pg_get_expr(c.conbin, c.conrelid), \
                pg_get_constraintdef(c.oid) LIKE '%NULLS NOT DISTINCT%' \
            FROM pg_constraint c LEFT JOIN pg_class f ON f.oid = c.confrelid \
            WHERE c.conrelid = $1 AND c.contype IN ('p', 'u', 'f', 'c') ORDER BY c.conname";
        for row in self.client.query(CONSTRAINTS, &[&oid]).await.map_err(from_pg)? {
            let name = text(&row, 0)?;
            let deferrable = match (row.try_get(2).map_err(from_pg)?, row.try_get(3).map_err(from_pg)?) {
                (false, _) => Deferrable::No,
                (true, false) => Deferrable::InitiallyImmediate,
                (true, true) => Deferrable::InitiallyDeferred,
            };
            let names: Vec<String> = row.try_get(4).map_err(from_pg)?;
            let columns: Vec<usize> = names.iter().filter_map(|n| table.column(n)).collect();
            match text(&row, 1)?.as_str() {
                kind @ ("p" | "u") => {
                    let nulls_not_distinct = row.try_get(10).map_err(from_pg)?;
                    let key = KeyConstraint { name, columns, deferrable, nulls_not_distinct };
                    if kind == "p" { table.primary_key = Some(key) } else { table.uniques.push(key) }
                }
                "f" => table.foreign_keys.push(ForeignKey {
                    name,
                    columns,
                    table: text(&row, 5)?,
                    references: row.try_get(6).map_err(from_pg)?,
                    on_delete: action(&text(&row, 7)?),
                    on_update: action(&text(&row, 8)?),
                    deferrable,
                }),
                _ => {
                    let what = format!("the check {name} of {}", table.name);
                    let sql = maybe(&row, 9)?.unwrap_or_default();
                    table.checks.extend(self.expression(sql, &what).map(|expression| Check { name, expression }));
                }
            }
        }
        Ok(())
    }

    /// Indexes that belong to no constraint.
    async fn indexes(&mut self, oid: u32) -> Result<Vec<Index>> {
        const INDEXES: &str = "SELECT pg_get_indexdef(i.indexrelid), c.relname::text FROM pg_index i \
            JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1 AND i.indisvalid \
            AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')) \
            ORDER BY c.relname";
        let mut indexes = Vec::new();
        for row in self.client.query(INDEXES, &[&oid]).await.map_err(from_pg)? {
            let (sql, name) = (text(&row, 0)?, text(&row, 1)?);
            match index(&sql, &name) {
                Some(index) => indexes.push(index),
                None => self.unread.push(format!("the index {name}")),
            }
        }
        Ok(indexes)
    }

    async fn views(&mut self) -> Result<BTreeMap<String, View>> {
        const VIEWS: &str = "SELECT c.relname::text, pg_get_viewdef(c.oid), \
                ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 ORDER BY a.attnum) \
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
            WHERE c.relkind = 'v' AND n.nspname = ANY ($1) ORDER BY c.oid";
        let mut views = BTreeMap::new();
        for (order, row) in self.rows(VIEWS).await?.iter().enumerate() {
            let (name, sql) = (text(row, 0)?, text(row, 1)?.trim_end_matches(';').trim().to_owned());
            let query = Parser::new(&PostgreSqlDialect {}).try_with_sql(&sql).and_then(|mut p| p.parse_query());
            match query {
                Ok(query) => {
                    let columns = row.try_get(2).map_err(from_pg)?;
                    views.insert(name, View { order: order as u32, sql, query, columns });
                }
                Err(_) => self.unread.push(format!("the view {name}")),
            }
        }
        Ok(views)
    }
}

fn action(letter: &str) -> ReferentialAction {
    match letter {
        "r" => ReferentialAction::Restrict,
        "c" => ReferentialAction::Cascade,
        "n" => ReferentialAction::SetNull,
        "d" => ReferentialAction::SetDefault,
        _ => ReferentialAction::NoAction,
    }
}

/// An index, of the statement that the server prints for it.
fn index(sql: &str, name: &str) -> Option<Index> {
    let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).ok()?;
    let Some(ast::Statement::CreateIndex(parsed)) = statements.pop() else { return None };
    let parts = parsed.columns.iter().map(|part| {
        let on = match &part.column.expr {
            ast::Expr::Identifier(column) => IndexOn::Column(column.value.clone()),
            expr => IndexOn::Expression(Expression { sql: expr.to_string(), ast: Box::new(expr.clone()) }),
        };
        IndexPart {
            of: on,
            descending: matches!(part.column.options.sort, Some(ast::OrderBySort::Desc)),
            nulls_first: part.column.options.nulls_first,
            operator_class: part.operator_class.as_ref().map(ToString::to_string),
        }
    });
    Some(Index {
        name: name.to_owned(),
        unique: parsed.unique,
        parts: parts.collect(),
        include: parsed.include.iter().map(|i| i.value.clone()).collect(),
        predicate: parsed.predicate.as_ref().map(|p| Expression { sql: p.to_string(), ast: Box::new(p.clone()) }),
        method: parsed.using.as_ref().map(|m| m.to_string().to_lowercase()).filter(|m| m != "btree"),
        nulls_not_distinct: parsed.nulls_distinct == Some(false),
    })
}
