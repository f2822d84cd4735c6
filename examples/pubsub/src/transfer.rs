//! Subcommands: backup, export and import of the store.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufReader, BufWriter, IsTerminal, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use couplet::{
    Config, Error, Shutdown,
    app::{Arguments, Subcommand},
};
use couplet_pubsub::{
    ImportMode, Pubsub,
    settings::{SECTION, Settings, StoreLocation},
};
use tempfile::NamedTempFile;

pub(crate) fn backup() -> Subcommand {
    Subcommand::new(
        "backup",
        "copy the SQLite store as a consistent snapshot, also while it is in use",
    )
    .needs(
        "FILE",
        "the copy; replaces an earlier copy, but no other file",
    )
}

pub(crate) fn export() -> Subcommand {
    Subcommand::new(
        "export",
        "write everything as lines of JSON, while the service is stopped",
    )
    .operand("FILE", "a new file; standard output by default")
}

pub(crate) fn import() -> Subcommand {
    Subcommand::new(
        "import",
        "import what export has written, into an empty store",
    )
    .operand("FILE", "standard input by default")
    .flag(
        "into-existing",
        "add to a store that is not empty; existing nodes stay unchanged",
    )
}

pub(crate) async fn back_up(
    config: Config,
    arguments: Arguments,
    _shutdown: Shutdown,
) -> Result<(), Error> {
    let settings: Settings = config.section(SECTION)?;
    let to = PathBuf::from(arguments.operand().cloned().unwrap_or_default());
    let copied = Pubsub::backup(&settings, &to).await;
    copied.map_err(|why| trouble(io::Error::other(why)))?;
    // Not `eprintln!`: an error of standard error must not fail the backup.
    let line = format!("{:?} is in {}\n", settings.store, to.display());
    let _stderr_may_be_closed = std::io::stderr().write_all(line.as_bytes());
    Ok(())
}

pub(crate) async fn write_out(
    config: Config,
    arguments: Arguments,
    shutdown: Shutdown,
) -> Result<(), Error> {
    let settings: Settings = config.section(SECTION)?;
    // Opening would create it, and a mistyped name would give an empty export.
    if let StoreLocation::Sqlite(path) = &settings.store {
        fs::metadata(path).map_err(|why| trouble(at(path, &why)))?;
    }
    let to = Target::open(arguments.operand()).map_err(trouble)?;
    let pubsub = Pubsub::open(settings).await?;
    let mut progress = Progress::default();
    let written = match &to {
        Target::Output => {
            let out = BufWriter::new(io::stdout().lock());
            pubsub
                .export(out, |count| progress.logged(count, &shutdown))
                .await
        }
        Target::File { part, .. } => {
            let out = BufWriter::new(part.as_file());
            pubsub
                .export(out, |count| progress.logged(count, &shutdown))
                .await
        }
    };
    pubsub.close().await?;
    let moved = written?;
    to.finish().map_err(trouble)?;
    progress.end(&format!("{} records written", moved.records));
    Ok(())
}

pub(crate) async fn read_in(
    config: Config,
    arguments: Arguments,
    shutdown: Shutdown,
) -> Result<(), Error> {
    let settings: Settings = config.section(SECTION)?;
    let from: Box<dyn io::BufRead> = match arguments.operand() {
        None => Box::new(io::stdin().lock()),
        Some(path) => {
            let path = Path::new(path);
            let file = File::open(path).map_err(|why| trouble(at(path, &why)))?;
            Box::new(BufReader::new(file))
        }
    };
    let pubsub = Pubsub::open(settings).await?;
    let import = match arguments.flag() {
        true => ImportMode::IntoExisting,
        false => ImportMode::IntoEmpty,
    };
    let mut progress = Progress::default();
    let read = pubsub
        .import(from, import, |count| progress.logged(count, &shutdown))
        .await;
    pubsub.close().await?;
    let moved = read?;
    progress.end(&match moved.left_out {
        0 => format!("{} records read", moved.records),
        some => format!(
            "{} records read, {some} of them skipped: their nodes already exist",
            moved.records
        ),
    });
    Ok(())
}

/// The destination of an export. A file gets its name when it is complete, and only its user may
/// read it.
enum Target {
    Output,
    File { part: NamedTempFile, whole: PathBuf },
}

impl Target {
    fn open(path: Option<&OsString>) -> io::Result<Target> {
        let Some(path) = path else {
            return Ok(Target::Output);
        };
        let whole = PathBuf::from(path);
        // Checked before the export, not after.
        if whole.exists() {
            return Err(taken(&whole));
        }
        let folder = whole.parent().filter(|parent| *parent != Path::new(""));
        let folder = folder.unwrap_or(Path::new("."));
        let part = NamedTempFile::with_prefix_in(".pubsub-export-", folder);
        let part = part.map_err(|why| at(&whole, &why))?;
        Ok(Target::File { part, whole })
    }

    fn finish(self) -> io::Result<()> {
        if let Target::File { part, whole } = self {
            part.as_file().sync_all()?;
            let named = part.persist_noclobber(&whole).map_err(|why| why.error);
            named.map_err(|why| match why.kind() {
                io::ErrorKind::AlreadyExists => taken(&whole),
                _ => at(&whole, &why),
            })?;
        }
        Ok(())
    }
}

fn taken(path: &Path) -> io::Error {
    let why = "there is a file already; name another one, or remove it";
    at(path, &io::Error::other(why))
}

fn trouble(cause: io::Error) -> Error {
    Error::Io {
        doing: "transferring the store of pubsub".to_owned(),
        cause,
    }
}

fn at(path: &Path, why: &io::Error) -> io::Error {
    io::Error::new(why.kind(), format!("{}: {why}", path.display()))
}

/// A progress line, on a terminal only.
struct Progress {
    is_watched: bool,
    logged: u64,
}

/// Number of records between two updates of the line.
const STEP: u64 = 1_000;

impl Default for Progress {
    fn default() -> Progress {
        Progress {
            is_watched: io::stderr().is_terminal(),
            logged: 0,
        }
    }
}

impl Progress {
    fn logged(&mut self, records: u64, shutdown: &Shutdown) -> ControlFlow<()> {
        if self.is_watched && records >= self.logged + STEP {
            self.logged = records;
            let _stderr_may_be_closed = write!(io::stderr(), "\r{records} records");
        }
        match shutdown.is_requested() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn end(&self, what: &str) {
        let start = if self.is_watched { "\r" } else { "" };
        let _stderr_may_be_closed = writeln!(io::stderr(), "{start}{what}");
    }
}
