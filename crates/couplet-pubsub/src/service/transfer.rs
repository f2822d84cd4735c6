//! Everything of a service out of its store and into another one.
//!
//! Deliberately absent: doing so beneath a service that runs. What has to be one moment of it is a
//! backup.

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
    /// Writes everything as lines of JSON, for another store or for reading. `progress` hears how
    /// many records are written, and says whether to go on.
    ///
    /// Nobody may use the service meanwhile: there is no one moment that is written.
    ///
    /// # Errors
    ///
    /// [`TransferError`]: the store cannot be read, the lines cannot be written, or it was stopped.
    ///
    /// # Cancel safety
    ///
    /// The store is only read; what was written is cut off, and [`Pubsub::import`] says so.
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

    /// Reads what [`Pubsub::export`] has written. `progress` hears how many records are in the
    /// store, and says whether to go on; if not, the import ends before the next node.
    ///
    /// # Errors
    ///
    /// [`TransferError`]: the lines cannot be read, are cut off or of a newer version; the store is not
    /// empty and should be, or refuses; it was stopped. What was read before is in the store.
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

    /// Copies the file of a store as it is at one moment, also while a service uses it.
    ///
    /// The copy gets its name when it is complete, and replaces an earlier one, whose owner and mode it
    /// keeps as far as other users cannot read it. A new one is for its user alone (mode 0600).
    ///
    /// # Errors
    ///
    /// [`OpenError`]: the settings name no file, there is none, at the place of the copy is something
    /// else than an earlier copy (a store is one too, and so is a copy that was opened as one), or it
    /// cannot be written.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the copy to be finished in the background.
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

/// Whether an import adds to what is in a store.
///
/// # Examples
///
/// ```
/// assert_ne!(couplet_pubsub::ImportMode::IntoEmpty, couplet_pubsub::ImportMode::IntoExisting);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportMode {
    /// A store with anything in it is refused.
    IntoEmpty,
    /// Nodes that are there already stay as they are, and those of their name are left out.
    IntoExisting,
}

/// How much was moved.
///
/// # Examples
///
/// ```
/// use couplet_pubsub::TransferStats;
///
/// fn tell(moved: TransferStats) {
///     println!("{} records, {} of them left out", moved.records, moved.left_out);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransferStats {
    /// Nodes, affiliations, subscriptions, items and announcements in the archive.
    pub records: u64,
    /// Those that were left out because their node was there already.
    pub left_out: u64,
}

impl From<archive::ArchiveStats> for TransferStats {
    fn from(moved: archive::ArchiveStats) -> TransferStats {
        let archive::ArchiveStats { records, left_out } = moved;
        TransferStats { records, left_out }
    }
}

/// Why an export or an import did not come to its end, and what to do.
///
/// # Examples
///
/// ```
/// fn tell(why: &couplet_pubsub::TransferError) {
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

/// So that a program may end with it.
impl From<TransferError> for Error {
    fn from(why: TransferError) -> Error {
        Error::Io {
            doing: "moving the store of pubsub".to_owned(),
            cause: std::io::Error::other(why),
        }
    }
}
