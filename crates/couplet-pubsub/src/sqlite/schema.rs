//! The tables, and how older ones become these.
//!
//! Deliberately absent: the way back. A newer file is refused; a backup is the way back.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::store::StoreError;

use super::fault::{self, Doing};

/// Tells our files from those of others: "pubs".
const APPLICATION: i64 = 0x7075_6273;

/// What leads from one version to the next; the first makes an empty file version 1.
const STEPS: [&str; 1] = [FIRST];

/// Names, ids and JIDs compare bytewise. Counts are kept with the node, so that no question has to
/// count rows. What belongs to a deleted node and is needed no more is removed with it; the rest
/// goes with its last announcement.
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

/// Makes the tables of a new file, brings older ones up to date and refuses newer ones.
///
/// # Errors
///
/// The file is not one of ours, or of a newer version.
pub(super) fn prepare(file: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let known = STEPS.len();
    let version = usize::try_from(number(file, "user_version")?).unwrap_or(usize::MAX);
    if version == known {
        return check_owner(file, path);
    }
    // Whoever else is about to do the same waits here and then finds it done.
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

/// Looks through the whole file for damage.
///
/// # Errors
///
/// What is damaged.
pub(super) fn check(file: &Connection, path: &Path) -> Result<(), StoreError> {
    let found = file.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match found {
        Ok(found) if found == "ok" => Ok(()),
        Ok(found) => Err(fault::damaged(path, &found)),
        Err(error) => Err(fault::at(path, Doing::Opening, &error)),
    }
}

fn tables(file: &Connection) -> rusqlite::Result<i64> {
    file.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
}

fn number(file: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    file.pragma_query_value(None, pragma, |row| row.get(0))
}
