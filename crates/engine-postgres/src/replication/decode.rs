//! Messages of pgoutput become changes. Positions are (era, commit LSN, index in the transaction), so a transaction
//! that is decoded again after a crash has the same ones (rule 16); its last change has the highest index there is, so the
//! transaction's own position is known before its end has come, however large it is.

use std::sync::Arc;

use brigade_core::data::{
    Change, Image, Json, JsonValue, Key, Layout, Op, Position, Row, SchemaChange, SqlType, TransactionMark, Value,
};
use pg_walstream::{ColumnData, TupleData};

use crate::{encode::decode, identity::Identity};

/// Microseconds between 1970 and PostgreSQL's year 2000.
const EPOCH: i64 = 946_684_800_000_000;

/// A table as the stream has described it.
#[derive(Debug)]
pub(crate) struct Relation {
    /// Quoted, with its schema.
    pub sql: String,
    /// The columns of images, generated ones included.
    pub layout: Arc<Layout>,
    /// For each column of the stream's tuples its index in the layout.
    pub places: Vec<usize>,
    /// Generated columns that the stream leaves out: index in the layout and expression.
    pub generated: Vec<(usize, String)>,
}

/// A row of the stream. Columns that were not sent because they did not change are named.
#[derive(Debug, PartialEq)]
pub(crate) struct Decoded {
    pub row: Row,
    pub unchanged: Vec<usize>,
}

impl Relation {
    /// Reads a tuple; unchanged columns are taken from `old` where that has them.
    pub fn row(&self, tuple: &TupleData, old: Option<&TupleData>) -> Decoded {
        let mut row = vec![Value::Null; self.layout.columns.len()];
        let mut unchanged = Vec::new();
        for (i, &place) in self.places.iter().enumerate() {
            let sent = tuple.get_column(i);
            let known = match sent {
                Some(column) if column.is_unchanged() => {
                    old.and_then(|old| old.get_column(i)).filter(|c| !c.is_unchanged())
                }
                other => other,
            };
            match known {
                Some(column) => row[place] = value(&self.layout.columns[place].ty, column),
                None => unchanged.push(place),
            }
        }
        Decoded { row, unchanged }
    }

    /// The key columns of a tuple that holds no more than them.
    pub fn key(&self, tuple: &TupleData) -> Key {
        let row = self.row(tuple, None).row;
        self.layout.key.iter().map(|&i| row[i].clone()).collect()
    }
}

fn value(ty: &SqlType, column: &ColumnData) -> Value {
    if column.is_null() {
        return Value::Null;
    }
    decode(ty, Some(&String::from_utf8_lossy(column.as_bytes())))
}

/// What becomes of one message: an operation with its images.
#[derive(Debug, PartialEq)]
pub(crate) struct Step {
    pub op: Op,
    pub before: Option<Image>,
    pub after: Option<Row>,
}

/// An insert.
pub(crate) fn insert(row: Row) -> Vec<Step> {
    vec![Step { op: Op::Insert, before: None, after: Some(row) }]
}

/// A delete, of a whole row or of its key.
pub(crate) fn delete(before: Image) -> Vec<Step> {
    vec![Step { op: Op::Delete, before: Some(before), after: None }]
}

/// An update. One of the key is a delete and an insert, since whoever keeps rows by key must do both.
pub(crate) fn update(layout: &Layout, before: Option<Image>, after: Row) -> Vec<Step> {
    let new_key = layout.key_of(&after);
    let before = match (before, &new_key) {
        (Some(before), _) => before,
        // Neither the old row nor the old key was sent: the key is the same.
        (None, Some(key)) => Image::Key(key.clone()),
        (None, None) => Image::Key(Key::new()),
    };
    if before.key(layout) == new_key {
        return vec![Step { op: Op::Update, before: Some(before), after: Some(after) }];
    }
    let mut steps = delete(before);
    steps.extend(insert(after));
    steps
}

/// brigade's own message of a migration, and the table of which it tells, if it tells of one.
pub(crate) fn schema_change(content: &[u8]) -> Option<(SchemaChange, Arc<Layout>)> {
    let json = Json::parse(content).ok()?;
    let JsonValue::Number(number) = &json.get("number")?.value else { return None };
    let table = json.get("table").and_then(Json::as_str).unwrap_or_default().to_owned();
    let change = SchemaChange { number: number.parse().ok()?, name: json.get("name")?.as_str()?.to_owned() };
    Some((change, Layout::named(table)))
}

/// A transaction under way. Changes come out in order, one later than they went in: only then is it known which is last.
pub(crate) struct Assembly {
    mark: Arc<TransactionMark>,
    next: u32,
    held: Option<Change>,
}

impl Assembly {
    /// Begins at a commit LSN. `reference` is any 64-bit transaction id of about now.
    pub fn new(identity: &Identity, lsn: u64, xid: u32, time: i64, reference: u64) -> Self {
        let position = Position::from_lsn(identity.era(), lsn, u32::MAX, identity.tag());
        let mark = TransactionMark { position, time: time + EPOCH, xid: Some(full_xid(xid, reference)) };
        Self { mark: Arc::new(mark), next: 0, held: None }
    }

    pub fn mark(&self) -> &Arc<TransactionMark> {
        &self.mark
    }

    /// Takes a change in; the one before it comes out.
    pub fn push(&mut self, layout: Arc<Layout>, step: Step, schema: Option<SchemaChange>) -> Option<Change> {
        let mut position = self.mark.position;
        position.order = position.order - u128::from(u32::MAX) + u128::from(self.next);
        self.next += 1;
        self.held.replace(Change {
            position,
            transaction: self.mark.clone(),
            last: false,
            op: step.op,
            layout,
            before: step.before,
            after: step.after,
            schema,
        })
    }

    /// The last change; none for a transaction without any.
    pub fn end(self) -> Option<Change> {
        self.held.map(|held| Change { position: self.mark.position, last: true, ..held })
    }
}

/// The 64-bit id that 32 bits stand for: the one nearest to a known one.
fn full_xid(xid: u32, reference: u64) -> u64 {
    let near = (reference & !u64::from(u32::MAX)) | u64::from(xid);
    let half = 1_u64 << 31;
    if near > reference + half && near >= 1 << 32 {
        near - (1 << 32)
    } else if near + half < reference {
        near + (1 << 32)
    } else {
        near
    }
}

#[cfg(test)]
#[path = "decode/tests.rs"]
mod tests;
