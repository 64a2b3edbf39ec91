//! One row inserted, updated or deleted, with what it was and what it is.

use std::sync::Arc;

use super::{Position, SqlType, Value};

/// A row's values, in the order of its [`Layout`]'s columns.
pub type Row = Vec<Value>;

/// A primary key's values, in the order of [`Layout::key`].
pub type Key = Vec<Value>;

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A row came.
    Insert,
    /// A row changed; its key stayed.
    Update,
    /// A row went.
    Delete,
    /// All rows of a table went (PostgreSQL); no key and no images.
    Truncate,
    /// A migration was applied; no key and no images.
    Schema,
}

impl Op {
    /// The word in HTTP and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Truncate => "truncate",
            Self::Schema => "schema",
        }
    }
}

/// The columns that a table had when a change was written. A migration makes a new layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The table's name.
    pub table: String,
    /// Its columns, in order.
    pub columns: Vec<LayoutColumn>,
    /// Indexes into `columns` of the primary key; empty for a table without one.
    pub key: Vec<usize>,
}

/// A column of a [`Layout`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: SqlType,
}

impl Layout {
    /// The layout of a migration's own entry, which has no table.
    pub fn none() -> Arc<Self> {
        Self::named(String::new())
    }

    /// The layout of the entry that tells of rows of a table that a migration rewrote: there is no image to read with it.
    pub fn named(table: String) -> Arc<Self> {
        Arc::new(Self { table, columns: Vec::new(), key: Vec::new() })
    }

    /// The key of a row, or nothing where the table has no primary key.
    pub fn key_of(&self, row: &[Value]) -> Option<Key> {
        (!self.key.is_empty()).then(|| self.key.iter().map(|&i| row[i].clone()).collect())
    }

    /// The index of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }
}

/// What a row was or is, as far as the log knows it.
#[derive(Clone, Debug, PartialEq)]
pub enum Image {
    /// Every column.
    Whole(Row),
    /// The key alone (PostgreSQL without `REPLICA IDENTITY FULL`), in the order of [`Layout::key`].
    Key(Key),
}

impl Image {
    /// The whole row, where it is known.
    pub fn row(&self) -> Option<&Row> {
        match self {
            Self::Whole(row) => Some(row),
            Self::Key(_) => None,
        }
    }

    /// The key, or nothing where the table has no primary key.
    pub fn key(&self, layout: &Layout) -> Option<Key> {
        match self {
            Self::Whole(row) => layout.key_of(row),
            Self::Key(key) => Some(key.clone()),
        }
    }
}

/// The transaction that a change belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionMark {
    /// The position of its last change.
    pub position: Position,
    /// When it committed: microseconds since 1970 in UTC, by the truth's clock. For people; never for order.
    pub time: i64,
    /// PostgreSQL's 64-bit transaction id, for [`super::Seen`].
    pub xid: Option<u64>,
}

/// A migration, as an entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaChange {
    /// The migration's number.
    pub number: u32,
    /// The migration's name.
    pub name: String,
}

/// One row inserted, updated or deleted. An update of the key comes as delete and insert.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its place in the log.
    pub position: Position,
    /// Its transaction; the same `Arc` for all changes of it that were read together.
    pub transaction: Arc<TransactionMark>,
    /// Whether it is its transaction's last change.
    pub last: bool,
    /// What it does.
    pub op: Op,
    /// The table as it was then.
    pub layout: Arc<Layout>,
    /// The row before; none for an insert.
    pub before: Option<Image>,
    /// The row after; none for a delete.
    pub after: Option<Row>,
    /// The migration, for [`Op::Schema`]. Where the layout names a table, this is not the migration's own entry: it says
    /// that the migration changed rows of that table which the log has no changes of.
    pub schema: Option<SchemaChange>,
}

impl Change {
    /// The table whose rows a migration changed without a change of each: whoever derives something from it needs a new
    /// snapshot from here on.
    pub fn rewritten(&self) -> Option<&str> {
        (self.schema.is_some() && !self.layout.table.is_empty()).then_some(self.layout.table.as_str())
    }

    /// The row's key: of the row after, else of the row before; none without a primary key.
    pub fn key(&self) -> Option<Key> {
        match (&self.after, &self.before) {
            (Some(row), _) => self.layout.key_of(row),
            (None, Some(image)) => image.key(&self.layout),
            (None, None) => None,
        }
    }
}
