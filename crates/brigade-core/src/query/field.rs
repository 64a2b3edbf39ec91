//! A field becomes an expression over a relation's columns: the column is found, the way into its JSON is possible, the
//! type of a cast is known.

use crate::{
    data::{
        Error, Result, SqlType,
        plan::{Aggregate, Field},
    },
    engine::Expression,
    schema::{
        Model, Relation,
        access::{Grants, Touched, Verb},
        read_type,
    },
};

use super::{operand::long_name, unknown};

/// The expression of a field: whatever a column is used for, this is where it is looked for, and where it must be open.
pub(super) fn expression(field: &Field, relation: &Relation, grants: Grants<'_>) -> Result<Expression> {
    grants.allow(&relation.name, Verb::Select, Touched::Columns(&[&field.column]))?;
    let column = relation.column(&field.column).ok_or_else(|| unknown::column(&field.column, relation))?;
    let ty = &relation.columns[column].ty;
    let base = match field.path.last() {
        None => ty.clone(),
        Some(_) if !matches!(ty, SqlType::Json | SqlType::Jsonb | SqlType::Array(_)) => {
            return Err(Error::new("42883", format!("operator does not exist: {ty} -> unknown"))
                .details(format!("column {}.{}", relation.name, field.column))
                .hint("only json, jsonb and arrays have something inside"));
        }
        Some(last) if last.as_text => SqlType::Text,
        Some(_) if *ty == SqlType::Json => SqlType::Json,
        Some(_) => SqlType::Jsonb,
    };
    Ok(Expression { column, path: field.path.clone(), base, cast: None })
}

/// The type of a cast of such values.
pub(super) fn cast_from(from: &SqlType, name: &str, model: &Model) -> Result<SqlType> {
    let to = cast(name, model)?;
    if from.casts_to(&to) {
        return Ok(to);
    }
    let (from, to) = (long_name(from), long_name(&to));
    Err(Error::new("42846", format!("cannot cast type {from} to {to}")))
}

fn cast(name: &str, model: &Model) -> Result<SqlType> {
    match read_type(name, model.enums.keys().map(String::as_str)) {
        Ok(SqlType::Other(_)) | Err(_) => {
            let hint = "use a type of docs/types.md, or an enum of the migrations";
            Err(Error::new("42704", format!("type \"{name}\" does not exist")).hint(hint))
        }
        Ok(ty) => Ok(ty),
    }
}

/// The type that an aggregate of such values has, as PostgreSQL says.
pub(super) fn aggregated(function: Aggregate, of: &SqlType) -> Result<SqlType> {
    let numeric = SqlType::Numeric { precision: None, scale: 0 };
    let found = match (function, of) {
        (Aggregate::Count, _) => Some(SqlType::BigInt),
        (Aggregate::Sum, SqlType::SmallInt | SqlType::Int) => Some(SqlType::BigInt),
        (Aggregate::Sum | Aggregate::Avg, SqlType::BigInt | SqlType::Numeric { .. }) => Some(numeric),
        (Aggregate::Avg, SqlType::SmallInt | SqlType::Int) => Some(numeric),
        (Aggregate::Sum, SqlType::Real) => Some(SqlType::Real),
        (Aggregate::Sum | Aggregate::Avg, SqlType::Real | SqlType::Double) => Some(SqlType::Double),
        (Aggregate::Sum | Aggregate::Avg, _) => None,
        (
            Aggregate::Min | Aggregate::Max,
            SqlType::Bool | SqlType::Uuid | SqlType::Json | SqlType::Jsonb | SqlType::Bytea,
        ) => None,
        (Aggregate::Min | Aggregate::Max, SqlType::VarChar(_)) => Some(SqlType::Text),
        (Aggregate::Min | Aggregate::Max, SqlType::Numeric { .. }) => Some(numeric),
        (Aggregate::Min | Aggregate::Max, ty) => Some(ty.clone()),
    };
    found.ok_or_else(|| {
        let name = function.as_str();
        Error::new("42883", format!("function {name}({of}) does not exist"))
            .hint("No function matches the given name and argument types. You might need to add explicit type casts.")
    })
}
