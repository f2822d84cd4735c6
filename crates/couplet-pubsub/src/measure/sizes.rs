//! Measures the cost of size: pages of long lists, subscriptions of one JID, writers during a
//! purge, a deletion or a change of the access model.

use std::{cell::Cell, sync::Arc, time::Duration};

use couplet::Jid;
use tokio::time::Instant;

use crate::{
    change::Change,
    clock,
    engine::Engine,
    node::NodeId,
    page::{Page, Start},
    policy::DefaultPolicy,
    request::{Field, Request, SubmittedForm, Wanted},
    snapshot::{Query, Snapshot, SubscriptionFilter},
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
    timestamp::Timestamp,
};

use super::{StoreBench, at, bare, describe};

/// Entries of a page.
const PAGE: u32 = 50;

/// Changes in one transaction while a store is filled.
const TOGETHER: u32 = 1_000;

/// Number of repetitions of a measurement; the fastest counts.
const TIMES: u32 = 15;

/// Minimum number of publications to another node during a purge.
const BESIDE: u32 = 500;

/// The page to read.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// The first.
    First,
    /// The one after an item in the middle.
    Middle,
    /// The one after an item near the end.
    NearEnd,
    /// The last.
    Last,
}

impl StoreBench {
    /// Publishes items to node `0`, which keeps them all.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn fill(&self, items: u32) -> Result<(), String> {
        let text = "0123456789".repeat(20);
        let publisher = bare("publisher0@example.org")?;
        for first in (0..items).step_by(TOGETHER as usize) {
            let some = first..(first + TOGETHER).min(items);
            let changes = some.map(|number| Change::Publish {
                id: number.to_string(),
                publisher: publisher.clone(),
                payload: Some(format!("<entry xmlns='urn:e'>{text}</entry>")),
                at: Timestamp(0),
                expires: None,
            });
            self.change(at(0), changes.collect()).await?;
        }
        Ok(())
    }

    /// Subscribes one JID many times to node `0`.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn pile_up(&self, subscriptions: u32) -> Result<(), String> {
        let jid = Jid::new("piler@example.org").map_err(|error| error.to_string())?;
        let held = (0..subscriptions).map(|number| subscribe(jid.clone(), number));
        self.change(at(0), held.collect()).await
    }

    /// Returns how long it takes to read a page of the items of node `0`.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn page(&self, place: Place, items: u32) -> Result<Duration, String> {
        let node = self.node_id().await?;
        let from = match place {
            Place::First => Start::First,
            Place::Middle => Start::After((items / 2).to_string()),
            Place::NearEnd => Start::After((items - 2 * PAGE).to_string()),
            Place::Last => Start::Last,
        };
        let mut fastest = Duration::MAX;
        for _ in 0..TIMES {
            let wanted = Wanted::Page(Page {
                max: Some(PAGE),
                from: from.clone(),
            });
            let begun = Instant::now();
            let found = self.store.items(node, wanted).await.map_err(describe)?;
            fastest = fastest.min(begun.elapsed());
            if found.entries.len() != PAGE as usize {
                return Err(format!("{} entries", found.entries.len()));
            }
        }
        Ok(fastest)
    }

    /// Returns how long a request that changes nothing takes for the JID that
    /// [`pile_up`](StoreBench::pile_up) subscribed.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn ask_piled_up(&self) -> Result<Duration, String> {
        let jid = Jid::new("piler@example.org").map_err(|error| error.to_string())?;
        let mut fastest = Duration::MAX;
        for _ in 0..TIMES {
            let query = Query {
                entity: Some(jid.to_bare()),
                filter: SubscriptionFilter::of(&jid),
                owners: true,
                ..at(0)
            };
            let begun = Instant::now();
            self.change(query, Vec::new()).await?;
            fastest = fastest.min(begun.elapsed());
        }
        Ok(fastest)
    }

    /// Subscribes many JIDs to node `0`.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn crowd(&self, subscribers: u32) -> Result<(), String> {
        for first in (0..subscribers).step_by(TOGETHER as usize) {
            let some = first..(first + TOGETHER).min(subscribers);
            let changes: Result<Vec<_>, String> = some
                .map(|number| {
                    let jid = Jid::new(&format!("user{number:07}@example.org"));
                    Ok(subscribe(jid.map_err(|error| error.to_string())?, number))
                })
                .collect();
            self.change(at(0), changes?).await?;
        }
        Ok(())
    }

    /// Returns the longest time that a publication takes without other load.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn alone(&self) -> Result<Duration, String> {
        self.slowest_beside(async { Ok(()) }).await
    }

    /// Purges node `0`. Returns the longest time that a publication to another node took meanwhile.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn purge(&self) -> Result<Duration, String> {
        self.slowest_beside(self.change(at(0), vec![Change::Purge]))
            .await
    }

    /// Deletes node `0`. Returns the longest time that a publication to another node took
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn delete(&self) -> Result<Duration, String> {
        let delete = Change::Delete { redirect: None };
        self.slowest_beside(self.change(at(0), vec![delete])).await
    }

    /// Closes node `0`, which ends all its subscriptions. Returns the longest time that a
    /// publication to another node took meanwhile.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn close_to_all(&self) -> Result<Duration, String> {
        let engine = Engine::new(
            Arc::clone(&self.store),
            Arc::new(DefaultPolicy),
            bare("pubsub.example.org")?,
        );
        let owner = bare("publisher0@example.org")?.into();
        let whitelist = Field {
            var: "pubsub#access_model".to_owned(),
            values: vec!["whitelist".to_owned()],
        };
        let request = Request::Configure {
            node: "0".to_owned(),
            form: SubmittedForm::Submit(vec![whitelist]),
        };
        self.slowest_beside(async {
            let answered = engine.answer(&owner, request, clock::now()).await;
            answered.map_err(|error| format!("{error:?}"))?;
            let left = self.store.snapshot(at(0)).await.map_err(describe)?;
            match left.node.map(|node| node.subscribers) {
                Some(0) => Ok(()),
                left => Err(format!("{left:?} subscriptions are left")),
            }
        })
        .await
    }

    async fn slowest_beside(
        &self,
        work: impl Future<Output = Result<(), String>>,
    ) -> Result<Duration, String> {
        let (done, mut slowest) = (Cell::new(false), Duration::ZERO);
        let work = async {
            let worked = work.await;
            done.set(true);
            worked
        };
        let others = async {
            let mut number = 0;
            while number < BESIDE || !done.get() {
                let begun = Instant::now();
                self.publish_to(1, number, 1).await?;
                slowest = slowest.max(begun.elapsed());
                number += 1;
            }
            Ok::<(), String>(())
        };
        let (worked, published) = tokio::join!(work, others);
        worked.and(published)?;
        Ok(slowest)
    }

    async fn change(&self, query: Query, changes: Vec<Change>) -> Result<(), String> {
        let decide = Box::new(move |_: &Snapshot| changes);
        self.store.change(query, decide).await.map_err(describe)
    }

    async fn node_id(&self) -> Result<NodeId, String> {
        let found = self.store.snapshot(at(0)).await.map_err(describe)?;
        let node = found.node.ok_or("there is no node")?;
        Ok(node.id)
    }
}

fn subscribe(jid: Jid, number: u32) -> Change {
    Change::Subscribe(Subscription {
        jid,
        subid: format!("{number:012x}"),
        state: SubscriptionState::Subscribed,
        options: SubscribeOptions::default(),
        expires: None,
        bounces: 0,
        since: 0,
    })
}
