//! Measures the throughput of stores, for `benches/`. Nothing here is part of the public API.

use std::{path::Path, sync::Arc, time::Duration};

use couplet::{BareJid, Jid};
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::{
    change::{Announcement, Audience, Change},
    memory,
    node::{Affiliation, NodeConfig, NotificationType},
    postgres,
    snapshot::{Query, Snapshot},
    sqlite::Sqlite,
    store::{Claim, Store, StoreError},
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
    timestamp::Timestamp,
};

mod sizes;

pub use sizes::Place;

/// A store to measure.
#[derive(Clone)]
pub struct StoreBench {
    store: Arc<dyn Store>,
    file: Option<Arc<Sqlite>>,
}

/// A number of operations and the time they took.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Operations that were acknowledged.
    pub done: u64,
    /// How long it took.
    pub took: Duration,
    /// Commits that made them durable.
    pub commits: u64,
}

impl Measured {
    /// Returns the operations per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.done as f64 / self.took.as_secs_f64()
    }
}

impl StoreBench {
    /// Creates a store in memory.
    #[must_use]
    pub fn memory() -> StoreBench {
        StoreBench {
            store: memory::store(),
            file: None,
        }
    }

    /// Creates a store in a file.
    ///
    /// # Errors
    ///
    /// The store cannot be opened.
    pub fn sqlite(path: &Path) -> Result<StoreBench, String> {
        let file = Sqlite::open(path.to_owned()).map_err(describe)?;
        let file = Arc::new(file);
        Ok(StoreBench {
            store: Arc::clone(&file) as Arc<dyn Store>,
            file: Some(file),
        })
    }

    /// Creates a store in a database of PostgreSQL.
    ///
    /// # Errors
    ///
    /// The store cannot be opened.
    pub async fn postgres(url: &str) -> Result<StoreBench, String> {
        let store = postgres::open(url, None).await.map_err(describe)?;
        Ok(StoreBench { store, file: None })
    }

    fn commits(&self) -> u64 {
        self.file.as_ref().map_or(0, |file| file.commits())
    }

    /// Creates nodes, named by their number from `0`.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn create(&self, nodes: u32) -> Result<(), String> {
        for node in 0..nodes {
            let owner = bare(&format!("publisher{node}@example.org"))?;
            let changes = vec![
                Change::Create {
                    name: node.to_string(),
                    config: Box::new(NodeConfig::default()),
                    creator: owner.clone(),
                    at: Timestamp(0),
                },
                Change::Affiliate {
                    jid: owner,
                    affiliation: Affiliation::Owner,
                },
            ];
            let decide = Box::new(move |_: &Snapshot| changes);
            let made = self.store.change(at(node), decide).await;
            made.map_err(describe)?;
        }
        Ok(())
    }

    /// Publishes and announces items by concurrent publishers with one item each at a time, spread
    /// over the nodes.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn publish(
        &self,
        publishers: u32,
        each: u32,
        nodes: u32,
    ) -> Result<Measured, String> {
        let (begun, commits) = (Instant::now(), self.commits());
        let all = (0..publishers).map(|number| self.publish_to(number % nodes, number, each));
        for one in join_all(all).await {
            one?;
        }
        Ok(Measured {
            done: u64::from(publishers) * u64::from(each),
            took: begun.elapsed(),
            commits: self.commits() - commits,
        })
    }

    async fn publish_to(&self, node: u32, number: u32, items: u32) -> Result<(), String> {
        let publisher = bare(&format!("publisher{number}@example.org"))?;
        let text = "0123456789".repeat(12);
        for item in 0..items {
            let id = format!("item-{number}-{item}");
            let xml = format!(
                "<entry xmlns='http://www.w3.org/2005/Atom'><title>{id}</title>\
                 <summary>{text}</summary></entry>"
            );
            let query = Query {
                entity: Some(publisher.clone()),
                items: vec![id.clone()],
                oldest: 1,
                ..at(node)
            };
            let publisher = publisher.clone();
            let decide =
                Box::new(move |snapshot: &Snapshot| publication(snapshot, id, xml, publisher));
            self.store.change(query, decide).await.map_err(describe)?;
        }
        Ok(())
    }

    /// Subscribes to node `0`, `publishers` subscriptions at a time.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn subscribe(
        &self,
        from: u32,
        many: u32,
        at_a_time: u32,
    ) -> Result<Measured, String> {
        let (begun, commits) = (Instant::now(), self.commits());
        let mut next = from;
        while next < from + many {
            let end = (next + at_a_time).min(from + many);
            for one in join_all((next..end).map(|number| self.subscribe_one(number))).await {
                one?;
            }
            next = end;
        }
        Ok(Measured {
            done: u64::from(many),
            took: begun.elapsed(),
            commits: self.commits() - commits,
        })
    }

    async fn subscribe_one(&self, number: u32) -> Result<(), String> {
        let jid = format!("user{number}@example.org");
        let query = Query {
            entity: Some(bare(&jid)?),
            usage: true,
            ..at(0)
        };
        let subscription = Subscription {
            jid: Jid::new(&jid).map_err(|error| error.to_string())?,
            subid: Subscription::new_subid(),
            state: SubscriptionState::Subscribed,
            options: SubscribeOptions::default(),
            expires: None,
            bounces: 0,
            since: 0,
        };
        let decide = Box::new(move |_: &Snapshot| vec![Change::Subscribe(subscription)]);
        self.store.change(query, decide).await.map_err(describe)
    }

    /// Finishes all announcements without sending them.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn drain(&self) -> Result<Measured, String> {
        let (begun, commits) = (Instant::now(), self.commits());
        let mut done = 0;
        loop {
            let claim = Claim {
                instance: "bench".to_owned(),
                now: Timestamp(0),
                until: Timestamp(1),
                max: 64,
            };
            let jobs = self.store.claim(claim).await.map_err(describe)?;
            if jobs.is_empty() {
                break;
            }
            for job in &jobs {
                let met = self
                    .store
                    .recipients(job, None, 2_000)
                    .await
                    .map_err(describe)?;
                done += met.len() as u64;
            }
            let finished = jobs.iter().map(|job| self.store.finish(job.id, "bench"));
            for one in join_all(finished).await {
                one.map_err(describe)?;
            }
        }
        Ok(Measured {
            done,
            took: begun.elapsed(),
            commits: self.commits() - commits,
        })
    }

    /// Closes the store.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn close(self) -> Result<(), String> {
        self.store.close().await.map_err(describe)
    }
}

fn publication(snapshot: &Snapshot, id: String, xml: String, publisher: BareJid) -> Vec<Change> {
    let content = format!(
        "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='news'>\
         <item id='{id}'>{xml}</item></items></event>"
    );
    let mut changes = vec![
        Change::Publish {
            id,
            publisher,
            payload: Some(xml),
            at: Timestamp(0),
            expires: None,
        },
        Change::Announce(Announcement {
            to: Audience::Subscribers,
            type_: NotificationType::Headline,
            content,
            body: None,
        }),
    ];
    let full = snapshot
        .node
        .as_ref()
        .is_some_and(|node| node.items >= 1_000);
    if full {
        let ids = snapshot.oldest.iter().map(|head| head.id.clone()).collect();
        changes.push(Change::Retract { ids });
    }
    changes
}

fn at(node: u32) -> Query {
    Query {
        node: Some(node.to_string()),
        ..Query::default()
    }
}

fn bare(jid: &str) -> Result<BareJid, String> {
    BareJid::new(jid).map_err(|error| error.to_string())
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what map_err hands over"
)]
fn describe(error: StoreError) -> String {
    error.to_string()
}
