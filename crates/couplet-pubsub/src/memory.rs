//! A store in memory, for tests and for services without durable data. It holds one lock during a
//! change.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use couplet::BareJid;
use tokio::sync::Notify;

use crate::{
    item::Item,
    node::{Affiliation, Node, NodeId},
    page::{Page, Paged},
    request::Wanted,
    snapshot::{Query, Snapshot},
    store::{
        Claim, Cursor, Decide, Expired, Job, JobId, Recipient, Statistics, Store, StoreError,
        record::{DumpPosition, Record, Restored},
        run_decision,
    },
    subscription::Subscription,
    timestamp::Timestamp,
};

use self::tables::Tables;

mod transfer;
mod list;
mod find;
mod fanout;
mod apply;
mod tables;
mod subscriptions;
#[cfg(test)]
mod tests;

/// Creates an empty store.
pub(crate) fn store() -> Arc<dyn Store> {
    Arc::new(Memory::default())
}

#[derive(Default)]
struct Memory {
    tables: Mutex<Tables>,
    announced: Notify,
}

impl Memory {
    /// Locks the tables. Only a decision can panic while they are locked, and that panic is caught.
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Memory {
    async fn change(&self, query: Query, decide: Decide) -> Result<(), StoreError> {
        let mut tables = self.lock();
        let snapshot = tables.snapshot(&query);
        let changes = run_decision(decide, &snapshot)?;
        if tables.apply(query.node.as_deref(), changes)? {
            self.announced.notify_one();
        }
        Ok(())
    }

    async fn snapshot(&self, query: Query) -> Result<Snapshot, StoreError> {
        Ok(self.lock().snapshot(&query))
    }

    async fn items(&self, node: NodeId, wanted: Wanted) -> Result<Paged<Item>, StoreError> {
        self.lock().list_items(node, &wanted)
    }

    async fn item_ids(&self, node: NodeId, page: Page) -> Result<Paged<String>, StoreError> {
        self.lock().list_item_ids(node, &page)
    }

    async fn nodes(&self, page: Page) -> Result<Paged<Node>, StoreError> {
        self.lock().list_nodes(&page)
    }

    async fn subscriptions_of(
        &self,
        who: BareJid,
        node: Option<String>,
        page: Page,
    ) -> Result<Paged<(String, Subscription)>, StoreError> {
        self.lock()
            .list_subscriptions_of(&who, node.as_deref(), &page)
    }

    async fn affiliations_of(
        &self,
        who: BareJid,
        node: Option<String>,
        page: Page,
    ) -> Result<Paged<(String, Affiliation)>, StoreError> {
        self.lock()
            .list_affiliations_of(&who, node.as_deref(), &page)
    }

    async fn subscribers(
        &self,
        node: NodeId,
        page: Page,
    ) -> Result<Paged<Subscription>, StoreError> {
        self.lock().list_subscribers(node, &page)
    }

    async fn affiliates(
        &self,
        node: NodeId,
        page: Page,
    ) -> Result<Paged<(BareJid, Affiliation)>, StoreError> {
        self.lock().list_affiliates(node, &page)
    }

    async fn nodes_with_pending(
        &self,
        owner: BareJid,
        max: u32,
    ) -> Result<Vec<String>, StoreError> {
        Ok(self.lock().list_nodes_with_pending(&owner, max))
    }

    async fn unapplied(&self, max: u32) -> Result<Vec<String>, StoreError> {
        Ok(self.lock().list_unsettled(max))
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Job>, StoreError> {
        Ok(self.lock().claim(&claim))
    }

    async fn recipients(
        &self,
        job: &Job,
        after: Option<&Cursor>,
        max: u32,
    ) -> Result<Vec<Recipient>, StoreError> {
        Ok(self.lock().recipients(job, after, max))
    }

    async fn advance(
        &self,
        job: JobId,
        instance: &str,
        after: Cursor,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.lock().advance(job, instance, after, until))
    }

    async fn release(&self, instance: &str) -> Result<(), StoreError> {
        if self.lock().queue.release(instance) {
            self.announced.notify_one();
        }
        Ok(())
    }

    async fn finish(&self, job: JobId, instance: &str) -> Result<(), StoreError> {
        if self.lock().finish(job, instance) {
            self.announced.notify_one();
        }
        Ok(())
    }

    async fn set_aside(&self, job: JobId, instance: &str, why: &str) -> Result<(), StoreError> {
        if self.lock().set_aside(job, instance, why) {
            self.announced.notify_one();
        }
        Ok(())
    }

    fn announced(&self) -> &Notify {
        &self.announced
    }

    async fn node_named(&self, id: NodeId) -> Result<Option<String>, StoreError> {
        let tables = self.lock();
        Ok(tables.live(id).map(|kept| kept.node.name.clone()))
    }

    async fn expired(&self, now: Timestamp, max: u32) -> Result<Expired, StoreError> {
        Ok(self.lock().expired(now, max))
    }

    async fn statistics(&self) -> Result<Statistics, StoreError> {
        Ok(self.lock().statistics())
    }

    async fn dump(&self, from: DumpPosition, max: u32) -> Result<Vec<Record>, StoreError> {
        Ok(self.lock().dump(&from, max))
    }

    async fn restore(
        &self,
        into: Option<NodeId>,
        records: Vec<Record>,
    ) -> Result<Restored, StoreError> {
        let restored = self.lock().restore(into, records);
        self.announced.notify_one();
        Ok(restored)
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
