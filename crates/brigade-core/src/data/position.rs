//! A place in one sequence of changes, and enough of its history to recognise another one.
//!
//! Printed form: 32 hex digits of order, `-`, 16 hex digits of tag. Fixed width, so two positions of one
//! sequence compare bytewise in its order.

use std::{fmt, str::FromStr};

use super::{Error, Result, code};

/// A place in one truth's changes: opaque to callers, totally ordered within it.
///
/// `order` is the engine's own place (SQLite: the log's sequence number; PostgreSQL: era, commit LSN and index packed from
/// the high end, where the era is the timeline, and more once a server was put back on the timeline it had). `tag`
/// recognises the history: a random number per transaction on SQLite, the system's identity on PostgreSQL. The order of
/// positions is that of `order`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Where in the sequence.
    pub order: u128,
    /// Of which history.
    pub tag: u64,
}

impl Position {
    /// Before everything: an empty log's tip.
    pub const START: Self = Self { order: 0, tag: 0 };

    /// Packs PostgreSQL's place: era, commit LSN, index of the change in its transaction.
    pub fn from_lsn(era: u32, lsn: u64, index: u32, tag: u64) -> Self {
        Self { order: (u128::from(era) << 96) | (u128::from(lsn) << 32) | u128::from(index), tag }
    }

    /// The era of a position made by [`Position::from_lsn`].
    pub fn era(&self) -> u32 {
        (self.order >> 96) as u32
    }

    /// The commit LSN of a position made by [`Position::from_lsn`].
    pub fn lsn(&self) -> u64 {
        (self.order >> 32) as u64
    }

    /// The index within its transaction of a position made by [`Position::from_lsn`].
    pub fn index(&self) -> u32 {
        self.order as u32
    }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Position {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order.cmp(&other.order).then(self.tag.cmp(&other.tag))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'-'; 49];
        write_hex(&mut text[..16], (self.order >> 64) as u64);
        write_hex(&mut text[16..32], self.order as u64);
        write_hex(&mut text[33..], self.tag);
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Every digit. Each answer and each line of `/changes` has a position, and the formatter of the standard library takes ten
/// times as long for one.
fn write_hex(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let malformed = || {
            Error::new(code::MALFORMED, format!("{text:?} is not a position"))
                .hint("use a position exactly as brigade answered it, in Brigade-Position or a change's \"position\"")
        };
        let is_hex = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let (order, tag) = text.split_once('-').ok_or_else(malformed)?;
        if order.len() != 32 || tag.len() != 16 || !is_hex(order) || !is_hex(tag) {
            return Err(malformed());
        }
        Ok(Self {
            order: u128::from_str_radix(order, 16).map_err(|_| malformed())?,
            tag: u64::from_str_radix(tag, 16).map_err(|_| malformed())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_in_the_order_of_the_sequence_and_parses_back() {
        let places = [0, 1, 255, 256, u128::from(u64::MAX), u128::MAX];
        let printed: Vec<String> = places.iter().map(|&order| Position { order, tag: 7 }.to_string()).collect();
        assert!(printed.is_sorted());
        assert_eq!(printed[3], "00000000000000000000000000000100-0000000000000007");
        for (text, order) in printed.iter().zip(places) {
            assert_eq!(text.parse::<Position>().unwrap(), Position { order, tag: 7 });
        }
        for bad in ["", "-", "12", "now", &printed[0].to_uppercase().replace('0', "G"), &format!("{} ", printed[0])] {
            assert_eq!(bad.parse::<Position>().unwrap_err().code(), code::MALFORMED, "{bad}");
        }
    }
}
