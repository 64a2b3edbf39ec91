//! Reading tables: a read as data is checked against the model in force, and the truth answers it.

use std::sync::{Arc, PoisonError};

use brigade_core::{
    data::{Principal, Result, plan::Read},
    engine::{CheckedRead, Form, ReadAnswer},
    limits,
    live::{self, Live, Mark},
    query::{self, ReadRules},
    schema::{Relations, access::Grants},
};

use crate::Brigade;

impl Brigade {
    /// What can be read: the tables and views of the model in force, and what links them.
    pub fn relations(&self) -> Arc<Relations> {
        let model = self.model();
        let known = self.inner.relations.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|known| Arc::ptr_eq(known.model(), &model)) {
            return known;
        }
        let relations = Arc::new(Relations::of(&model));
        *self.inner.relations.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&relations));
        relations
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

    /// Whether a principal may read so, without reading: for what is answered from elsewhere, as the rows that a write returned.
    ///
    /// # Errors
    /// As [`Brigade::read_as`], but for what only the store finds.
    pub fn permit_read(&self, principal: &Principal, read: &Read) -> Result<()> {
        self.check_read(read, self.config().access.of(principal)).map(|_| ())
    }

    fn check_read(&self, read: &Read, grants: Grants<'_>) -> Result<CheckedRead> {
        let config = &self.inner.project.config.rest;
        let rules = ReadRules { rows_max: config.max_rows, aggregates: config.aggregates };
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
        let rules = ReadRules { rows_max: Some(rows_max.saturating_add(1)), aggregates: config.aggregates };
        let checked = query::check(read, &self.relations(), rules, grants)?;
        live::refuse(read, &checked)?;
        // The plan as it was asked, and what a policy adds, say all that differs between two reads of one model.
        let key = format!("{} {:?} {:?}", checked.model.version, read, checked.node.policy);
        self.inner.live.subscribe(&key, checked, after, rows_max).await
    }
}
