//! The interface of stores: whole operations, each one transaction.
//!
//! A store has no rules: it reads a snapshot, passes it to a decision and applies the decision's
//! changes.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use async_trait::async_trait;
use couplet::{BareJid, Jid};
use tokio::sync::Notify;

use crate::{
    change::{Announcement, Change},
    clock,
    item::Item,
    node::{Affiliation, Node, NodeId},
    page::{Page, Paged},
    request::Wanted,
    snapshot::{Query, Snapshot},
    subscription::Subscription,
    timestamp::Timestamp,
};

pub(crate) use crate::cursor::Cursor;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod apply;
pub(crate) mod job_queue;
pub(crate) mod record;
#[cfg(test)]
pub(crate) mod suite;
pub(crate) mod page_plan;

use self::record::{DumpPosition, Record, Restored};

/// Decides on a snapshot: returns the changes to apply, or none. Called at most once, inside of the
/// transaction, so it must not block.
pub(crate) type Decide = Box<dyn FnOnce(&Snapshot) -> Vec<Change> + Send>;

/// A store of nodes.
///
/// `Ok` of a change means that it is durable: it survives a crash of the process and, if the store
/// promises it, of the machine.
#[async_trait]
pub(crate) trait Store: Send + Sync + 'static {
    /// Reads a snapshot, calls the decision and applies its changes, all in one transaction.
    /// Changes of one node are serialized. A decision that panics changes nothing.
    ///
    /// `Contended` if the name of a new node was taken meanwhile; `Broken` if a change has no node:
    /// after a deletion only announcements may follow.
    ///
    /// Not cancel safe: a dropped future may have changed something or not.
    async fn change(&self, query: Query, decide: Decide) -> Result<(), StoreError>;

    /// Reads a snapshot without a change.
    async fn snapshot(&self, query: Query) -> Result<Snapshot, StoreError>;

    /// Returns items of a node, oldest first; the cursor of a page is the id. `index` and `count`
    /// are of all items; for items by id, of those that exist.
    async fn items(&self, node: NodeId, wanted: Wanted) -> Result<Paged<Item>, StoreError>;

    /// Returns the ids of the items of a node, in the order of [`items`](Store::items), without
    /// reading payloads.
    async fn item_ids(&self, node: NodeId, page: Page) -> Result<Paged<String>, StoreError>;

    /// Returns all nodes, by name (bytewise); the cursor of a page is the name.
    async fn nodes(&self, page: Page) -> Result<Paged<Node>, StoreError>;

    /// Returns subscriptions of a bare JID and its full JIDs, with the names of their nodes; by
    /// node name, then subid. The cursor is `subid`.
    async fn subscriptions_of(
        &self,
        who: BareJid,
        node: Option<String>,
        page: Page,
    ) -> Result<Paged<(String, Subscription)>, StoreError>;

    /// Returns affiliations of a bare JID other than none, by node name, which is the cursor.
    async fn affiliations_of(
        &self,
        who: BareJid,
        node: Option<String>,
        page: Page,
    ) -> Result<Paged<(String, Affiliation)>, StoreError>;

    /// Returns subscriptions to a node, without pending ones, by JID, then subid. The cursor is a
    /// [`Cursor`] as text.
    async fn subscribers(
        &self,
        node: NodeId,
        page: Page,
    ) -> Result<Paged<Subscription>, StoreError>;

    /// Returns affiliations other than none, by JID, which is the cursor.
    async fn affiliates(
        &self,
        node: NodeId,
        page: Page,
    ) -> Result<Paged<(BareJid, Affiliation)>, StoreError>;

    /// Returns nodes of this owner with pending subscriptions, by name; at most `max`.
    async fn nodes_with_pending(&self, owner: BareJid, max: u32)
    -> Result<Vec<String>, StoreError>;

    /// Returns nodes whose configuration is not applied to all yet, at most `max`.
    async fn unapplied(&self, max: u32) -> Result<Vec<String>, StoreError>;

    /// Returns the time for leases of announcements: one clock for all instances, or those with
    /// differing clocks would take over each other's announcements.
    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(clock::now())
    }

    /// Claims announcements to deliver, the lowest `JobId` first: new ones, and those with an
    /// expired lease. Of a node any number, in the order of their seq and without a gap, but none
    /// while another instance holds one of that node: this keeps the order of a node, and an
    /// announcement need not wait until the one before it is known to be delivered.
    async fn claim(&self, claim: Claim) -> Result<Vec<Job>, StoreError>;

    /// Returns recipients of a job, by JID and subid, after the cursor. Those by name have no
    /// subid.
    async fn recipients(
        &self,
        job: &Job,
        after: Option<&Cursor>,
        max: u32,
    ) -> Result<Vec<Recipient>, StoreError>;

    /// Records the progress of a job and renews its lease. Returns `false` if it belongs to another
    /// instance now, or is done.
    ///
    /// After a crash the record may be lost; its recipients get the notification again.
    async fn advance(
        &self,
        job: JobId,
        instance: &str,
        after: Cursor,
        until: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Releases everything that this instance has claimed, as if the leases had expired.
    async fn release(&self, instance: &str) -> Result<(), StoreError> {
        let _they_run_out = instance;
        Ok(())
    }

    /// Finishes a job: removes it, and with the last one of a deleted node the node too. Does
    /// nothing if it belongs to another instance now.
    async fn finish(&self, job: JobId, instance: &str) -> Result<(), StoreError>;

    /// Sets aside an announcement of this instance that cannot be sent, and logs it. Does nothing
    /// if it belongs to another instance now.
    async fn set_aside(&self, job: JobId, instance: &str, why: &str) -> Result<(), StoreError>;

    /// Returns what is notified when there may be something new to claim.
    fn announced(&self) -> &Notify;

    /// Returns the name of the node of a bounced notification. `None` if it is gone.
    async fn node_named(&self, id: NodeId) -> Result<Option<String>, StoreError>;

    /// Returns what has expired, the oldest first, at most `max` of each kind.
    async fn expired(&self, now: Timestamp, max: u32) -> Result<Expired, StoreError>;

    /// Counts of a store.
    async fn statistics(&self) -> Result<Statistics, StoreError>;

    /// Returns records after a position, for another store; none at the end.
    async fn dump(&self, from: DumpPosition, max: u32) -> Result<Vec<Record>, StoreError>;

    /// Restores records of a dump, in its order, all or none. `into` is the node of the first
    /// records, as returned by the previous call.
    async fn restore(
        &self,
        into: Option<NodeId>,
        records: Vec<Record>,
    ) -> Result<Restored, StoreError>;

    /// Writes what is not yet durable and closes the files.
    async fn close(&self) -> Result<(), StoreError>;
}

