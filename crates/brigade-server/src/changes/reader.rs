//! Reads the log on behalf of one request: from where it asked, its tables, up to its end.
//!
//! With a filter, `last` marks a transaction's last change among those that are kept; so the newest kept change of a
//! transaction is held back until the next one is known, or the transaction's end. A published transaction is always whole,
//! so nothing is held back for long.

use std::collections::VecDeque;

use brigade::{
    Brigade,
    data::{Change, Position, Result},
    limits,
};
use tokio::sync::watch;

/// A place in the log that moves on.
pub struct Reader {
    brigade: Brigade,
    tip: watch::Receiver<Position>,
    /// Read up to here.
    after: Option<Position>,
    /// Where reading ends; none: never.
    upto: Option<Position>,
    keep: Keep,
    /// Changes that may still be answered.
    left: u64,
}

impl Reader {
    /// Reads after a position (none: from the oldest retained) up to another (none: follows).
    pub fn new(
        brigade: Brigade,
        after: Option<Position>,
        upto: Option<Position>,
        tables: Option<Vec<String>>,
        limit: Option<u64>,
    ) -> Self {
        let tip = brigade.tip();
        Self { brigade, tip, after, upto, keep: Keep::new(tables), left: limit.unwrap_or(u64::MAX) }
    }

    /// The next changes; none at the end. Waits where it follows. Dropping the future loses nothing.
    ///
    /// # Errors
    /// BRG410, BRG412, and where the log cannot be read.
    pub async fn next(&mut self) -> Result<Vec<Change>> {
        loop {
            self.tip.borrow_and_update();
            let (changes, at_end) = self.step().await?;
            if !changes.is_empty() || self.is_over() {
                return Ok(changes);
            }
            if at_end && self.tip.changed().await.is_err() {
                return Ok(Vec::new());
            }
        }
    }

    /// What is there now, without waiting; the flag says that nothing newer was.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub async fn step(&mut self) -> Result<(Vec<Change>, bool)> {
        if self.is_over() {
            return Ok((Vec::new(), true));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(limits::CHUNK_MAX);
        // A filter may need the change behind the last one that it keeps.
        let most = if self.keep.tables.is_some() { limits::CHUNK_MAX } else { most };
        let mut read = self.brigade.read_changes(self.after, most).await?;
        let at_end = read.is_empty();
        if let Some(upto) = self.upto {
            read.truncate(read.partition_point(|change| change.position <= upto));
            if at_end || read.is_empty() {
                self.left = 0;
            }
        }
        if let Some(change) = read.last() {
            self.after = Some(change.position);
        }
        let mut kept = self.keep.of(read);
        kept.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= kept.len() as u64;
        Ok((kept, at_end))
    }

    /// Whether nothing will come any more.
    pub fn is_over(&self) -> bool {
        self.left == 0 || matches!((self.after, self.upto), (Some(after), Some(upto)) if after >= upto)
    }
}

/// Keeps the changes of some tables, and `last` right among them.
struct Keep {
    tables: Option<Vec<String>>,
    held: Option<Change>,
}

impl Keep {
    fn new(tables: Option<Vec<String>>) -> Self {
        Self { tables, held: None }
    }

    fn of(&mut self, read: Vec<Change>) -> Vec<Change> {
        let Some(tables) = &self.tables else { return read };
        let mut kept = VecDeque::with_capacity(read.len());
        for change in read {
            let ends = change.last;
            if tables.contains(&change.layout.table) {
                kept.extend(self.held.replace(Change { last: false, ..change }));
            }
            if ends {
                kept.extend(self.held.take().map(|held| Change { last: true, ..held }));
            }
        }
        kept.into()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::render::tests::change, *};

    /// Each letter is a table; a capital one ends its transaction. Expected: what is left, in the same writing.
    fn check(tables: &str, log: &[&str], expected: &str) {
        let mut keep = Keep::new(Some(tables.chars().map(String::from).collect()));
        let whole: String = log.concat();
        let ends =
            |at: usize| (at..whole.len()).find(|&i| whole.as_bytes()[i].is_ascii_uppercase()).unwrap_or(whole.len());
        let mut at = 0;
        let mut left = String::new();
        for chunk in log {
            let read = chunk.chars().map(|letter| {
                let change = change(&letter.to_lowercase().to_string(), at as u128, ends(at) as u128);
                at += 1;
                change
            });
            for kept in keep.of(read.collect()) {
                let table = &kept.layout.table;
                left.push_str(&if kept.last { table.to_uppercase() } else { table.clone() });
            }
        }
        assert_eq!(left, expected, "{tables} of {log:?}");
    }

    #[test]
    fn last_marks_the_last_change_among_those_kept() {
        check("a", &["abA", "baB", "B", "A"], "aAAA");
        check("a", &["a", "b", "B"], "A");
        check("a", &["aa", "bb", "cC", "aB"], "aAA");
        check("ab", &["abcC", "cA"], "aBA");
        check("z", &["abA"], "");
    }
}
