//! A checked statement becomes SQL. Texts depend on the statement's shape alone, never on the number of rows or list
//! members, so that prepared statements are found again; guards are compiled in where they can be, so that a broken one
//! raises in the server and the COMMIT behind it in the same round trip cannot take effect.

use std::fmt::Write as _;

use brigade_core::{
    data::{Expect, Operator, Result, SqlType, Value},
    engine::{Assign, CheckedAction, CheckedRow, CheckedStatement, Conflict, Operand, Predicate},
    schema::Table,
};

use crate::encode::{Param, cast, quote};

/// What a compiled guard raises, followed by the number of rows: text that cannot be read as an integer.
pub(crate) const EXPECT: &str = "brigade:expect:";

/// One SQL statement of a checked one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sql {
    pub text: String,
    pub params: Vec<Param>,
    pub answer: Answer,
}

/// Where in the answer rows and their number are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The number is in the command's tag, returned columns are the row's.
    Tag,
    /// One row, one column: the number.
    Count,
    /// A first column that is null where the row is none.
    Marked,
}

/// Turns an operand into its value; fails where an earlier statement did not return that row.
pub(crate) type Resolve<'a> = dyn Fn(&Operand) -> Result<Value> + Sync + 'a;

/// Whether it refers to what an earlier statement of the transaction returns, and to which.
pub(crate) fn refers_to(statement: &CheckedStatement) -> Option<usize> {
    fn of(operand: &Operand) -> Option<usize> {
        match operand {
            Operand::Value(_) => None,
            Operand::Returned { statement, .. } => Some(*statement),
        }
    }
    fn among(filter: &[Predicate]) -> Option<usize> {
        filter.iter().flat_map(|p| &p.operands).filter_map(of).max()
    }
    match &statement.action {
        CheckedAction::Insert { rows, .. } => rows.iter().flat_map(|r| &r.values).filter_map(of).max(),
        CheckedAction::Update { filter, set } => {
            let set = set.iter().filter_map(|(_, assign)| match assign {
                Assign::Set(operand) | Assign::Add(operand) => of(operand),
                Assign::Default => None,
            });
            set.max().max(among(filter))
        }
        CheckedAction::Delete { filter } | CheckedAction::Check { filter } => among(filter),
    }
}

/// Whether running it alone at READ COMMITTED means the same as SERIALIZABLE: it looks at no row but the ones it writes.
pub(crate) fn stands_alone(statement: &CheckedStatement) -> bool {
    let key = statement.table.key();
    let by_key = |filter: &[Predicate]| {
        !key.is_empty() && key.iter().all(|k| filter.iter().any(|p| p.column == *k && p.operator == Operator::Eq))
    };
    match &statement.action {
        CheckedAction::Insert { .. } => true,
        CheckedAction::Update { filter, .. } | CheckedAction::Delete { filter } => by_key(filter),
        CheckedAction::Check { .. } => false,
    }
}

/// Compiles a statement. More than one SQL statement comes only of rows that give different columns; their numbers add up,
/// and their guard is the caller's.
pub(crate) fn compile(statement: &CheckedStatement, resolve: &Resolve<'_>) -> Result<Vec<Sql>> {
    let table = &statement.table;
    let mut out = Vec::new();
    match &statement.action {
        CheckedAction::Insert { rows, conflict } => {
            for group in rows.chunk_by(|a, b| a.columns == b.columns) {
                let mut sql = Builder::new(table, resolve);
                sql.insert(group, conflict.as_ref())?;
                out.push(sql);
            }
        }
        CheckedAction::Update { filter, set } => {
            let mut sql = Builder::new(table, resolve);
            sql.update(set)?;
            sql.filter(filter)?;
            out.push(sql);
        }
        CheckedAction::Delete { filter } => {
            let mut sql = Builder::new(table, resolve);
            write!(sql.text, "DELETE FROM {}", quote(&table.name)).expect("writing to a string");
            sql.filter(filter)?;
            out.push(sql);
        }
        CheckedAction::Check { filter } => {
            let mut sql = Builder::new(table, resolve);
            write!(sql.text, "SELECT {} FROM {}", counted(statement.expect, "*"), quote(&table.name))
                .expect("writing to a string");
            sql.filter(filter)?;
            return Ok(vec![sql.finish(Answer::Count)]);
        }
    }
    let guard = statement.expect.filter(|_| out.len() == 1);
    Ok(out.into_iter().map(|sql| sql.returning(statement.returning.as_deref(), guard)).collect())
}

/// The number of rows as text, or an error where it is not as expected. Aggregates keep the planner from raising early.
fn counted(expect: Option<Expect>, of: &str) -> String {
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

struct Builder<'a> {
    table: &'a Table,
    resolve: &'a Resolve<'a>,
    text: String,
    params: Vec<Param>,
}

impl<'a> Builder<'a> {
    fn new(table: &'a Table, resolve: &'a Resolve<'a>) -> Self {
        Self { table, resolve, text: String::new(), params: Vec::new() }
    }

    fn finish(self, answer: Answer) -> Sql {
        Sql { text: self.text, params: self.params, answer }
    }

    fn name(&self, column: usize) -> String {
        quote(&self.table.columns[column].name)
    }

