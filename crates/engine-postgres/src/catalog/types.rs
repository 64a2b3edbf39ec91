//! PostgreSQL's types, by number and modifier, as brigade's. What brigade has no type of its own for is carried as its
//! text, under PostgreSQL's name.

use std::{collections::HashMap, sync::Arc};

use brigade_core::data::{Result, SqlType};
use tokio_postgres::{
    Client,
    types::{Kind, Type},
};

use crate::error::from_pg;

/// The type of a result's column, without its modifier.
pub(crate) fn sql_type(ty: &Type) -> SqlType {
    match ty.kind() {
        Kind::Enum(_) => SqlType::Enum(ty.name().into()),
        Kind::Array(of) => SqlType::Array(Box::new(sql_type(of))),
        Kind::Domain(base) => sql_type(base),
        _ => builtin(ty.oid(), -1).unwrap_or_else(|| SqlType::Other(ty.name().into())),
    }
}

/// A built-in type by its number.
fn builtin(oid: u32, modifier: i32) -> Option<SqlType> {
    let length = (modifier >= 4).then_some((modifier - 4) as u32);
    let array = |of: u32| builtin(of, modifier).map(|of| SqlType::Array(Box::new(of)));
    Some(match oid {
        16 => SqlType::Bool,
        21 => SqlType::SmallInt,
        23 => SqlType::Int,
        20 => SqlType::BigInt,
        700 => SqlType::Real,
        701 => SqlType::Double,
        1700 => match length {
            None => SqlType::Numeric { precision: None, scale: 0 },
            Some(packed) => SqlType::Numeric { precision: Some(packed >> 16), scale: packed & 0x7ff },
        },
        25 => SqlType::Text,
        1043 => length.map_or(SqlType::Text, SqlType::VarChar),
        1042 => length.map_or(SqlType::Text, SqlType::Char),
        2950 => SqlType::Uuid,
        1082 => SqlType::Date,
        1083 => SqlType::Time,
        1114 => SqlType::Timestamp,
        1184 => SqlType::TimestampTz,
        1186 => SqlType::Interval,
        114 => SqlType::Json,
        3802 => SqlType::Jsonb,
        17 => SqlType::Bytea,
        1000 => return array(16),
        1005 => return array(21),
        1007 => return array(23),
        1016 => return array(20),
        1021 => return array(700),
        1022 => return array(701),
        1231 => return array(1700),
        1009 => return array(25),
        1015 => return array(1043),
        1014 => return array(1042),
        2951 => return array(2950),
        1182 => return array(1082),
        1183 => return array(1083),
        1115 => return array(1114),
        1185 => return array(1184),
        1187 => return array(1186),
        199 => return array(114),
        3807 => return array(3802),
        1001 => return array(17),
        _ => return None,
    })
}

/// Types by number, asked of the server once each.
#[derive(Default)]
pub(crate) struct Types {
    known: HashMap<(u32, i32), SqlType>,
}

impl Types {
    /// The type with this number and modifier. One that is gone meanwhile is text.
    pub async fn get(&mut self, client: &Client, oid: u32, modifier: i32) -> Result<SqlType> {
        if let Some(ty) = builtin(oid, modifier) {
            return Ok(ty);
        }
        if let Some(ty) = self.known.get(&(oid, modifier)) {
            return Ok(ty.clone());
        }
        let ty = ask(client, oid, modifier).await?;
        self.known.insert((oid, modifier), ty.clone());
        Ok(ty)
    }

    /// Forgets all: a type may have been altered.
    pub fn forget(&mut self) {
        self.known.clear();
    }
}

async fn ask(client: &Client, oid: u32, modifier: i32) -> Result<SqlType> {
    const ASK: &str = "SELECT typtype::text, typname::text, typelem, typbasetype, typtypmod, typcategory::text, \
                       format_type(oid, $2) FROM pg_type WHERE oid = $1";
    let (mut oid, mut modifier) = (oid, modifier);
    let mut is_array = false;
    loop {
        if let Some(ty) = builtin(oid, modifier) {
            return Ok(wrap(ty, is_array));
        }
        let Some(row) = client.query_opt(ASK, &[&oid, &modifier]).await.map_err(from_pg)? else {
            return Ok(SqlType::Other("text".into()));
        };
        let text = |i: usize| row.try_get::<_, String>(i).map_err(from_pg);
        match (text(0)?.as_str(), text(5)?.as_str()) {
            ("e", _) => return Ok(wrap(SqlType::Enum(text(1)?.into()), is_array)),
            ("d", _) => {
                oid = row.try_get(3).map_err(from_pg)?;
                modifier = row.try_get(4).map_err(from_pg)?;
            }
            (_, "A") if !is_array => {
                oid = row.try_get(2).map_err(from_pg)?;
                is_array = true;
            }
            _ => return Ok(wrap(SqlType::Other(Arc::from(text(6)?)), is_array)),
        }
    }
}

fn wrap(ty: SqlType, is_array: bool) -> SqlType {
    if is_array { SqlType::Array(Box::new(ty)) } else { ty }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_carry_lengths_and_digits() {
        for (oid, modifier, expected) in [
            (1043, 14, "varchar(10)"),
            (1043, -1, "text"),
            (1042, 7, "char(3)"),
            (1700, (12 << 16 | 2) + 4, "numeric(12,2)"),
            (1700, -1, "numeric"),
            (1015, 14, "varchar(10)[]"),
            (1184, 3, "timestamptz"),
        ] {
            assert_eq!(builtin(oid, modifier).unwrap().to_string(), expected, "{oid} {modifier}");
        }
        assert_eq!(builtin(869, -1), None);
    }
}
