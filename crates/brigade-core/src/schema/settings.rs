//! What brigade.toml says of tables, held against the model: `[tables.T]` is laid over it, and every other section that
//! names tables must name some that are there.

use std::sync::Arc;

use crate::data::{Error, Result, SqlType, code};

use super::{
    Config, Model,
    access::{EVERY_TABLE, Open, Rights},
    place::did_you_mean,
};

/// The model with the settings of its tables. Tables that are not named have none.
pub(super) fn lay(model: &Model, config: &Config) -> Result<Model> {
    let mut model = model.clone();
    for table in model.tables.values_mut().filter(|t| t.settings != super::TableSettings::default()) {
        Arc::make_mut(table).settings = super::TableSettings::default();
    }
    for (name, settings) in &config.tables {
        let place = config.place(&["tables", name]);
        let known = || model.tables.keys().map(String::as_str);
        if !model.tables.contains_key(name) {
            let message = format!("{place}: [tables.{name}]: there is no table \"{name}\"");
            return Err(Error::new(code::CONFIG, message).hint(did_you_mean(name, known())));
        }
        if let Some(touch) = &settings.touch {
            check_touch(&model, name, touch, &config.place(&["tables", name, "touch"]))?;
        }
        if let Some(table) = model.tables.get_mut(name) {
            Arc::make_mut(table).settings = settings.clone();
        }
    }
    for (name, copy) in &config.copies {
        if let Some(table) = copy.tables.iter().flatten().find(|t| !model.tables.contains_key(*t)) {
            let message = format!("{}: [copy.{name}]: there is no table \"{table}\"", copy.place);
            let known = model.tables.keys().map(String::as_str);
            return Err(Error::new(code::CONFIG, message).hint(did_you_mean(table, known)));
        }
    }
    for (role, tables) in &config.access.roles {
        for (table, rights) in tables.iter().filter(|(table, _)| *table != EVERY_TABLE) {
            check_rights(&model, table, rights, &config.place(&["access", role, table]))?;
        }
    }
    Ok(model)
}

/// A right to what is not there would open nothing today, and something else tomorrow.
fn check_rights(model: &Model, name: &str, rights: &Rights, place: &str) -> Result<()> {
    let Some(table) = model.table(name) else {
        if model.views.contains_key(name) {
            return Ok(());
        }
        let known = model.tables.keys().chain(model.views.keys()).map(String::as_str);
        let message = format!("{place}: there is no table or view \"{name}\"");
        return Err(Error::new(code::CONFIG, message).hint(did_you_mean(name, known)));
    };
    let named = rights.values().filter_map(|open| match open {
        Open::Columns(columns) => Some(columns),
        Open::All => None,
    });
    match named.flatten().find(|column| table.column(column).is_none()) {
        None => Ok(()),
        Some(column) => {
            let message = format!("{place}: table \"{name}\" has no column \"{column}\"");
            let known = table.columns.iter().map(|c| c.name.as_str());
            Err(Error::new(code::CONFIG, message).hint(did_you_mean(column, known)))
        }
    }
}

fn check_touch(model: &Model, table: &str, touch: &str, place: &str) -> Result<()> {
    let of = &model.tables[table];
    let Some(column) = of.column(touch).map(|i| &of.columns[i]) else {
        let message = format!("{place}: touch: table \"{table}\" has no column \"{touch}\"");
        let known = of.columns.iter().map(|c| c.name.as_str());
        return Err(Error::new(code::CONFIG, message).hint(did_you_mean(touch, known)));
    };
    if matches!(column.ty, SqlType::Timestamp | SqlType::TimestampTz) && column.generated.is_none() {
        return Ok(());
    }
    let message = format!("{place}: touch: column \"{touch}\" of table \"{table}\" is {}", column.ty);
    Err(Error::new(code::CONFIG, message).hint("it must be a timestamptz or timestamp that is not generated"))
}
