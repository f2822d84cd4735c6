//! Converts errors of SQLite to [`StoreError`]: temporary or not.

use std::{fmt, path::Path};

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::StoreError;

/// The operation that failed, for the advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Opening,
    Saving,
}

impl From<Error> for StoreError {
    fn from(error: Error) -> StoreError {
        let explained = match no_room(&error) {
            Some(advice) => format!("{advice} (SQLite: {error})"),
            None => format!("SQLite: {error}"),
        };
        if may_pass(&error) {
            StoreError::Busy(explained)
        } else {
            StoreError::Broken(explained)
        }
    }
}

/// Converts an error, with advice.
pub(super) fn at(path: &Path, operation: Operation, error: &Error) -> StoreError {
    let file = path.display();
    let advice = match (error.sqlite_error_code(), operation) {
        (Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase), _) => {
            return damaged(path, &error.to_string());
        }
        (Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied), _) => {
            "it may not be written: give the user of this program the right to write the file and \
             its directory"
        }
        (Some(ErrorCode::CannotOpen), _) => {
            "it cannot be opened: the directory has to exist and this program's user has to have \
             the right to write it"
        }
        (Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked), _) => {
            "another program holds it: close it"
        }
        (_, Operation::Opening) => no_room(error).unwrap_or("it cannot be opened"),
        (_, Operation::Saving) => no_room(error).unwrap_or("it cannot be written"),
    };
    let explained = format!("{file}: {advice} ({error})");
    if may_pass(error) {
        StoreError::Busy(explained)
    } else {
        StoreError::Broken(explained)
    }
}

/// Returns the advice for a damaged file.
pub(super) fn damaged(path: &Path, why: &impl fmt::Display) -> StoreError {
    let file = path.display();
    StoreError::Broken(format!(
        "{file}: damaged, or no SQLite database ({why}); move it away together with {file}-wal and \
         {file}-shm and put a backup in its place, or save what can be read with: \
         sqlite3 {file} .recover"
    ))
}

/// Returns the error if the writer has ended.
pub(super) fn lost(_: impl fmt::Display) -> StoreError {
    StoreError::Broken("the store is closed".to_owned())
}

/// Returns the advice for missing disk space.
fn no_room(error: &Error) -> Option<&'static str> {
    match error.sqlite_error_code()? {
        ErrorCode::DiskFull => Some("the disk is full: free some space, no restart is needed"),
        ErrorCode::SystemIoFailure if may_pass(error) => Some(
            "nothing can be written: the disk, a quota or a limit of this program is in the way",
        ),
        _ => None,
    }
}

fn may_pass(error: &Error) -> bool {
    let Error::SqliteFailure(failure, _) = error else {
        return false;
    };
    match failure.code {
        ErrorCode::DiskFull
        | ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::OutOfMemory => true,
        // Writing may fail for missing space or quota; unreadable data stays unreadable.
        ErrorCode::SystemIoFailure => matches!(
            failure.extended_code,
            ffi::SQLITE_IOERR_WRITE
                | ffi::SQLITE_IOERR_FSYNC
                | ffi::SQLITE_IOERR_DIR_FSYNC
                | ffi::SQLITE_IOERR_TRUNCATE
                | ffi::SQLITE_IOERR_SHMOPEN
                | ffi::SQLITE_IOERR_SHMSIZE
                | ffi::SQLITE_IOERR_SHMMAP
                | ffi::SQLITE_IOERR_NOMEM
        ),
        _ => false,
    }
}
