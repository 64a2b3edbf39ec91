//! What can be called: a named query of the project, or a function of the database's own. Its result is read as a table is.

use std::sync::Arc;

use super::{not_one, too_many};
use crate::{
    data::{Result, SqlType, Value},
    schema::{Piece, QueryParam, Relation},
};

/// Something that can be called by name.
#[derive(Clone, Debug)]
pub struct Routine {
    /// Its name.
    pub name: String,
    /// What it is given.
    pub params: Vec<RoutineParam>,
    /// What its result is.
    pub shape: RoutineShape,
    /// The columns of its rows.
    pub relation: Arc<Relation>,
    /// Whether calling it may change rows: such a one is never called by a request that only reads.
    pub writes: bool,
    /// Who may call it; nobody named: all who may call anything.
    pub roles: Vec<String>,
    /// How it is called.
    pub call: RoutineCall,
}

/// What a routine is given.
#[derive(Clone, Debug, PartialEq)]
pub struct RoutineParam {
    /// Its name; nothing for the one unnamed parameter that takes a whole body.
    pub name: String,
    /// Its type.
    pub ty: SqlType,
    /// Whether it may be left out.
    pub has_default: bool,
    /// What it is then, where brigade fills it in; none: the database does.
    pub default: Option<Value>,
    /// Whether it takes any number of values.
    pub is_variadic: bool,
}

/// What a routine answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoutineShape {
    /// A list of objects.
    Rows,
    /// One object, or null.
    Row,
    /// A list of values: the first column of each row.
    Values,
    /// One value.
    Value,
    /// Nothing.
    Nothing,
}

/// How a routine is called.
#[derive(Clone, Debug)]
pub enum RoutineCall {
    /// The statements of a query in the engine's words: the last one's rows are the answer.
    Query(Arc<[Arc<[Piece]>]>),
    /// A function under its whole name, as SQL; the name that its value is known by, where it has no columns.
    Function(String, Option<String>),
}

/// Rows that a routine gives, in place of those of a relation.
#[derive(Clone, Debug)]
pub struct Source {
    /// SQL that runs before, where it changes rows; what it answers is nobody's.
    pub before: Vec<Arc<[Piece]>>,
    /// SQL, with places for values.
    pub pieces: Arc<[Piece]>,
    /// The values.
    pub values: Vec<(Value, SqlType)>,
    /// Whether they come of something that may change rows.
    pub writes: bool,
    /// Whether there must be just one row: else PGRST116, and what was changed is taken back.
    pub is_single: bool,
    /// How many rows there may be: else PGRST124, and what was changed is taken back.
    pub rows_max: Option<u64>,
}

impl Source {
    /// Holds the rows of a call to what its caller wanted.
    ///
    /// # Errors
    /// PGRST116, PGRST124.
    pub fn check_rows(&self, rows: u64) -> Result<()> {
        match self.rows_max {
            _ if self.is_single && rows != 1 => Err(not_one(rows)),
            Some(max) if rows > max => Err(too_many(rows)),
            _ => Ok(()),
        }
    }
}

impl RoutineParam {
    /// That of a named query.
    pub fn of(param: &QueryParam) -> Self {
        Self {
            name: param.name.clone(),
            ty: param.ty.clone(),
            has_default: param.default.is_some(),
            default: param.default.clone(),
            is_variadic: false,
        }
    }
}

impl Routine {
    /// The rows of a call; a value that is not given has its default.
    pub fn source(&self, given: Vec<Option<Value>>) -> Source {
        let mut before: Vec<Arc<[Piece]>> = match &self.call {
            RoutineCall::Query(statements) => statements.to_vec(),
            RoutineCall::Function(name, value) => vec![self.function(name, value.as_deref(), &given)],
        };
        let pieces = before.pop().unwrap_or_default();
        let values = self.values(given);
        Source { before, pieces, values, writes: self.writes, is_single: false, rows_max: None }
    }

    /// The values of a call, one for each parameter.
    pub fn values(&self, given: Vec<Option<Value>>) -> Vec<(Value, SqlType)> {
        let filled = given.into_iter().zip(&self.params);
        filled.map(|(value, p)| (value.or_else(|| p.default.clone()).unwrap_or(Value::Null), p.ty.clone())).collect()
    }

    /// `SELECT * FROM "s"."f"("a" => …)`, with those arguments that are given.
    fn function(&self, name: &str, value: Option<&str>, given: &[Option<Value>]) -> Arc<[Piece]> {
        let mut pieces = vec![Piece::Text(format!("SELECT * FROM {name}("))];
        let mut between = "";
        for (i, param) in self.params.iter().enumerate().filter(|(i, _)| given[*i].is_some()) {
            let variadic = if param.is_variadic { "VARIADIC " } else { "" };
            let named = match param.name.as_str() {
                "" => String::new(),
                name => format!("\"{}\" => ", name.replace('"', "\"\"")),
            };
            pieces.push(Piece::Text(format!("{between}{variadic}{named}")));
            pieces.push(Piece::Value(i));
            between = ", ";
        }
        let end = value.map_or_else(|| ")".to_owned(), |v| format!(") AS f(\"{}\")", v.replace('"', "\"\"")));
        pieces.push(Piece::Text(end));
        pieces.into()
    }
}
