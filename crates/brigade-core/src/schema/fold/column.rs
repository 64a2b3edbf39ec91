//! A column of CREATE TABLE or ALTER TABLE … ADD COLUMN: its type, and its options, of which the constraints are handed
//! on as if they stood below the columns.

use sqlparser::ast::{
    ColumnDef, ColumnOption, ColumnOptionDef, DataType, GeneratedAs, GeneratedExpressionMode, Ident, IndexColumn,
    ObjectName, TableConstraint,
};

use crate::{
    data::{Error, Result, SqlType, code},
    schema::{
        Column, Expression, Identity,
        types::{is_serial, read_type},
    },
};

use super::{Fold, folded};

/// A column, and the constraints that stood with it.
pub(super) struct ColumnParts {
    pub(super) column: Column,
    pub(super) constraints: Vec<TableConstraint>,
}

impl Fold<'_> {
    pub(super) fn column(&self, definition: &ColumnDef) -> Result<ColumnParts> {
        let name = &definition.name;
        let ty = self.column_type(name, &definition.data_type)?;
        let serial = is_serial(&definition.data_type.to_string());
        let column = Column {
            name: folded(name),
            ty,
            nullable: !serial,
            default: None,
            generated: None,
            identity: serial.then_some(Identity::Serial),
        };
        let mut parts = ColumnParts { column, constraints: Vec::new() };
        for option in &definition.options {
            self.column_option(&mut parts, name, option)?;
        }
        let Column { default, generated, identity, .. } = &parts.column;
        if usize::from(default.is_some()) + usize::from(generated.is_some()) + usize::from(identity.is_some()) > 1 {
            let message = format!("column \"{}\" has two of default, generated and identity", folded(name));
            return Err(self.error_at(name, code::SYNTAX, message).hint("leave one of them"));
        }
        Ok(parts)
    }

    /// A column's type; an error stands where the type does.
    pub(super) fn column_type(&self, name: &Ident, ty: &DataType) -> Result<SqlType> {
        if *ty == DataType::Unspecified {
            let message = format!("column \"{}\" has no type", folded(name));
            return Err(self.error_at(name, code::SYNTAX, message).hint("every column has a type, as text"));
        }
        let written = unqualified(ty);
        read_type(&written, self.model.enums.keys().map(String::as_str)).map_err(|e| self.at_type(name, &written, &e))
    }

    fn at_type(&self, name: &Ident, written: &str, error: &Error) -> Error {
        let after = self.offset(name);
        let word = written.split(|c: char| !c.is_alphanumeric() && c != '_').find(|w| !w.is_empty()).unwrap_or(written);
        // The type follows the name, in CREATE TABLE at once, in ALTER COLUMN after TYPE.
        let sql = self.statement.sql.to_ascii_lowercase();
        let from = (after + name.value.len()).min(sql.len());
        let at = sql.get(from..).and_then(|rest| rest.find(&word.to_ascii_lowercase())).map_or(after, |i| from + i);
        let placed = self.error_from(at, static_code(error), format_args!("column \"{}\": {error}", folded(name)));
        match error.get_hint() {
            Some(hint) => placed.hint(hint),
            None => placed,
        }
    }

    fn column_option(&self, parts: &mut ColumnParts, name: &Ident, option: &ColumnOptionDef) -> Result<()> {
        let of = |given: &Option<Ident>| option.name.clone().or_else(|| given.clone());
        let columns = || vec![IndexColumn::from(name.clone())];
        let column = &mut parts.column;
        match &option.option {
            ColumnOption::Null if column.identity.is_none() => column.nullable = true,
            ColumnOption::NotNull => column.nullable = false,
            ColumnOption::Default(expr) => column.default = Some(self.default_of(name, &column.ty, expr)?),
            ColumnOption::PrimaryKey(key) => {
                let mut key = key.clone();
                (key.name, key.columns) = (of(&key.name), columns());
                parts.constraints.push(key.into());
            }
            ColumnOption::Unique(key) => {
                let mut key = key.clone();
                (key.name, key.columns) = (of(&key.name), columns());
                parts.constraints.push(key.into());
            }
            ColumnOption::ForeignKey(key) => {
                let mut key = key.clone();
                (key.name, key.columns) = (of(&key.name), vec![name.clone()]);
                parts.constraints.push(key.into());
            }
            ColumnOption::Check(check) => {
                let mut check = check.clone();
                check.name = of(&check.name);
                parts.constraints.push(check.into());
            }
            ColumnOption::Generated { generation_expr: Some(expr), generation_expr_mode, .. } => {
                if *generation_expr_mode != Some(GeneratedExpressionMode::Stored) {
                    let message = format!("the generated column \"{}\" is not STORED", folded(name));
                    return Err(self
                        .error_at(name, code::UNSUPPORTED, message)
                        .hint("write STORED behind the expression"));
                }
                column.generated = Some(Expression::of(expr));
            }
            ColumnOption::Generated { generated_as, .. } => self.identity(column, name, *generated_as)?,
            ColumnOption::Collation(collation) => self.collation(name, collation)?,
            other => {
                let message = format!("column \"{}\": {other} is not PostgreSQL's", folded(name));
                return Err(self.error_at(name, code::SYNTAX, message).hint(instead_of(&other.to_string())));
            }
        }
        Ok(())
    }

    pub(super) fn identity(&self, column: &mut Column, name: &Ident, generated: GeneratedAs) -> Result<()> {
        if !matches!(column.ty, SqlType::SmallInt | SqlType::Int | SqlType::BigInt) {
            let message = format!("identity column \"{}\" is of type {}", column.name, column.ty);
            return Err(self.error_at(name, "22023", message).hint("identity needs smallint, integer or bigint"));
        }
        column.nullable = false;
        column.identity =
            Some(if matches!(generated, GeneratedAs::ByDefault) { Identity::ByDefault } else { Identity::Always });
        Ok(())
    }

    fn collation(&self, name: &Ident, collation: &ObjectName) -> Result<()> {
        let ident = collation.0.last().and_then(|part| part.as_ident());
        let known =
            ident.is_some_and(|i| ["c", "posix", "default", "ucs_basic"].contains(&i.value.to_lowercase().as_str()));
        if known {
            return Ok(());
        }
        let message = format!("column \"{}\": collation {collation} is not known on every engine", folded(name));
        Err(self
            .error_at(name, code::UNSUPPORTED, message)
            .hint("use \"C\", or sort by an expression such as lower(…)"))
    }
}

/// The type as it was written, without `public.`.
fn unqualified(ty: &DataType) -> String {
    let written = ty.to_string();
    written.strip_prefix("public.").or_else(|| written.strip_prefix("pg_catalog.")).unwrap_or(&written).to_string()
}

/// The codes that reading a type answers with.
fn static_code(error: &Error) -> &'static str {
    match error.code() {
        code::UNSUPPORTED => code::UNSUPPORTED,
        code::SYNTAX => code::SYNTAX,
        _ => super::state::UNKNOWN_OBJECT,
    }
}

fn instead_of(option: &str) -> &'static str {
    match option.to_ascii_uppercase().as_str() {
        o if o.starts_with("AUTO") => "write GENERATED BY DEFAULT AS IDENTITY",
        o if o.starts_with("ON UPDATE") => "write touch = \"…\" under [tables.NAME] in brigade.toml",
        o if o.starts_with("COMMENT") => "write COMMENT ON COLUMN … IS '…'",
        _ => "leave it out",
    }
}
