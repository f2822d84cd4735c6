//! Opens connections to the file.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

use crate::store::StoreError;

use super::{
    error::{self, Operation},
    schema,
};

/// Maximum size of a file that is checked completely at every start; SQLite needs no check after a
/// crash.
const CHECKED_BYTES: u64 = 256 * 1024 * 1024;

/// Time for which another program, such as the `sqlite3` shell, may lock the file.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens the writing connection, and migrates the schema.
///
/// # Errors
///
/// Why the file cannot be used, and what to do.
pub(super) fn writing(path: &Path) -> Result<Connection, StoreError> {
    let explained = |error: rusqlite::Error| error::at(path, Operation::Opening, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut file = Connection::open_with_flags(path, flags).map_err(explained)?;
    file.busy_timeout(PATIENCE).map_err(explained)?;
    let mode: String = file
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(explained)?;
    if mode != "wal" {
        return Err(StoreError::Broken(format!(
            "{}: this file system cannot hold a write-ahead log; use a local disk",
            path.display()
        )));
    }
    // An acknowledged change is on the disk; one sync per commit in a write-ahead log.
    file.pragma_update(None, "synchronous", "full")
        .map_err(explained)?;
    file.pragma_update(None, "wal_autocheckpoint", 4_000)
        .map_err(explained)?;
    file.pragma_update(None, "cache_size", -16_384)
        .map_err(explained)?;
    file.set_prepared_statement_cache_capacity(96);
    schema::prepare(&mut file, path)?;
    Ok(file)
}

/// Checks the file for damage, unless it is large.
///
/// # Errors
///
/// The damage.
pub(super) fn check(file: &Connection, path: &Path) -> Result<(), StoreError> {
    let small = std::fs::metadata(path).is_ok_and(|file| file.len() <= CHECKED_BYTES);
    if small {
        schema::check(file, path)?;
    }
    Ok(())
}

/// Opens a connection for reading.
///
/// # Errors
///
/// Why the file cannot be read.
pub(super) fn reading(path: &Path) -> Result<Connection, StoreError> {
    let explained = |error: rusqlite::Error| error::at(path, Operation::Opening, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let file = Connection::open_with_flags(path, flags).map_err(explained)?;
    file.busy_timeout(PATIENCE).map_err(explained)?;
    file.pragma_update(None, "cache_size", -4_096)
        .map_err(explained)?;
    file.set_prepared_statement_cache_capacity(64);
    Ok(file)
}
