//! Layouts are stored once and named by number in each change: a row of ten bytes must not carry its column names.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use brigade_core::data::{Error, Layout, Result};
use rusqlite::{Connection, OptionalExtension as _};

use crate::{layout_bytes, side_file::store_error};

/// Layouts that readers have met, by number. There are as many as migrations changed tables: few.
#[derive(Default)]
pub(super) struct Layouts(Mutex<HashMap<i64, Arc<Layout>>>);

impl Layouts {
    /// The layout of a number.
    pub(super) fn get(&self, connection: &Connection, id: i64) -> Result<Arc<Layout>> {
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Arc::clone(known));
        }
        let bytes: Vec<u8> = connection
            .prepare_cached("SELECT body FROM layouts WHERE id = ?1")
            .and_then(|mut s| s.query_row([id], |row| row.get(0)))
            .map_err(store_error)?;
        let layout = layout_bytes::decode(&bytes)
            .map_err(|e| Error::internal(format!("layout {id} of the log is damaged")).source(e))?;
        let layout = Arc::new(layout);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&layout));
        Ok(layout)
    }
}

/// Numbers that the writer has given, newest use last.
#[derive(Default)]
pub(super) struct LayoutNumbers(Vec<(Arc<Layout>, i64)>);

/// Tables that are written at the same time. Past it a number is looked up in the file again.
const NUMBERS_MAX: usize = 256;

impl LayoutNumbers {
    /// The number of a layout, given now where it has none.
    pub(super) fn of(&mut self, connection: &Connection, layout: &Arc<Layout>) -> Result<i64> {
        if let Some((_, id)) = self.0.iter().rev().find(|(known, _)| Arc::ptr_eq(known, layout)) {
            return Ok(*id);
        }
        let bytes = layout_bytes::encode(layout);
        let known = connection
            .query_row("SELECT id FROM layouts WHERE body = ?1", [&bytes], |row| row.get(0))
            .optional()
            .map_err(store_error)?;
        let id = match known {
            Some(id) => id,
            None => connection
                .query_row("INSERT INTO layouts (body) VALUES (?1) RETURNING id", [&bytes], |row| row.get(0))
                .map_err(store_error)?,
        };
        if self.0.len() == NUMBERS_MAX {
            self.0.remove(0);
        }
        self.0.push((Arc::clone(layout), id));
        Ok(id)
    }

    /// Forgets all numbers: those given since the last flush were rolled back.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
