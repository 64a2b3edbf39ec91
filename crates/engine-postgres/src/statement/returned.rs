//! What a statement answers, and the guard compiled into it: where the number of rows is not as expected, the server raises,
//! so the COMMIT behind it in the same round trip cannot take effect.

use std::fmt::Write as _;

use brigade_core::data::Expect;

use super::{Answer, Builder, Sql};

/// What a compiled guard raises, followed by the number of rows: text that cannot be read as an integer.
pub(crate) const EXPECT: &str = "brigade:expect:";

/// The number of rows as text, or an error where it is not as expected. Aggregates keep the planner from raising early.
pub(super) fn counted(expect: Option<Expect>, of: &str) -> String {
    match expect {
        None => format!("count({of})::text"),
        Some(Expect { min, max }) => format!(
            "CASE WHEN count({of}) BETWEEN {} AND {} THEN count({of})::text \
             ELSE (('{EXPECT}' || count({of}))::integer)::text END",
            min.min(i64::MAX as u64),
            max.min(i64::MAX as u64)
        ),
    }
}

impl Builder<'_> {
    /// Adds what is returned and the guard.
    pub(super) fn returning(mut self, columns: Option<&[usize]>, guard: Option<Expect>) -> Sql {
        let list: Option<Vec<String>> = columns.map(|columns| {
            columns.iter().enumerate().map(|(i, &c)| format!("{}::text AS c{i}", self.name(c))).collect()
        });
        match (list, guard) {
            (None, None) => self.finish(Answer::Tag),
            (Some(list), None) => {
                write!(self.text, " RETURNING {}", list.join(", ")).expect("writing to a string");
                self.finish(Answer::Tag)
            }
            (None, Some(_)) => {
                self.text = format!("WITH w AS ({} RETURNING 1) SELECT {} FROM w", self.text, counted(guard, "*"));
                self.finish(Answer::Count)
            }
            (Some(list), Some(_)) => {
                let names: String = (0..list.len()).fold(String::new(), |text, i| text + &format!(", w.c{i}"));
                self.text = format!(
                    "WITH w AS ({} RETURNING 'y' AS here, {}), g AS (SELECT {} AS n FROM w) \
                     SELECT w.here{names} FROM g LEFT JOIN w ON g.n IS NOT NULL",
                    self.text,
                    list.join(", "),
                    counted(guard, "*"),
                );
                self.finish(Answer::Marked)
            }
        }
    }
}
