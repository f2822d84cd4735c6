//! [`StoreError`]: why a store did not do what was asked.

use std::fmt;

/// An error of a [`Store`](crate::Store).
///
/// # Examples
///
/// ```
/// use couplet_bot::StoreError;
///
/// let error = StoreError::Full("too many jobs wait in this conversation".to_owned());
/// assert_eq!(error.to_string(), "too many jobs wait in this conversation");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// It may succeed later: the disk is full, or another program holds the file.
    Busy(String),
    /// It will not succeed without a repair, such as a damaged file.
    Broken(String),
    /// A limit of the settings is reached. The text is for the person who reached it.
    Full(String),
}

impl StoreError {
    pub(super) fn too_many_jobs(limit: u32) -> StoreError {
        StoreError::Full(format!("{limit} things are planned here already"))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Busy(why) | StoreError::Broken(why) | StoreError::Full(why) => {
                f.write_str(why)
            }
        }
    }
}

impl std::error::Error for StoreError {}
