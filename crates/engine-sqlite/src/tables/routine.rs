//! Named queries in SQLite's words. Where a value goes a mark stands while the text is made; it is cut there in the end.

use std::sync::Arc;

use brigade_core::{
    data::{Error, Result, SqlType, code},
    schema::{Model, NamedQuery, Piece, QueryStatement, misplaced},
};
use sqlparser::ast::{SelectItem, Statement};

use super::{
    expression::{Scope, Untranslatable},
    migrate::place::found,
    rows, select,
};

/// What stands around the number of a value. No text of SQL holds it.
const MARK: char = '\u{1}';

/// The mark of a value.
pub(super) fn place(value: usize) -> String {
    format!("{MARK}{value}{MARK}")
}

/// Columns of a result, with their types where they are known.
type Columns = Vec<(String, Option<SqlType>)>;

/// A statement of a query, and the columns of its rows.
pub(crate) struct Translated {
    /// SQL with places for values.
    pub pieces: Arc<[Piece]>,
    /// The columns; none: SQLite is asked.
    pub columns: Option<Columns>,
}

/// Translates the statements of a query.
///
/// # Errors
/// 0A000 with the place in the query's file.
pub(crate) fn translate(query: &NamedQuery, model: &Model) -> Result<Vec<Translated>> {
    if query.text.contains(MARK) {
        return Err(Error::new(code::CONFIG, format!("{}:1:1: a control character in SQL", query.file)));
    }
    query.statements.iter().map(|statement| one(query, statement, model)).collect()
}

fn one(query: &NamedQuery, statement: &QueryStatement, model: &Model) -> Result<Translated> {
    let Some(parsed) = statement.parsed.as_ref().filter(|_| !query.is_own) else {
        return Ok(Translated { pieces: statement.pieces.clone().into(), columns: None });
    };
    let scope = Scope { params: &query.params, ..Scope::of_nothing(model) };
    let translated = said(&scope, parsed);
    let (text, columns) = translated.map_err(|cannot| {
        let hint = cannot.hint.clone().unwrap_or_else(|| {
            format!("write it as both engines can say it, or for SQLite alone in queries/{}.sqlite.sql", query.name)
        });
        let at = statement.at + found(&statement.sql, &cannot.needle).unwrap_or(0);
        misplaced(code::UNSUPPORTED, &query.file, &query.text, at, &cannot.what).hint(hint)
    })?;
    Ok(Translated { pieces: cut(&text), columns })
}

fn said(scope: &Scope<'_>, statement: &Statement) -> std::result::Result<(String, Option<Columns>), Untranslatable> {
    if let Statement::Query(query) = statement {
        let translated = select::query(scope, query)?;
        return Ok((translated.text, Some(translated.columns)));
    }
    let columns = returned(scope, statement)?;
    Ok((rows::given(scope, statement)?.text, Some(columns)))
}

/// The columns that a write returns.
fn returned(scope: &Scope<'_>, statement: &Statement) -> std::result::Result<Columns, Untranslatable> {
    let (table, items): (_, Option<&[SelectItem]>) = match statement {
        Statement::Insert(insert) => (insert.table.to_string(), insert.returning.as_deref()),
        Statement::Update(update) => (update.table.relation.to_string(), update.returning.as_deref()),
        Statement::Delete(delete) => match &delete.from {
            sqlparser::ast::FromTable::WithFromKeyword(from) | sqlparser::ast::FromTable::WithoutKeyword(from) => {
                (from.first().map(|t| t.relation.to_string()).unwrap_or_default(), delete.returning.as_deref())
            }
        },
        _ => return Ok(Vec::new()),
    };
    let name = table.split_whitespace().next().unwrap_or_default().trim_matches('"').to_owned();
    match (items, scope.model.table(&name)) {
        (Some(items), Some(table)) => {
            let scope = Scope { params: scope.params, ..Scope::of_table(scope.model, table) };
            Ok(select::projection(&scope, 0, items, &[])?.1)
        }
        _ => Ok(Vec::new()),
    }
}

fn cut(text: &str) -> Arc<[Piece]> {
    let part = |(i, part): (usize, &str)| match part.parse() {
        Ok(value) if i % 2 == 1 => Piece::Value(value),
        _ => Piece::Text(part.to_owned()),
    };
    text.split(MARK).enumerate().map(part).collect()
}
