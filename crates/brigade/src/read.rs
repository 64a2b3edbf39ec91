//! Reading tables: a read as data is checked against the model in force, and the truth answers it.

use std::{sync::Arc, time::Duration};

use brigade_core::{
    data::{Error, Position, Principal, Result, code, plan::Read},
    engine::{CheckedRead, Explain, Form, ReadAnswer},
    limits,
    live::{self, Live, Mark},
    query::{self, ReadRules},
    schema::{Relations, access::Grants},
};

use crate::Brigade;

/// How fresh an answer must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// It shows everything up to each of these.
    pub after: Vec<Position>,
    /// How long it may wait for that.
    pub wait: Duration,
    /// What the truth is known to have: an answer of the truth's own names no earlier position. Answers of read replicas name
    /// what the replica has.
    pub known: Position,
}

impl Default for Fresh {
    fn default() -> Self {
        Self { after: Vec::new(), wait: limits::FRESH_WAIT, known: Position::START }
    }
}

impl Brigade {
    /// What can be read: the tables and views of the model in force, and what links them.
    pub fn relations(&self) -> Arc<Relations> {
        self.inner.relations.of(&self.model())
    }

    /// Reads a table or view with what hangs on its rows. The answer is of one state of the data, and holds everything
    /// that was acknowledged before it was asked for. Nobody is asked for a right: see [`Brigade::read_as`].
    ///
    /// # Errors
    /// As [`brigade_core::query::check`] and [`brigade_core::engine::Tables::read`].
    pub async fn read(&self, read: &Read, form: Form) -> Result<ReadAnswer> {
        self.answer(self.check_read(read, Grants::EVERYTHING)?, form).await
    }

    /// [`Brigade::read`] for a principal: every table and column that the read touches, to show it, to compare, to order or to
    /// embed by it, must be open to it for `select` in `[access]`.
    ///
    /// # Errors
    /// 42501 for what is closed, before anything is read; else as [`Brigade::read`].
    pub async fn read_as(&self, principal: &Principal, read: &Read, form: Form) -> Result<ReadAnswer> {
        self.answer(self.check_read(read, self.config().access.of(principal))?, form).await
    }

    /// [`Brigade::read_as`], from a read replica where there is one that is fresh enough, else from the truth once that is. The
    /// answer names the position that it is at least as fresh as, and who names that one in `after` sees no less.
    ///
    /// # Errors
    /// BRG504 past `fresh.wait`, BRG412 and BRG410 for a position that will not come; else as [`Brigade::read_as`].
    pub async fn read_fresh(
        &self,
        principal: &Principal,
        read: &Read,
        form: Form,
        fresh: &Fresh,
    ) -> Result<ReadAnswer> {
        let mut checked = self.check_read(read, self.config().access.of(principal))?;
        checked.form = form;
        self.answer_fresh(checked, fresh).await
    }

    /// How [`Brigade::read_fresh`] would run a read on the truth, in the engine's own words.
    ///
    /// # Errors
    /// 42501 for who may not read everything; PGRST127 for options of which the engine's plans tell nothing; else as
    /// [`Brigade::read_fresh`].
    pub async fn explain(
        &self,
        principal: &Principal,
        read: &Read,
        form: Form,
        how: Explain,
        fresh: &Fresh,
    ) -> Result<String> {
        let mut checked = self.check_read(read, self.config().access.of(principal))?;
        checked.form = form;
        self.explain_checked(principal, checked, how, fresh).await
    }

    pub(crate) async fn explain_checked(
        &self,
        principal: &Principal,
        checked: CheckedRead,
        how: Explain,
        fresh: &Fresh,
    ) -> Result<String> {
        if self.config().access.of(principal).are_limited() {
            return Err(Error::new(code::PRIVILEGE, "permission denied for plans")
                .hint("a plan names tables, columns and indexes behind what was asked: ask as the role service"));
        }
        self.wait_for_all(fresh).await?;
        self.inner.stores.tables.explain(checked, how).await
    }

    pub(crate) async fn answer_fresh(&self, checked: CheckedRead, fresh: &Fresh) -> Result<ReadAnswer> {
        let tables = &self.inner.stores.tables;
        if let Some(answer) = tables.read_follower(&checked, &fresh.after).await? {
            return Ok(answer);
        }
        let position = self.wait_for_all(fresh).await?;
        let mut answer = tables.read(checked).await?;
        tables.answered(position).await?;
        answer.position = Some(position);
        Ok(answer)
    }

    /// Waits until the log has published all that an answer must show; what the truth has then at least.
    ///
    /// # Errors
    /// As [`Brigade::wait_for`].
    pub async fn wait_for_all(&self, fresh: &Fresh) -> Result<Position> {
        for position in &fresh.after {
            self.wait_for(*position, fresh.wait).await?;
        }
        Ok((*self.tip().borrow()).max(fresh.known))
    }

    /// Rows that were read of the truth itself are given away with this position: see
    /// [`brigade_core::engine::Tables::answered`].
    ///
    /// # Errors
    /// BRG503 where the truth is away.
    pub async fn answered(&self, position: Position) -> Result<()> {
        self.inner.stores.tables.answered(position).await
    }

    /// Whether a principal may read so, without reading: for what is answered from elsewhere, as the rows that a write returned.
    ///
    /// # Errors
    /// As [`Brigade::read_as`], but for what only the store finds.
    pub fn permit_read(&self, principal: &Principal, read: &Read) -> Result<()> {
        self.check_read(read, self.config().access.of(principal)).map(|_| ())
    }

    fn check_read(&self, read: &Read, grants: Grants<'_>) -> Result<CheckedRead> {
        let config = &self.inner.project.config.rest;
        let rules = ReadRules::of(config);
        query::check(read, &self.relations(), rules, grants)
    }

    async fn answer(&self, mut checked: CheckedRead, form: Form) -> Result<ReadAnswer> {
        checked.form = form;
        self.inner.stores.tables.read(checked).await
    }

    /// A read that goes on: all its rows first, then each that enters, changes in or leaves what its filters hold. With
    /// `after` it goes on from there, without the rows where the log still has what happened since.
    ///
    /// # Errors
    /// As [`Brigade::read`]; PGRST127 for what cannot be read live; BRG412 for a place of another history.
    pub async fn live(&self, read: &Read, after: Option<Mark>) -> Result<Live> {
        self.go_on(read, after, Grants::EVERYTHING).await
    }

    /// [`Brigade::live`] for a principal.
    ///
    /// # Errors
    /// As [`Brigade::read_as`] and [`Brigade::live`].
    pub async fn live_as(&self, principal: &Principal, read: &Read, after: Option<Mark>) -> Result<Live> {
        self.go_on(read, after, self.config().access.of(principal)).await
    }

    async fn go_on(&self, read: &Read, after: Option<Mark>, grants: Grants<'_>) -> Result<Live> {
        let config = &self.inner.project.config.rest;
        let rows_max = config.max_rows.unwrap_or(limits::LIVE_ROWS_MAX).min(limits::LIVE_ROWS_MAX);
        // One more than there may be, so that too many are noticed.
        let rules = ReadRules { rows_max: Some(rows_max.saturating_add(1)), ..ReadRules::of(config) };
        let checked = query::check(read, &self.relations(), rules, grants)?;
        live::refuse(read, &checked)?;
        // The plan as it was asked, and what a policy adds, say all that differs between two reads of one model.
        let key = format!("{} {:?} {:?}", checked.model.version, read, checked.node.policy);
        self.inner.live.subscribe(&key, checked, after, rows_max).await
    }
}
