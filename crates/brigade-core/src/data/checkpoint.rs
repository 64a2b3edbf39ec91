//! How far a projection has applied. Kept in the same write as the rows it covers; otherwise a crash would apply
//! a change twice.

use super::Position;

/// How far a projection has applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Everything up to and including this position is applied.
    pub position: Position,
    /// Transactions *after* `position` that the first copy had already seen (PostgreSQL only: commit order is
    /// not visibility order, so a snapshot has no single position).
    pub seen: Option<Seen>,
}

impl Checkpoint {
    /// A checkpoint at a position, with nothing seen ahead of it.
    pub fn at(position: Position) -> Self {
        Self { position, seen: None }
    }
}

/// Which transactions a PostgreSQL snapshot sees: `pg_current_snapshot()`, with 64-bit ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Every transaction below this one is finished.
    pub xmin: u64,
    /// No transaction from this one on is seen.
    pub xmax: u64,
    /// Transactions between the two that were in progress.
    pub in_progress: Vec<u64>,
}

impl Seen {
    /// Whether the snapshot sees what transaction `xid` wrote.
    pub fn contains(&self, xid: u64) -> bool {
        xid < self.xmin || (xid < self.xmax && !self.in_progress.contains(&xid))
    }

    /// Reads PostgreSQL's text form `xmin:xmax:a,b,c`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let xmin = parts.next()?.parse().ok()?;
        let xmax = parts.next()?.parse().ok()?;
        let list = parts.next()?;
        let in_progress = if list.is_empty() {
            Vec::new()
        } else {
            list.split(',').map(str::parse).collect::<Result<_, _>>().ok()?
        };
        parts.next().is_none().then_some(Self { xmin, xmax, in_progress })
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list: Vec<String> = self.in_progress.iter().map(u64::to_string).collect();
        write!(f, "{}:{}:{}", self.xmin, self.xmax, list.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_what_was_finished_when_the_snapshot_was_taken() {
        let seen = Seen::parse("10:20:12,15").unwrap();
        for (xid, is_seen) in [(9, true), (10, true), (12, false), (13, true), (15, false), (19, true), (20, false)] {
            assert_eq!(seen.contains(xid), is_seen, "{xid}");
        }
        assert_eq!(Seen::parse(&seen.to_string()), Some(seen));
        assert_eq!(Seen::parse("10:20"), None);
        assert_eq!(Seen::parse("10:10:").unwrap().in_progress, Vec::<u64>::new());
    }
}
