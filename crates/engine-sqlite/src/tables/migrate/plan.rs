//! What a migration will do, known before its transaction begins: only then can foreign keys be switched off.

use std::sync::Arc;

use brigade_core::{
    data::{Error, Result, code},
    engine::MigrationStep,
    schema::{Effect, Model, ReferentialAction, Script, SqlStatement, fold},
};
use sqlparser::ast::Statement;

use super::{change::Changes, place::Place};
use crate::tables::rows::{self, Touched};

/// All statements of a migration for all engines.
pub(super) struct Plan<'s> {
    /// In order.
    pub statements: Vec<Planned<'s>>,
    /// Whether a table that others may point at is made anew or dropped.
    pub rebuilds: bool,
}

/// One statement, with the model around it.
pub(super) struct Planned<'s> {
    pub script: &'s Script,
    pub statement: &'s SqlStatement,
    pub before: Arc<Model>,
    pub after: Arc<Model>,
    pub effect: Effect,
    pub changes: Changes,
}

impl<'s> Plan<'s> {
    pub(super) fn of(step: &'s MigrationStep) -> Result<Self> {
        let mut plan = Self { statements: Vec::new(), rebuilds: false };
        let Some(script) = &step.migration.common else { return Ok(plan) };
        let mut model = Arc::clone(&step.before);
        for statement in &script.statements {
            let (after, effect) = fold(&model, script, statement)?;
            let after = Arc::new(after);
            let changes = match effect {
                Effect::Schema => Changes::between(&model, &after, statement.parsed.as_deref())
                    .map_err(|e| Place(Some((script, statement))).untranslatable(&e))?,
                Effect::Rows | Effect::Nothing => Changes::default(),
            };
            plan.rebuilds |= changes.rebuilds();
            let before = std::mem::replace(&mut model, Arc::clone(&after));
            plan.statements.push(Planned { script, statement, before, after, effect, changes });
        }
        Ok(plan)
    }

    /// With foreign keys off, CASCADE and SET NULL do not act: a statement that needs them must be in another migration.
    pub(super) fn refuse_acting_rows(&self) -> Result<()> {
        for planned in self.statements.iter().filter(|p| p.effect == Effect::Rows) {
            let translated =
                rows::statement(&planned.before, planned.parsed()?).map_err(|e| planned.place().untranslatable(&e))?;
            if translated.touched.is_some_and(|t| foreign_keys_act(&planned.before, &t)) {
                let error = Error::new(
                    code::UNSUPPORTED,
                    "a foreign key would act on this statement, and on sqlite none can act in a migration that makes \
                     tables anew",
                );
                return Err(planned.place().error(error.hint("put the statement into a migration of its own")));
            }
        }
        Ok(())
    }
}

impl<'s> Planned<'s> {
    pub(super) fn place(&self) -> Place<'s> {
        Place(Some((self.script, self.statement)))
    }

    pub(super) fn parsed(&self) -> Result<&'s Statement> {
        self.statement.parsed.as_deref().ok_or_else(|| {
            self.place()
                .error(Error::new(code::UNSUPPORTED, "this statement cannot be read, so it cannot run on sqlite"))
        })
    }
}

fn foreign_keys_act(model: &Model, touched: &Touched) -> bool {
    let acts = |action: ReferentialAction| !matches!(action, ReferentialAction::NoAction | ReferentialAction::Restrict);
    model.tables.values().flat_map(|t| &t.foreign_keys).any(|key| match touched {
        Touched::Deletes(table) => key.table == *table && acts(key.on_delete),
        Touched::Updates(table, columns) => {
            key.table == *table && acts(key.on_update) && key.references.iter().any(|c| columns.contains(c))
        }
    })
}