/// A claim of jobs.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// The instance that delivers.
    pub(crate) instance: String,
    pub(crate) now: Timestamp,
    /// When the lease expires.
    pub(crate) until: Timestamp,
    pub(crate) max: u32,
}

/// The key of an announcement. Keys grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct JobId(pub(crate) i64);

/// A claimed announcement.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) node: NodeId,
    pub(crate) seq: u64,
    pub(crate) announcement: Announcement,
    /// The last recipient that has received it.
    pub(crate) after: Option<Cursor>,
}

/// A recipient of a notification: with notifications enabled and subscribed before the
/// announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recipient {
    pub(crate) jid: String,
    pub(crate) subid: String,
    /// Always `true` for recipients by name, as the announcement was written for them.
    pub(crate) include_body: bool,
    /// Whether this JID has another subscription to the node, so that the notification needs the
    /// subid. (XEP-0060, 12.13)
    pub(crate) one_of_several: bool,
}

/// Expired leases and items.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expired {
    /// Node name and JID with subid.
    pub(crate) leases: Vec<(String, Jid, String)>,
    /// Node name and item id.
    pub(crate) items: Vec<(String, String)>,
}

/// Counts of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statistics {
    pub(crate) nodes: u64,
    pub(crate) items: u64,
    /// In state `subscribed`.
    pub(crate) subscriptions: u64,
    pub(crate) announcements: u64,
}

