//! The stamps of a group, written together before its commit: one statement for many, outside the members' savepoints.

use rusqlite::{Connection, params_from_iter};

use super::state::{Origin, Place};

/// Stamps of one statement at most. A group is cut into powers of two, so that few statements are prepared.
const AT_ONCE_MAX: usize = 64;

/// Transactions of brigade's own that are not stamped yet, and when they were.
#[derive(Default)]
pub(super) struct Stamps(Vec<(Place, i64)>);

impl Stamps {
    /// Another one, after those before it.
    pub(super) fn add(&mut self, place: Place, at: i64) {
        self.0.push((place, at));
    }

    /// Writes them. Inside the group's transaction.
    pub(super) fn write(&self, conn: &Connection) -> rusqlite::Result<()> {
        let mut left = self.0.as_slice();
        while !left.is_empty() {
            let (now, later) = left.split_at(at_once(left.len()));
            let more = ",(?,?,?,?)".repeat(now.len() - 1);
            let sql = format!("INSERT INTO brigade_transaction(last, tag, at, origin) VALUES(?,?,?,?){more}");
            let values = now.iter().flat_map(|(place, at)| [place.last, place.tag as i64, *at, Origin::Own as i64]);
            conn.prepare_cached(&sql)?.execute(params_from_iter(values))?;
            left = later;
        }
        Ok(())
    }
}

/// The greatest power of two that is not above the number, nor above the most.
fn at_once(number: usize) -> usize {
    AT_ONCE_MAX.min(1 << number.ilog2())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_transaction_is_stamped_once_whatever_their_number() {
        for number in [0, 1, 2, 63, 64, 65, 200] {
            let conn = Connection::open_in_memory().unwrap();
            crate::tables::create_internal(&conn).unwrap();
            let mut stamps = Stamps::default();
            for n in 0..number {
                stamps.add(Place { last: 3 * n + 1, tag: u64::MAX - n as u64 }, 7);
            }
            stamps.write(&conn).unwrap();
            let there: (i64, Option<i64>, Option<i64>) = conn
                .query_row("SELECT count(*), max(last), min(tag) FROM brigade_transaction", [], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })
                .unwrap();
            let newest = (number > 0).then_some((3 * number - 2, -number));
            assert_eq!(there, (number, newest.map(|n| n.0), newest.map(|n| n.1)));
        }
    }
}
