//! What a plan adds to a statement: which rows it means, and how those that it wrote are shown, in the same statement.

use std::fmt::Write as _;

use brigade_core::{
    data::{Result, plan::Comparator},
    engine::{CheckedNode, CheckedStatement, CheckedTest, CheckedTree},
};

use super::{Answer, Builder, Sql, returned::counted};
use crate::read;

/// The column that tells new rows of an upsert from others. No name that people give begins with a blank.
const NEW: &str = "\" new\"";

/// Whether its answer must be seen before it may be committed.
pub(crate) fn must_be_seen(statement: &CheckedStatement) -> bool {
    statement.planned.as_ref().is_some_and(|planned| planned.shows_exactly.is_some())
}

/// Whether a plan's filters say which one value a column has.
pub(super) fn names_one(plan: &CheckedNode, column: usize) -> bool {
    plan.filters.iter().any(|tree| match tree {
        CheckedTree::Compare { negated: false, what, test: CheckedTest::Compare(Comparator::Eq, _) } => {
            what.column == column && what.path.is_empty() && what.cast.is_none()
        }
        _ => false,
    })
}

impl Builder<'_> {
    /// The conditions of a plan, behind those that the statement has itself. The table is known as `t0`.
    pub(super) fn plan(&mut self, plan: Option<&CheckedNode>, behind_others: bool) -> Result<()> {
        let Some(plan) = plan else { return Ok(()) };
        let (text, params) = read::conditions(plan, std::mem::take(&mut self.params))?;
        self.params = params;
        self.text.push_str(if behind_others { " AND " } else { " WHERE " });
        self.text.push_str(&text);
        Ok(())
    }

    /// The statement with what a plan asks of it: how many rows, how many of them new, and the rows as they are shown. The
    /// rows of `w` are those written; what is embedded in them is read in the same statement.
    pub(super) fn planned(mut self, statement: &CheckedStatement) -> Result<Sql> {
        let inserted = statement.tells_inserted();
        let (is_new, new) = match inserted {
            true => (format!(", (xmax = 0) AS {NEW}"), format!("count(*) FILTER (WHERE w.{NEW})::text")),
            false => (String::new(), "NULL".to_owned()),
        };
        let counted = counted(statement.expect, "*");
        let write = std::mem::take(&mut self.text);
        self.text =
            format!("WITH w AS ({write} RETURNING *{is_new}), g AS (SELECT {counted} AS n, {new} AS i FROM w) ");
        self.text.push_str("SELECT g.n, g.i");
        if let Some(read) = statement.shown() {
            let (text, params) = read::of_rows(read, "w", std::mem::take(&mut self.params))?;
            self.params = params;
            write!(
                self.text,
                ", s.* FROM g LEFT JOIN (SELECT 'x'::text AS x, p.* FROM ({text}) AS p) AS s ON g.n IS NOT NULL"
            )
            .expect("writing to a string");
        } else if let Some(columns) = &statement.returning {
            let list: String = columns.iter().map(|&c| format!(", {}::text", self.name(c))).collect();
            write!(self.text, ", s.* FROM g LEFT JOIN (SELECT 'x'::text AS x{list} FROM w) AS s ON g.n IS NOT NULL")
                .expect("writing to a string");
        } else {
            self.text.push_str(" FROM g");
        }
        Ok(self.finish(Answer::Planned))
    }
}
