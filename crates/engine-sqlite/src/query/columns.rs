//! Which columns of a result are plain columns of a table, and so have a type of the model.

use std::ffi::{CStr, c_char};

use brigade_core::{
    data::{Error, Result, SqlType, code},
    schema::Model,
};
use rusqlite::{Connection, ffi};

/// The type of each result column, where it is a plain column of the model.
pub(super) fn types(conn: &Connection, sql: &str, model: &Model, count: usize) -> Result<Vec<Option<SqlType>>> {
    let mut prepared = std::ptr::null_mut();
    let length = i32::try_from(sql.len()).map_err(|_| Error::new("54000", "the statement is too long"))?;
    // SAFETY: the handle is open; `sql` outlives the call, and its length is given.
    let code = unsafe {
        ffi::sqlite3_prepare_v2(
            conn.handle(),
            sql.as_ptr().cast::<c_char>(),
            length,
            &mut prepared,
            std::ptr::null_mut(),
        )
    };
    if code != ffi::SQLITE_OK {
        return Err(Error::new(code::SYNTAX, "the statement cannot be prepared"));
    }
    let types = (0..count as i32).map(|i| {
        // SAFETY: the statement is prepared and not finalized before the end of this function.
        let (table, column) = unsafe {
            (name(ffi::sqlite3_column_table_name(prepared, i)), name(ffi::sqlite3_column_origin_name(prepared, i)))
        };
        let table = model.table(&table?)?;
        Some(table.columns[table.column(&column?)?].ty.clone())
    });
    let types = types.collect();
    // SAFETY: prepared above, finalized once.
    unsafe { ffi::sqlite3_finalize(prepared) };
    Ok(types)
}

/// # Safety
/// `text` is null or a string of SQLite's that is still valid.
unsafe fn name(text: *const c_char) -> Option<String> {
    // SAFETY: as the caller promises.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
