//! CREATE TYPE … AS ENUM and ALTER TYPE.

use std::sync::Arc;

use sqlparser::ast::{
    AlterType, AlterTypeAddValue, AlterTypeAddValuePosition, AlterTypeOperation, AlterTypeRenameValue, Expr, Ident,
    ObjectName, Value,
};

use crate::{
    data::{Error, Result, SqlType, code},
    schema::{EnumType, Expression, IndexOn, Table, place::did_you_mean},
};

use super::{Fold, expression::literal, folded, state};

impl Fold<'_> {
    pub(super) fn create_enum(&mut self, name: &ObjectName, labels: &[Ident]) -> Result<()> {
        let (name, ident) = self.name(name)?;
        self.may_create(&name, ident)?;
        let mut ty = EnumType { labels: Vec::with_capacity(labels.len()) };
        for label in labels {
            self.label_is_free(&name, &ty, label)?;
            ty.labels.push(label.value.clone());
        }
        self.model.enums.insert(name, ty);
        Ok(())
    }

    fn label_is_free(&self, name: &str, ty: &EnumType, label: &Ident) -> Result<()> {
        if label.value.len() > 63 {
            let message = format!("label \"{}\" of enum {name} is longer than 63 bytes", label.value);
            return Err(self.error_at(label, "42602", message).hint("shorten it"));
        }
        if ty.labels.contains(&label.value) {
            let message = format!("enum {name} already has the label \"{}\"", label.value);
            return Err(self
                .error_at(label, state::DUPLICATE_OBJECT, message)
                .hint("leave it out, or write IF NOT EXISTS"));
        }
        Ok(())
    }

    pub(super) fn alter_type(&mut self, alter: &AlterType) -> Result<()> {
        let (name, ident) = self.name(&alter.name)?;
        let Some(mut ty) = self.model.enums.get(&name).cloned() else { return Err(self.no_type(&name, ident)) };
        match &alter.operation {
            AlterTypeOperation::Rename(rename) => return self.rename_enum(&name, &rename.new_name),
            AlterTypeOperation::AddValue(add) => self.add_label(&name, &mut ty, add)?,
            AlterTypeOperation::RenameValue(rename) => self.rename_label(&name, &mut ty, rename)?,
        }
        self.model.enums.insert(name, ty);
        Ok(())
    }

    pub(super) fn no_type(&self, name: &str, ident: &Ident) -> Error {
        let message = format!("type \"{name}\" does not exist");
        let hint = did_you_mean(name, self.model.enums.keys().map(String::as_str));
        self.error_at(ident, state::UNKNOWN_OBJECT, message).hint(hint)
    }

    fn add_label(&self, name: &str, ty: &mut EnumType, add: &AlterTypeAddValue) -> Result<()> {
        if add.if_not_exists && ty.labels.contains(&add.value.value) {
            return Ok(());
        }
        self.label_is_free(name, ty, &add.value)?;
        let at = match &add.position {
            None => ty.labels.len(),
            Some(AlterTypeAddValuePosition::Before(label)) => self.label(name, ty, label)?,
            Some(AlterTypeAddValuePosition::After(label)) => self.label(name, ty, label)? + 1,
        };
        ty.labels.insert(at, add.value.value.clone());
        Ok(())
    }

    fn label(&self, name: &str, ty: &EnumType, label: &Ident) -> Result<usize> {
        ty.labels.iter().position(|l| *l == label.value).ok_or_else(|| {
            let message = format!("\"{}\" is no label of enum {name}", label.value);
            let hint = did_you_mean(&label.value, ty.labels.iter().map(String::as_str));
            self.error_at(label, "22023", message).hint(hint)
        })
    }

    /// Defaults follow, as they do in PostgreSQL; checks and views, whose text would have to be understood, are refused.
    fn rename_label(&mut self, name: &str, ty: &mut EnumType, rename: &AlterTypeRenameValue) -> Result<()> {
        let at = self.label(name, ty, &rename.from)?;
        self.label_is_free(name, ty, &rename.to)?;
        let (from, to) = (rename.from.value.as_str(), rename.to.value.as_str());
        let tables: Vec<Arc<Table>> = self.model.tables.values().filter(|t| uses(t, name)).cloned().collect();
        for table in tables {
            let views = self.readers(&table.name);
            let view = views.iter().find(|v| self.model.views[*v].sql.contains(&format!("'{from}'")));
            if let Some(by) = says(&table, from).or(view.map(String::as_str)) {
                let message = format!("\"{by}\" of table \"{}\" names the label \"{from}\"", table.name);
                return Err(self
                    .error_at(&rename.from, code::UNSUPPORTED, message)
                    .hint("drop it before, and add it anew after"));
            }
            for column in self.change(&table.name).columns.iter_mut().filter(|c| is_of(&c.ty, name)) {
                if let Some(default) = column.default.as_mut().filter(|d| literal(&d.ast) == Some(from)) {
                    let value = Expr::Value(Value::SingleQuotedString(to.to_string()).with_empty_span());
                    *default = Expression::of(&value);
                }
            }
        }
        ty.labels[at] = to.to_string();
        Ok(())
    }

    fn rename_enum(&mut self, from: &str, to: &Ident) -> Result<()> {
        let new = folded(to);
        self.may_create(&new, to)?;
        let Some(ty) = self.model.enums.remove(from) else { return Ok(()) };
        self.model.enums.insert(new.clone(), ty);
        let tables: Vec<String> =
            self.model.tables.values().filter(|t| uses(t, from)).map(|t| t.name.clone()).collect();
        for table in tables {
            for column in &mut self.change(&table).columns {
                rename_type(&mut column.ty, from, &new);
            }
        }
        Ok(())
    }
}

/// Whether a column of the table has the enum's type.
pub(super) fn uses(table: &Table, name: &str) -> bool {
    table.columns.iter().any(|c| is_of(&c.ty, name))
}

/// Whether it is the enum, or an array of it.
pub(super) fn is_of(ty: &SqlType, name: &str) -> bool {
    match ty {
        SqlType::Enum(of) => of.as_ref() == name,
        SqlType::Array(of) => is_of(of, name),
        _ => false,
    }
}

fn rename_type(ty: &mut SqlType, from: &str, to: &str) {
    match ty {
        SqlType::Enum(of) if of.as_ref() == from => *of = to.into(),
        SqlType::Array(of) => rename_type(of, from, to),
        _ => {}
    }
}

/// What of the table says this text.
fn says<'t>(table: &'t Table, text: &str) -> Option<&'t str> {
    let checks = table.checks.iter().map(|c| (c.name.as_str(), &c.expression));
    let generated = table.columns.iter().filter_map(|c| Some((c.name.as_str(), c.generated.as_ref()?)));
    let predicates = table.indexes.iter().filter_map(|i| Some((i.name.as_str(), i.predicate.as_ref()?)));
    let parts = table.indexes.iter().flat_map(|i| {
        i.parts.iter().filter_map(|part| match &part.of {
            IndexOn::Expression(expression) => Some((i.name.as_str(), expression)),
            IndexOn::Column(_) => None,
        })
    });
    checks.chain(generated).chain(predicates).chain(parts).find(|(_, e)| e.says(text)).map(|(name, _)| name)
}
