//! `order=`: columns, of the row or of its one related row, with direction and the place of nulls.

use crate::data::{
    Result,
    plan::{Field, Order},
};

use super::{cursor::Cursor, select};

/// The parts of an order.
pub(super) fn parts(cursor: &mut Cursor<'_>) -> Result<Vec<Order>> {
    let mut parts = vec![part(cursor)?];
    while cursor.take(",") {
        parts.push(part(cursor)?);
    }
    Ok(parts)
}

fn part(cursor: &mut Cursor<'_>) -> Result<Order> {
    let name = cursor.name("field name")?;
    let (embed, field) = if cursor.take("(") {
        let field = Field { column: cursor.name("field name")?, path: select::path(cursor)? };
        cursor.need(")")?;
        (Some(name), field)
    } else {
        (None, Field { column: name, path: select::path(cursor)? })
    };
    let mut order = Order { embed, field, descending: false, nulls_first: None };
    if cursor.sees(".asc") || cursor.sees(".desc") {
        order.descending = cursor.take(".desc");
        cursor.take(".asc");
    }
    if cursor.take(".nullsfirst") {
        order.nulls_first = Some(true);
    } else if cursor.take(".nullslast") {
        order.nulls_first = Some(false);
    }
    if cursor.sees(".") {
        return Err(cursor.expected("\"asc\", \"desc\", \"nullsfirst\" or \"nullslast\""));
    }
    Ok(order)
}
