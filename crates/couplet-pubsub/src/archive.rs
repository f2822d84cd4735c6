//! Exports a store as lines of JSON, and imports such lines into another store.
//!
//! An export is not a consistent snapshot, so the store must not change during one. To copy a store
//! in use, back up its database.

use std::{
    fmt,
    io::{self, BufRead, Write},
    ops::ControlFlow,
};

use serde::{Deserialize, Serialize};

use crate::{
    node::NodeId,
    store::{
        Cursor, Store, StoreError,
        record::{DumpPosition, Record},
    },
};

#[cfg(test)]
mod tests;

/// The version of the format. A reader accepts older versions and rejects newer ones.
const VERSION: u32 = 1;

/// Number of records without payload that are read at once.
const MANY: u32 = 500;

/// Number of records with a payload that are read at once, because a payload may be large.
const MAX_SUBSCRIPTIONS: u32 = 20;

/// Maximum length of a line in bytes: far more than the largest payload, escaped.
const LINE_BYTES: u64 = 64 * 1024 * 1024;

/// One line of an archive.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// The first line.
    CoupletPubsub {
        version: u32,
    },
    Record(Record),
    /// The last line. An archive without it is truncated.
    End {
        records: u64,
    },
}

/// Counts of an export or import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ArchiveStats {
    pub(crate) records: u64,
    /// Records that were skipped because their node already exists.
    pub(crate) left_out: u64,
}

/// Whether an archive may be imported into a store that is not empty. Existing nodes stay
/// unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImportTarget {
    Empty,
    Whatever,
}

/// Why an export or import failed.
#[derive(Debug)]
pub(crate) enum ArchiveError {
    Io(io::Error),
    Store(StoreError),
    /// A line is invalid: its number, from 1, and why.
    Line(u64, String),
    /// The archive is truncated.
    CutOff,
    /// The store is not empty.
    NotEmpty,
    /// The import was stopped; this many records are in the store.
    Stopped(u64),
    /// The export was stopped before the archive was complete.
    Unfinished,
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchiveError::Io(error) => write!(f, "{error}"),
            ArchiveError::Store(error) => write!(f, "{error}"),
            ArchiveError::Line(line, why) => write!(f, "line {line}: {why}"),
            ArchiveError::CutOff => f.write_str(
                "the archive is cut off: its last line is missing; what came before it is in the \
                 store",
            ),
            ArchiveError::Stopped(records) => write!(
                f,
                "stopped between two nodes, with {records} records in the store; to go on, import \
                 the same archive with --into-existing"
            ),
            ArchiveError::Unfinished => f.write_str("the export was stopped: the archive is incomplete"),
            ArchiveError::NotEmpty => f.write_str(
                "there is something in the store already; name an empty one, or add to what is there \
                 with --into-existing",
            ),
        }
    }
}

impl std::error::Error for ArchiveError {}

impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> ArchiveError {
        ArchiveError::Io(error)
    }
}

impl From<StoreError> for ArchiveError {
    fn from(error: StoreError) -> ArchiveError {
        ArchiveError::Store(error)
    }
}

