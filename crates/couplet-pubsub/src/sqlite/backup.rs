//! A copy of the file while it is in use.

use std::path::Path;

use rusqlite::{Connection, backup::Backup};

use crate::store::StoreError;

use super::{
    connect,
    fault::{self, Doing},
};

/// Copies the store in `from` into a new file, as it is at one moment. Another process may write
/// to it meanwhile. Blocks for as long as the disk needs.
///
/// # Errors
///
/// There is no store in `from`, or something is in the place of `to`, or it cannot be written.
pub(crate) fn backup(from: &Path, to: &Path) -> Result<(), StoreError> {
    if !from.exists() {
        let from = from.display();
        return Err(StoreError::Broken(format!("{from}: there is no such file")));
    }
    if to.exists() {
        let to = to.display();
        return Err(StoreError::Broken(format!(
            "{to}: there is a file already; name another one, or remove it"
        )));
    }
    let copied = copy(from, to);
    if copied.is_err() {
        let _half_a_copy_is_none = std::fs::remove_file(to);
    }
    copied
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let source = connect::reading(from)?;
    let told = |error: rusqlite::Error| fault::at(to, Doing::Saving, &error);
    let mut target = Connection::open(to).map_err(told)?;
    let backup = Backup::new(&source, &mut target).map_err(told)?;
    // In one step: a writer does not wait for readers, and a copy in parts would begin anew
    // whenever something is written.
    backup.step(-1).map_err(told)?;
    drop(backup);
    target.close().map_err(|(_, error)| told(error))
}
