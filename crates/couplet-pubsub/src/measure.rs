//! What a store does per second, for `benches/`. Nothing here is part of the interface.

use std::{path::Path, sync::Arc, time::Duration};

use couplet::{BareJid, Jid};
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::{
    change::{Announcement, Audience, Change},
    facts::{Facts, Needs},
    memory,
    moment::Moment,
    node::{Affiliation, NodeConfig, NotificationType},
    postgres,
    sqlite::Sqlite,
    store::{Claim, Store, StoreError},
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
};

mod sizes;

pub use sizes::Place;

/// A store to measure.
#[derive(Clone)]
pub struct Subject {
    store: Arc<dyn Store>,
    file: Option<Arc<Sqlite>>,
}

/// So many, in this time.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// What was done and acknowledged.
    pub done: u64,
    /// How long it took.
    pub took: Duration,
    /// Commits that made it safe.
    pub commits: u64,
}

impl Measured {
    /// How many a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.done as f64 / self.took.as_secs_f64()
    }
}

impl Subject {
    /// A store in memory.
    #[must_use]
    pub fn memory() -> Subject {
        Subject {
            store: memory::store(),
            file: None,
        }
    }

    /// A store in a file.
    ///
    /// # Errors
    ///
    /// Why it cannot be opened.
    pub fn sqlite(path: &Path) -> Result<Subject, String> {
        let file = Sqlite::open(path.to_owned()).map_err(told)?;
        let file = Arc::new(file);
        Ok(Subject {
            store: Arc::clone(&file) as Arc<dyn Store>,
            file: Some(file),
        })
    }

    /// A store in a database of PostgreSQL.
    ///
    /// # Errors
    ///
    /// Why it cannot be opened.
    pub async fn postgres(url: &str) -> Result<Subject, String> {
        let store = postgres::open(url, None).await.map_err(told)?;
        Ok(Subject { store, file: None })
    }

    fn commits(&self) -> u64 {
        self.file.as_ref().map_or(0, |file| file.commits())
    }

    /// Makes nodes `0` to so many.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub async fn create(&self, nodes: u32) -> Result<(), String> {
        for node in 0..nodes {
            let owner = bare(&format!("publisher{node}@example.org"))?;
            let changes = vec![
                Change::Create {
                    name: node.to_string(),
                    config: Box::new(NodeConfig::default()),
                    creator: owner.clone(),
                    at: Moment(0),
                },
                Change::Affiliate {
                    jid: owner,
                    affiliation: Affiliation::Owner,
                },
            ];
            let decide = Box::new(move |_: &Facts| changes);
            let made = self.store.change(at(node), decide).await;
            made.map_err(told)?;
        }
        Ok(())
    }

    /// So many publishers, each with one item at a time, announced; spread over so many nodes.
    ///
    /// # Errors
    ///
    /// What the store says.
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
            let needs = Needs {
                actor: Some(publisher.clone()),
                items: vec![id.clone()],
                oldest: 1,
                ..at(node)
            };
            let publisher = publisher.clone();
            let decide = Box::new(move |facts: &Facts| publication(facts, id, xml, publisher));
            self.store.change(needs, decide).await.map_err(told)?;
        }
        Ok(())
    }

    /// So many subscriptions to node `0`, one after the other, as many at a time as are told.
    ///
    /// # Errors
    ///
    /// What the store says.
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
        let needs = Needs {
            actor: Some(bare(&jid)?),
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
        let decide = Box::new(move |_: &Facts| vec![Change::Subscribe(subscription)]);
        self.store.change(needs, decide).await.map_err(told)
    }

    /// Delivers what waits to nobody, until nothing waits.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub async fn drain(&self) -> Result<Measured, String> {
        let (begun, commits) = (Instant::now(), self.commits());
        let mut done = 0;
        loop {
            let claim = Claim {
                instance: "bench".to_owned(),
                now: Moment(0),
                until: Moment(1),
                max: 64,
            };
            let jobs = self.store.claim(claim).await.map_err(told)?;
            if jobs.is_empty() {
                break;
            }
            for job in &jobs {
                let met = self
                    .store
                    .recipients(job, None, 2_000)
                    .await
                    .map_err(told)?;
                done += met.len() as u64;
            }
            let finished = jobs.iter().map(|job| self.store.finish(job.id, "bench"));
            for one in join_all(finished).await {
                one.map_err(told)?;
            }
        }
        Ok(Measured {
            done,
            took: begun.elapsed(),
            commits: self.commits() - commits,
        })
    }

    /// Lets go of the file.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub async fn close(self) -> Result<(), String> {
        self.store.close().await.map_err(told)
    }
}

fn publication(facts: &Facts, id: String, xml: String, publisher: BareJid) -> Vec<Change> {
    let content = format!(
        "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='news'>\
         <item id='{id}'>{xml}</item></items></event>"
    );
    let mut changes = vec![
        Change::Publish {
            id,
            publisher,
            payload: Some(xml),
            at: Moment(0),
            expires: None,
        },
        Change::Announce(Announcement {
            to: Audience::Subscribers,
            type_: NotificationType::Headline,
            content,
            body: None,
        }),
    ];
    let full = facts.node.as_ref().is_some_and(|node| node.items >= 1_000);
    if full {
        let ids = facts.oldest.iter().map(|head| head.id.clone()).collect();
        changes.push(Change::Retract { ids });
    }
    changes
}

fn at(node: u32) -> Needs {
    Needs {
        node: Some(node.to_string()),
        ..Needs::default()
    }
}

fn bare(jid: &str) -> Result<BareJid, String> {
    BareJid::new(jid).map_err(|error| error.to_string())
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what map_err hands over"
)]
fn told(error: StoreError) -> String {
    error.to_string()
}
