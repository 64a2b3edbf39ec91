//! What a cache of brigade.toml is, held against the model: what is read for a key, which tables an answer is made of, and
//! which keys a change of them concerns.

mod hanging;
mod query;
mod table;

use crate::{
    data::{Change, Error, Layout, Result, SqlType, Value, code, plan::Read},
    engine::{CheckedRead, Gone},
    query::{ReadRules, check},
    schema::{CacheConfig, Cached, Config, Model, Relations, access::Grants},
};

pub(super) use hanging::Links;
pub use query::{CachedQuery, Queries};
pub(super) use table::TableDefinition;

use query::QueryDefinition;

/// Nothing is cut off what is kept.
const RULES: ReadRules<'static> = ReadRules { rows_max: None, aggregates: false, language: "simple" };

/// A cache, ready to use.
pub(super) enum Definition {
    /// Of rows of a table.
    Table(TableDefinition),
    /// Of answers of a query.
    Query(QueryDefinition),
}

/// Which keys a change concerns.
pub(super) enum Concerned {
    /// The keys of the row as it was and as it is, and of the rows that it hangs on: those that values link to.
    Keys { before: Vec<String>, after: Vec<String>, links: Links },
    /// These.
    Gone(Vec<Gone>),
}

/// What somebody must be allowed who asks a cache.
pub enum Permission {
    /// To read this.
    Read(Box<Read>),
    /// To call this query.
    Call(String),
}

impl Definition {
    pub(super) fn resolve(
        name: &str,
        config: &CacheConfig,
        file: &Config,
        (relations, queries): (&Relations, &dyn Queries),
    ) -> Result<Self> {
        let wrong = |key: &str, message: String| {
            let place = file.places.get(&format!("cache.{name}.{key}")).unwrap_or(&config.place);
            Error::new(code::CONFIG, format!("{place}: [cache.{name}]: {message}"))
        };
        match &config.of {
            Cached::Table { table, value } => {
                TableDefinition::resolve((table, value), config, relations, &wrong).map(Self::Table)
            }
            Cached::Query(query) => QueryDefinition::resolve(query, config, queries, &wrong).map(Self::Query),
        }
    }

    /// The table, or the query, that its values are of.
    pub(super) fn of(&self) -> &str {
        match self {
            Self::Table(table) => &table.table.name,
            Self::Query(query) => &query.name,
        }
    }

    pub(super) fn wants(&self, table: &str) -> bool {
        match self {
            Self::Table(of) => of.table.name == table || of.embedded.contains(table),
            Self::Query(of) => of.tables.contains(table),
        }
    }

    /// The tables that it rests on, as a model has them.
    pub(super) fn layouts(&self, model: &Model) -> Vec<Layout> {
        let tables = model.tables.values().filter(|table| table.primary_key.is_some() && self.wants(&table.name));
        tables.map(|table| table.layout()).collect()
    }

    pub(super) fn concerned(&self, change: &Change) -> Concerned {
        match self {
            Self::Table(of) => of.concerned(change),
            Self::Query(of) => Concerned::Gone(of.gone(change)),
        }
    }

    /// What is to be read for a key, one after another until something is found; nothing for what can be no key.
    pub(super) fn reads(&self, key: &str, relations: &Relations, queries: &dyn Queries) -> Result<Vec<CheckedRead>> {
        match self {
            Self::Table(of) => of.checked(key, relations),
            Self::Query(of) => Ok(of.read(key, relations, queries)?.into_iter().collect()),
        }
    }

    /// Whether there may be something under a key.
    pub(super) fn has(&self, key: &str, relations: &Relations, queries: &dyn Queries) -> Result<bool> {
        match self {
            Self::Table(of) => Ok(of.has(key, relations.model())),
            Self::Query(of) => Ok(of.read(key, relations, queries)?.is_some()),
        }
    }

    /// Whether a value is a list, which may be empty, and not one object.
    pub(super) fn is_list(&self, queries: &dyn Queries) -> bool {
        match self {
            Self::Table(_) => false,
            Self::Query(of) => !of.is_single(queries),
        }
    }

    /// How values are made, for those who compare.
    pub(super) fn made_of(&self, queries: &dyn Queries) -> String {
        match self {
            Self::Table(of) => format!("{:?}", of.shown.node),
            Self::Query(of) => format!("{:?}", queries.query(&of.name).map(|query| query.routine)),
        }
    }

    pub(super) fn permission(&self) -> Permission {
        match self {
            Self::Table(of) => Permission::Read(Box::new(of.permission())),
            Self::Query(of) => Permission::Call(of.name.clone()),
        }
    }

    pub(super) fn as_table(&self) -> Option<&TableDefinition> {
        match self {
            Self::Table(of) => Some(of),
            Self::Query(_) => None,
        }
    }
}

/// A read of brigade's own, to which everything is open.
pub(super) fn everything(read: &Read, relations: &Relations) -> Result<CheckedRead> {
    check(read, relations, RULES, Grants::EVERYTHING)
}

/// Whether equal values have equal texts.
fn has_one_text(ty: &SqlType) -> bool {
    use SqlType::{BigInt, Bool, Bytea, Date, Enum, Int, SmallInt, Text, Time, Timestamp, TimestampTz, Uuid, VarChar};
    matches!(
        ty,
        Bool | SmallInt
            | Int
            | BigInt
            | Text
            | VarChar(_)
            | Uuid
            | Date
            | Time
            | Timestamp
            | TimestampTz
            | Bytea
            | Enum(_)
    )
}

/// The value whose one text this is; none where it is another one's, or no value's at all.
fn canonical(ty: &SqlType, text: &str, model: &Model) -> Option<Value> {
    let value = Value::from_text(ty, text).ok().filter(|value| value.to_text().as_deref() == Some(text))?;
    let SqlType::Enum(name) = ty else { return Some(value) };
    let is_label = model.enums.get(name.as_ref()).is_none_or(|of| of.labels.iter().any(|label| label == text));
    is_label.then_some(value)
}
