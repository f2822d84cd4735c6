//! Converts errors of PostgreSQL and its connection to [`StoreError`]: temporary or not. No message
//! contains a secret or stored data.

use std::error::Error as _;

use deadpool_postgres::PoolError;
use tokio_postgres::{Error, error::SqlState};

use crate::store::StoreError;

use super::address::Address;

impl From<Error> for StoreError {
    fn from(error: Error) -> StoreError {
        let message = format!("PostgreSQL: {}", words(&error));
        if may_pass(&error) {
            StoreError::Busy(message)
        } else {
            StoreError::Broken(message)
        }
    }
}

/// Converts an error of connecting, with advice.
pub(super) fn at(address: &Address, error: &Error) -> StoreError {
    let why = words(error);
    let advice = match error.code() {
        Some(code) if *code == SqlState::INVALID_PASSWORD => {
            "the password is wrong, or there is none"
        }
        Some(code) if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "the server does not let this user in: see its pg_hba.conf"
        }
        Some(code) if *code == SqlState::INVALID_CATALOG_NAME => {
            "there is no such database: create it, owned by this user"
        }
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            "this user lacks rights: let it own the database, or create the schema for it"
        }
        Some(_) => "it rejects the connection",
        None if why.contains("password missing") => "it requires a password",
        None => "it cannot be reached",
    };
    let message = format!("{address}: {advice} ({why})");
    if may_pass(error) {
        StoreError::Busy(message)
    } else {
        StoreError::Broken(message)
    }
}

/// Converts an error of the pool.
pub(super) fn no_connection(error: PoolError) -> StoreError {
    match error {
        PoolError::Timeout(_) => {
            StoreError::Busy("PostgreSQL: timeout while waiting for a free connection".to_owned())
        }
        PoolError::Backend(error) => error.into(),
        PoolError::Closed => closed(),
        other => StoreError::Busy(format!("PostgreSQL: {other}")),
    }
}

/// Returns the error after [`close`](crate::store::Store::close).
pub(super) fn closed() -> StoreError {
    StoreError::Broken("the store is closed".to_owned())
}

/// Returns the error of a timeout: the outcome is unknown.
pub(super) fn too_slow() -> StoreError {
    StoreError::Busy("PostgreSQL: timeout".to_owned())
}

/// Returns whether the connection failed, not the statement.
pub(super) fn is_connection(error: &Error) -> bool {
    error.is_closed()
        || match error.code() {
            None => true,
            Some(code) => matches!(code.code().get(..2), Some("08" | "57")),
        }
}

/// Returns whether another node has the name already.
pub(super) fn is_taken_name(error: &Error) -> bool {
    let found = error.as_db_error();
    found.is_some_and(|found| found.constraint() == Some("node_name"))
}

fn may_pass(error: &Error) -> bool {
    let Some(code) = error.code() else {
        // Not sent by the server: an error of the connection, unless we misread a value.
        return !is_ours(error);
    };
    match code.code().get(..2) {
        // Connection, rollback, resources, operator intervention, system, timeout.
        Some("08" | "40" | "53" | "57" | "58") => true,
        // A standby that may be promoted; a lock held by another session.
        _ => {
            *code == SqlState::READ_ONLY_SQL_TRANSACTION
                || *code == SqlState::LOCK_NOT_AVAILABLE
                || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
                || *code == SqlState::UNIQUE_VIOLATION
        }
    }
}

/// Returns whether our values do not fit the columns, or our configuration is invalid.
fn is_ours(error: &Error) -> bool {
    let message = error.to_string();
    [
        "error deserializing",
        "error serializing",
        "invalid configuration",
    ]
    .iter()
    .any(|ours| message.starts_with(ours))
}

fn words(error: &Error) -> String {
    // Without the detail field, which quotes rows.
    if let Some(found) = error.as_db_error() {
        return format!("{} ({})", found.message(), found.code().code());
    }
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
