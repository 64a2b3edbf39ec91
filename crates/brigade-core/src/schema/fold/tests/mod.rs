//! Folding, by cases: what the model is after a script, and which error a mistake is, place included.

mod applications;
mod changing;
mod creating;
mod effects;
mod mistakes;

use crate::{
    data::Error,
    schema::{IndexOn, MigrationFile, Model, Script, Table, fold, migrations},
};

fn script(text: &str) -> Result<Script, Error> {
    let file = MigrationFile { name: "0001_t.sql".to_string(), text: text.to_string() };
    Ok(migrations(vec![file])?.remove(0).common.expect("a script for all engines"))
}

#[track_caller]
fn model(text: &str) -> Model {
    try_model(text).unwrap_or_else(|e| panic!("{e}\n{}", e.get_details().unwrap_or_default()))
}

fn try_model(text: &str) -> Result<Model, Error> {
    let script = script(text)?;
    let mut model = Model::default();
    for statement in &script.statements {
        model = fold(&model, &script, statement)?.0;
    }
    Ok(model)
}

/// A table in one line each for its columns, keys and indexes: what the tests compare.
fn shown(table: &Table) -> String {
    let names =
        |columns: &[usize]| columns.iter().map(|&i| table.columns[i].name.as_str()).collect::<Vec<_>>().join(",");
    let mut lines = Vec::new();
    for c in &table.columns {
        let mut line = format!("{} {}", c.name, c.ty);
        line += if c.nullable { "" } else { " not null" };
        line += &c.default.as_ref().map_or(String::new(), |d| format!(" default {}", d.sql));
        line += &c.generated.as_ref().map_or(String::new(), |g| format!(" as {}", g.sql));
        line += &c.identity.map_or(String::new(), |i| format!(" {i:?}"));
        lines.push(line);
    }
    if let Some(k) = &table.primary_key {
        lines.push(format!("primary {} ({})", k.name, names(&k.columns)));
    }
    for k in &table.uniques {
        let nulls = if k.nulls_not_distinct { " nulls not distinct" } else { "" };
        lines.push(format!("unique {} ({}){nulls}", k.name, names(&k.columns)));
    }
    for f in &table.foreign_keys {
        let to = f.references.join(",");
        lines.push(format!(
            "foreign {} ({}) {}({to}) {:?} {:?} {:?}",
            f.name,
            names(&f.columns),
            f.table,
            f.on_delete,
            f.on_update,
            f.deferrable
        ));
    }
    for c in &table.checks {
        lines.push(format!("check {} {}", c.name, c.expression.sql));
    }
    for i in &table.indexes {
        let part = |p: &crate::schema::IndexPart| {
            let of = match &p.of {
                IndexOn::Column(name) => name.clone(),
                IndexOn::Expression(e) => format!("({})", e.sql),
            };
            let class = p.operator_class.as_ref().map_or(String::new(), |c| format!(" {c}"));
            let down = if p.descending { " desc" } else { "" };
            let nulls = p.nulls_first.map_or("", |first| if first { " nulls first" } else { " nulls last" });
            format!("{of}{class}{down}{nulls}")
        };
        let mut line = format!("{}index {} ", if i.unique { "unique " } else { "" }, i.name);
        line += &i.method.as_ref().map_or(String::new(), |m| format!("using {m} "));
        line += &format!("({})", i.parts.iter().map(part).collect::<Vec<_>>().join(", "));
        line += &if i.include.is_empty() { String::new() } else { format!(" include ({})", i.include.join(",")) };
        line += &i.predicate.as_ref().map_or(String::new(), |p| format!(" where {}", p.sql));
        lines.push(line);
    }
    lines.join("\n")
}

#[track_caller]
fn check(text: &str, table: &str, expected: &[&str]) {
    let model = model(text);
    let table = model.tables.get(table).unwrap_or_else(|| panic!("no table {table}"));
    assert_eq!(shown(table), expected.join("\n"));
}

/// A mistake: its code and the whole message; every error shows its line with a caret and says how to mend it.
#[track_caller]
fn wrong(text: &str, code: &str, message: &str) {
    let error = try_model(text).expect_err(text);
    assert_eq!((error.code(), error.message()), (code, message));
    assert!(error.get_details().is_some_and(|d| d.contains('^')), "no caret: {text}");
    assert!(error.get_hint().is_some(), "no hint: {text}");
}
