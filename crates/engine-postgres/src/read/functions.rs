//! The functions that the database has of its own, from `pg_catalog`: those that are called by name with values and answer
//! a value, a row or rows.

use std::sync::Arc;

use brigade_core::{
    data::{Result, SqlType},
    engine::{Routine, RoutineCall, RoutineParam, RoutineShape},
    schema::{Model, Relation, RelationColumn, Relations},
};
use tokio_postgres::{Client, Row};

use crate::{catalog::Types, encode::quote, error::from_pg, truth::PostgresTruth};

/// Functions of extensions, of brigade's own and of triggers are no routines; nor is what this role may not call.
const FUNCTIONS: &str = "SELECT n.nspname::text, p.proname::text, p.provolatile::text, p.proretset, p.prorettype, \
        t.typtype::text, c.relname::text, p.pronargs::int, p.pronargdefaults::int, p.provariadic <> 0, \
        coalesce(p.proargnames, ARRAY[]::text[])::text[], \
        coalesce(p.proallargtypes, string_to_array(p.proargtypes::text, ' ')::oid[])::oid[], \
        coalesce(p.proargmodes::text[], ARRAY[]::text[]), t.typrelid \
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_type t ON t.oid = p.prorettype \
    LEFT JOIN pg_class c ON c.oid = t.typrelid \
    WHERE n.nspname = ANY ($1) AND p.prokind = 'f' AND p.proname NOT LIKE 'brigade\\_%' \
    AND p.prorettype <> ALL (ARRAY['trigger'::regtype, 'event_trigger'::regtype]) \
    AND has_function_privilege(p.oid, 'EXECUTE') \
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') \
    ORDER BY p.proname, p.oid";

const ATTRIBUTES: &str = "SELECT attname::text, atttypid, atttypmod FROM pg_attribute \
    WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum";

pub(super) async fn read(truth: &PostgresTruth, model: &Arc<Model>) -> Result<Vec<Routine>> {
    let session = truth.session().await?;
    let client: &Client = session.client();
    let schemas = &truth.config().schemas;
    let rows = client.query(FUNCTIONS, &[schemas]).await.map_err(from_pg)?;
    let relations = Relations::of(model);
    let mut types = Types::default();
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        found.extend(routine(client, &row, &relations, &mut types).await?);
    }
    Ok(found)
}

/// One argument: its name, its type's number, and how it goes (`i`, `o`, `b`, `v`, `t`).
struct Argument {
    name: String,
    ty: u32,
    mode: String,
}

impl Argument {
    fn all(row: &Row) -> Result<Vec<Self>> {
        let names: Vec<String> = row.try_get(10).map_err(from_pg)?;
        let types: Vec<u32> = row.try_get(11).map_err(from_pg)?;
        let modes: Vec<String> = row.try_get(12).map_err(from_pg)?;
        let one = |(i, ty): (usize, u32)| Self {
            name: names.get(i).cloned().unwrap_or_default(),
            ty,
            mode: modes.get(i).cloned().unwrap_or_else(|| "i".to_owned()),
        };
        Ok(types.into_iter().enumerate().map(one).collect())
    }

    fn goes_in(&self) -> bool {
        matches!(&*self.mode, "i" | "b" | "v")
    }

    fn comes_out(&self) -> bool {
        matches!(&*self.mode, "o" | "b" | "t")
    }
}

/// Nothing where its result has no columns that could be named, or its arguments no names.
async fn routine(client: &Client, row: &Row, relations: &Relations, types: &mut Types) -> Result<Option<Routine>> {
    let text = |i: usize| row.try_get::<_, String>(i).map_err(from_pg);
    let (schema, name) = (text(0)?, text(1)?);
    let arguments = Argument::all(row)?;
    let defaults: i32 = row.try_get(8).map_err(from_pg)?;
    let variadic: bool = row.try_get(9).map_err(from_pg)?;
    let mut params = Vec::new();
    let given: Vec<&Argument> = arguments.iter().filter(|a| a.goes_in()).collect();
    let first_default = given.len() - usize::try_from(defaults).unwrap_or(0).min(given.len());
    for (i, argument) in given.iter().enumerate() {
        params.push(RoutineParam {
            name: argument.name.clone(),
            ty: types.get(client, argument.ty, -1).await?,
            has_default: i >= first_default,
            default: None,
            is_variadic: variadic && i + 1 == given.len(),
        });
    }
    if params.iter().any(|p| p.name.is_empty()) && !takes_a_body(&params) {
        return Ok(None);
    }
    let set: bool = row.try_get(3).map_err(from_pg)?;
    let result: u32 = row.try_get(4).map_err(from_pg)?;
    let out: Vec<&Argument> = arguments.iter().filter(|a| a.comes_out()).collect();
    let is_composite = text(5)? == "c";
    let rows = if set { RoutineShape::Rows } else { RoutineShape::Row };
    let (shape, columns, value, base) = if is_composite {
        let relation: Option<String> = row.try_get(6).map_err(from_pg)?;
        let known = relation.as_deref().and_then(|name| relations.get(name)).cloned();
        match known {
            Some(known) => (rows, Vec::new(), None, Some(known)),
            None => (rows, attributes(client, row.try_get(13).map_err(from_pg)?, types).await?, None, None),
        }
    } else if out.len() > 1 || (out.len() == 1 && out[0].mode == "t") {
        let mut columns = Vec::with_capacity(out.len());
        for argument in out {
            columns.push(column(&argument.name, types.get(client, argument.ty, -1).await?));
        }
        (rows, columns, None, None)
    } else if result == VOID {
        (RoutineShape::Nothing, vec![column(&name, SqlType::Other("void".into()))], Some(name.clone()), None)
    } else if result == RECORD {
        return Ok(None);
    } else {
        let shape = if set { RoutineShape::Values } else { RoutineShape::Value };
        (shape, vec![column(&name, types.get(client, result, -1).await?)], Some(name.clone()), None)
    };
    let relation =
        base.unwrap_or_else(|| Arc::new(Relation { name: name.clone(), columns, key: Vec::new(), is_view: true }));
    let call = RoutineCall::Function(format!("{}.{}", quote(&schema), quote(&name)), value);
    let writes = text(2)? == "v";
    Ok(Some(Routine { name, params, shape, relation, writes, roles: Vec::new(), call }))
}

const VOID: u32 = 2278;
const RECORD: u32 = 2249;

/// The one unnamed parameter that takes a whole body.
fn takes_a_body(params: &[RoutineParam]) -> bool {
    matches!(params, [RoutineParam { ty: SqlType::Json | SqlType::Jsonb | SqlType::Text | SqlType::Bytea, .. }])
}

fn column(name: &str, ty: SqlType) -> RelationColumn {
    RelationColumn { name: name.to_owned(), ty, base: None }
}

async fn attributes(client: &Client, relation: u32, types: &mut Types) -> Result<Vec<RelationColumn>> {
    let mut columns = Vec::new();
    for row in client.query(ATTRIBUTES, &[&relation]).await.map_err(from_pg)? {
        let name: String = row.try_get(0).map_err(from_pg)?;
        let ty = types.get(client, row.try_get(1).map_err(from_pg)?, row.try_get(2).map_err(from_pg)?).await?;
        columns.push(column(&name, ty));
    }
    Ok(columns)
}
