//! CREATE INDEX, MySQL's index inside CREATE TABLE, and ALTER INDEX … RENAME TO.

use sqlparser::ast::{
    AlterIndexOperation, CreateIndex, Expr, Ident, IndexColumn, IndexConstraint, IndexType, ObjectName, OrderBySort,
};

use crate::{
    data::{Result, code},
    schema::{Expression, Index, IndexOn, IndexPart, Table, place::did_you_mean},
};

use super::{Fold, folded, names, state};

impl Fold<'_> {
    pub(super) fn create_index(&mut self, create: &CreateIndex) -> Result<()> {
        let table = self.table_named(&create.table_name)?;
        let given = create.name.as_ref().map(|name| self.name(name)).transpose()?;
        if let Some((name, ident)) = &given {
            if create.if_not_exists && self.model.has_relation(name) {
                return Ok(());
            }
            self.may_create_index(name, ident)?;
        }
        let parts = self.parts(&table, &create.columns)?;
        for column in &create.include {
            self.column_named(&table, column)?;
        }
        if let Some(predicate) = &create.predicate {
            self.expression_over(&table, predicate, "the condition of an index")?;
        }
        let name = given.map_or_else(|| self.index_name(&table, &parts), |(name, _)| name);
        let index = Index {
            name,
            unique: create.unique,
            parts,
            include: create.include.iter().map(folded).collect(),
            predicate: create.predicate.as_ref().map(Expression::of),
            method: method(create.using.as_ref()),
            nulls_not_distinct: create.nulls_distinct == Some(false),
        };
        self.change(&table.name).indexes.push(index);
        Ok(())
    }

    pub(super) fn add_inline_index(&mut self, table: &str, inline: &IndexConstraint, near: &Ident) -> Result<()> {
        let table = self.model.tables[table].clone();
        let parts = self.parts(&table, &inline.columns)?;
        let name = match &inline.name {
            Some(ident) => {
                self.may_create_index(&folded(ident), ident)?;
                folded(ident)
            }
            None => self.index_name(&table, &parts),
        };
        if parts.is_empty() {
            return Err(self.error_at(near, code::SYNTAX, "an index of nothing").hint("name its columns"));
        }
        let index = Index {
            name,
            unique: false,
            parts,
            include: Vec::new(),
            predicate: None,
            method: method(inline.index_type.as_ref()),
            nulls_not_distinct: false,
        };
        self.change(&table.name).indexes.push(index);
        Ok(())
    }

    pub(super) fn may_create_index(&self, name: &str, ident: &Ident) -> Result<()> {
        if !self.model.has_relation(name) {
            return self.differs_by_more_than_case(name, self.model.relations(), ident);
        }
        let of = self.model.index_or_key(name).map_or(String::new(), |table| format!(", of table \"{table}\""));
        let message = format!("\"{name}\" already exists{of}");
        Err(self
            .error_at(ident, state::DUPLICATE_TABLE, message)
            .hint("choose another name: names of indexes are unique over all tables"))
    }

    fn index_name(&self, table: &Table, parts: &[IndexPart]) -> String {
        let columns = parts.iter().map(names::of_part).collect::<Vec<_>>();
        let columns = names::of_columns(columns.iter().map(String::as_str));
        names::free(&table.name, Some(&columns), "idx", |name| self.model.has_relation(name))
    }

    fn parts(&self, table: &Table, columns: &[IndexColumn]) -> Result<Vec<IndexPart>> {
        let part = |column: &IndexColumn| -> Result<IndexPart> {
            let of = match &column.column.expr {
                Expr::Identifier(ident) => {
                    IndexOn::Column(table.columns[self.column_named(table, ident)?].name.clone())
                }
                expr => {
                    self.expression_over(table, expr, "an index")?;
                    IndexOn::Expression(Expression::of(expr))
                }
            };
            Ok(IndexPart {
                of,
                descending: matches!(column.column.options.sort, Some(OrderBySort::Desc)),
                nulls_first: column.column.options.nulls_first,
                operator_class: column.operator_class.as_ref().map(ToString::to_string),
            })
        };
        columns.iter().map(part).collect()
    }

    pub(super) fn alter_index(&mut self, name: &ObjectName, operation: &AlterIndexOperation) -> Result<()> {
        let (old, ident) = self.name(name)?;
        let AlterIndexOperation::RenameIndex { index_name } = operation;
        let (new, new_ident) = self.name(index_name)?;
        let Some(table) = self.model.index_or_key(&old).map(str::to_string) else {
            return Err(self.no_index(&old, ident));
        };
        self.may_create_index(&new, new_ident)?;
        self.change(&table).rename_index(&old, &new);
        Ok(())
    }

    pub(super) fn no_index(&self, name: &str, ident: &Ident) -> crate::data::Error {
        let known = self.model.tables.values().flat_map(|t| t.indexes.iter().map(|i| i.name.as_str()));
        let message = format!("index \"{name}\" does not exist");
        self.error_at(ident, state::UNKNOWN_OBJECT, message).hint(did_you_mean(name, known))
    }
}

impl Table {
    fn rename_index(&mut self, old: &str, new: &str) {
        let keys = self.primary_key.iter_mut().chain(&mut self.uniques).map(|k| &mut k.name);
        for name in keys.chain(self.indexes.iter_mut().map(|i| &mut i.name)) {
            if name == old {
                *name = new.to_string();
            }
        }
    }
}

fn method(method: Option<&IndexType>) -> Option<String> {
    let name = match method? {
        IndexType::Custom(ident) => folded(ident),
        other => other.to_string().to_lowercase(),
    };
    (name != "btree").then_some(name)
}
