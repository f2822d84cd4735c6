//! A copy of the file while it is in use.

#[cfg(unix)]
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::{
    fs::{self, File},
    path::Path,
};

use rusqlite::{Connection, backup::Backup};

use crate::store::StoreError;

use super::{
    connect,
    fault::{self, Doing},
};

/// Copies the store in `from` into a new file, as it is at one moment. Another process may write
/// to it meanwhile. Blocks for as long as the disk needs.
///
/// # Errors
///
/// There is no store in `from`, or something is in the place of `to`, or it cannot be written.
pub(crate) fn backup(from: &Path, to: &Path) -> Result<(), StoreError> {
    if !from.exists() {
        let from = from.display();
        return Err(StoreError::Broken(format!("{from}: there is no such file")));
    }
    if to.exists() {
        let to = to.display();
        return Err(StoreError::Broken(format!(
            "{to}: there is a file already; name another one, or remove it"
        )));
    }
    let copied = reserve(from, to).and_then(|()| copy(from, to));
    if copied.is_err() {
        let _half_a_copy_is_none = std::fs::remove_file(to);
    }
    copied
}

/// Makes an empty file that no more people can read than the store.
fn reserve(from: &Path, to: &Path) -> Result<(), StoreError> {
    let mut options = File::options();
    options.write(true).create_new(true);
    let made = fs::metadata(from).and_then(|store| {
        #[cfg(unix)]
        options.mode(store.permissions().mode() & 0o777);
        #[cfg(not(unix))]
        let _rights_are_inherited = store;
        options.open(to)
    });
    let told = |error| StoreError::Broken(format!("{}: {error}", to.display()));
    made.map(drop).map_err(told)
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let source = connect::reading(from)?;
    let told = |error: rusqlite::Error| fault::at(to, Doing::Saving, &error);
    let mut target = Connection::open(to).map_err(told)?;
    let backup = Backup::new(&source, &mut target).map_err(told)?;
    // In one step: a writer does not wait for readers, and a copy in parts would begin anew
    // whenever something is written.
    backup.step(-1).map_err(told)?;
    drop(backup);
    target.close().map_err(|(_, error)| told(error))
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::Permissions;

    use super::*;

    #[test]
    fn a_copy_is_for_nobody_who_may_not_read_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let [store, copied] = ["store", "copy"].map(|name| folder.path().join(name));
        drop(connect::writing(&store).unwrap());
        for mode in [0o600, 0o640] {
            fs::set_permissions(&store, Permissions::from_mode(mode)).unwrap();
            backup(&store, &copied).unwrap();
            let copy = fs::metadata(&copied).unwrap();
            assert_eq!(copy.permissions().mode() & 0o777, mode);
            assert!(copy.len() > 0);
            fs::remove_file(&copied).unwrap();
        }
    }
}
