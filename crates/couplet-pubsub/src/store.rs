//! Where everything is kept: whole operations, each one transaction.
//!
//! Deliberately absent: rules. A store finds facts, hands them to a decision and applies what it
//! says; whether that is allowed is the engine's business.

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

pub(crate) mod job_queue;
pub(crate) mod record;
#[cfg(test)]
pub(crate) mod suite;
pub(crate) mod page_plan;

use self::record::{DumpPosition, Record, Restored};

/// Decides on facts: the changes to make, or none. Called at most once, inside of the transaction,
/// so it must neither block nor wait.
pub(crate) type Decide = Box<dyn FnOnce(&Snapshot) -> Vec<Change> + Send>;

/// A place where nodes live.
///
/// `Ok` of a change means that it survives a crash of the process and, where the store promises
/// it, of the machine.
#[async_trait]
pub(crate) trait Store: Send + Sync + 'static {
    /// Finds the facts, asks for a decision and does what it says, all in one transaction.
    /// Two changes of one node never overlap. A decision that panics changes nothing.
    ///
    /// `Contended` where a node is created whose name was taken meanwhile; `Broken` where there is
    /// no node that a change could be about: of a deleted one only announcements may follow.
    ///
    /// Not cancel safe in the sense that a dropped future may have changed something or not.
    async fn change(&self, query: Query, decide: Decide) -> Result<(), StoreError>;

    /// Finds facts to answer a question.
    async fn snapshot(&self, query: Query) -> Result<Snapshot, StoreError>;

    /// Items of a node, oldest first; the cursor of a page is the id. `index` and `count` are of all
    /// items; of those that were found where they were asked for by id.
    async fn items(&self, node: NodeId, wanted: Wanted) -> Result<Paged<Item>, StoreError>;

    /// The ids of the items of a node, as [`items`](Store::items) lists them; no payload is read.
    async fn item_ids(&self, node: NodeId, page: Page) -> Result<Paged<String>, StoreError>;

    /// All nodes, by name (bytewise); the cursor of a page is the name.
    async fn nodes(&self, page: Page) -> Result<Paged<Node>, StoreError>;

    /// Subscriptions of a bare JID and its full JIDs, with the names of their nodes; by node name,
    /// then subid. The cursor is `subid`.
    async fn subscriptions_of(
        &self,
        who: BareJid,
        node: Option<String>,
        page: Page,
    ) -> Result<Paged<(String, Subscription)>, StoreError>;

    /// Affiliations of a bare JID other than none, by node name, which is the cursor.
    async fn affiliations_of(
        &self,
        who: BareJid,
        node: Option<String>,
        page: Page,
    ) -> Result<Paged<(String, Affiliation)>, StoreError>;

    /// Subscriptions to a node, without those that are pending, by JID, then subid. The cursor is
    /// a [`Cursor`] as text.
    async fn subscribers(
        &self,
        node: NodeId,
        page: Page,
    ) -> Result<Paged<Subscription>, StoreError>;

    /// Affiliations other than none, by JID, which is the cursor.
    async fn affiliates(
        &self,
        node: NodeId,
        page: Page,
    ) -> Result<Paged<(BareJid, Affiliation)>, StoreError>;

    /// Nodes that this owner owns and somebody waits for, by name; at most so many.
    async fn nodes_with_pending(&self, owner: BareJid, max: u32)
    -> Result<Vec<String>, StoreError>;

    /// Nodes of which something was changed that is not yet done for all: at most so many.
    async fn unapplied(&self, max: u32) -> Result<Vec<String>, StoreError>;

    /// What time it is for the leases of announcements: one clock for all who share the store, or
    /// those whose clocks differ would take each other's announcements away in the middle.
    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(clock::now())
    }

    /// Takes over announcements to deliver, the lowest `JobId` first: new ones, and those whose
    /// lease has run out. Of a node any number, in the order of their seq and without a gap, but
    /// none while somebody else holds one of that node: so the order of a node holds, and an
    /// announcement need not wait until the one before it is known to be delivered.
    async fn claim(&self, claim: Claim) -> Result<Vec<Job>, StoreError>;

    /// Who is to get it, by JID and subid, after the cursor. Those who are named have no subid.
    async fn recipients(
        &self,
        job: &Job,
        after: Option<&Cursor>,
        max: u32,
    ) -> Result<Vec<Recipient>, StoreError>;

    /// Notes how far a job got and prolongs its lease. `false`: it is somebody else's now, or done.
    ///
    /// After a crash the note may be lost, and what it was about is delivered again.
    async fn advance(
        &self,
        job: JobId,
        instance: &str,
        after: Cursor,
        until: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Hands back everything that this instance has claimed, as if the leases had run out.
    async fn release(&self, instance: &str) -> Result<(), StoreError> {
        let _they_run_out = instance;
        Ok(())
    }

    /// A job is done: it is forgotten, and with the last one of a deleted node the node too.
    /// Nothing happens where it is somebody else's now.
    async fn finish(&self, job: JobId, instance: &str) -> Result<(), StoreError>;

    /// Moves an announcement of this instance that cannot be sent out of the way, and logs it.
    /// Nothing happens where it is another instance's now.
    async fn set_aside(&self, job: JobId, instance: &str, why: &str) -> Result<(), StoreError>;

    /// Called when there may be something new to claim.
    fn announced(&self) -> &Notify;

    /// The node a notification came back from. None when it is gone.
    async fn node_named(&self, id: NodeId) -> Result<Option<String>, StoreError>;

    /// What has run out by now, the longest overdue first, at most so many of each.
    async fn expired(&self, now: Timestamp, max: u32) -> Result<Expired, StoreError>;

    /// How much there is. Deleted nodes count no more, what they still announce does.
    async fn statistics(&self) -> Result<Statistics, StoreError>;

    /// What stands behind a mark, for moving it to another store; none at the end.
    async fn dump(&self, from: DumpPosition, max: u32) -> Result<Vec<Record>, StoreError>;

    /// Takes in what another store dumped, in its order, all or none. `into` is the node of the
    /// first records, as the restore before told.
    async fn restore(
        &self,
        into: Option<NodeId>,
        records: Vec<Record>,
    ) -> Result<Restored, StoreError>;

    /// Writes out what is not yet safe and lets go of the files.
    async fn close(&self) -> Result<(), StoreError>;
}

