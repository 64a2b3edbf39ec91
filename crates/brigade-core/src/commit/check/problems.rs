//! What the check finds on its way through the statements, and what it remembers of those behind it.

use std::{borrow::Cow, sync::Arc};

use crate::{data::Problem, engine::CheckedStatement, limits, schema::Table};

/// What a statement returns, for references to it.
pub(in crate::commit) enum ReturnedColumns {
    /// The statement had a problem itself: references to it are not judged.
    Unknown,
    /// Its table and the indexes of the columns it returns.
    Known(Arc<Table>, Arc<[usize]>),
}

impl ReturnedColumns {
    pub(super) fn of(statement: &CheckedStatement) -> Self {
        let columns = statement.returning.clone().unwrap_or_else(|| Arc::from([]));
        Self::Known(Arc::clone(&statement.table), columns)
    }
}

/// Problems found so far, and the statement being looked at.
#[derive(Default)]
pub(in crate::commit) struct Problems {
    pub(super) statement: usize,
    pub(super) list: Vec<Problem>,
}

impl Problems {
    pub(in crate::commit) fn push(
        &mut self,
        field: impl Into<Option<String>>,
        code: impl Into<Cow<'static, str>>,
        message: String,
        hint: Option<String>,
    ) {
        if self.list.len() < limits::PROBLEMS_MAX {
            self.list.push(Problem {
                statement: self.statement,
                field: field.into(),
                code: code.into(),
                message,
                hint,
            });
        }
    }

    pub(in crate::commit) fn statement(&self) -> usize {
        self.statement
    }

    pub(super) fn count(&self) -> usize {
        self.list.len()
    }
}
