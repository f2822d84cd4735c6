//! Converts errors of SQLite to [`StoreError`]: temporary or not, with what to do.

use std::path::Path;

use rusqlite::{Error, ErrorCode};

use crate::store::StoreError;

impl From<Error> for StoreError {
    fn from(error: Error) -> StoreError {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Busy(format!(
                "the disk is full: free some space, no restart is needed (SQLite: {error})"
            )),
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OutOfMemory
                | ErrorCode::SystemIoFailure,
            ) => StoreError::Busy(format!("SQLite: {error}")),
            _ => StoreError::Broken(format!("SQLite: {error}")),
        }
    }
}

/// Converts an error of opening a file.
pub(super) fn opening(path: &Path, error: &Error) -> StoreError {
    let file = path.display();
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => format!(
            "damaged, or not a SQLite database: move it away together with {file}-wal and {file}-shm and \
             put a backup in its place"
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            "it cannot be opened: the directory has to exist, and this program's user has to have the \
             right to write it"
                .to_owned()
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            return StoreError::Busy(format!("{file}: another program holds it: close it"));
        }
        _ => "it cannot be opened".to_owned(),
    };
    StoreError::Broken(format!("{file}: {advice} ({error})"))
}

/// The error after the store was closed.
pub(super) fn closed() -> StoreError {
    StoreError::Broken("the store is closed".to_owned())
}
