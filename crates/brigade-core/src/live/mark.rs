//! The place where a subscriber can go on.

use std::{fmt, str::FromStr};

use crate::data::{Checkpoint, Error, Position, Result, Seen, code};

/// How far a subscriber has been told: `POSITION`, or `POSITION;SEEN` while a PostgreSQL view still knows of transactions
/// that the log tells later (rule 15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark(pub Checkpoint);

impl Mark {
    /// The position.
    pub fn position(&self) -> Position {
        self.0.position
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.position)?;
        self.0.seen.as_ref().map_or(Ok(()), |seen| write!(f, ";{seen}"))
    }
}

impl FromStr for Mark {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let malformed = || Error::new(code::MALFORMED, format!("{text:?} is no place of a live read"));
        let (position, seen) = match text.split_once(';') {
            None => (text, None),
            Some((position, seen)) => (position, Some(Seen::parse(seen).ok_or_else(malformed)?)),
        };
        Ok(Self(Checkpoint { position: position.parse().map_err(|_| malformed())?, seen }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_back_as_it_was_written() {
        let position = Position { order: 7, tag: 1 };
        for seen in [None, Seen::parse("10:20:12,15"), Seen::parse("10:10:")] {
            let mark = Mark(Checkpoint { position, seen });
            assert_eq!(mark.to_string().parse::<Mark>().unwrap(), mark);
        }
        for wrong in ["", "x", ";", "7;", &format!("{position};1:2"), &format!("{position};1:2:;")] {
            assert_eq!(wrong.parse::<Mark>().unwrap_err().code(), code::MALFORMED, "{wrong}");
        }
    }
}
