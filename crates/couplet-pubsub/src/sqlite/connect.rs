//! Connections to the file, and the lock that keeps other processes away from it.

use std::{
    fs::{File, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use crate::store::StoreError;

use super::{
    fault::{self, Doing},
    schema,
};

/// Larger files are not read as a whole at every start; SQLite needs no check after a crash.
const CHECKED_BYTES: u64 = 256 * 1024 * 1024;

/// How long another program, such as a shell of SQLite, may hold the file.
const PATIENCE: Duration = Duration::from_secs(2);

/// While it lives, no other process opens this store. The system gives it up with the process.
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// # Errors
    ///
    /// Who has it, or why there cannot be a lock.
    pub(super) fn take(path: &Path) -> Result<Lock, StoreError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let name = PathBuf::from(name);
        let told = |error: std::io::Error| {
            StoreError::Broken(format!(
                "{}: {error}; the directory has to exist and this program's user has to have the \
                 right to write it",
                name.display()
            ))
        };
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&name).map_err(told)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(told(error)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _as_far_as_it_goes = file.read_to_string(&mut holder);
                // An export ends by itself, and so does the process that is about to be replaced.
                return Err(StoreError::Busy(format!(
                    "{}: in use by another process{}; one file serves one process: stop the other \
                     one, or use PostgreSQL",
                    path.display(),
                    named(holder.trim())
                )));
            }
        }
        let noted = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        // Only a courtesy to whoever comes second; a full disk must not keep us from starting.
        let _without_name = noted;
        Ok(Lock { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A child that is just being started shares the file until it is another program: closing
        // it here would not be enough.
        let _at_the_latest_with_the_process = self.file.unlock();
    }
}

fn named(holder: &str) -> String {
    if holder.is_empty() {
        String::new()
    } else {
        format!(" (its id is {holder})")
    }
}

/// The one connection that writes, with the tables as they have to be.
///
/// # Errors
///
/// What is wrong with the file and what to do about it.
pub(super) fn writing(path: &Path) -> Result<Connection, StoreError> {
    let told = |error: rusqlite::Error| fault::at(path, Doing::Opening, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut file = Connection::open_with_flags(path, flags).map_err(told)?;
    file.busy_timeout(PATIENCE).map_err(told)?;
    let mode: String = file
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(told)?;
    if mode != "wal" {
        return Err(StoreError::Broken(format!(
            "{}: this file system cannot hold a write-ahead log; use a local disk",
            path.display()
        )));
    }
    // What is answered is on the disk; one sync per commit in a write-ahead log.
    file.pragma_update(None, "synchronous", "full")
        .map_err(told)?;
    file.pragma_update(None, "wal_autocheckpoint", 4_000)
        .map_err(told)?;
    file.pragma_update(None, "cache_size", -16_384)
        .map_err(told)?;
    file.set_prepared_statement_cache_capacity(96);
    schema::prepare(&mut file, path)?;
    Ok(file)
}

/// Looks for damage where that does not take long.
///
/// # Errors
///
/// What is damaged.
pub(super) fn check(file: &Connection, path: &Path) -> Result<(), StoreError> {
    let small = std::fs::metadata(path).is_ok_and(|file| file.len() <= CHECKED_BYTES);
    if small {
        schema::check(file, path)?;
    }
    Ok(())
}

/// A connection that only reads.
///
/// # Errors
///
/// What is wrong with the file.
pub(super) fn reading(path: &Path) -> Result<Connection, StoreError> {
    let told = |error: rusqlite::Error| fault::at(path, Doing::Opening, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let file = Connection::open_with_flags(path, flags).map_err(told)?;
    file.busy_timeout(PATIENCE).map_err(told)?;
    file.pragma_update(None, "cache_size", -4_096)
        .map_err(told)?;
    file.set_prepared_statement_cache_capacity(64);
    Ok(file)
}
