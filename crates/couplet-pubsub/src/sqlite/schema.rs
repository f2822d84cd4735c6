//! The schema and its migrations.
//!
//! There are no downgrades: a newer file is rejected, and a backup is the way back.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::store::StoreError;

use super::error::{self, Operation};

/// Identifies our files: "pubs".
const APPLICATION: i64 = 0x7075_6273;

/// The migrations; the first creates version 1 in an empty file.
const STEPS: [&str; 3] = [FIRST, SECOND, THIRD];

/// Names, ids and JIDs compare bytewise. Counts are stored with the node, so that no query counts
/// rows. Rows of a deleted node are removed with it, except those its last announcements need.
const FIRST: &str = "
CREATE TABLE node (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    creator TEXT NOT NULL,
    created INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    next_seq INTEGER NOT NULL,
    items INTEGER NOT NULL,
    subscribers INTEGER NOT NULL,
    config TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX node_name ON node (name) WHERE deleted = 0;
CREATE INDEX node_creator ON node (creator) WHERE deleted = 0;

CREATE TABLE redirect (
    name TEXT PRIMARY KEY,
    uri TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE affiliation (
    node INTEGER NOT NULL,
    jid TEXT NOT NULL,
    affiliation TEXT NOT NULL,
    PRIMARY KEY (node, jid)
) STRICT, WITHOUT ROWID;
CREATE INDEX affiliation_jid ON affiliation (jid, node);

CREATE TABLE subscription (
    node INTEGER NOT NULL,
    jid TEXT NOT NULL,
    subid TEXT NOT NULL,
    bare TEXT NOT NULL,
    pending INTEGER NOT NULL,
    deliver INTEGER NOT NULL,
    include_body INTEGER NOT NULL,
    bounces INTEGER NOT NULL,
    since INTEGER NOT NULL,
    began INTEGER NOT NULL,
    expires INTEGER,
    PRIMARY KEY (node, jid, subid)
) STRICT, WITHOUT ROWID;
CREATE INDEX subscription_bare ON subscription (bare, node);
CREATE INDEX subscription_pending ON subscription (node) WHERE pending = 1;
CREATE INDEX subscription_expires ON subscription (expires) WHERE expires IS NOT NULL;

CREATE TABLE item (
    node INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    id TEXT NOT NULL,
    publisher TEXT NOT NULL,
    published INTEGER NOT NULL,
    expires INTEGER,
    payload TEXT,
    PRIMARY KEY (node, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX item_id ON item (node, id);
CREATE INDEX item_expires ON item (expires) WHERE expires IS NOT NULL;

CREATE TABLE announcement (
    id INTEGER PRIMARY KEY,
    node INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    audience INTEGER NOT NULL,
    headline INTEGER NOT NULL,
    after_jid TEXT,
    after_subid TEXT,
    named TEXT,
    body TEXT,
    content TEXT NOT NULL
) STRICT;
CREATE INDEX announcement_node ON announcement (node, seq);
";

/// Items belong to the shelf of a node, so that a purge or a deletion changes one row: the old
/// shelf goes into the trash, and its rows are removed in batches, as are subscriptions and
/// affiliations of a deleted node. Counts nodes. Adds the table `set_aside` for unreadable rows.
const SECOND: &str = "
ALTER TABLE node ADD COLUMN shelf INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN unsettled INTEGER NOT NULL DEFAULT 0;
UPDATE node SET shelf = id WHERE deleted = 0;
CREATE INDEX node_shelf ON node (shelf) WHERE deleted = 0;
CREATE INDEX node_unsettled ON node (name) WHERE unsettled > 0;

CREATE TABLE trash (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    shelf INTEGER NOT NULL DEFAULT 0,
    node INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE total (nodes INTEGER NOT NULL) STRICT;
INSERT INTO total SELECT count(*) FROM node WHERE deleted = 0;
CREATE TRIGGER node_made AFTER INSERT ON node WHEN NEW.deleted = 0
BEGIN UPDATE total SET nodes = nodes + 1; END;
CREATE TRIGGER node_deleted AFTER UPDATE OF deleted ON node WHEN NEW.deleted <> OLD.deleted
BEGIN UPDATE total SET nodes = nodes + OLD.deleted - NEW.deleted; END;
CREATE TRIGGER node_gone AFTER DELETE ON node WHEN OLD.deleted = 0
BEGIN UPDATE total SET nodes = nodes - 1; END;

CREATE TABLE set_aside (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    what TEXT NOT NULL,
    node TEXT,
    seq INTEGER,
    name BLOB,
    why TEXT NOT NULL,
    content BLOB
) STRICT;
";

/// The address of an affiliation, if it differs from the compared form.
const THIRD: &str = "ALTER TABLE affiliation ADD COLUMN address TEXT";

/// Creates or migrates the schema, and rejects a newer one.
///
/// # Errors
///
/// The file is not a store, or of a newer version.
pub(super) fn prepare(file: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let known = STEPS.len();
    let version = usize::try_from(number(file, "user_version")?).unwrap_or(usize::MAX);
    if version == known {
        return check_owner(file, path);
    }
    // A concurrent migration waits here, and then finds it done.
    let change = file.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let version = usize::try_from(number(&change, "user_version")?).unwrap_or(usize::MAX);
    if version > 0 || tables(&change)? > 0 {
        check_owner(&change, path)?;
    }
    let Some(steps) = STEPS.get(version..) else {
        return Err(StoreError::Broken(format!(
            "{}: written by a newer version of this program (tables {version}, this one knows up \
             to {known}); start the newer program, or restore a backup from before it ran",
            path.display()
        )));
    };
    for step in steps {
        change.execute_batch(step)?;
    }
    change.pragma_update(None, "application_id", APPLICATION)?;
    change.pragma_update(None, "user_version", known as i64)?;
    change.commit()?;
    Ok(())
}

fn check_owner(file: &Connection, path: &Path) -> Result<(), StoreError> {
    if number(file, "application_id")? == APPLICATION {
        return Ok(());
    }
    Err(StoreError::Broken(format!(
        "{}: an SQLite database, but of another program; name another file",
        path.display()
    )))
}

/// Checks the whole file for damage.
///
/// # Errors
///
/// The damage.
pub(super) fn check(file: &Connection, path: &Path) -> Result<(), StoreError> {
    let found = file.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match found {
        Ok(found) if found == "ok" => Ok(()),
        Ok(found) => Err(error::damaged(path, &found)),
        Err(error) => Err(error::at(path, Operation::Opening, &error)),
    }
}

/// The bytes of the header of a database that identify it. (SQLite's file format, 1.3)
pub(super) const HEADER: usize = 72;

/// Returns whether a file that begins with these bytes is a store or a copy of one.
pub(super) fn is_ours(header: &[u8; HEADER]) -> bool {
    let application = header.last_chunk().copied().map(i32::from_be_bytes);
    header.starts_with(b"SQLite format 3\0") && application.map(i64::from) == Some(APPLICATION)
}

/// Returns whether the database has a write-ahead log.
pub(super) fn has_log(header: &[u8; HEADER]) -> bool {
    header.get(18..20) == Some(&[2, 2])
}

fn tables(file: &Connection) -> rusqlite::Result<i64> {
    file.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
}

fn number(file: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    file.pragma_query_value(None, pragma, |row| row.get(0))
}
