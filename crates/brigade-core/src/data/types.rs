//! The column types of the model, with PostgreSQL's meaning on every engine.

use std::{fmt, sync::Arc};

/// A column's type. `docs/types.md` says how each engine stores it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SqlType {
    /// boolean
    Bool,
    /// smallint, 16 bits
    SmallInt,
    /// integer, 32 bits
    Int,
    /// bigint, 64 bits
    BigInt,
    /// real, 32-bit float
    Real,
    /// double precision, 64-bit float
    Double,
    /// numeric, numeric(p) or numeric(p,s)
    Numeric {
        /// Digits in all; none: unbounded.
        precision: Option<u32>,
        /// Digits behind the point; only with a precision.
        scale: u32,
    },
    /// text
    Text,
    /// varchar(n), in characters
    VarChar(u32),
    /// char(n), blank-padded
    Char(u32),
    /// uuid
    Uuid,
    /// date
    Date,
    /// time without time zone
    Time,
    /// timestamp without time zone
    Timestamp,
    /// timestamp with time zone, kept in UTC
    TimestampTz,
    /// interval: months, days and microseconds
    Interval,
    /// json: text kept as it was written
    Json,
    /// jsonb: normalised as PostgreSQL does
    Jsonb,
    /// bytea
    Bytea,
    /// an enum, by the name of its type
    Enum(Arc<str>),
    /// an array of any number of dimensions
    Array(Box<SqlType>),
    /// a type only PostgreSQL has (`inet`, `tsvector`, …), carried as its text form
    Other(Arc<str>),
}

impl SqlType {
    /// Whether the column holds json or jsonb, where every given value is itself.
    pub fn is_json(&self) -> bool {
        matches!(self, Self::Json | Self::Jsonb)
    }

    /// Whether `{"add": n}` makes sense.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::SmallInt | Self::Int | Self::BigInt | Self::Real | Self::Double | Self::Numeric { .. })
    }

    /// Whether values are kept as text with a meaning of text.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::VarChar(_) | Self::Char(_))
    }
}

impl fmt::Display for SqlType {
    /// PostgreSQL's name of the type, as it may stand in SQL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("boolean"),
            Self::SmallInt => f.write_str("smallint"),
            Self::Int => f.write_str("integer"),
            Self::BigInt => f.write_str("bigint"),
            Self::Real => f.write_str("real"),
            Self::Double => f.write_str("double precision"),
            Self::Numeric { precision: None, .. } => f.write_str("numeric"),
            Self::Numeric { precision: Some(p), scale } => write!(f, "numeric({p},{scale})"),
            Self::Text => f.write_str("text"),
            Self::VarChar(n) => write!(f, "varchar({n})"),
            Self::Char(n) => write!(f, "char({n})"),
            Self::Uuid => f.write_str("uuid"),
            Self::Date => f.write_str("date"),
            Self::Time => f.write_str("time"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::TimestampTz => f.write_str("timestamptz"),
            Self::Interval => f.write_str("interval"),
            Self::Json => f.write_str("json"),
            Self::Jsonb => f.write_str("jsonb"),
            Self::Bytea => f.write_str("bytea"),
            Self::Enum(name) | Self::Other(name) => f.write_str(name),
            Self::Array(of) => write!(f, "{of}[]"),
        }
    }
}