/// Exports a whole store in parts. `progress` receives the number of records written and returns
/// whether to continue.
///
/// # Errors
///
/// The export was stopped, the store cannot be read, or the archive cannot be written.
pub(crate) async fn export(
    store: &dyn Store,
    to: impl Write,
    mut progress: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<ArchiveStats, ArchiveError> {
    let mut archive = Archive { to, records: 0 };
    archive.line(&Line::CoupletPubsub { version: VERSION })?;
    let mut nodes = Walk::new(DumpPosition::Nodes(None), MANY);
    while let Some(found) = nodes.next(store).await? {
        for node in found {
            let Record::Node { node: entry, .. } = &node else {
                continue;
            };
            let id = entry.id;
            archive.records(vec![node])?;
            for (position, max) in parts_of(id) {
                let mut part = Walk::new(position, max);
                while let Some(found) = part.next(store).await? {
                    archive.records(found)?;
                    let wish = progress(archive.records);
                    wish.continue_value().ok_or(ArchiveError::Unfinished)?;
                }
            }
            let wish = progress(archive.records);
            wish.continue_value().ok_or(ArchiveError::Unfinished)?;
        }
    }
    let mut redirects = Walk::new(DumpPosition::Redirects(None), MANY);
    while let Some(found) = redirects.next(store).await? {
        archive.records(found)?;
    }
    let records = archive.records;
    archive.line(&Line::End { records })?;
    archive.to.flush()?;
    let _it_is_whole = progress(records);
    Ok(ArchiveStats {
        records,
        left_out: 0,
    })
}

/// Imports an archive in parts. `progress` receives the number of records imported and returns
/// returns whether to continue after the current node: half a node would be skipped when the import
/// is
/// repeated.
///
/// # Errors
///
/// The import was stopped, the archive is truncated or of a newer version, the store is not empty,
/// or it returned an error. The records read before are in the store.
pub(crate) async fn import(
    store: &dyn Store,
    from: impl BufRead,
    into: ImportTarget,
    mut progress: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<ArchiveStats, ArchiveError> {
    if into == ImportTarget::Empty && !is_empty(store).await? {
        return Err(ArchiveError::NotEmpty);
    }
    let mut lines = Lines {
        from,
        number: 0,
        line: String::new(),
    };
    lines.header()?;
    let mut moved = ArchiveStats::default();
    let mut node = None;
    let mut part = Vec::new();
    let mut wish = ControlFlow::Continue(());
    let announced = loop {
        let line = lines.next()?;
        let stops = wish.is_break() && begins(&line);
        let end = match line {
            _ if stops => None,
            Line::Record(record) => {
                record.check().map_err(|why| lines.wrong(&why))?;
                part.push(record);
                None
            }
            Line::End { records } => Some(records),
            Line::CoupletPubsub { .. } => {
                return Err(lines.wrong("an archive begins inside of another"));
            }
        };
        if stops || end.is_some() || part.len() >= MAX_SUBSCRIPTIONS as usize {
            moved.records += part.len() as u64;
            let restored = store.restore(node, std::mem::take(&mut part)).await?;
            node = restored.node;
            moved.left_out += restored.left_out;
            if progress(moved.records).is_break() {
                wish = ControlFlow::Break(());
            }
        }
        if stops {
            return Err(ArchiveError::Stopped(moved.records));
        }
        if let Some(records) = end {
            break records;
        }
    };
    if announced != moved.records {
        let missing = format!(
            "{announced} records were written, {} were read",
            moved.records
        );
        return Err(lines.wrong(&missing));
    }
    if !lines.is_at_end()? {
        return Err(lines.wrong(
            "more lines follow the end of the archive; the records before it are in the store",
        ));
    }
    Ok(moved)
}

/// Returns whether this line begins a node or a redirection, so that the import can stop before it.
fn begins(line: &Line) -> bool {
    matches!(
        line,
        Line::Record(Record::Node { .. } | Record::Redirect { .. })
    )
}

async fn is_empty(store: &dyn Store) -> Result<bool, StoreError> {
    for position in [DumpPosition::Nodes(None), DumpPosition::Redirects(None)] {
        if !store.dump(position, 1).await?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn parts_of(node: NodeId) -> [(DumpPosition, u32); 4] {
    [
        (DumpPosition::Affiliations(node, None), MANY),
        (DumpPosition::Subscriptions(node, None), MANY),
        (DumpPosition::Items(node, 0), MAX_SUBSCRIPTIONS),
        (DumpPosition::Announcements(node, 0), MAX_SUBSCRIPTIONS),
    ]
}

/// Reads a list of records in parts.
struct Walk {
    /// `None` after the last part.
    at: Option<DumpPosition>,
    max: u32,
}

impl Walk {
    fn new(at: DumpPosition, max: u32) -> Walk {
        Walk { at: Some(at), max }
    }

    async fn next(&mut self, store: &dyn Store) -> Result<Option<Vec<Record>>, StoreError> {
        let Some(at) = self.at.take() else {
            return Ok(None);
        };
        let found = store.dump(at.clone(), self.max).await?;
        self.at = found.last().and_then(|last| behind(&at, last));
        Ok((!found.is_empty()).then_some(found))
    }
}

/// Returns the position after this record.
fn behind(at: &DumpPosition, last: &Record) -> Option<DumpPosition> {
    Some(match (at, last) {
        (DumpPosition::Nodes(_), Record::Node { node, .. }) => DumpPosition::Nodes(Some(node.id)),
        (DumpPosition::Affiliations(node, _), Record::Affiliation { jid, .. }) => {
            DumpPosition::Affiliations(*node, Some(jid.prepared().to_owned()))
        }
        (DumpPosition::Subscriptions(node, _), Record::Subscription { subscription, .. }) => {
            let after = Cursor {
                jid: subscription.jid.to_string(),
                subid: subscription.subid.clone(),
            };
            DumpPosition::Subscriptions(*node, Some(after))
        }
        (DumpPosition::Items(node, _), Record::Item(item)) => {
            DumpPosition::Items(*node, item.head.seq)
        }
        (DumpPosition::Announcements(node, _), Record::Announcement { seq, .. }) => {
            DumpPosition::Announcements(*node, *seq)
        }
        (DumpPosition::Redirects(_), Record::Redirect { name, .. }) => {
            DumpPosition::Redirects(Some(name.clone()))
        }
        _ => return None,
    })
}

struct Archive<W> {
    to: W,
    records: u64,
}

impl<W: Write> Archive<W> {
    fn line(&mut self, line: &Line) -> Result<(), ArchiveError> {
        serde_json::to_writer(&mut self.to, line).map_err(io::Error::from)?;
        self.to.write_all(b"\n")?;
        Ok(())
    }

    fn records(&mut self, records: Vec<Record>) -> Result<(), ArchiveError> {
        for record in records {
            self.line(&Line::Record(record))?;
            self.records += 1;
        }
        Ok(())
    }
}

struct Lines<R> {
    from: R,
    number: u64,
    line: String,
}

impl<R: BufRead> Lines<R> {
    fn header(&mut self) -> Result<(), ArchiveError> {
        match self.next()? {
            Line::CoupletPubsub { version } if version <= VERSION => Ok(()),
            Line::CoupletPubsub { version } => Err(self.wrong(&format!(
                "written by a newer version of this program (archive {version}, this one reads up \
                 to {VERSION})"
            ))),
            _ => Err(self.wrong("this is not the first line of an archive")),
        }
    }

    fn next(&mut self) -> Result<Line, ArchiveError> {
        self.line.clear();
        self.number += 1;
        let mut some = io::Read::take(&mut self.from, LINE_BYTES);
        if some.read_line(&mut self.line)? == 0 {
            return Err(ArchiveError::CutOff);
        }
        if !self.line.ends_with('\n') {
            return Err(ArchiveError::CutOff);
        }
        serde_json::from_str(&self.line).map_err(|error| self.wrong(&error.to_string()))
    }

    /// Returns whether only white space is left.
    fn is_at_end(&mut self) -> Result<bool, ArchiveError> {
        self.number += 1;
        loop {
            let some = self.from.fill_buf()?;
            if some.is_empty() {
                return Ok(true);
            }
            if !some.iter().all(u8::is_ascii_whitespace) {
                return Ok(false);
            }
            let read = some.len();
            self.from.consume(read);
        }
    }

    fn wrong(&self, why: &str) -> ArchiveError {
        ArchiveError::Line(self.number, why.to_owned())
    }
}
