//! A table's layout as bytes, for side files that keep rows in the canonical encoding: the bytes of a row say nothing
//! without the columns it was written with. Tags never change meaning.

use std::sync::Arc;

use brigade_core::data::{DecodeError, Decoder, Encoder, Layout, LayoutColumn, SqlType};

/// The bytes of a layout. Equal layouts have equal bytes.
pub(crate) fn encode(layout: &Layout) -> Vec<u8> {
    let mut out = Encoder::new();
    out.text(&layout.table);
    out.u64(layout.columns.len() as u64);
    for column in &layout.columns {
        out.text(&column.name);
        write_type(&mut out, &column.ty);
    }
    out.u64(layout.key.len() as u64);
    layout.key.iter().for_each(|&i| out.u64(i as u64));
    out.finish()
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(bytes: &[u8]) -> Result<Layout, DecodeError> {
    let mut input = Decoder::new(bytes);
    let table = input.text()?.to_owned();
    let columns = (0..input.u64()?)
        .map(|_| Ok(LayoutColumn { name: input.text()?.to_owned(), ty: read_type(&mut input, 0)? }))
        .collect::<Result<Vec<_>, DecodeError>>()?;
    let key = (0..input.u64()?)
        .map(|_| usize::try_from(input.u64()?).ok().filter(|&i| i < columns.len()).ok_or(DecodeError))
        .collect::<Result<Vec<_>, DecodeError>>()?;
    input.end()?;
    Ok(Layout { table, columns, key })
}

fn write_type(out: &mut Encoder, ty: &SqlType) {
    match ty {
        SqlType::Bool => out.u8(0),
        SqlType::SmallInt => out.u8(1),
        SqlType::Int => out.u8(2),
        SqlType::BigInt => out.u8(3),
        SqlType::Real => out.u8(4),
        SqlType::Double => out.u8(5),
        SqlType::Numeric { precision, scale } => {
            out.u8(6);
            out.u64(precision.map_or(0, |p| u64::from(p) + 1));
            out.u64(u64::from(*scale));
        }
        SqlType::Text => out.u8(7),
        SqlType::VarChar(n) => sized(out, 8, *n),
        SqlType::Char(n) => sized(out, 9, *n),
        SqlType::Uuid => out.u8(10),
        SqlType::Date => out.u8(11),
        SqlType::Time => out.u8(12),
        SqlType::Timestamp => out.u8(13),
        SqlType::TimestampTz => out.u8(14),
        SqlType::Interval => out.u8(15),
        SqlType::Json => out.u8(16),
        SqlType::Jsonb => out.u8(17),
        SqlType::Bytea => out.u8(18),
        SqlType::Enum(name) => named(out, 19, name),
        SqlType::Array(of) => {
            out.u8(20);
            write_type(out, of);
        }
        SqlType::Other(name) => named(out, 21, name),
    }
}

fn sized(out: &mut Encoder, tag: u8, n: u32) {
    out.u8(tag);
    out.u64(u64::from(n));
}

fn named(out: &mut Encoder, tag: u8, name: &str) {
    out.u8(tag);
    out.text(name);
}

fn read_type(input: &mut Decoder<'_>, depth: usize) -> Result<SqlType, DecodeError> {
    Ok(match input.u8()? {
        0 => SqlType::Bool,
        1 => SqlType::SmallInt,
        2 => SqlType::Int,
        3 => SqlType::BigInt,
        4 => SqlType::Real,
        5 => SqlType::Double,
        6 => {
            let precision = small(input)?.checked_sub(1);
            SqlType::Numeric { precision, scale: small(input)? }
        }
        7 => SqlType::Text,
        8 => SqlType::VarChar(small(input)?),
        9 => SqlType::Char(small(input)?),
        10 => SqlType::Uuid,
        11 => SqlType::Date,
        12 => SqlType::Time,
        13 => SqlType::Timestamp,
        14 => SqlType::TimestampTz,
        15 => SqlType::Interval,
        16 => SqlType::Json,
        17 => SqlType::Jsonb,
        18 => SqlType::Bytea,
        19 => SqlType::Enum(Arc::from(input.text()?)),
        20 if depth < 16 => SqlType::Array(Box::new(read_type(input, depth + 1)?)),
        21 => SqlType::Other(Arc::from(input.text()?)),
        _ => return Err(DecodeError),
    })
}

fn small(input: &mut Decoder<'_>) -> Result<u32, DecodeError> {
    u32::try_from(input.u64()?).map_err(|_| DecodeError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_comes_back_and_cut_bytes_are_refused() {
        let types = [
            SqlType::Bool,
            SqlType::Numeric { precision: None, scale: 0 },
            SqlType::Numeric { precision: Some(12), scale: 2 },
            SqlType::VarChar(10),
            SqlType::Char(3),
            SqlType::Interval,
            SqlType::Enum("mood".into()),
            SqlType::Other("inet".into()),
            SqlType::Array(Box::new(SqlType::Array(Box::new(SqlType::TimestampTz)))),
        ];
        let columns = types.into_iter().enumerate().map(|(i, ty)| LayoutColumn { name: format!("c{i}"), ty }).collect();
        let layout = Layout { table: "t".into(), columns, key: vec![2, 0] };
        let bytes = encode(&layout);
        assert_eq!(decode(&bytes), Ok(layout));
        (0..bytes.len()).for_each(|cut| assert_eq!(decode(&bytes[..cut]), Err(DecodeError), "cut at {cut}"));
    }
}
