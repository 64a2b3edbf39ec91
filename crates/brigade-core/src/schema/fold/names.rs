//! Names, as PostgreSQL folds, shortens and makes them.
//!
//! Invariant: a name that PostgreSQL would make is made here letter for letter, so that an error of either engine names
//! the same constraint.

use sqlparser::ast::{Expr, Ident};

use crate::schema::{IndexOn, IndexPart, Model};

/// PostgreSQL's NAMEDATALEN less the closing zero.
const NAME_BYTES_MAX: usize = 63;

/// A name as it is stored: without quotes it is lower case; never longer than 63 bytes.
pub(in crate::schema) fn folded(ident: &Ident) -> String {
    let name = if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() };
    cut(&name, NAME_BYTES_MAX).to_string()
}

fn cut(name: &str, bytes_max: usize) -> &str {
    let mut end = name.len().min(bytes_max);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

/// `name1_name2_label`, the longer of the first two shortened until it fits.
pub(super) fn joined(name1: &str, name2: Option<&str>, label: &str) -> String {
    let overhead = 1 + label.len() + usize::from(name2.is_some());
    let room = NAME_BYTES_MAX.saturating_sub(overhead);
    let (mut one, mut two) = (name1.len(), name2.map_or(0, str::len));
    while one + two > room {
        if one > two { one -= 1 } else { two -= 1 }
    }
    let head = cut(name1, one);
    match name2 {
        Some(name2) => format!("{head}_{}_{label}", cut(name2, two)),
        None => format!("{head}_{label}"),
    }
}

/// The first of `name`, `name1`, `name2`, … that is free.
pub(super) fn free(name1: &str, name2: Option<&str>, label: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbers = (0u32..).map(|n| if n == 0 { label.to_string() } else { format!("{label}{n}") });
    let mut names = numbers.map(|label| joined(name1, name2, &label));
    names.find(|name| !taken(name)).expect("a number that is free")
}

/// What stands between table and label in the name of a key or index.
pub(super) fn of_columns<'c>(columns: impl IntoIterator<Item = &'c str>) -> String {
    columns.into_iter().collect::<Vec<_>>().join("_")
}

/// What an index's part is called in the name of the index: a column by its name, a function by its name, else `expr`.
pub(super) fn of_part(part: &IndexPart) -> String {
    match &part.of {
        IndexOn::Column(name) => name.clone(),
        IndexOn::Expression(expression) => match innermost(&expression.ast) {
            Expr::Function(function) => match function.name.0.last().and_then(|p| p.as_ident()) {
                Some(ident) => folded(ident),
                None => "expr".to_string(),
            },
            Expr::Case { .. } => "case".to_string(),
            Expr::Cast { expr, .. } => match innermost(expr) {
                Expr::Identifier(ident) => folded(ident),
                _ => "expr".to_string(),
            },
            _ => "expr".to_string(),
        },
    }
}

fn innermost(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => innermost(inner),
        other => other,
    }
}

impl Model {
    /// Whether a table, view, index or key has this name.
    pub(super) fn has_relation(&self, name: &str) -> bool {
        self.tables.contains_key(name) || self.views.contains_key(name) || self.index_or_key(name).is_some()
    }

    /// Names of tables, views and indexes.
    pub(super) fn relations(&self) -> impl Iterator<Item = &str> {
        let indexes = self.tables.values().flat_map(|t| t.indexes.iter().map(|i| i.name.as_str()));
        self.tables.keys().chain(self.views.keys()).map(String::as_str).chain(indexes)
    }

    /// The table whose index or key has this name.
    pub(super) fn index_or_key(&self, name: &str) -> Option<&str> {
        let has = |t: &crate::schema::Table| {
            let keys = t.primary_key.iter().chain(&t.uniques).map(|k| &k.name);
            keys.chain(t.indexes.iter().map(|i| &i.name)).any(|n| n == name)
        };
        self.tables.values().find(|t| has(t)).map(|t| t.name.as_str())
    }

    /// Whether any table has a constraint of this name.
    pub(super) fn has_constraint(&self, name: &str) -> bool {
        self.tables.values().any(|t| t.has_constraint(name))
    }
}

impl crate::schema::Table {
    /// Whether a constraint of the table has this name.
    pub(super) fn has_constraint(&self, name: &str) -> bool {
        let keys = self.primary_key.iter().chain(&self.uniques).map(|k| &k.name);
        let others = self.foreign_keys.iter().map(|f| &f.name).chain(self.checks.iter().map(|c| &c.name));
        keys.chain(others).any(|n| n == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_as_postgresql_makes_them() {
        assert_eq!(joined("t", None, "pkey"), "t_pkey");
        assert_eq!(joined("t", Some("a_b"), "key"), "t_a_b_key");
        let long = joined(&"t".repeat(60), Some("column"), "fkey");
        assert_eq!(long, format!("{}_column_fkey", "t".repeat(51)));
        assert_eq!(free("t", Some("a"), "fkey", |n| n == "t_a_fkey"), "t_a_fkey1");
        assert_eq!(folded(&Ident::new("Links")), "links");
        assert_eq!(folded(&Ident::with_quote('"', "Links")), "Links");
        assert_eq!(folded(&Ident::new("é".repeat(40))).len(), 62);
    }
}