/// Who takes over jobs.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// The process that delivers.
    pub(crate) instance: String,
    pub(crate) now: Timestamp,
    /// Until when nobody else takes them.
    pub(crate) until: Timestamp,
    pub(crate) max: u32,
}

/// The key of an announcement. Grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct JobId(pub(crate) i64);

/// An announcement on its way.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) node: NodeId,
    pub(crate) seq: u64,
    pub(crate) announcement: Announcement,
    /// How far it got.
    pub(crate) after: Option<Cursor>,
}

/// One who gets a notification. Only those whose options say so and who were subscribed in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recipient {
    pub(crate) jid: String,
    pub(crate) subid: String,
    /// For those who are named always, as the announcement was written for them.
    pub(crate) include_body: bool,
    /// Whether this JID has another subscription to the node, so that the subid tells which it is.
    /// (XEP-0060, 12.13)
    pub(crate) one_of_several: bool,
}

/// What has run out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expired {
    /// Node name and JID with subid.
    pub(crate) leases: Vec<(String, Jid, String)>,
    /// Node name and item id.
    pub(crate) items: Vec<(String, String)>,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statistics {
    pub(crate) nodes: u64,
    pub(crate) items: u64,
    /// In state `subscribed`.
    pub(crate) subscriptions: u64,
    pub(crate) announcements: u64,
}

/// Why a store could not do it.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// A page begins at an entry that is not there. (XEP-0059, 2.2)
    UnknownCursor,
    /// A page begins at a number that is too far from both ends of its list to be counted to.
    /// (XEP-0059, 2.6)
    FarIndex,
    /// The store is well, but others are ahead: too much waits to be written, or a node of the same name
    /// was created meanwhile.
    Contended(String),
    /// It may work later: the disk is full, or the database is away.
    Busy(String),
    /// It will not: the file is read-only or corrupt.
    Broken(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::UnknownCursor => f.write_str("no such entry to begin the page at"),
            StoreError::FarIndex => f.write_str("too far into the list to begin a page at"),
            StoreError::Contended(why) | StoreError::Busy(why) | StoreError::Broken(why) => {
                f.write_str(why)
            }
        }
    }
}

impl StoreError {
    /// How the store failed, as a label of the metric; none where it did not.
    pub(crate) fn failure(&self) -> Option<&'static str> {
        match self {
            StoreError::UnknownCursor | StoreError::FarIndex | StoreError::Contended(_) => None,
            StoreError::Busy(_) => Some("busy"),
            StoreError::Broken(_) => Some("broken"),
        }
    }
}

impl std::error::Error for StoreError {}

/// Logs that an announcement is no longer sent.
pub(crate) fn log_set_aside(node: Option<&str>, job: JobId, why: &str) {
    tracing::error!(
        node,
        announcement = job.0,
        error = why,
        "a stored announcement cannot be sent and is set aside"
    );
}

/// Asks for the decision; a panic in it is an error like others.
pub(crate) fn run_decision(decide: Decide, snapshot: &Snapshot) -> Result<Vec<Change>, StoreError> {
    catch_unwind(AssertUnwindSafe(|| decide(snapshot)))
        .map_err(|_its_hook_has_told| StoreError::Broken("a decision panicked".to_owned()))
}

/// The form in which the address that a page begins beside is compared.
pub(crate) fn prepared(cursor: &str) -> String {
    let jid = BareJid::new(cursor);
    jid.map_or_else(|_| cursor.to_owned(), |jid| jid.prepared().to_owned())
}

/// The address of an affiliation, where it is not the form that is compared: a server knows its
/// domains as it writes them.
pub(crate) fn address(jid: &BareJid) -> Option<String> {
    let address = jid.normalized();
    (address.as_str() != jid.prepared()).then(|| address.as_str().to_owned())
}

/// Those who are named as recipients: each once, by JID.
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

/// Looks at changes before the first is made: nothing else may fail for a reason of its own.
///
/// # Errors
///
/// A name is taken, or there is no node to change.
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
                    "the node {name} is new as well"
                )));
            }
            made.push(name);
            (at, deleted) = (Some(name), false);
        }
        let fits = !deleted || matches!(change, Change::Announce(_));
        let Some(at) = at.filter(|_| fits) else {
            return Err(StoreError::Broken("a change to no node".to_owned()));
        };
        if let Change::Delete { .. } = change {
            made.retain(|name| *name != at);
            freed.push(at);
            deleted = true;
        }
    }
    Ok(())
}
