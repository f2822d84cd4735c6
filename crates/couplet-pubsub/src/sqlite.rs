//! The store in one file, by SQLite: one thread writes, a few connections read concurrently.
//!
//! Only one process may use the file. Leases of announcements are in memory, so those of a process
//! that died are free at once.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use couplet::BareJid;
use tokio::{
    sync::{Notify, oneshot},
    task::spawn_blocking,
};

use crate::{
    item::Item,
    node::{Affiliation, Node, NodeId},
    page::{Page, Paged},
    request::Wanted,
    snapshot::{Query, Snapshot},
    store::{
        Claim, Cursor, Decide, Expired, Job, JobId, Recipient, Statistics, Store, StoreError,
        record::{DumpPosition, Record, Restored},
    },
    subscription::Subscription,
    timestamp::Timestamp,
};

use self::{
    readers::Readers,
    unreadable::Reading,
    writer::{Op, Writer},
};

pub(crate) mod backup;
mod writer;
mod writer_state;
mod write_queue;
mod set_aside;
mod list;
mod pages;
mod fanout;
mod apply;
mod batch;
mod transfer;
mod save;
mod lock;
mod readers;
mod connect;
mod schema;
mod error;
mod find;
mod unreadable;
mod node_name;
mod rows;
#[cfg(test)]
mod tests;

/// Opens the store in this file, or creates it. Migrates older ones.
///
/// # Errors
///
/// Why the store cannot be opened, with advice: another process has it, it is of a newer version,
/// it is not a store, it is damaged, or it is not writable.
pub(crate) async fn open(path: &Path) -> Result<Arc<dyn Store>, StoreError> {
    let path = path.to_owned();
    let opened = spawn_blocking(move || Sqlite::open(path)).await;
    let store = opened.map_err(error::lost)??;
    Ok(Arc::new(store))
}

pub(crate) struct Sqlite {
    /// Dropped first: the last connection checkpoints the file, and has to be a writing one.
    readers: Arc<Readers>,
    writer: Writer,
    shared: Arc<Shared>,
}

/// State that the writer shares.
#[derive(Default)]
struct Shared {
    announced: Notify,
    /// Undelivered announcements.
    backlog: AtomicU64,
    commits: AtomicU64,
}

impl Shared {
    fn backlog(&self) -> u64 {
        self.backlog.load(Ordering::Relaxed)
    }
}

impl Sqlite {
    /// Opens the store like [`open`], but blocks.
    pub(crate) fn open(path: PathBuf) -> Result<Sqlite, StoreError> {
        let shared = Arc::new(Shared::default());
        let writer = Writer::start(path.clone(), Arc::clone(&shared))?;
        Ok(Sqlite {
            writer,
            readers: Arc::new(Readers::new(path)),
            shared,
        })
    }

    /// Returns the number of commits.
    #[cfg(feature = "measure")]
    pub(crate) fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Sends an operation to the writer and waits for its result.
    async fn write<T>(
        &self,
        op: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Op,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.writer.send(op(answer))?;
        answered.await.map_err(error::lost)?
    }

    /// Reads in one transaction.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reading<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.readers);
        let (found, left_out) = readers.read(read).await?;
        if !left_out.is_empty() {
            // Unreadable rows that are not recorded now are found again later.
            let _at_the_next_look = self.writer.send(Op::SetAside(left_out));
        }
        Ok(found)
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn change(&self, query: Query, decide: Decide) -> Result<(), StoreError> {
        self.write(|answer| Op::Change {
            query,
            decide,
            answer,
        })
        .await
    }

    async fn snapshot(&self, query: Query) -> Result<Snapshot, StoreError> {
        let backlog = self.shared.backlog();
        self.read(move |file| {
            let node = query.node.as_deref();
            let node = node.map(|name| find::node(file, name)).transpose()?;
            find::snapshot(file, &query, node.flatten().as_ref(), backlog)
        })
        .await
    }

    async fn items(&self, node: NodeId, wanted: Wanted) -> Result<Paged<Item>, StoreError> {
        self.read(move |file| list::items(file, node, &wanted))
            .await
    }

    async fn item_ids(&self, node: NodeId, page: Page) -> Result<Paged<String>, StoreError> {
        self.read(move |file| list::item_ids(file, node, &page))
            .await
    }

