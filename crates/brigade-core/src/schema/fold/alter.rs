//! ALTER TABLE.

use sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation as Op, ColumnDef, DropBehavior, Expr, GeneratedAs, Ident,
    RenameTableNameKind,
};

use crate::{
    data::{Result, SqlType, code},
    schema::Effect,
};

use super::{Fold, folded, foreign::comparable, state};

impl Fold<'_> {
    pub(super) fn alter_table(&mut self, alter: &AlterTable) -> Result<Effect> {
        let (table, ident) = self.name(&alter.name)?;
        if !self.model.tables.contains_key(&table) {
            if alter.if_exists {
                return Ok(Effect::Nothing);
            }
            return Err(self.no_table(&table, ident));
        }
        let mut effect = Effect::Nothing;
        for operation in &alter.operations {
            if self.alter(&table, operation, ident)? {
                effect = Effect::Schema;
            }
        }
        Ok(effect)
    }

    /// Whether the model changed.
    fn alter(&mut self, table: &str, operation: &Op, near: &Ident) -> Result<bool> {
        match operation {
            Op::AddColumn { if_not_exists, column_def, .. } => self.add_one(table, column_def, *if_not_exists, near)?,
            Op::DropColumn { column_names, if_exists, drop_behavior, .. } => {
                for column in column_names {
                    let exists = self.model.tables[table].column(&folded(column)).is_some();
                    if !exists && *if_exists {
                        continue;
                    }
                    self.column_named(&self.model.tables[table].clone(), column)?;
                    self.drop_column(table, &folded(column), cascades(*drop_behavior), column)?;
                }
            }
            Op::RenameColumn { old_column_name, new_column_name } => {
                self.rename_column(table, old_column_name, new_column_name)?;
            }
            Op::RenameTable { table_name: RenameTableNameKind::To(to) | RenameTableNameKind::As(to) } => {
                self.rename_table(table, to, near)?;
            }
            Op::AddConstraint { constraint, .. } => self.add_constraint(table, constraint, near)?,
            Op::DropConstraint { if_exists, name, drop_behavior } => {
                self.drop_constraint(table, name, *if_exists, cascades(*drop_behavior))?;
            }
            Op::RenameConstraint { old_name, new_name } => self.rename_constraint(table, old_name, new_name)?,
            Op::AlterColumn { column_name, op } => self.alter_column(table, column_name, op)?,
            Op::OwnerTo { .. } | Op::SetOptionsParens { .. } | Op::SetLogged => return Ok(false),
            Op::ValidateConstraint { name } if self.model.tables[table].has_constraint(&folded(name)) => {
                return Ok(false);
            }
            Op::ReplicaIdentity { .. } => {
                let error = self.error_at(near, code::UNSUPPORTED, "REPLICA IDENTITY is set by brigade itself");
                return Err(error.hint("write images = \"full\" or \"key\" under [tables.NAME] in brigade.toml"));
            }
            other => return Err(self.only_postgres(&format!("ALTER TABLE … {other}"))),
        }
        Ok(true)
    }

    fn add_one(&mut self, table: &str, definition: &ColumnDef, if_not_exists: bool, near: &Ident) -> Result<()> {
        if if_not_exists && self.model.tables[table].column(&folded(&definition.name)).is_some() {
            return Ok(());
        }
        let constraints = self.add_column(table, definition)?;
        self.check_generated(table, std::slice::from_ref(definition))?;
        for constraint in &constraints {
            self.add_constraint(table, constraint, near)?;
        }
        Ok(())
    }

    fn alter_column(&mut self, table: &str, name: &Ident, operation: &AlterColumnOperation) -> Result<()> {
        let of = self.model.tables[table].clone();
        let index = self.column_named(&of, name)?;
        let mut column = of.columns[index].clone();
        match operation {
            AlterColumnOperation::SetNotNull => column.nullable = false,
            AlterColumnOperation::DropNotNull => {
                if of.key().contains(&index) || column.identity.is_some() {
                    let message = format!("column \"{}\" is part of the primary key or an identity", column.name);
                    return Err(self.error_at(name, state::INVALID_TABLE, message).hint("drop that before"));
                }
                column.nullable = true;
            }
            AlterColumnOperation::SetDefault { .. } if column.generated.is_some() || column.identity.is_some() => {
                let message = format!("column \"{}\" is generated or an identity", column.name);
                return Err(self.error_at(name, code::SYNTAX, message).hint("it has no default"));
            }
            AlterColumnOperation::SetDefault { value } => {
                column.default = Some(self.default_of(name, &column.ty, value)?);
            }
            AlterColumnOperation::DropDefault => column.default = None,
            AlterColumnOperation::SetDataType { data_type, using, .. } => {
                let ty = self.column_type(name, data_type)?;
                self.may_become(table, index, name, &ty, using.as_ref())?;
                column.ty = ty;
            }
            AlterColumnOperation::AddGenerated { generated_as, .. } => {
                let generated = generated_as.unwrap_or(GeneratedAs::Always);
                if column.default.is_some() || column.identity.is_some() || column.nullable {
                    let message = format!("column \"{}\" has a default or identity, or may be null", column.name);
                    return Err(self
                        .error_at(name, state::INVALID_TABLE, message)
                        .hint("drop the default and SET NOT NULL first"));
                }
                self.identity(&mut column, name, generated)?;
            }
        }
        self.change(table).columns[index] = column;
        Ok(())
    }

    /// Whether a column's type may change: by a plain cast, and with nothing in the way that would mean something else.
    fn may_become(
        &mut self,
        table: &str,
        index: usize,
        name: &Ident,
        ty: &SqlType,
        using: Option<&Expr>,
    ) -> Result<()> {
        let column = self.model.tables[table].columns[index].clone();
        if let Some(using) = using
            && !is_plain_cast(using, &column.name)
        {
            let message = format!("column \"{}\": USING with more than a cast of the column itself", column.name);
            return Err(self
                .error_at(name, code::UNSUPPORTED, message)
                .hint("add a new column, fill it by UPDATE, drop the old one, rename the new one"));
        }
        self.drop_readers(table, Some(&column.name), false, name)?;
        if column.generated.is_some() {
            let message = format!("column \"{}\" is generated", column.name);
            return Err(self.error_at(name, code::UNSUPPORTED, message).hint("drop it and add it anew"));
        }
        if let Some(default) = &column.default {
            self.default_of(name, ty, &default.ast)?;
        }
        let of = &self.model.tables[table];
        for key in of.foreign_keys.iter().filter(|f| f.columns.contains(&index)) {
            let at = key.columns.iter().position(|&c| c == index).unwrap_or(0);
            let target = &self.model.tables[&key.table];
            let referred = target.column(&key.references[at]).map(|i| target.columns[i].ty.clone());
            if referred.is_some_and(|r| !comparable(&r, ty)) {
                let message = format!("foreign key \"{}\" would compare {ty} with another type", key.name);
                return Err(self.error_at(name, state::TYPE_MISMATCH, message).hint("drop the foreign key before"));
            }
        }
        Ok(())
    }
}

fn cascades(behavior: Option<DropBehavior>) -> bool {
    matches!(behavior, Some(DropBehavior::Cascade))
}

/// `column`, `column::type` or `CAST(column AS type)`.
fn is_plain_cast(expr: &Expr, column: &str) -> bool {
    match expr {
        Expr::Identifier(ident) => folded(ident) == column,
        Expr::Nested(inner) => is_plain_cast(inner, column),
        Expr::Cast { expr, .. } => is_plain_cast(expr, column),
        _ => false,
    }
}
