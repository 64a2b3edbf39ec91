//! Rows of the log become changes, a bounded number at once.

use std::{collections::HashMap, sync::Arc};

use brigade_core::data::{
    Change, Error, Image, Layout, Op, Position, Result, Row as Values, SchemaChange, TransactionMark, Value,
};
use rusqlite::{Connection, Row, Rows, types::ValueRef};

use super::{place, position_of};
use crate::{encode, error, shared::Shared, tables, writer::Place};

/// Changes after a position, never beyond the tip, in one consistent view: at most so many, and so many bytes, but one at least.
pub(super) fn chunk(
    conn: &mut Connection,
    shared: &Shared,
    after: Option<Position>,
    most: (usize, usize),
) -> Result<Vec<Change>> {
    let tip = *shared.tip.borrow();
    let view = conn.transaction().map_err(error::from_sqlite)?;
    let after = match after {
        Some(after) => {
            place::check(&view, after)?;
            after
        }
        None => place::oldest(&view).map_err(error::from_sqlite)?.position(),
    };
    if after.order >= tip.order || most.0 == 0 {
        return Ok(Vec::new());
    }
    let changes = read(&view, shared, after, tip, most)?;
    view.finish().map_err(error::from_sqlite)?;
    Ok(changes)
}

fn read(
    conn: &Connection,
    shared: &Shared,
    after: Position,
    tip: Position,
    (limit, bytes_max): (usize, usize),
) -> Result<Vec<Change>> {
    let (first, last) = (after.order.div_ceil(2) as i64, (tip.order / 2) as i64);
    let mut log = conn
        .prepare_cached("SELECT * FROM brigade_log WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?")
        .map_err(error::from_sqlite)?;
    let images = Images::of(log.column_names().map(str::to_owned));
    let limit_rows = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = log.query((first, last, limit_rows)).map_err(error::from_sqlite)?;
    let mut marks = conn
        .prepare_cached("SELECT last, tag, at FROM brigade_transaction WHERE last >= ? ORDER BY last")
        .map_err(error::from_sqlite)?;
    let mut marks = Marks { rows: marks.query([first]).map_err(error::from_sqlite)?, current: None };
    let mut changes: Vec<Change> = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next().map_err(error::from_sqlite)? {
        bytes += size_of_row(row, &images);
        if !changes.is_empty() && bytes > bytes_max {
            break;
        }
        let seq: i64 = row.get(0).map_err(error::from_sqlite)?;
        let Some((place, mark)) = marks.of(seq)? else { break };
        let decoded = decode(conn, shared, row, &images, place, &mark, seq)?;
        changes.extend(decoded.into_iter().filter(|change| change.position > after));
        if changes.len() >= limit {
            changes.truncate(limit);
            break;
        }
    }
    Ok(changes)
}

/// Where the images lie among the log's columns, which a wider table adds to.
struct Images {
    first: Vec<usize>,
    second: Vec<usize>,
}

impl Images {
    fn of(names: impl Iterator<Item = String>) -> Self {
        let at: HashMap<String, usize> = names.enumerate().map(|(i, name)| (name, i)).collect();
        let lie = |letter: char| (0..).map_while(|i| at.get(&format!("{letter}{i}")).copied()).collect();
        Self { first: lie('c'), second: lie('d') }
    }
}

fn size_of_row(row: &Row<'_>, images: &Images) -> usize {
    let columns = images.first.iter().chain(&images.second);
    let size = |&column: &usize| match row.get_ref(column) {
        Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => bytes.len(),
        _ => 8,
    };
    columns.map(size).sum()
}

/// Walks along the stamps beside the changes.
struct Marks<'s> {
    rows: Rows<'s>,
    current: Option<(Place, Arc<TransactionMark>)>,
}

impl Marks<'_> {
    /// The transaction of a change; nothing for one that nobody has stamped.
    fn of(&mut self, seq: i64) -> Result<Option<(Place, Arc<TransactionMark>)>> {
        while self.current.as_ref().is_none_or(|(place, _)| place.last < seq) {
            let Some(row) = self.rows.next().map_err(error::from_sqlite)? else { return Ok(None) };
            let read = || Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)? as u64, row.get::<_, i64>(2)?));
            let (last, tag, time) = read().map_err(error::from_sqlite)?;
            let mark = TransactionMark { position: position_of(last, tag), time, xid: None };
            self.current = Some((Place { last, tag }, Arc::new(mark)));
        }
        Ok(self.current.clone())
    }
}

/// One row of the log: one change, or two where an update changed the key.
fn decode(
    conn: &Connection,
    shared: &Shared,
    row: &Row<'_>,
    images: &Images,
    place: Place,
    mark: &Arc<TransactionMark>,
    seq: i64,
) -> Result<Vec<Change>> {
    let (id, op): (i64, i64) = (row.get(1).map_err(error::from_sqlite)?, row.get(2).map_err(error::from_sqlite)?);
    let at = position_of(seq, place.tag);
    let change = |position, op, layout: &Arc<Layout>, before, after| Change {
        position,
        transaction: Arc::clone(mark),
        last: position == mark.position,
        op,
        layout: Arc::clone(layout),
        before,
        after,
        schema: None,
    };
    if op == 4 {
        let schema = || Ok(SchemaChange { number: row.get(images.first[0])?, name: row.get(images.first[1])? });
        let schema = schema().map_err(error::from_sqlite)?;
        return Ok(vec![Change { schema: Some(schema), ..change(at, Op::Schema, &Layout::none(), None, None) }]);
    }
    let layout = layout(conn, shared, id)?;
    let first = image(row, &images.first, &layout)?;
    Ok(match op {
        1 => vec![change(at, Op::Insert, &layout, None, Some(first))],
        3 => vec![change(at, Op::Delete, &layout, Some(Image::Whole(first)), None)],
        2 => {
            let second = image(row, &images.second, &layout)?;
            if layout.key_of(&first) == layout.key_of(&second) {
                vec![change(at, Op::Update, &layout, Some(Image::Whole(first)), Some(second))]
            } else {
                let delete_at = Position { order: at.order - 1, ..at };
                vec![
                    change(delete_at, Op::Delete, &layout, Some(Image::Whole(first)), None),
                    change(at, Op::Insert, &layout, None, Some(second)),
                ]
            }
        }
        other => return Err(Error::internal(format!("the log holds the unknown operation {other} at {at}"))),
    })
}

fn image(row: &Row<'_>, columns: &[usize], layout: &Layout) -> Result<Values> {
    let value = |i: usize| -> Result<Value> {
        let raw = columns.get(i).map_or(Ok(ValueRef::Null), |&c| row.get_ref(c)).map_err(error::from_sqlite)?;
        encode::from_sql_at(raw, layout, i)
    };
    (0..layout.columns.len()).map(value).collect()
}

fn layout(conn: &Connection, shared: &Shared, id: i64) -> Result<Arc<Layout>> {
    if let Some(known) = shared.layouts.read().expect("layouts").get(&id) {
        return Ok(Arc::clone(known));
    }
    let layout = tables::read_layout(conn, id)?;
    shared.layouts.write().expect("layouts").insert(id, Arc::clone(&layout));
    Ok(layout)
}
