//! Exports, imports and backs up the store of a service.
//!
//! A store is not exported or imported during operation. For a consistent copy use the backup.

use std::{
    fmt,
    io::{BufRead, Write},
    ops::ControlFlow,
    path::Path,
};

use couplet::Error;

use crate::{
    archive::{self, ArchiveError, ImportTarget},
    settings::{Settings, StoreLocation},
    store::StoreError,
};

use super::{OpenError, Pubsub};

impl Pubsub {
    /// Exports everything as lines of JSON. `progress` receives the number of records written and
    /// returns whether to continue.
    ///
    /// The service must not run at the same time: the export is not a consistent snapshot.
    ///
    /// # Errors
    ///
    /// [`TransferError`]: the store cannot be read, the lines cannot be written, or the export was stopped.
    ///
    /// # Cancel safety
    ///
    /// The store is only read; the written archive is truncated, which [`Pubsub::import`] reports.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use couplet_pubsub::{TransferError, Pubsub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), TransferError> {
    /// let mut lines = Vec::new();
    /// let moved = Pubsub::memory().export(&mut lines, |_| ControlFlow::Continue(())).await?;
    /// assert_eq!(moved.records, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn export(
        &self,
        to: impl Write,
        progress: impl FnMut(u64) -> ControlFlow<()>,
    ) -> Result<TransferStats, TransferError> {
        let written = archive::export(&*self.store, to, progress).await;
        written.map(TransferStats::from).map_err(TransferError)
    }

    /// Imports what [`Pubsub::export`] has written. `progress` receives the number of records
    /// imported and returns whether to continue; if not, the import ends before the next node.
    ///
    /// # Errors
    ///
    /// [`TransferError`]: the lines cannot be read, are truncated or of a newer version; the store
    /// is not empty but must be, or failed; the import was stopped. The records read before are in
    /// the store.
    ///
    /// # Cancel safety
    ///
    /// The last node in the store may lack some of its records.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use couplet_pubsub::{ImportMode, TransferError, Pubsub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), TransferError> {
    /// let mut lines = Vec::new();
    /// Pubsub::memory().export(&mut lines, |_| ControlFlow::Continue(())).await?;
    /// let other = Pubsub::memory();
    /// other.import(&*lines, ImportMode::IntoEmpty, |_| ControlFlow::Continue(())).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn import(
        &self,
        from: impl BufRead,
        import: ImportMode,
        progress: impl FnMut(u64) -> ControlFlow<()>,
    ) -> Result<TransferStats, TransferError> {
        let into = match import {
            ImportMode::IntoEmpty => ImportTarget::Empty,
            ImportMode::IntoExisting => ImportTarget::Whatever,
        };
        let read = archive::import(&*self.store, from, into, progress).await;
        read.map(TransferStats::from).map_err(TransferError)
    }

    /// Copies the file of a store as a consistent snapshot, also while a service uses it.
    ///
    /// The copy gets its name when it is complete, and replaces an earlier one, whose owner and
    /// mode it keeps as far as other users cannot read it. A new one is readable for its user only
    /// (mode 0600).
    ///
    /// # Errors
    ///
    /// [`OpenError`]: the settings name no file, it does not exist, the destination is not an
    /// earlier copy (a store, or a copy that was opened as one, counts as a store), or it cannot be
    /// written.
    ///
    /// # Cancel safety
    ///
    /// A dropped future lets the copy finish in the background.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_pubsub::{OpenError, Pubsub, settings::Settings};
    ///
    /// async fn every_night(settings: &Settings) -> Result<(), OpenError> {
    ///     Pubsub::backup(settings, "/var/backups/pubsub.db".as_ref()).await
    /// }
    /// ```
    pub async fn backup(settings: &Settings, to: &Path) -> Result<(), OpenError> {
        let error = match &settings.store {
            StoreLocation::Sqlite(from) => return copy(from, to).await.map_err(OpenError),
            StoreLocation::Postgres(_) => {
                "the store is a database of PostgreSQL: `pg_dump` makes a copy of it while it is \
                 in use"
            }
            StoreLocation::Memory => "the store is in memory: there is no file to copy",
        };
        Err(OpenError(StoreError::Broken(error.to_owned())))
    }
}

#[cfg(feature = "sqlite")]
async fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let (from, to) = (from.to_owned(), to.to_owned());
    let copied = tokio::task::spawn_blocking(move || crate::sqlite::backup::backup(&from, &to));
    copied
        .await
        .unwrap_or_else(|lost| Err(StoreError::Broken(lost.to_string())))
}

#[cfg(not(feature = "sqlite"))]
async fn copy(_from: &Path, _to: &Path) -> Result<(), StoreError> {
    Err(StoreError::Broken(
        "this program was built without SQLite: build it with the feature `sqlite`".to_owned(),
    ))
}

/// Whether an import may add to a store that is not empty.
///
/// # Examples
///
/// ```
/// assert_ne!(couplet_pubsub::ImportMode::IntoEmpty, couplet_pubsub::ImportMode::IntoExisting);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportMode {
    /// A store that is not empty is rejected.
    IntoEmpty,
    /// Existing nodes stay unchanged; records of nodes with their names are skipped.
    IntoExisting,
}

/// The result of an export or import.
///
/// # Examples
///
/// ```
/// use couplet_pubsub::TransferStats;
///
/// fn report(moved: TransferStats) {
///     println!("{} records, {} of them left out", moved.records, moved.left_out);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransferStats {
    /// Nodes, affiliations, subscriptions, items and announcements in the archive.
    pub records: u64,
    /// Records that were skipped because their node already exists.
    pub left_out: u64,
}

impl From<archive::ArchiveStats> for TransferStats {
    fn from(moved: archive::ArchiveStats) -> TransferStats {
        let archive::ArchiveStats { records, left_out } = moved;
        TransferStats { records, left_out }
    }
}

/// Why an export or import failed, with advice.
///
/// # Examples
///
/// ```
/// fn report(why: &couplet_pubsub::TransferError) {
///     eprintln!("pubsub: {why}");
/// }
/// ```
#[derive(Debug)]
pub struct TransferError(ArchiveError);

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for TransferError {}

/// Lets a program end with this error.
impl From<TransferError> for Error {
    fn from(why: TransferError) -> Error {
        Error::Io {
            doing: "transferring the store of pubsub".to_owned(),
            cause: std::io::Error::other(why),
        }
    }
}
