//! Triggers for what other programs write. A REPLACE removes rows without telling anybody, so those that it may remove are
//! staged before it, and logged as deletes once they are gone.

use super::{OWN, Texts, stage};

impl Texts<'_> {
    pub(super) fn gone(&self) -> String {
        format!("NOT EXISTS(SELECT 1 FROM {} AS t WHERE {})", self.name, self.is("t"))
    }

    pub(super) fn hit(&self) -> String {
        self.hits.iter().map(|h| format!("({h})")).collect::<Vec<_>>().join(" OR ")
    }

    pub(super) fn stage_hits(&self, and: &str) -> String {
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

    pub(super) fn before_insert(&self) -> String {
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

    pub(super) fn before_update_event(&self) -> String {
        match &self.unique_columns {
            Some(columns) if !columns.is_empty() => format!("BEFORE UPDATE OF {}", columns.join(", ")),
            _ => "BEFORE UPDATE".to_owned(),
        }
    }

    pub(super) fn before_update(&self) -> String {
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

    pub(super) fn flush(&self, which: &str) -> String {
        format!(
            "INSERT INTO brigade_log(layout, op, {}) SELECT {}, 3, {} FROM {} WHERE {which};",
            self.places("c"),
            self.layout,
            self.places("o"),
            self.stage
        )
    }

    pub(super) fn outside_insert(&self) -> String {
        let (same, gone) = (self.is("NEW"), self.gone());
        format!(
            "WHEN NOT {OWN} BEGIN {flush} UPDATE {stage} SET done = 1 WHERE {gone}; DELETE FROM {stage} WHERE {same}; {log} END",
            flush = self.flush(&format!("NOT done AND ({same} OR {gone})")),
            stage = self.stage,
            log = self.log_insert(),
        )
    }

    pub(super) fn outside_update(&self, condition: &str, touched: Option<&str>, log: &str) -> String {
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

    pub(super) fn outside_delete(&self) -> String {
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
}
