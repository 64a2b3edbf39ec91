//! The model from the project's files alone, for a command that works through a server and must know types before it sends.

use std::path::Path;

use brigade::{
    Project,
    data::{Error, Result, code},
    schema::{Model, fold},
};

/// Folds every migration of a project.
///
/// # Errors
/// BRGCFG where its tables do not come from migrations; else what is wrong in its files.
pub fn read(dir: &Path) -> Result<Model> {
    let project = Project::read(dir)?;
    if project.config.schema.existing {
        return Err(Error::new(code::CONFIG, "the project's tables are known to its running server alone")
            .hint("load NDJSON, which needs no types, or stop the server first"));
    }
    let mut model = Model::default();
    for migration in &project.migrations {
        for script in migration.common.iter() {
            for statement in &script.statements {
                model = fold(&model, script, statement)?.0;
            }
        }
    }
    Ok(model)
}
