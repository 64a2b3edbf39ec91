//! Reading tables: a read as data is checked against the model in force, and the truth answers it.

use std::sync::{Arc, PoisonError};

use brigade_core::{
    data::{Principal, Result, plan::Read},
    engine::{CheckedRead, Form, ReadAnswer},
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
}
