//! One change as bytes: what it does, its images, and for a migration its number and name.

use brigade_core::data::{DecodeError, Decoder, Encoder, Image, Op, Row, SchemaChange};

use brigade_core::data::Change;

/// What the bytes of a change hold. Place, transaction and layout lie in columns beside them.
#[derive(Debug, PartialEq)]
pub(crate) struct Record {
    pub op: Op,
    pub before: Option<Image>,
    pub after: Option<Row>,
    pub schema: Option<SchemaChange>,
}

/// The bytes of a change.
pub(crate) fn encode(change: &Change) -> Vec<u8> {
    let mut out = Encoder::new();
    out.u8(match change.op {
        Op::Insert => 1,
        Op::Update => 2,
        Op::Delete => 3,
        Op::Truncate => 4,
        Op::Schema => 5,
    });
    match &change.before {
        None => out.u8(0),
        Some(Image::Whole(row)) => {
            out.u8(1);
            out.row(row);
        }
        Some(Image::Key(key)) => {
            out.u8(2);
            out.row(key);
        }
    }
    match &change.after {
        None => out.u8(0),
        Some(row) => {
            out.u8(1);
            out.row(row);
        }
    }
    if let Some(schema) = &change.schema {
        out.u64(u64::from(schema.number));
        out.text(&schema.name);
    }
    out.finish()
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(bytes: &[u8]) -> Result<Record, DecodeError> {
    let mut input = Decoder::new(bytes);
    let op = match input.u8()? {
        1 => Op::Insert,
        2 => Op::Update,
        3 => Op::Delete,
        4 => Op::Truncate,
        5 => Op::Schema,
        _ => return Err(DecodeError),
    };
    let before = match input.u8()? {
        0 => None,
        1 => Some(Image::Whole(input.row()?)),
        2 => Some(Image::Key(input.row()?)),
        _ => return Err(DecodeError),
    };
    let after = match input.u8()? {
        0 => None,
        1 => Some(input.row()?),
        _ => return Err(DecodeError),
    };
    let schema = match op {
        Op::Schema => {
            let number = u32::try_from(input.u64()?).map_err(|_| DecodeError)?;
            Some(SchemaChange { number, name: input.text()?.to_owned() })
        }
        _ => None,
    };
    input.end()?;
    Ok(Record { op, before, after, schema })
}
