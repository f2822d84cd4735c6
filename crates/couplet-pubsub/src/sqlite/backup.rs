//! Copies the file while it is in use.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};
use tempfile::NamedTempFile;

use crate::store::StoreError;

use super::{
    connect,
    error::{self, Operation},
    schema,
};

/// Copies the store in `from` to the file `to` as a consistent snapshot, while another process may
/// write to it. The copy gets its name when it is complete, and replaces an earlier one. It is
/// readable for its user only. Blocks for as long as the disk needs.
///
/// # Errors
///
/// `from` is not a store, `to` is not an earlier copy, or it cannot be written.
pub(crate) fn backup(from: &Path, to: &Path) -> Result<(), StoreError> {
    if !from.exists() {
        let from = from.display();
        return Err(StoreError::Broken(format!("{from}: there is no such file")));
    }
    let explained = |why: io::Error| StoreError::Broken(format!("{}: {why}", to.display()));
    let [store, place] = [from, to].map(|path| path.canonicalize().ok());
    // The store itself must not even be opened: closing it would release SQLite's locks of a
    // service in this process.
    if store == place {
        return Err(refused(to, "it is the store itself"));
    }
    let earlier = earlier_copy(to)?;
    let folder = to.parent().filter(|parent| *parent != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    // Readable for the user only, and removed after an error.
    let new = NamedTempFile::with_prefix_in(".pubsub-backup-", folder).map_err(explained)?;
    copy(from, new.path())?;
    if let Some(earlier) = earlier {
        keep_owner_and_mode(new.as_file(), &earlier).map_err(explained)?;
    }
    new.as_file().sync_all().map_err(explained)?;
    new.persist(to).map_err(|why| explained(why.error))?;
    #[cfg(unix)]
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(explained)?;
    Ok(())
}

/// Returns the copy to replace. A store is not mistaken for one: it has a write-ahead log, and a
/// copy has none until a service opens it.
fn earlier_copy(path: &Path) -> Result<Option<File>, StoreError> {
    let refused = |why: &str| refused(path, why);
    match fs::symlink_metadata(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(refused(&why.to_string())),
        Ok(there) if !there.is_file() => return Err(refused("it is not a regular file")),
        Ok(_a_file) => {}
    }
    let mut file = File::open(path).map_err(|why| refused(&why.to_string()))?;
    let mut header = [0; schema::HEADER];
    let is_ours = file.read_exact(&mut header).is_ok() && schema::is_ours(&header);
    match is_ours && !schema::has_log(&header) {
        true => Ok(Some(file)),
        false => Err(refused("it is not an earlier backup")),
    }
}

fn refused(path: &Path, why: &str) -> StoreError {
    let path = path.display();
    StoreError::Broken(format!(
        "{path}: there is a file already, and {why}; name another one, or remove it"
    ))
}

fn keep_owner_and_mode(new: &File, earlier: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
        let (earlier, made) = (earlier.metadata()?, new.metadata()?);
        if (earlier.uid(), earlier.gid()) != (made.uid(), made.gid()) {
            let _only_root_may = fchown(new, Some(earlier.uid()), Some(earlier.gid()));
        }
        let mode = earlier.permissions().mode() & 0o770;
        new.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    #[cfg(not(unix))]
    let _rights_are_inherited = (new, earlier);
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let source = connect::reading(from)?;
    let explained = |error: rusqlite::Error| error::at(to, Operation::Saving, &error);
    let mut target = Connection::open(to).map_err(explained)?;
    let backup = Backup::new(&source, &mut target).map_err(explained)?;
    // In one step, because writers do not wait for readers, and a copy in parts would restart after
    // each commit.
    let step = backup.step(-1).map_err(explained)?;
    drop(backup);
    if step != StepResult::Done {
        let from = from.display();
        return Err(StoreError::Busy(format!(
            "{from}: another program holds it: close it"
        )));
    }
    // Without a write-ahead log: complete in one file, and distinguishable from a store.
    target
        .pragma_update_and_check(None, "journal_mode", "delete", |_row| Ok(()))
        .map_err(explained)?;
    target.close().map_err(|(_, error)| explained(error))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn only_its_user_may_read_a_backup_and_a_later_one_keeps_the_mode_without_others() {
        let folder = tempfile::tempdir().unwrap();
        let [store, copied] = ["store", "copy"].map(|name| folder.path().join(name));
        drop(connect::writing(&store).unwrap());
        set_mode(&store, 0o644);
        backup(&store, &copied).unwrap();
        assert_eq!(mode(&copied), 0o600);
        for (earlier, later) in [(0o640, 0o640), (0o644, 0o640)] {
            set_mode(&copied, earlier);
            backup(&store, &copied).unwrap();
            assert_eq!(mode(&copied), later);
        }
        let left = fs::read_dir(folder.path()).unwrap();
        let names = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(!names.into_iter().any(|name| name.starts_with('.')));
    }

    #[test]
    fn a_backup_replaces_an_earlier_one_with_what_the_store_has_now() {
        let folder = tempfile::tempdir().unwrap();
        let [store, copied] = ["store", "copy"].map(|name| folder.path().join(name));
        let writer = connect::writing(&store).unwrap();
        for uri in ["xmpp:a@x", "xmpp:b@x"] {
            let insert = "INSERT OR REPLACE INTO redirect VALUES ('n', ?1)";
            writer.execute(insert, [uri]).unwrap();
            backup(&store, &copied).unwrap();
            let copy = connect::reading(&copied).unwrap();
            let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
            let found = copy.query_row("SELECT uri FROM redirect", [], read);
            assert_eq!(found.unwrap(), uri);
        }
    }

    #[test]
    fn a_backup_replaces_no_store_and_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        drop(connect::writing(&at("store")).unwrap());
        drop(connect::writing(&at("stopped")).unwrap());
        fs::write(at("text"), "x".repeat(4_096)).unwrap();
        fs::write(at("empty"), "").unwrap();
        let theirs = Connection::open(at("theirs")).unwrap();
        theirs.execute_batch("CREATE TABLE theirs (a)").unwrap();
        drop(theirs);
        backup(&at("store"), &at("earlier")).unwrap();
        symlink("earlier", at("link")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        for name in [
            "store", "stopped", "text", "empty", "theirs", "link", "folder",
        ] {
            let before = fs::read(at(name)).ok();
            let Err(StoreError::Broken(why)) = backup(&at("store"), &at(name)) else {
                panic!("{name} was replaced");
            };
            assert!(why.contains("there is a file already"), "{why}");
            assert_eq!(fs::read(at(name)).ok(), before, "{name}");
        }
        // A backup that a service has opened is a store.
        drop(connect::writing(&at("earlier")).unwrap());
        assert!(backup(&at("store"), &at("earlier")).is_err());
    }
}
