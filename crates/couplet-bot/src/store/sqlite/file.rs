//! Opens the file: its lock, its schema, its durability.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, Row};

use super::error;
use crate::store::{StoreError, first_job};

/// Says in the header of a file that it is a store of this crate. (SQLite, "Database File Format", 1.3.18)
const APPLICATION: i64 = 0x6370_6274;

/// The version of the tables below.
const VERSION: i64 = 1;

/// Jobs are numbered upwards from a random number, so that ids of messages differ between files.
const TABLES: &str = "
CREATE TABLE state (bot TEXT NOT NULL, conversation TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (bot, conversation, name)) WITHOUT ROWID;
CREATE INDEX state_name ON state (bot, name);
CREATE TABLE job (id INTEGER PRIMARY KEY AUTOINCREMENT, bot TEXT NOT NULL, conversation TEXT NOT NULL,
    name TEXT NOT NULL, value TEXT NOT NULL, due INTEGER NOT NULL, first_due INTEGER NOT NULL, every INTEGER,
    tries INTEGER NOT NULL, parked TEXT);
CREATE INDEX job_due ON job (bot, due, id) WHERE parked IS NULL;
CREATE INDEX job_of ON job (bot, conversation) WHERE parked IS NULL;
CREATE TABLE form_session (number INTEGER PRIMARY KEY AUTOINCREMENT, bot TEXT NOT NULL, owner TEXT NOT NULL,
    id TEXT NOT NULL, value TEXT NOT NULL, until INTEGER NOT NULL, UNIQUE (bot, owner, id));
CREATE TABLE subscriber (bot TEXT NOT NULL, jid TEXT NOT NULL, PRIMARY KEY (bot, jid)) WITHOUT ROWID;
CREATE TABLE notice (bot TEXT NOT NULL, jid TEXT NOT NULL, what TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (bot, jid, what)) WITHOUT ROWID;
";

/// How long another program, such as the `sqlite3` shell, may lock the file.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens the file, or creates it.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let explained = |error: rusqlite::Error| error::opening(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut file = Connection::open_with_flags(path, flags).map_err(explained)?;
    file.busy_timeout(PATIENCE).map_err(explained)?;
    prepare(&mut file, path)?;
    let mode: String = file
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(explained)?;
    if mode != "wal" {
        return Err(StoreError::Broken(format!(
            "{}: this file system cannot hold a write-ahead log; use a local disk",
            path.display()
        )));
    }
    // What a caller is told is on the disk: one sync per commit in a write-ahead log.
    file.pragma_update(None, "synchronous", "full")
        .map_err(explained)?;
    file.set_prepared_statement_cache_capacity(64);
    Ok(file)
}

/// Creates the tables of a new file, and refuses a file of another program or of a later version.
fn prepare(file: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let explained = |error: rusqlite::Error| error::opening(path, &error);
    let number = |name: &str| {
        let value = file.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        value.map_err(explained)
    };
    let [application, version] = [number("application_id")?, number("user_version")?];
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = file
        .query_row(tables, [], |row| row.get(0))
        .map_err(explained)?;
    let refused = |why: &str| Err(StoreError::Broken(format!("{}: {why}", path.display())));
    match (application, version, tables) {
        (APPLICATION, VERSION, _) => return Ok(()),
        (APPLICATION, ..) => {
            return refused("written by a later version of couplet-bot: use that version");
        }
        (0, 0, 0) => {}
        _ => return refused("the file of another program: name another one"),
    }
    let transaction = file.transaction().map_err(explained)?;
    let first = integer(first_job());
    transaction
        .execute_batch(TABLES)
        .and_then(|()| {
            let sql = "INSERT INTO sqlite_sequence (name, seq) VALUES ('job', ?)";
            transaction.execute(sql, [first])
        })
        .and_then(|_| transaction.pragma_update(None, "application_id", APPLICATION))
        .and_then(|()| transaction.pragma_update(None, "user_version", VERSION))
        .map_err(explained)?;
    transaction.commit().map_err(explained)
}

/// Locks the file for this process, by a file beside it: SQLite's own locks end with each transaction.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let beside = PathBuf::from(beside);
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    let explained = |why: std::io::Error| {
        StoreError::Broken(format!("{}: it cannot be locked: {why}", beside.display()))
    };
    let lock = options.open(&beside).map_err(explained)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::Busy(format!(
            "{}: another process serves from it: stop that one, or name another file",
            path.display()
        ))),
        Err(TryLockError::Error(why)) => Err(explained(why)),
    }
}

/// Returns a number as SQLite stores it.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns a stored number.
pub(super) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    Ok(u64::try_from(number).unwrap_or_default())
}
