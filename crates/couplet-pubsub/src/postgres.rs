//! The store in PostgreSQL, which any number of instances share.
//!
//! Only the number of waiting announcements is cached outside of the database. `sslmode=require`
//! must never mean a plain connection, and without `sslmode` there is no encryption:
//! `sslmode=verify-full` in the address enables it.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use async_trait::async_trait;
use couplet::BareJid;
use deadpool_postgres::Pool;
use tokio::{sync::Notify, task::JoinSet, time::timeout};
use tokio_postgres::Client;

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
    address::{Address, CONNECT},
    change::COMMIT,
    connect::{READ, Session},
    listen::Listener,
    pipeline::statement,
    tls::Tls,
    write_queue::WriteQueue,
};

mod schema;
mod transfer;
mod sweep;
mod listen;
mod fanout;
mod list;
mod pages;
mod set_aside;
mod node_name;
mod write_queue;
mod change;
mod connect;
mod tls;
mod error;
mod find;
mod apply;
mod existing;
mod write;
mod rows;
mod pipeline;
mod address;
#[cfg(test)]
mod tests;

/// Opens the store at this address, `postgres://user@host/database`. Creates its tables if needed,
/// and migrates older ones. The password may be in the address or separate.
///
/// In the address, `schema` is the schema (default `couplet_pubsub`), `sslmode=verify-full`
/// encrypts and `sslrootcert` is a file of CA certificates; other parameters are as for libpq.
///
/// # Errors
///
/// Why it cannot be opened and what to do: no such database, a wrong password, missing rights,
/// tables of a newer version, no connection.
pub(crate) async fn open(url: &str, password: Option<&str>) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(Postgres::open(url, password).await?))
}

struct Postgres {
    pool: Pool,
    write_queue: Arc<WriteQueue>,
    shared: Arc<Shared>,
    /// Tasks that listen to other instances and remove given-up rows.
    tasks: Mutex<JoinSet<()>>,
}

/// State that the tasks share with the store.
struct Shared {
    /// Identifies notifications of this instance among those of others.
    instance: String,
    announced: Notify,
    /// Wakes the task that notifies other instances of announcements.
    outgoing: Notify,
    /// Undelivered announcements, as far as this instance knows.
    backlog: AtomicI64,
    /// Whether other instances may have changed that number.
    recount: AtomicBool,
    /// Wakes the task that removes given-up rows.
    untidy: Notify,
}

impl Shared {
    fn backlog(&self) -> u64 {
        u64::try_from(self.backlog.load(Ordering::Relaxed)).unwrap_or_default()
    }

    /// Records new announcements, and wakes the fan-outs of all instances.
    fn announce(&self, how_many: u64) {
        let more = i64::try_from(how_many).unwrap_or_default();
        self.backlog.fetch_add(more, Ordering::Relaxed);
        self.notify();
    }

    fn notify(&self) {
        self.announced.notify_one();
        self.outgoing.notify_one();
    }

    /// Requests a new count: a change with an unknown outcome may have created announcements.
    fn doubt(&self) {
        self.recount.store(true, Ordering::Relaxed);
    }

    async fn count(&self, client: &Client) -> Result<(), StoreError> {
        let counted = client.query_one("SELECT count(*) FROM announcement", &[]);
        self.backlog
            .store(counted.await?.try_get(0)?, Ordering::Relaxed);
        Ok(())
    }
}

impl Postgres {
    async fn open(url: &str, password: Option<&str>) -> Result<Postgres, StoreError> {
        let address = Arc::new(Address::parse(url, password)?);
        let tls = Tls::new(address.encryption())?;
        if address.is_exposed() {
            tracing::warn!(
                %address,
                "the connection to the database is not encrypted; sslmode=verify-full encrypts it"
            );
        }
        let shared = Arc::new(Shared {
            instance: uuid::Uuid::new_v4().to_string(),
            announced: Notify::new(),
            outgoing: Notify::new(),
            backlog: AtomicI64::new(0),
            recount: AtomicBool::new(false),
            untidy: Notify::new(),
        });
        let line = timeout(CONNECT, Listener::open(&address, tls.clone())).await;
        let mut line = line
            .map_err(|_elapsed| error::too_slow())?
            .map_err(|error| error::at(&address, &error))?;
        line.with(async |client| schema::prepare(client, &address).await)
            .await?;
        line.listen(&address).await?;
        line.with(async |client| shared.count(client).await).await?;
        let pool = connect::pool(&address, tls.clone())?;
        let mut tasks = JoinSet::new();
        listen::start(&mut tasks, line, address, tls, Arc::clone(&shared));
        tasks.spawn(sweep::keep_tidy(pool.clone(), Arc::clone(&shared)));
        Ok(Postgres {
            write_queue: WriteQueue::new(pool.clone(), Arc::clone(&shared)),
            pool,
            shared,
            tasks: Mutex::new(tasks),
        })
    }
}

#[async_trait]
impl Store for Postgres {
    async fn change(&self, query: Query, decide: Decide) -> Result<(), StoreError> {
        self.write_queue.change(query, decide).await
    }

