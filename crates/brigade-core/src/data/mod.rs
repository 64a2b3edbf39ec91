//! "What flows?" Pure data: nothing here waits, reads a clock or touches a store.
//!
//! In reading order: a [`Value`] has a [`SqlType`]; values make a [`Row`]; rows before and after make a
//! [`Change`] at a [`Position`] of the log; changes come from a [`Transaction`], whose receipt names the
//! position of its last change. Who asked for it is a [`Principal`].

mod change;
mod checkpoint;
mod encode;
mod error;
mod json;
mod numeric;
pub mod plan;
mod position;
mod principal;
mod receipt;
mod time;
mod transaction;
mod types;
mod value;

pub use change::{Change, Image, Key, Layout, LayoutColumn, Op, Row, SchemaChange, TransactionMark};
pub use checkpoint::{Checkpoint, Seen};
pub use encode::{DecodeError, Decoder, Encoder};
pub use error::{Error, Kind, Problem, Result, code};
pub use json::{Json, JsonError, JsonKey, JsonValue, escape_json, line_column};
pub use numeric::Numeric;
pub use position::Position;
pub use principal::{Credential, Principal, SERVICE};
pub use receipt::{Durability, IdempotencyKey, Receipt, Returned, Shown, StatementResult};
pub use time::{Interval, TIMESTAMP_MAX, TIMESTAMP_MIN, date, interval, time_of_day, timestamp, timestamptz};
pub use transaction::{Action, Condition, Expect, Input, Operator, Record, ReturnedRef, Statement, Transaction, Where};
pub use types::SqlType;
pub use value::{Value, ValueError};
