//! CREATE INDEX, as far as SQLite has the method. An index is never an error for its method alone: without it answers are
//! slower, not wrong; what was left out is told.

use brigade_core::schema::{Index, IndexOn, Model, Table};

use super::{
    ddl,
    expression::{Scope, Untranslatable},
    name::quote,
};

/// CREATE INDEX, or nothing where SQLite has no such index (`docs/differences.md` lists them).
pub(super) fn create(model: &Model, table: &Table, index: &Index) -> Result<Option<String>, Untranslatable> {
    let ordered =
        matches!(index.method.as_deref().map(str::to_ascii_lowercase).as_deref(), None | Some("btree" | "hash"));
    if !ordered {
        return Ok(None);
    }
    let scope = Scope::of_table(model, table);
    let mut parts = Vec::new();
    let mut nullable = false;
    for part in &index.parts {
        let mut text = match &part.of {
            IndexOn::Column(name) => {
                nullable |= table.column(name).is_none_or(|c| table.columns[c].nullable);
                quote(name)
            }
            IndexOn::Expression(expression) => {
                nullable = true;
                format!("({})", scope.any(&expression.ast)?.text)
            }
        };
        if part.descending {
            text.push_str(" DESC");
        }
        parts.push(text);
    }
    ddl::refuse_nulls_not_distinct(index.nulls_not_distinct && nullable)?;
    if !index.unique {
        parts.extend(index.include.iter().map(|c| quote(c)));
    }
    let unique = if index.unique { "UNIQUE " } else { "" };
    let mut out =
        format!("CREATE {unique}INDEX {} ON {} ({})", quote(&index.name), quote(&table.name), parts.join(", "));
    if let Some(predicate) = &index.predicate {
        out.push_str(&format!(" WHERE {}", scope.condition(&predicate.ast)?));
    }
    Ok(Some(out))
}
