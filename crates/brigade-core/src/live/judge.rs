//! What changes mean for one query: the row before and the row after, as the query shows them, say whether a row entered,
//! changed in or left what it holds.

use std::sync::Arc;

use crate::{
    data::{Change, Error, Image, Layout, Op, Position, Result, Row, Value},
    engine::Tables,
    schema::Relation,
};

use super::hub::Query;

/// What happened to a row, as seen by a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It came into what the filters hold.
    Insert,
    /// It is in it as before, and shows something else.
    Update,
    /// It went out of it.
    Delete,
}

impl Happened {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// A row that entered, changed or left.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    /// Where in the log.
    pub position: Position,
    /// PostgreSQL's id of its transaction.
    pub xid: Option<u64>,
    /// What happened.
    pub happened: Happened,
    /// The row as the query shows it, a JSON object; of a row that left, as it was.
    pub row: Arc<str>,
}

/// What a chunk of the log means for a query.
#[derive(Clone, Debug)]
pub(super) enum Judged {
    /// These rows, in the order of the log.
    Rows(Vec<Shown>),
    /// All its rows went at once: what is there now has to be read anew.
    Anew,
    /// The tables changed their shape: whoever goes on has to ask anew.
    Reshaped,
}

/// Judges a chunk. One question to the store, however many rows and subscribers there are.
pub(super) async fn judge(tables: &Arc<dyn Tables>, query: &Query, changes: &[Change]) -> Result<Judged> {
    let relation = &query.read.node.relation;
    let (mut rows, mut told) = (Vec::new(), Vec::new());
    for change in changes {
        let table = &change.layout.table;
        match change.op {
            Op::Schema if table.is_empty() || *table == relation.name => return Ok(Judged::Reshaped),
            _ if *table != relation.name => {}
            Op::Truncate => return Ok(Judged::Anew),
            _ => {
                let before = change.before.as_ref().map(|image| whole(image, relation)).transpose()?;
                let mut place = |row: &Row| {
                    rows.push(fitted(row, &change.layout, relation));
                    rows.len() - 1
                };
                told.push((change, before.map(&mut place), change.after.as_ref().map(place)));
            }
        }
    }
    if told.is_empty() {
        return Ok(Judged::Rows(Vec::new()));
    }
    let shown = tables.show(Arc::clone(&query.read), rows).await?;
    let row = |place: Option<usize>| place.and_then(|place| shown[place].as_deref());
    let judged = told.into_iter().filter_map(|(change, before, after)| {
        let (happened, row) = match (row(before), row(after)) {
            (None, Some(after)) => (Happened::Insert, after),
            (Some(before), Some(after)) if before != after => (Happened::Update, after),
            (Some(before), None) => (Happened::Delete, before),
            // Neither in it nor before, or nothing of what it shows is new.
            _ => return None,
        };
        Some(Shown { position: change.position, xid: change.transaction.xid, happened, row: row.into() })
    });
    Ok(Judged::Rows(judged.collect()))
}

fn whole<'i>(image: &'i Image, relation: &Relation) -> Result<&'i Row> {
    image.row().ok_or_else(|| {
        Error::new("PGRST127", "a live read needs rows as they were before, and this table tells only their keys")
            .hint(format!("run ALTER TABLE {} REPLICA IDENTITY FULL", relation.name))
    })
}

/// A row with the columns of the relation. One that the row did not have yet is null.
fn fitted(row: &Row, layout: &Layout, relation: &Relation) -> Row {
    let value = |(at, name): (usize, &str)| {
        let same_place = layout.columns.get(at).is_some_and(|column| column.name == name);
        let place = if same_place { Some(at) } else { layout.column(name) };
        place.map_or(Value::Null, |place| row[place].clone())
    };
    relation.columns.iter().map(|column| column.name.as_str()).enumerate().map(value).collect()
}
