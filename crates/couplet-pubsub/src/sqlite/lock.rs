//! The lock that admits one process to a store, and the files of a store.
//!
//! A file beside the database is locked first: it names the holder, and every system has such
//! locks. On Linux the database itself is locked too, because it may have several names and the
//! file beside it can be removed. SQLite's own locks are of another kind there (`fcntl`, not
//! `flock`) and are not affected.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use crate::store::StoreError;

use super::schema;

/// Maximum number of symbolic links that are followed, as in Linux.
const LINKS: usize = 40;

/// Keeps other processes from opening the store. The system releases it when the process ends.
pub(super) struct Lock {
    beside: File,
    /// `None` after its release, and on systems on which such a lock would exclude SQLite.
    database: Option<File>,
}

impl Lock {
    /// Locks the store at `path`. Creates an empty file with the right mode and owner if there is
    /// none, which SQLite accepts as an empty database.
    ///
    /// # Errors
    ///
    /// Which process holds the store, or why it cannot be locked.
    pub(super) fn take(path: &Path) -> Result<Lock, StoreError> {
        let real = without_links(path).map_err(|why| no_folder(path, &why))?;
        let beside_path = beside(&real);
        let mut file = open_beside(&beside_path).map_err(|why| no_folder(&beside_path, &why))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(why)) => return Err(no_folder(&beside_path, &why)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _empty_where_it_cannot_be_read = file.read_to_string(&mut holder);
                return Err(in_use(path, holder.trim()));
            }
        }
        let database = open_database(path, &real)?;
        let noted = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        // The note only improves an error message; a full disk must not prevent the start.
        let _without_it = noted;
        Ok(Lock {
            beside: file,
            database,
        })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A forked child that has not called `exec` yet shares the files: closing them would not
        // release the locks.
        if let Some(database) = self.database.take() {
            let _until_the_process_ends = database.unlock();
            // Closed while the file beside it is still locked: closing any handle of a file releases
            // SQLite's locks of the whole process, those of a store that was opened in between too.
            drop(database);
        }
        let _until_the_process_ends = self.beside.unlock();
    }
}

/// Returns the name that SQLite uses: the write-ahead log is beside the file, not beside a link to
/// it.
fn without_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let folder = path.parent().filter(|parent| *parent != Path::new(""));
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        match fs::read_link(&path) {
            Ok(target) => path = folder.join(target),
            Err(_) => {
                let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
                return Ok(folder.canonicalize()?.join(name));
            }
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Opens a file beside the database, never through a link: another user with write access to the
/// folder could make this program write to any file.
fn open_beside(path: &Path) -> io::Result<File> {
    match create(path) {
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
        created => return created,
    }
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::other("is not a regular file; remove it"));
    }
    let mut options = File::options();
    options.read(true).write(true);
    let file = not_through_a_link(&mut options).open(path)?;
    if has_other_names(&file)? {
        return Err(io::Error::other("has a second name; remove it"));
    }
    Ok(file)
}

/// Returns the locked database, created if there is none.
fn open_database(path: &Path, real: &Path) -> Result<Option<File>, StoreError> {
    match create(real) {
        Err(why) if why.kind() != io::ErrorKind::AlreadyExists => {
            return Err(no_folder(real, &why));
        }
        _created_or_there => {}
    }
    let explained = |why: io::Error| {
        let path = path.display();
        StoreError::Broken(format!(
            "{path}: {why}; the user of this program needs the right to read and write it"
        ))
    };
    let is_file = fs::metadata(real).map_err(explained)?.is_file();
    if !is_file {
        return Err(explained(io::Error::other("is not a regular file")));
    }
    let file = File::open(real).map_err(explained)?;
    // On other systems the two kinds of locks exclude each other.
    if cfg!(target_os = "linux") {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(why)) => return Err(explained(why)),
            Err(TryLockError::WouldBlock) => {
                // Not closed: closing it would release SQLite's locks if this very process has the
                // store.
                std::mem::forget(file);
                return Err(in_use(path, ""));
            }
        }
    }
    close_to_others(&file, path);
    if has_other_names(&file).map_err(explained)? {
        return Err(StoreError::Broken(format!(
            "{}: the file has a second name (a hard link), and what one name's write-ahead log holds \
             is lost by the other: remove one of the names",
            path.display()
        )));
    }
    Ok(cfg!(target_os = "linux").then_some(file))
}

/// Creates a file that only this user may read; as root, for the owner of the folder, who uses it
/// later.
fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        use std::os::unix::fs::{MetadataExt, fchown};
        let (folder, made) = (fs::metadata(folder)?, file.metadata()?);
        if folder.uid() != made.uid() {
            let _only_root_may = fchown(&file, Some(folder.uid()), Some(folder.gid()));
        }
    }
    Ok(file)
}

/// Removes the permissions of other users from a store that has more.
#[cfg(unix)]
fn close_to_others(mut file: &File, path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mut header = [0; schema::HEADER];
    let is_ours = file.read_exact(&mut header).is_ok() && schema::is_ours(&header);
    let Some(mode) = file.metadata().ok().map(|it| it.permissions().mode()) else {
        return;
    };
    // The permissions of a file that is not a store are not changed.
    if !is_ours || mode & 0o007 == 0 {
        return;
    }
    let closed = fs::Permissions::from_mode(mode & 0o7770);
    if let Err(error) = file.set_permissions(closed) {
        let path = path.display();
        tracing::warn!(%path, %error, "other users of this machine can read the store: chmod o= {path}");
    }
}

#[cfg(not(unix))]
fn close_to_others(_file: &File, _path: &Path) {}

fn not_through_a_link(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        options.custom_flags(flags);
    }
    options
}

#[cfg(unix)]
fn has_other_names(file: &File) -> io::Result<bool> {
    let metadata = file.metadata()?;
    Ok(std::os::unix::fs::MetadataExt::nlink(&metadata) > 1)
}

#[cfg(not(unix))]
fn has_other_names(_file: &File) -> io::Result<bool> {
    Ok(false)
}

fn no_folder(path: &Path, why: &io::Error) -> StoreError {
    StoreError::Broken(format!(
        "{}: {why}; the directory has to exist, and the user of this program needs the right to write \
         it and this file",
        path.display()
    ))
}

/// Returns the error if another process has the store. It is temporary: an export ends, and so does
/// a process that is being replaced.
fn in_use(path: &Path, holder: &str) -> StoreError {
    let holder = match holder {
        "" => String::new(),
        id => format!(" (its id is {id})"),
    };
    StoreError::Busy(format!(
        "{}: in use by another process{holder}; one file serves one process: stop the other one, or \
         use PostgreSQL",
        path.display()
    ))
}