    async fn snapshot(&self, query: Query) -> Result<Snapshot, StoreError> {
        let mut statements = vec![statement!(READ)];
        statements.extend(find::statements(&query));
        statements.push(statement!(COMMIT));
        let mut answers = Session::begin(&self.pool).await?.end(&statements).await?;
        let _begun = answers.next();
        find::snapshot(&query, &mut answers, self.shared.backlog())
    }

    async fn items(&self, node: NodeId, wanted: Wanted) -> Result<Paged<Item>, StoreError> {
        list::items(&self.pool, node, wanted).await
    }

    async fn item_ids(&self, node: NodeId, page: Page) -> Result<Paged<String>, StoreError> {
        list::item_ids(&self.pool, node, page).await
    }

    async fn nodes(&self, page: Page) -> Result<Paged<Node>, StoreError> {
        list::nodes(&self.pool, page).await
    }

    async fn subscriptions_of(
        &self,
        who: BareJid,
        node: Option<String>,
        page: Page,
    ) -> Result<Paged<(String, Subscription)>, StoreError> {
        list::subscriptions_of(&self.pool, &who, node, page).await
    }

    async fn affiliations_of(
        &self,
        who: BareJid,
        node: Option<String>,
        page: Page,
    ) -> Result<Paged<(String, Affiliation)>, StoreError> {
        list::affiliations_of(&self.pool, &who, node, page).await
    }

    async fn subscribers(
        &self,
        node: NodeId,
        page: Page,
    ) -> Result<Paged<Subscription>, StoreError> {
        list::subscribers(&self.pool, node, page).await
    }

    async fn affiliates(
        &self,
        node: NodeId,
        page: Page,
    ) -> Result<Paged<(BareJid, Affiliation)>, StoreError> {
        list::affiliates(&self.pool, node, page).await
    }

    async fn nodes_with_pending(
        &self,
        owner: BareJid,
        max: u32,
    ) -> Result<Vec<String>, StoreError> {
        list::nodes_with_pending(&self.pool, &owner, max).await
    }

    async fn unapplied(&self, max: u32) -> Result<Vec<String>, StoreError> {
        list::unapplied(&self.pool, max).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        fanout::now(&self.pool).await
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Job>, StoreError> {
        let (jobs, dropped) = fanout::claim(&self.pool, claim).await?;
        self.shared.backlog.fetch_sub(dropped, Ordering::Relaxed);
        Ok(jobs)
    }

    async fn recipients(
        &self,
        job: &Job,
        after: Option<&Cursor>,
        max: u32,
    ) -> Result<Vec<Recipient>, StoreError> {
        fanout::recipients(&self.pool, job, after, max).await
    }

    async fn advance(
        &self,
        job: JobId,
        instance: &str,
        after: Cursor,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        fanout::advance(&self.pool, job, instance, after, until).await
    }

    async fn release(&self, instance: &str) -> Result<(), StoreError> {
        if fanout::release(&self.pool, instance).await? {
            self.shared.notify();
        }
        Ok(())
    }

    async fn finish(&self, job: JobId, instance: &str) -> Result<(), StoreError> {
        if let Some(gone) = fanout::finish(&self.pool, job, instance).await? {
            self.shared.backlog.fetch_sub(1, Ordering::Relaxed);
            if gone.buried {
                self.shared.untidy.notify_one();
            }
            if gone.more {
                self.shared.notify();
            }
        }
        Ok(())
    }

    async fn set_aside(&self, job: JobId, instance: &str, why: &str) -> Result<(), StoreError> {
        if set_aside::announcement(&self.pool, job, instance, why).await? {
            self.shared.backlog.fetch_sub(1, Ordering::Relaxed);
            // Others of its node may wait to be claimed.
            self.shared.notify();
        }
        Ok(())
    }

    fn announced(&self) -> &Notify {
        &self.shared.announced
    }

    async fn node_named(&self, id: NodeId) -> Result<Option<String>, StoreError> {
        node_name::name_of(&self.pool, id).await
    }

    async fn expired(&self, now: Timestamp, max: u32) -> Result<Expired, StoreError> {
        let statements = find::overdue_statements(now, max);
        let mut answers = Session::begin(&self.pool).await?.end(&statements).await?;
        find::expired(&mut answers)
    }

    async fn statistics(&self) -> Result<Statistics, StoreError> {
        list::statistics(&self.pool).await
    }

    async fn dump(&self, from: DumpPosition, max: u32) -> Result<Vec<Record>, StoreError> {
        transfer::dump(&self.pool, from, max).await
    }

    async fn restore(
        &self,
        into: Option<NodeId>,
        records: Vec<Record>,
    ) -> Result<Restored, StoreError> {
        let (restored, announced) = transfer::restore(&self.pool, into, records).await?;
        self.shared.announce(announced);
        Ok(restored)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.write_queue.close().await;
        self.pool.close();
        let mut tasks = {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *tasks)
        };
        tasks.shutdown().await;
        Ok(())
    }
}
