//! The text of a table's triggers.
//!
//! The writer's own statements take the short `a…` triggers; every other program's take the `b…` and `x…` ones, which
//! stage what a REPLACE may remove. Where the table has a `touch` column, one trigger logs the change with the touched
//! value and then touches the row, so that a touched row is one change.

use brigade_core::schema::{IndexOn, Model, Table};

use super::{own::OWN, rowid, stage};
use crate::tables::{
    ddl,
    expression::{Scope, now},
    quote,
};

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

    /// A unique index: its columns or expressions, among the rows of its predicate.
    fn index_hit(&mut self, model: &Model, index: &brigade_core::schema::Index, new: &dyn Fn(&str) -> String) {
        let row = |column: &str| format!("t.{}", quote(column));
        let said = |write: &dyn Fn(&str) -> String, e: &sqlparser::ast::Expr| {
            let scope = Scope { write: Some(write), ..Scope::of_table(model, self.table) };
            scope.any(e).map(|s| s.text).unwrap_or_else(|_| "1".to_owned())
        };
        let mut pairs = Vec::new();
        let mut columns = Some(Vec::new());
        for part in &index.parts {
            match &part.of {
                IndexOn::Column(name) => {
                    pairs.push(format!("{} = {}", row(name), new(name)));
                    if let Some(columns) = &mut columns {
                        columns.push(name.as_str());
                    }
                }
                IndexOn::Expression(e) => {
                    pairs.push(format!("{} = {}", said(&row, &e.ast), said(new, &e.ast)));
                    columns = None;
                }
            }
        }
        if let Some(predicate) = &index.predicate {
            pairs.push(said(&row, &predicate.ast));
            columns = None;
        }
        self.hits.push(pairs.join(" AND "));
        match columns {
            Some(columns) => self.changes(&columns),
            None => self.unique_columns = None,
        }
    }

    fn changes(&mut self, columns: &[&str]) {
        let generated = |name: &str| self.table.column(name).is_some_and(|c| self.table.columns[c].generated.is_some());
        if columns.iter().any(|c| generated(c)) {
            self.unique_columns = None;
        } else if let Some(all) = &mut self.unique_columns {
            all.extend(columns.iter().map(|c| quote(c)));
        }
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

    fn gone(&self) -> String {
        format!("NOT EXISTS(SELECT 1 FROM {} AS t WHERE {})", self.name, self.is("t"))
    }

    fn hit(&self) -> String {
        self.hits.iter().map(|h| format!("({h})")).collect::<Vec<_>>().join(" OR ")
    }

    fn stage_hits(&self, and: &str) -> String {
        format!(
            "INSERT INTO {stage}(done, {o}) SELECT 0, {t} FROM {name} AS t WHERE ({hit}){and} \
             AND NOT EXISTS(SELECT 1 FROM {stage} WHERE {is});",
            stage = self.stage,
            o = self.staged_places(),
            t = self.row_places("t"),
            name = self.name,
            hit = self.hit(),
            is = self.is("t"),
        )
    }

    fn before_insert(&self) -> String {
        let exists: Vec<String> =
            self.hits.iter().map(|h| format!("EXISTS(SELECT 1 FROM {} AS t WHERE {h})", self.name)).collect();
        let bound = (2 * self.hits.len()).max(8);
        format!(
            "WHEN NOT {OWN} AND ({}) BEGIN DELETE FROM {stage} WHERE seq <= (SELECT max(seq) FROM {stage}) - {bound}; {} END",
            exists.join(" OR "),
            self.stage_hits(""),
            stage = self.stage,
        )
    }

    fn before_update_event(&self) -> String {
        match &self.unique_columns {
            Some(columns) if !columns.is_empty() => format!("BEFORE UPDATE OF {}", columns.join(", ")),
            _ => "BEFORE UPDATE".to_owned(),
        }
    }

    fn before_update(&self) -> String {
        let other = format!(" AND NOT {}", self.same("t", "OLD"));
        let exists: Vec<String> = self
            .hits
            .iter()
            .map(|h| format!("EXISTS(SELECT 1 FROM {} AS t WHERE {h}{other})", self.name))
            .chain([format!("EXISTS(SELECT 1 FROM {})", self.stage)])
            .collect();
        format!(
            "WHEN NOT {OWN} AND ({}) BEGIN DELETE FROM {} WHERE {} AND NOT {}; {} END",
            exists.join(" OR "),
            self.stage,
            self.is("OLD"),
            self.same("NEW", "OLD"),
            self.stage_hits(&other),
        )
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

    fn flush(&self, which: &str) -> String {
        format!(
            "INSERT INTO brigade_log(layout, op, {}) SELECT {}, 3, {} FROM {} WHERE {which};",
            self.places("c"),
            self.layout,
            self.places("o"),
            self.stage
        )
    }

    fn outside_insert(&self) -> String {
        let (same, gone) = (self.is("NEW"), self.gone());
        format!(
            "WHEN NOT {OWN} BEGIN {flush} UPDATE {stage} SET done = 1 WHERE {gone}; DELETE FROM {stage} WHERE {same}; {log} END",
            flush = self.flush(&format!("NOT done AND ({same} OR {gone})")),
            stage = self.stage,
            log = self.log_insert(),
        )
    }

    fn outside_update(&self, condition: &str, touched: Option<&str>, log: &str) -> String {
        let (same, old, gone) = (self.is("NEW"), self.is("OLD"), self.gone());
        format!(
            "WHEN NOT {OWN}{condition} BEGIN {flush} UPDATE {stage} SET done = 1 WHERE {gone}; \
             DELETE FROM {stage} WHERE {same} AND NOT {old}; \
             UPDATE {stage} SET ({o}) = ({new}{extra}) WHERE {old}; {log} END",
            flush = self.flush(&format!("NOT done AND NOT {old} AND ({same} OR {gone})")),
            stage = self.stage,
            o = self.staged_places(),
            new = self.after(touched),
            extra = if stage::by_rowid(self.table) { format!(", NEW.{}", self.rowid) } else { String::new() },
        )
    }

    fn outside_delete(&self) -> String {
        let (old, gone) = (self.is("OLD"), self.gone());
        format!(
            "WHEN NOT {OWN} BEGIN {flush} INSERT INTO brigade_log(layout, op, {c}) SELECT {layout}, 3, {row} \
             WHERE NOT EXISTS(SELECT 1 FROM {stage} WHERE {old} AND done); \
             UPDATE {stage} SET done = 1 WHERE {gone}; DELETE FROM {stage} WHERE {old}; END",
            flush = self.flush(&format!("NOT done AND NOT {old} AND {gone}")),
            c = self.places("c"),
            layout = self.layout,
            row = self.all("OLD"),
            stage = self.stage,
        )
    }

    /// Conditions, with a leading AND: of an update that is logged as it is, and of one that is touched, with the value and
    /// with what the latter does. While a row is touched its mark stands in `brigade_touching`, so that touching is not logged again.
    fn touch_conditions(&self) -> (String, Option<(String, String, String)>) {
        let touch = self.table.settings.touch.as_deref().and_then(|name| self.table.column(name));
        let Some(at) = touch else { return (String::new(), None) };
        let column = quote(&self.table.columns[at].name);
        let value = now(&self.table.columns[at].ty);
        let (layout, rowid) = (self.layout, self.rowid);
        let untouched = format!("NEW.{column} IS OLD.{column} AND NEW.{column} IS NOT {value}");
        let mark = format!("layout = {layout} AND row = NEW.{rowid}");
        let plain = format!(
            " AND NOT ({untouched}) AND NOT EXISTS(SELECT 1 FROM brigade_touching WHERE {mark} AND value IS NEW.{column})"
        );
        let body = format!(
            "{log} INSERT INTO brigade_touching VALUES({layout}, NEW.{rowid}, {value}); \
             UPDATE {name} SET {column} = {value} WHERE {rowid} = NEW.{rowid}; DELETE FROM brigade_touching WHERE {mark};",
            log = self.log_update(Some(&value)),
            name = self.name,
        );
        (plain, Some((format!(" AND {untouched}"), value, body)))
    }
}

/// NEW's value as it will be: in a BEFORE trigger a null that becomes a default is still null.
fn new_value(model: &Model, table: &Table, column: &str) -> String {
    let plain = format!("NEW.{}", quote(column));
    let Some(found) = table.column(column).map(|c| &table.columns[c]) else { return plain };
    let default = found.default.as_ref().filter(|_| !found.nullable);
    match default.and_then(|d| ddl::default_value(model, found, &d.ast).ok()) {
        Some(value) if !value.contains("random") => format!("coalesce({plain}, {value})"),
        _ => plain,
    }
}
