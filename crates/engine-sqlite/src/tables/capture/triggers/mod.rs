//! The text of a table's triggers.
//!
//! The writer's own statements take the short `a…` triggers; every other program's take the `b…` and `x…` ones, which
//! stage what a REPLACE may remove. Where the table has a `touch` column, one trigger logs the change with the touched
//! value and then touches the row, so that a touched row is one change.

mod collide;
mod outside;
mod touch;

use brigade_core::schema::{Model, Table};

use super::{own::OWN, rowid, stage};
use crate::tables::{ddl, quote};
use collide::new_value;

/// A trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trigger {
    /// Its name.
    pub name: String,
    /// CREATE TRIGGER.
    pub sql: String,
}

/// A table's triggers. SQLite runs the newest first: `before` is made before users' own triggers, `after` after them.
#[derive(Clone, Debug, Default)]
pub(super) struct Set {
    /// BEFORE triggers.
    pub before: Vec<Trigger>,
    /// AFTER triggers.
    pub after: Vec<Trigger>,
}

/// All triggers of a table.
pub(super) fn of(model: &Model, table: &Table, layout: i64) -> Set {
    let texts = Texts::new(model, table, layout);
    let mut set = Set::default();
    set.before.push(texts.trigger("bi", "BEFORE INSERT", &texts.before_insert()));
    set.before.push(texts.trigger("bu", &texts.before_update_event(), &texts.before_update()));
    set.after.push(texts.trigger("ai", "AFTER INSERT", &format!("WHEN {OWN} BEGIN {} END", texts.log_insert())));
    set.after.push(texts.trigger("ad", "AFTER DELETE", &format!("WHEN {OWN} BEGIN {} END", texts.log_delete())));
    set.after.push(texts.trigger("xi", "AFTER INSERT", &texts.outside_insert()));
    set.after.push(texts.trigger("xd", "AFTER DELETE", &texts.outside_delete()));
    let (plain, touching) = texts.touch_conditions();
    set.after.push(texts.trigger(
        "au",
        "AFTER UPDATE",
        &format!("WHEN {OWN}{plain} BEGIN {} END", texts.log_update(None)),
    ));
    set.after.push(texts.trigger("xu", "AFTER UPDATE", &texts.outside_update(&plain, None, &texts.log_update(None))));
    if let Some((condition, value, body)) = touching {
        set.after.push(texts.trigger("at", "AFTER UPDATE", &format!("WHEN {OWN}{condition} BEGIN {body} END")));
        set.after.push(texts.trigger("xt", "AFTER UPDATE", &texts.outside_update(&condition, Some(&value), &body)));
    }
    set
}

/// The pieces that the triggers of one table are made of.
struct Texts<'a> {
    table: &'a Table,
    layout: i64,
    /// The table, quoted.
    name: String,
    /// Its staging table, quoted.
    stage: String,
    rowid: &'static str,
    /// For each unique key: a row `t` that NEW would collide with.
    hits: Vec<String>,
    /// Columns whose change can collide; none: any.
    unique_columns: Option<Vec<String>>,
}

impl<'a> Texts<'a> {
    fn new(model: &'a Model, table: &'a Table, layout: i64) -> Self {
        let mut texts = Self {
            table,
            layout,
            name: quote(&table.name),
            stage: quote(&stage::name(&table.name)),
            rowid: rowid(table),
            hits: Vec::new(),
            unique_columns: Some(Vec::new()),
        };
        let new = |column: &str| new_value(model, table, column);
        for key in table.primary_key.iter().chain(&table.uniques) {
            let names: Vec<&str> = key.columns.iter().map(|&c| table.columns[c].name.as_str()).collect();
            let pairs: Vec<String> = names.iter().map(|c| format!("t.{} = {}", quote(c), new(c))).collect();
            texts.hits.push(pairs.join(" AND "));
            texts.changes(&names);
        }
        for index in table.indexes.iter().filter(|i| i.unique) {
            texts.index_hit(model, index, &new);
        }
        if ddl::rowid_column(table).is_none() {
            texts.hits.push(format!("t.{0} = NEW.{0}", texts.rowid));
        }
        texts
    }

    fn trigger(&self, kind: &str, event: &str, rest: &str) -> Trigger {
        let name = format!("brigade_{kind}_{}", self.table.name);
        let sql = format!("CREATE TRIGGER {} {event} ON {} {rest}", quote(&name), self.name);
        Trigger { name, sql }
    }

    /// `prefix.column` of every column, with commas.
    fn all(&self, prefix: &str) -> String {
        let columns: Vec<String> = self.table.columns.iter().map(|c| format!("{prefix}.{}", quote(&c.name))).collect();
        columns.join(", ")
    }

    fn places(&self, letter: &str) -> String {
        let places: Vec<String> = (0..self.table.columns.len()).map(|i| format!("{letter}{i}")).collect();
        places.join(", ")
    }

    fn staged_places(&self) -> String {
        let extra = if stage::by_rowid(self.table) { ", o_rowid" } else { "" };
        format!("{}{extra}", self.places("o"))
    }

    fn row_places(&self, prefix: &str) -> String {
        let extra = if stage::by_rowid(self.table) { format!(", {prefix}.{}", self.rowid) } else { String::new() };
        format!("{}{extra}", self.all(prefix))
    }

    /// The staged row is the row of `prefix`.
    fn is(&self, prefix: &str) -> String {
        if stage::by_rowid(self.table) {
            return format!("({}.o_rowid = {prefix}.{})", self.stage, self.rowid);
        }
        let pairs: Vec<String> = self
            .table
            .key()
            .iter()
            .map(|&c| format!("{}.o{c} = {prefix}.{}", self.stage, quote(&self.table.columns[c].name)))
            .collect();
        format!("({})", pairs.join(" AND "))
    }

    /// Two rows have the same identity.
    fn same(&self, one: &str, other: &str) -> String {
        if stage::by_rowid(self.table) {
            return format!("({one}.{0} = {other}.{0})", self.rowid);
        }
        let pair = |&c: &usize| {
            let column = quote(&self.table.columns[c].name);
            format!("{one}.{column} = {other}.{column}")
        };
        format!("({})", self.table.key().iter().map(pair).collect::<Vec<_>>().join(" AND "))
    }

    fn log_insert(&self) -> String {
        self.log_one(1, "NEW")
    }

    fn log_delete(&self) -> String {
        self.log_one(3, "OLD")
    }

    fn log_one(&self, op: u8, row: &str) -> String {
        format!(
            "INSERT INTO brigade_log(layout, op, {}) VALUES({}, {op}, {});",
            self.places("c"),
            self.layout,
            self.all(row)
        )
    }

    /// The log's row of an update; `touched` stands for the touch column's new value.
    fn log_update(&self, touched: Option<&str>) -> String {
        format!(
            "INSERT INTO brigade_log(layout, op, {}, {}) VALUES({}, 2, {}, {});",
            self.places("c"),
            self.places("d"),
            self.layout,
            self.all("OLD"),
            self.after(touched)
        )
    }

    /// NEW's columns with commas; `touched` stands for the touch column's value.
    fn after(&self, touched: Option<&str>) -> String {
        let touch = self.table.settings.touch.as_deref();
        let value = |name: &str| match touched.filter(|_| touch == Some(name)) {
            Some(value) => value.to_owned(),
            None => format!("NEW.{}", quote(name)),
        };
        self.table.columns.iter().map(|c| value(&c.name)).collect::<Vec<_>>().join(", ")
    }
}
