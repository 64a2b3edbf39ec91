//! Reading tables: a read as data is checked against the model in force, and the truth answers it.

use std::sync::{Arc, PoisonError};

use brigade_core::{
    data::{Result, plan::Read},
    engine::{Form, ReadAnswer},
    query::{self, ReadRules},
    schema::Relations,
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
    /// that was acknowledged before it was asked for.
    ///
    /// # Errors
    /// As [`brigade_core::query::check`] and [`brigade_core::engine::Tables::read`].
    pub async fn read(&self, read: &Read, form: Form) -> Result<ReadAnswer> {
        let config = &self.inner.project.config.rest;
        let rules = ReadRules { rows_max: config.max_rows, aggregates: config.aggregates };
        let mut checked = query::check(read, &self.relations(), rules)?;
        checked.form = form;
        self.inner.stores.tables.read(checked).await
    }
}
