//! What cannot be read live, each with its reason: a read whose answer depends on more than the row at hand.

use crate::{
    data::{Error, Result, plan::Read},
    engine::CheckedRead,
};

/// Whether a read can go on.
///
/// # Errors
/// PGRST127 with the reason and the way out.
pub fn refuse(read: &Read, checked: &CheckedRead) -> Result<()> {
    let no = |reason: &str, hint: &str| Err(Error::new("PGRST127", format!("a live read {reason}")).hint(hint));
    let node = &checked.node;
    let name = &node.relation.name;
    if node.relation.is_view {
        return no("is of a table, and this is a view", "read the view's tables live, or read the view again");
    }
    if !node.embeds.is_empty() {
        return no("has no embeds: their rows change on their own", "read each table live for itself");
    }
    if node.is_grouped() {
        return no(
            "has no sums: they change with rows that are not shown",
            "read the rows live, and sum them yourself",
        );
    }
    if read.node.limit.is_some() || read.node.offset.is_some() {
        return no("has neither limit nor offset: a row that leaves would call in another", "use a narrower filter");
    }
    if read.count.is_some() {
        return no("has no count: it would change with every row", "count what came");
    }
    if checked.model.table(name).is_some_and(|table| table.settings.key_images) {
        return no(
            "needs rows as they were before, and this table tells only their keys",
            &format!("take images = \"key\" out of [tables.{name}] in brigade.toml"),
        );
    }
    Ok(())
}
