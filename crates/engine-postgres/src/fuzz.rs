//! What a replication stream may bring, as a function from bytes: `fuzz/` calls it with whatever it invents, tests with the
//! corpus.

use std::sync::Arc;

use brigade_core::data::{Image, Layout, LayoutColumn, SqlType};
use pg_walstream::{LogicalReplicationMessage as Message, LogicalReplicationParser};

use crate::replication::decode::{self, Relation};

/// A message of pgoutput, on a table with a column of each kind of value; and brigade's own message of a migration.
pub fn pgoutput(bytes: &[u8]) {
    let _ = decode::schema_change(bytes);
    let mut parser = LogicalReplicationParser::with_protocol_version(1);
    let Ok(message) = parser.parse_wal_message_bytes(bytes.to_vec().into()) else { return };
    let relation = relation();
    match message.message {
        Message::Insert { tuple, .. } => drop(decode::insert(relation.row(&tuple, None).row)),
        Message::Delete { old_tuple, .. } => drop(decode::delete(Image::Key(relation.key(&old_tuple)))),
        Message::Update { old_tuple, new_tuple, .. } => {
            let after = relation.row(&new_tuple, old_tuple.as_ref()).row;
            let before = old_tuple.map(|old| Image::Whole(relation.row(&old, None).row));
            drop(decode::update(&relation.layout, before, after));
        }
        _ => {}
    }
}

fn relation() -> Relation {
    let types = [
        SqlType::Int,
        SqlType::Bool,
        SqlType::Double,
        SqlType::Numeric { precision: None, scale: 0 },
        SqlType::Text,
        SqlType::Uuid,
        SqlType::Date,
        SqlType::TimestampTz,
        SqlType::Interval,
        SqlType::Jsonb,
        SqlType::Bytea,
        SqlType::Array(Box::new(SqlType::Text)),
    ];
    let columns = types.into_iter().enumerate().map(|(i, ty)| LayoutColumn { name: format!("c{i}"), ty });
    let layout = Layout { table: "t".to_owned(), columns: columns.collect(), key: vec![0] };
    let places = (0..layout.columns.len()).collect();
    Relation { sql: "public.t".to_owned(), layout: Arc::new(layout), places, generated: Vec::new() }
}

#[cfg(test)]
#[path = "../../../fuzz/corpus.rs"]
mod corpus;

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpus_is_read_or_refused() {
        super::corpus::replay("pgoutput", super::pgoutput);
    }
}
