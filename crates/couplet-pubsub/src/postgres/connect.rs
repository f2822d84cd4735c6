//! The pool of connections. They are returned to it only in a clean state.
//!
//! External poolers in transaction mode are not supported: prepared statements and LISTEN need a
//! connection of their own.

use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime,
};
use tokio::time::timeout;
use tokio_postgres::Error;

use crate::store::StoreError;

use super::{
    address::{Address, CONNECT},
    error,
    pipeline::{self, RowSets, Statement},
    tls::Tls,
};

/// Connections of one process: PostgreSQL allows 100 by default.
const CONNECTIONS: usize = 16;

/// The timeout to get a connection.
const WAIT: Duration = Duration::from_secs(5);

/// The timeout of statements, with network and locks.
const PATIENCE: Duration = Duration::from_secs(10);

/// A transaction with one snapshot for all its queries.
pub(super) const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Returns the settings of every connection. They keep a frozen process from locking a node for
/// long.
pub(super) fn greeting(schema: &str) -> String {
    format!(
        "SET search_path TO \"{schema}\"; SET statement_timeout = '8s'; SET lock_timeout = '5s';
         SET idle_in_transaction_session_timeout = '20s'; SET jit = off;
         SET default_transaction_isolation = 'read committed'"
    )
}

/// # Errors
///
/// The configuration is invalid; the server is not contacted.
pub(super) fn pool(address: &Address, tls: Tls) -> Result<Pool, StoreError> {
    let greeting = greeting(address.schema());
    let config = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = Manager::from_config(address.config().clone(), tls, config);
    let greet = Hook::async_fn(move |client, _| {
        let greeting = greeting.clone();
        Box::pin(async move {
            let greeted = client.batch_execute(&greeting).await;
            greeted.map_err(HookError::Backend)
        })
    });
    Pool::builder(manager)
        .max_size(CONNECTIONS)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(WAIT))
        .create_timeout(Some(CONNECT))
        .recycle_timeout(Some(CONNECT))
        .post_create(greet)
        .build()
        .map_err(|error| StoreError::Broken(error.to_string()))
}

/// A connection while it is used. One that is dropped in the middle of a transaction is closed.
pub(super) struct Session {
    client: Option<Object>,
    settled: bool,
}

impl Session {
    pub(super) async fn begin(pool: &Pool) -> Result<Session, StoreError> {
        let client = pool.get().await.map_err(error::no_connection)?;
        Ok(Session {
            client: Some(client),
            settled: true,
        })
    }

    /// Runs statements; a transaction may be open afterwards.
    pub(super) async fn run(&mut self, statements: &[Statement]) -> Result<RowSets, QueryError> {
        self.run_all(statements, &[]).await
    }

    /// Runs two groups of statements.
    pub(super) async fn run_all(
        &mut self,
        first: &[Statement],
        then: &[Statement],
    ) -> Result<RowSets, QueryError> {
        self.settled = false;
        let Some(client) = &self.client else {
            return Err(QueryError::Timeout);
        };
        match timeout(PATIENCE, pipeline::run(client, first.iter().chain(then))).await {
            Ok(answers) => answers.map_err(QueryError::Database),
            Err(_elapsed) => Err(QueryError::Timeout),
        }
    }

    /// Runs the last statements: no transaction is open afterwards.
    pub(super) async fn end(&mut self, statements: &[Statement]) -> Result<RowSets, QueryError> {
        let answers = self.run(statements).await?;
        self.settled = true;
        Ok(answers)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.settled
            && let Some(client) = self.client.take()
        {
            // The server rolls back when the connection closes.
            drop(Object::take(client));
        }
    }
}

/// Why a query failed.
#[derive(Debug)]
pub(super) enum QueryError {
    /// The error of the server or the connection.
    Database(Error),
    /// The timeout has elapsed.
    Timeout,
    /// An error before the query was sent.
    Store(StoreError),
}

impl QueryError {
    /// Returns whether the connection is unusable.
    pub(super) fn ends_it(&self) -> bool {
        match self {
            QueryError::Database(error) => error::is_connection(error),
            QueryError::Timeout => true,
            QueryError::Store(_) => false,
        }
    }
}

impl From<StoreError> for QueryError {
    fn from(error: StoreError) -> QueryError {
        QueryError::Store(error)
    }
}

impl From<QueryError> for StoreError {
    fn from(refused: QueryError) -> StoreError {
        match refused {
            QueryError::Database(error) if error::is_taken_name(&error) => {
                StoreError::Contended("a node of this name was created concurrently".to_owned())
            }
            QueryError::Database(error) => error.into(),
            QueryError::Timeout => error::too_slow(),
            QueryError::Store(error) => error,
        }
    }
}