    async fn nodes(&self, page: Page) -> Result<Paged<Node>, StoreError> {
        self.read(move |file| list::nodes(file, &page)).await
    }

    async fn subscriptions_of(
        &self,
        who: BareJid,
        node: Option<String>,
        page: Page,
    ) -> Result<Paged<(String, Subscription)>, StoreError> {
        self.read(move |file| list::subscriptions_of(file, &who, node.as_deref(), &page))
            .await
    }

    async fn affiliations_of(
        &self,
        who: BareJid,
        node: Option<String>,
        page: Page,
    ) -> Result<Paged<(String, Affiliation)>, StoreError> {
        self.read(move |file| list::affiliations_of(file, &who, node.as_deref(), &page))
            .await
    }

    async fn subscribers(
        &self,
        node: NodeId,
        page: Page,
    ) -> Result<Paged<Subscription>, StoreError> {
        self.read(move |file| list::subscribers(file, node, &page))
            .await
    }

    async fn affiliates(
        &self,
        node: NodeId,
        page: Page,
    ) -> Result<Paged<(BareJid, Affiliation)>, StoreError> {
        self.read(move |file| list::affiliates(file, node, &page))
            .await
    }

    async fn nodes_with_pending(
        &self,
        owner: BareJid,
        max: u32,
    ) -> Result<Vec<String>, StoreError> {
        self.read(move |file| list::nodes_with_pending(file, &owner, max))
            .await
    }

    async fn unapplied(&self, max: u32) -> Result<Vec<String>, StoreError> {
        self.read(move |file| find::unapplied(file, max)).await
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Job>, StoreError> {
        self.write(|answer| Op::Claim { claim, answer }).await
    }

    async fn recipients(
        &self,
        job: &Job,
        after: Option<&Cursor>,
        max: u32,
    ) -> Result<Vec<Recipient>, StoreError> {
        let (job, after) = (job.clone(), after.cloned());
        self.read(move |file| fanout::recipients(file, &job, after.as_ref(), max))
            .await
    }

    async fn advance(
        &self,
        job: JobId,
        instance: &str,
        after: Cursor,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let instance = instance.to_owned();
        self.write(|answer| Op::Advance {
            job,
            instance,
            after,
            until,
            answer,
        })
        .await
    }

    async fn release(&self, instance: &str) -> Result<(), StoreError> {
        let instance = instance.to_owned();
        self.write(|answer| Op::Release { instance, answer }).await
    }

    async fn finish(&self, job: JobId, instance: &str) -> Result<(), StoreError> {
        let instance = instance.to_owned();
        self.write(|answer| Op::Finish {
            job,
            instance,
            answer,
        })
        .await
    }

    async fn set_aside(&self, job: JobId, instance: &str, why: &str) -> Result<(), StoreError> {
        let (instance, why) = (instance.to_owned(), why.to_owned());
        self.write(|answer| Op::SetJobAside {
            job,
            instance,
            why,
            answer,
        })
        .await
    }

    fn announced(&self) -> &Notify {
        &self.shared.announced
    }

    async fn node_named(&self, id: NodeId) -> Result<Option<String>, StoreError> {
        self.read(move |file| node_name::name_of(file, id)).await
    }

    async fn expired(&self, now: Timestamp, max: u32) -> Result<Expired, StoreError> {
        self.read(move |file| find::expired(file, now, max)).await
    }

    async fn statistics(&self) -> Result<Statistics, StoreError> {
        let announcements = self.shared.backlog();
        self.read(move |file| list::statistics(file, announcements))
            .await
    }

    async fn dump(&self, from: DumpPosition, max: u32) -> Result<Vec<Record>, StoreError> {
        self.read(move |file| transfer::dump(file, &from, max))
            .await
    }

    async fn restore(
        &self,
        into: Option<NodeId>,
        records: Vec<Record>,
    ) -> Result<Restored, StoreError> {
        self.write(|answer| Op::Restore {
            into,
            records,
            answer,
        })
        .await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.readers.close();
        let Some(ending) = self.writer.stop() else {
            return Ok(());
        };
        let ended = spawn_blocking(move || ending.join()).await;
        let ended = ended.map_err(error::lost)?;
        ended.map_err(|_it_panicked| StoreError::Broken("the writer panicked".to_owned()))
    }
}