/// Why an operation of a store failed.
#[derive(Clone, Debug)]
pub(crate) enum StoreError {
    /// The cursor of a page is unknown. (XEP-0059, 2.2)
    UnknownCursor,
    /// The index of a page is too far from both ends of its list to count to it. (XEP-0059, 2.6)
    FarIndex,
    /// The store works, but is contended: its write queue is full, or a node of the same name was
    /// created concurrently.
    Contended(String),
    /// A temporary failure: the disk is full, or the database is unreachable.
    Busy(String),
    /// A permanent failure: the file is read-only or corrupt.
    Broken(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::UnknownCursor => f.write_str("unknown cursor of a page"),
            StoreError::FarIndex => f.write_str("the index is too far from both ends of the list"),
            StoreError::Contended(why) | StoreError::Busy(why) | StoreError::Broken(why) => {
                f.write_str(why)
            }
        }
    }
}

impl StoreError {
    /// Returns the kind of the failure as a label of the metric; `None` if the store did not fail.
    pub(crate) fn failure(&self) -> Option<&'static str> {
        match self {
            StoreError::UnknownCursor | StoreError::FarIndex | StoreError::Contended(_) => None,
            StoreError::Busy(_) => Some("busy"),
            StoreError::Broken(_) => Some("broken"),
        }
    }
}

impl std::error::Error for StoreError {}

/// Logs that an announcement was set aside.
pub(crate) fn log_set_aside(node: Option<&str>, job: JobId, why: &str) {
    tracing::error!(
        node,
        announcement = job.0,
        error = why,
        "a stored announcement cannot be sent and is set aside"
    );
}

/// Calls the decision, and converts a panic to an error.
pub(crate) fn run_decision(decide: Decide, snapshot: &Snapshot) -> Result<Vec<Change>, StoreError> {
    catch_unwind(AssertUnwindSafe(|| decide(snapshot)))
        .map_err(|_logged_by_the_panic_hook| StoreError::Broken("a decision panicked".to_owned()))
}

/// Returns the compared form of the address in a cursor.
pub(crate) fn prepared(cursor: &str) -> String {
    let jid = BareJid::new(cursor);
    jid.map_or_else(|_| cursor.to_owned(), |jid| jid.prepared().to_owned())
}

/// Returns the address of an affiliation if it differs from the compared form: a server knows its
/// domains as it writes them.
pub(crate) fn address(jid: &BareJid) -> Option<String> {
    let address = jid.normalized();
    (address.as_str() != jid.prepared()).then(|| address.as_str().to_owned())
}

/// Returns the recipients by name: each once, by JID.
pub(crate) fn named(jids: &[Jid], after: Option<&Cursor>, max: usize) -> Vec<Recipient> {
    let mut jids: Vec<&str> = jids.iter().map(Jid::as_str).collect();
    jids.sort_unstable();
    jids.dedup();
    jids.into_iter()
        .filter(|jid| after.is_none_or(|after| *jid > after.jid.as_str()))
        .take(max)
        .map(|jid| Recipient {
            jid: jid.to_owned(),
            subid: String::new(),
            include_body: true,
            one_of_several: false,
        })
        .collect()
}

/// Validates changes before the first is applied, so that only the store itself can fail
/// afterwards.
///
/// # Errors
///
/// A name is taken, or a change has no node.
pub(crate) fn validate_changes(
    changes: &[Change],
    node: Option<&str>,
    mut is_taken: impl FnMut(&str) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let (mut at, mut made, mut freed) = (node, Vec::new(), Vec::new());
    let mut deleted = false;
    for change in changes {
        if let Change::Create { name, .. } = change {
            let name = name.as_str();
            if made.contains(&name) || (!freed.contains(&name) && is_taken(name)?) {
                return Err(StoreError::Contended(format!(
                    "the node {name} was created concurrently"
                )));
            }
            made.push(name);
            (at, deleted) = (Some(name), false);
        }
        let fits = !deleted || matches!(change, Change::Announce(_));
        let Some(at) = at.filter(|_| fits) else {
            return Err(StoreError::Broken("a change without a node".to_owned()));
        };
        if let Change::Delete { .. } = change {
            made.retain(|name| *name != at);
            freed.push(at);
            deleted = true;
        }
    }
    Ok(())
}
