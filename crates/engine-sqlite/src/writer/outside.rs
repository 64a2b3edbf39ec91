//! What other programs wrote. A trigger cannot know its transaction, so their rows lie in the log without a stamp, and no
//! reader sees them, until the writer stamps them as one transaction.

use brigade_core::{data::Result, schema::Model};
use fail::fail_point;

use super::state::State;
use crate::tables;

impl State {
    /// Looks, while nothing else is to do, whether another program wrote, and stamps what it left.
    pub(super) fn look_outside(&mut self) {
        if self.shared.stopped().is_some() {
            return;
        }
        let looked = self.pragma("data_version").and_then(|version| {
            if version != self.data_version {
                self.data_version = version;
                self.stamp_alone()?;
            }
            Ok(())
        });
        if let Err(e) = looked {
            // Another program may hold the lock: the next look comes soon, and readers see none of it before.
            tracing::debug!(error = %e, "cannot look for other programs' changes yet");
            self.data_version = -1;
        }
        self.stop_if_fatal();
    }

    /// Looks, before a group, whether another program changed the schema. What it wrote is stamped by the group itself.
    pub(super) fn notice_outside(&mut self) -> Result<()> {
        let version = self.pragma("data_version")?;
        if version != self.data_version {
            self.renew_capture()?;
            self.data_version = version;
        }
        Ok(())
    }

    /// Stamps what other programs left, in a transaction of its own, and publishes it.
    pub(crate) fn stamp_alone(&mut self) -> Result<()> {
        self.renew_capture()?;
        let unstamped: bool = self
            .conn
            .prepare_cached("SELECT coalesce((SELECT max(seq) FROM brigade_log), 0) > ?")
            .and_then(|mut s| s.query_row([self.place.last], |r| r.get(0)))
            .map_err(|e| self.failed(e))?;
        if unstamped {
            fail_point!("outside::found");
            self.alone(|state| state.clear_stages())?;
        }
        Ok(())
    }

    /// Makes the triggers anew where another program changed the schema; where they cannot fit, the writer stops and says
    /// why, since changes would pass unseen.
    fn renew_capture(&mut self) -> Result<()> {
        let version = self.pragma("schema_version")?;
        if version == self.schema_version {
            return Ok(());
        }
        let model = std::sync::Arc::clone(&self.shared.model.read().expect("model"));
        if !model.tables.is_empty() {
            self.fit_capture(&model)?;
        }
        self.schema_version = self.pragma("schema_version")?;
        Ok(())
    }

    /// Makes capture fit the model. Columns that are new beside it are only noted; where something it needs is gone, the
    /// writer stops.
    fn fit_capture(&mut self, model: &Model) -> Result<()> {
        let problems = tables::check(&self.conn, model)?;
        let (added, broken): (Vec<String>, Vec<String>) =
            problems.into_iter().partition(|p| p.ends_with("add it by a migration"));
        self.shared.note("columns", (!added.is_empty()).then(|| added.join("; ")));
        if !broken.is_empty() {
            let reason = format!("another program changed the schema: {}", broken.join("; "));
            tracing::error!(reason, "the writer has stopped");
            self.shared.stopped.write().expect("stopped").get_or_insert(reason.clone());
            return Err(crate::error::stopped(&reason));
        }
        if tables::use_model(&self.conn, model)? {
            self.shared.note("triggers", Some("another program changed the schema; triggers were made anew".into()));
        }
        Ok(())
    }

    /// Clears what other programs' statements left staged.
    pub(super) fn clear_stages(&self) -> Result<()> {
        tables::clear_stages(&self.conn)
    }
}
