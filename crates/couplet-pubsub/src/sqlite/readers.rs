//! A pool of reading connections, each used by one reader at a time, on the blocking threads.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::store::StoreError;

use super::{
    connect, error,
    unreadable::{Reading, Unreadable},
};

const READERS: usize = 3;

pub(super) struct Readers {
    path: PathBuf,
    free: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Readers {
        Readers {
            path,
            free: Semaphore::new(READERS),
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Reads in one transaction. Also returns the rows that could not be read.
    pub(super) async fn read<T: Send + 'static>(
        self: Arc<Readers>,
        read: impl FnOnce(&Reading<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<(T, Vec<Unreadable>), StoreError> {
        let place = self.free.acquire().await.map_err(error::lost)?;
        // The thread returns the permit: a reader whose future was dropped still reads to the end.
        place.forget();
        let readers = Arc::clone(&self);
        let done = spawn_blocking(move || {
            let place = ReaderGuard(&readers);
            let found = readers.with_connection(read);
            drop(place);
            found
        });
        done.await.map_err(error::lost)?
    }

    /// Closes the connections; further reads fail.
    pub(super) fn close(&self) {
        self.free.close();
        self.lock().clear();
    }

    fn with_connection<T>(
        &self,
        read: impl FnOnce(&Reading<'_>) -> Result<T, StoreError>,
    ) -> Result<(T, Vec<Unreadable>), StoreError> {
        let idle = self.lock().pop();
        let file = match idle {
            Some(file) => file,
            None => connect::reading(&self.path)?,
        };
        let timestamp = file.unchecked_transaction()?;
        let reading = Reading::new(&timestamp);
        let found = read(&reading);
        let left_out = reading.into_left_out();
        timestamp.commit()?;
        // After an error the connection is reopened, because its cached state may be wrong.
        let sound = matches!(
            &found,
            Ok(_) | Err(StoreError::UnknownCursor | StoreError::FarIndex)
        );
        if sound && !self.free.is_closed() {
            self.lock().push(file);
        }
        Ok((found?, left_out))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct ReaderGuard<'a>(&'a Readers);

impl Drop for ReaderGuard<'_> {
    fn drop(&mut self) {
        self.0.free.add_permits(1);
    }
}
