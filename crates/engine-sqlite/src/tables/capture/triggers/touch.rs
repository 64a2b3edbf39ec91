//! What moves a `touch` column: the change is logged with the touched value and the row touched, so that it is one change.

use super::Texts;
use crate::tables::{expression::now, quote};

impl Texts<'_> {
    /// Conditions, with a leading AND: of an update that is logged as it is, and of one that is touched, with the value and
    /// with what the latter does. While a row is touched its mark stands in `brigade_touching`, so that touching is not
    /// logged again.
    pub(super) fn touch_conditions(&self) -> (String, Option<(String, String, String)>) {
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
