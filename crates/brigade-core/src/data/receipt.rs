//! What a commit answers, and the key that makes repeating it safe.

use std::{sync::Arc, time::Duration};

use super::{DecodeError, Decoder, Encoder, Position, Row, SqlType, Value};

/// How safe an acknowledged transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Survives `kill -9` and power loss.
    Full,
    /// Survives `kill -9`; power loss may take the newest transactions. The user's explicit choice.
    Relaxed,
}

/// What a commit answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    /// The position of the transaction's last change; of the newest one where it changed nothing.
    pub position: Position,
    /// One result a statement.
    pub results: Vec<StatementResult>,
    /// Whether this is the kept receipt of an earlier commit with the same idempotency key.
    pub replayed: bool,
    /// How safe it is.
    pub durability: Durability,
}

/// What one statement did.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementResult {
    /// Rows affected, or matched by a check.
    pub rows: u64,
    /// The returned rows, where they were asked for.
    pub returned: Option<Returned>,
    /// The rows affected as a plan shows them, where it was asked for.
    pub shown: Option<Shown>,
    /// Of an upsert of the table API: how many of the rows affected are new.
    pub inserted: Option<u64>,
}

impl StatementResult {
    /// A number of rows, and nothing of them.
    pub fn of(rows: u64) -> Self {
        Self { rows, returned: None, shown: None, inserted: None }
    }
}

/// Rows as they are answered: JSON, or lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The text.
    pub body: Vec<u8>,
    /// How many rows are in it.
    pub rows: u64,
}

/// Returned rows with their columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Returned {
    /// Names and types, in order.
    pub columns: Arc<[(String, SqlType)]>,
    /// One row of values per row affected.
    pub rows: Vec<Row>,
}

/// Makes a transaction safe to repeat: one key, one effect, the same receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// 1 to 255 visible characters.
    pub key: String,
    /// Who uses it: keys of different principals do not meet.
    pub principal: String,
    /// SHA-256 of the bytes received.
    pub body_hash: [u8; 32],
    /// How long it is kept.
    pub keep: Duration,
}

impl Receipt {
    /// The bytes kept with an idempotency key; [`Receipt::decode`] reads them for ever.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.u8(2); // format
        out.u128(self.position.order);
        out.u64(self.position.tag);
        out.u64(self.results.len() as u64);
        for result in &self.results {
            out.u64(result.rows);
            match &result.returned {
                None => out.u8(0),
                Some(returned) => {
                    out.u8(1);
                    out.u64(returned.columns.len() as u64);
                    for (name, _) in returned.columns.iter() {
                        out.text(name);
                    }
                    out.u64(returned.rows.len() as u64);
                    returned.rows.iter().for_each(|row| out.row(row));
                }
            }
            match &result.shown {
                None => out.u8(0),
                Some(shown) => {
                    out.u8(1);
                    out.u64(shown.rows);
                    out.bytes(&shown.body);
                }
            }
            match result.inserted {
                None => out.u8(0),
                Some(rows) => {
                    out.u8(1);
                    out.u64(rows);
                }
            }
        }
        out.finish()
    }

    /// Reads what [`Receipt::encode`] wrote, as a replay. Column types are not kept: values carry their own form.
    ///
    /// # Errors
    /// If the bytes are not such a receipt.
    pub fn decode(bytes: &[u8], durability: Durability) -> Result<Self, DecodeError> {
        let mut input = Decoder::new(bytes);
        // Format 1 knew neither what is shown nor what is new.
        let format = input.u8()?;
        if !(1..=2).contains(&format) {
            return Err(DecodeError);
        }
        let position = Position { order: input.u128()?, tag: input.u64()? };
        let mut results = Vec::new();
        for _ in 0..input.u64()? {
            let rows = input.u64()?;
            let returned = match input.u8()? {
                0 => None,
                _ => {
                    let width = input.u64()?;
                    let columns: Result<Vec<_>, _> =
                        (0..width).map(|_| Ok((input.text()?.to_owned(), SqlType::Text))).collect();
                    let count = input.u64()?;
                    let rows: Result<Vec<Vec<Value>>, _> = (0..count).map(|_| input.row()).collect();
                    Some(Returned { columns: columns?.into(), rows: rows? })
                }
            };
            let (mut shown, mut inserted) = (None, None);
            if format > 1 {
                if input.u8()? != 0 {
                    let rows = input.u64()?;
                    shown = Some(Shown { rows, body: input.bytes()?.to_vec() });
                }
                if input.u8()? != 0 {
                    inserted = Some(input.u64()?);
                }
            }
            results.push(StatementResult { rows, returned, shown, inserted });
        }
        input.end()?;
        Ok(Self { position, results, replayed: true, durability })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_before_rows_were_shown_is_still_read() {
        let position = Position { order: 1, tag: 2 };
        let results = vec![StatementResult {
            shown: Some(Shown { body: b"[{}]".to_vec(), rows: 1 }),
            inserted: Some(1),
            ..StatementResult::of(3)
        }];
        let receipt = Receipt { position, results, replayed: true, durability: Durability::Full };
        let bytes = receipt.encode();
        assert_eq!(Receipt::decode(&bytes, Durability::Full).unwrap(), receipt);
        // Format 1: position, one result of three rows, nothing returned.
        let mut old = Encoder::new();
        old.u8(1);
        old.u128(1);
        old.u64(2);
        old.u64(1);
        old.u64(3);
        old.u8(0);
        let old = Receipt::decode(&old.finish(), Durability::Full).unwrap();
        assert_eq!(old.results, [StatementResult::of(3)]);
        assert!(Receipt::decode(&[3], Durability::Full).is_err());
    }
}