    fn ty(&self, column: usize) -> &'a SqlType {
        &self.table.columns[column].ty
    }

    /// Binds a value of a column's type.
    fn bind(&mut self, column: usize, operand: &Operand) -> Result<String> {
        let value = (self.resolve)(operand)?;
        self.params.push(Param::value(&value));
        Ok(format!("${}::{}", self.params.len(), cast(self.ty(column))))
    }

    fn insert(&mut self, rows: &[CheckedRow], conflict: Option<&Conflict>) -> Result<()> {
        let columns = &rows[0].columns;
        let table = quote(&self.table.name);
        if columns.is_empty() {
            self.params.push(Param::text(rows.len().to_string()));
            self.text = format!("INSERT INTO {table} SELECT FROM generate_series(1, $1::bigint)");
        } else {
            let names: Vec<String> = columns.iter().map(|&c| self.name(c)).collect();
            let source = if rows.len() == 1 { self.one_row(&rows[0])? } else { self.many_rows(rows)? };
            self.text = format!("INSERT INTO {table} ({}) {source}", names.join(", "));
        }
        if let Some(conflict) = conflict {
            self.conflict(conflict);
        }
        Ok(())
    }

    fn one_row(&mut self, row: &CheckedRow) -> Result<String> {
        let values: Result<Vec<String>> =
            row.columns.iter().zip(&row.values).map(|(&column, operand)| self.bind(column, operand)).collect();
        Ok(format!("VALUES ({})", values?.join(", ")))
    }

    /// One list a column, taken apart by the server: the text is the same for any number of rows.
    fn many_rows(&mut self, rows: &[CheckedRow]) -> Result<String> {
        let columns = &rows[0].columns;
        let (mut lists, mut names, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (i, &column) in columns.iter().enumerate() {
            let items: Result<Vec<_>> =
                rows.iter().map(|row| Ok(crate::encode::text(&(self.resolve)(&row.values[i])?))).collect();
            self.params.push(Param::List(items?));
            lists.push(format!("${}::text[]", self.params.len()));
            names.push(format!("v{i}"));
            values.push(format!("v{i}::{}", cast(self.ty(column))));
        }
        Ok(format!("SELECT {} FROM unnest({}) AS r({})", values.join(", "), lists.join(", "), names.join(", ")))
    }

    fn conflict(&mut self, conflict: &Conflict) {
        let target: Vec<String> = conflict.target.iter().map(|&c| self.name(c)).collect();
        write!(self.text, " ON CONFLICT ({}) DO ", target.join(", ")).expect("writing to a string");
        match conflict.update.as_deref() {
            None => self.text.push_str("NOTHING"),
            // Nothing to set, yet the row counts as affected and is returned: it is set to itself.
            Some([]) => {
                let column = self.name(conflict.target[0]);
                write!(self.text, "UPDATE SET {column} = excluded.{column}").expect("writing to a string");
            }
            Some(columns) => {
                let set: Vec<String> =
                    columns.iter().map(|&c| self.name(c)).map(|c| format!("{c} = excluded.{c}")).collect();
                write!(self.text, "UPDATE SET {}", set.join(", ")).expect("writing to a string");
            }
        }
    }

    fn update(&mut self, set: &[(usize, Assign)]) -> Result<()> {
        let mut parts = Vec::new();
        for (column, assign) in set {
            let name = self.name(*column);
            parts.push(match assign {
                Assign::Set(operand) => format!("{name} = {}", self.bind(*column, operand)?),
                Assign::Add(operand) => format!("{name} = {name} + {}", self.bind(*column, operand)?),
                Assign::Default => format!("{name} = DEFAULT"),
            });
        }
        self.text = format!("UPDATE {} SET {}", quote(&self.table.name), parts.join(", "));
        Ok(())
    }

    fn filter(&mut self, filter: &[Predicate]) -> Result<()> {
        for (i, predicate) in filter.iter().enumerate() {
            let condition = self.predicate(predicate)?;
            self.text.push_str(if i == 0 { " WHERE " } else { " AND " });
            self.text.push_str(&condition);
        }
        Ok(())
    }

    fn predicate(&mut self, predicate: &Predicate) -> Result<String> {
        let Predicate { column, operator, operands } = predicate;
        let name = self.name(*column);
        let sign = match operator {
            Operator::Eq => "=",
            Operator::Neq => "<>",
            Operator::Gt => ">",
            Operator::Gte => ">=",
            Operator::Lt => "<",
            Operator::Lte => "<=",
            Operator::In => return self.one_of(*column, operands),
            Operator::Is => {
                let what = match (self.resolve)(&operands[0])? {
                    Value::Bool(true) => "TRUE",
                    Value::Bool(false) => "FALSE",
                    _ => "NULL",
                };
                return Ok(format!("{name} IS {what}"));
            }
            Operator::Like | Operator::Ilike => {
                let value = (self.resolve)(&operands[0])?;
                self.params.push(Param::value(&value));
                let name = if self.ty(*column).is_text() { name } else { format!("{name}::text") };
                let word = if *operator == Operator::Like { "LIKE" } else { "ILIKE" };
                return Ok(format!("{name} {word} ${}::text", self.params.len()));
            }
        };
        Ok(format!("{name} {sign} {}", self.bind(*column, &operands[0])?))
    }

    fn one_of(&mut self, column: usize, operands: &[Operand]) -> Result<String> {
        let items: Result<Vec<_>> = operands.iter().map(|o| Ok(crate::encode::text(&(self.resolve)(o)?))).collect();
        self.params.push(Param::List(items?));
        let (name, ty, n) = (self.name(column), self.ty(column), self.params.len());
        let members = format!("SELECT v::{} FROM unnest(${n}::text[]) AS r(v)", cast(ty));
        // An array of arrays would be one array of more dimensions.
        Ok(match ty {
            SqlType::Array(_) => format!("{name} IN ({members})"),
            _ => format!("{name} = ANY(ARRAY({members}))"),
        })
    }

    /// Adds what is returned and the guard.
    fn returning(mut self, columns: Option<&[usize]>, guard: Option<Expect>) -> Sql {
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

#[cfg(test)]
#[path = "statement/tests.rs"]
mod tests;
