use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use couplet::{BareJid, Component};
use couplet_test::{Server, TestUser};
use tokio::sync::Notify;

use super::*;
use crate::{
    change::{Announcement, Audience},
    item::Item,
    node::{Affiliation, Node, NotificationType},
    page::{Page, Paged},
    request::Wanted,
    snapshot::{Query, Snapshot},
    store::{
        Claim, Decide, Expired, Job, Recipient, Statistics, StoreError,
        record::{DumpPosition, Record, Restored},
    },
    subscription::Subscription,
};

mod poison;

const ALICE: &str = "alice@example.org/phone";

/// A store of announcements only. All nodes have the same subscriptions, all of Alice.
#[derive(Default)]
struct Announced {
    subscriptions: usize,
    /// Whether they share one message.
    together: bool,
    queue: Mutex<Vec<Entry>>,
    aside: Mutex<Vec<(JobId, String)>>,
    called: Notify,
}

struct Entry {
    job: Job,
    holder: Option<String>,
    done: bool,
}

impl Announced {
    fn with(subscriptions: usize) -> Arc<Announced> {
        Arc::new(Announced {
            subscriptions,
            ..Announced::default()
        })
    }

    fn announce(&self, node: i64, seq: u64) {
        let content = format!("<event><items node='{node}'/></event>");
        self.announce_content(node, seq, content);
    }

    fn announce_content(&self, node: i64, seq: u64, content: String) {
        let job = Job {
            id: JobId(node * 1000 + i64::try_from(seq).unwrap()),
            node: NodeId(node),
            seq,
            announcement: Announcement {
                to: Audience::Subscribers,
                type_: NotificationType::Headline,
                content,
                body: Some("news".to_owned()),
            },
            after: None,
        };
        self.queue.lock().unwrap().push(Entry {
            job,
            holder: None,
            done: false,
        });
        self.called.notify_one();
    }

    fn unfinished(&self) -> usize {
        self.entries(|entry| !entry.done)
    }

    fn held(&self) -> usize {
        self.entries(|entry| !entry.done && entry.holder.is_some())
    }

    fn entries(&self, of: impl Fn(&Entry) -> bool) -> usize {
        self.queue.lock().unwrap().iter().filter(|e| of(e)).count()
    }

    async fn until_all_is_done(&self) {
        while self.unfinished() > 0 {
            time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[async_trait]
impl Store for Announced {
    async fn claim(&self, claim: Claim) -> Result<Vec<Job>, StoreError> {
        let mut queue = self.queue.lock().unwrap();
        let free = queue.iter_mut().filter(|e| !e.done && e.holder.is_none());
        Ok(free
            .take(claim.max as usize)
            .map(|entry| {
                entry.holder = Some(claim.instance.clone());
                entry.job.clone()
            })
            .collect())
    }

    async fn recipients(
        &self,
        _job: &Job,
        after: Option<&Cursor>,
        max: u32,
    ) -> Result<Vec<Recipient>, StoreError> {
        let first = after.map_or(0, |after| after.subid.parse::<usize>().unwrap() + 1);
        let all = (first..self.subscriptions).take(max as usize);
        Ok(all
            .map(|number| Recipient {
                jid: ALICE.to_owned(),
                subid: number.to_string(),
                include_body: false,
                one_of_several: self.together,
            })
            .collect())
    }

    async fn advance(
        &self,
        job: JobId,
        instance: &str,
        after: Cursor,
        _until: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut queue = self.queue.lock().unwrap();
        let entry = queue.iter_mut().find(|e| e.job.id == job).unwrap();
        if entry.holder.as_deref() != Some(instance) {
            return Ok(false);
        }
        entry.job.after = Some(after).filter(|after| !after.jid.is_empty());
        Ok(true)
    }

    async fn finish(&self, job: JobId, instance: &str) -> Result<(), StoreError> {
        let mut queue = self.queue.lock().unwrap();
        let entry = queue.iter_mut().find(|e| e.job.id == job).unwrap();
        entry.done |= entry.holder.as_deref() == Some(instance);
        Ok(())
    }

    async fn set_aside(&self, job: JobId, instance: &str, why: &str) -> Result<(), StoreError> {
        self.aside.lock().unwrap().push((job, why.to_owned()));
        self.finish(job, instance).await
    }

    async fn release(&self, instance: &str) -> Result<(), StoreError> {
        for entry in self.queue.lock().unwrap().iter_mut() {
            if entry.holder.as_deref() == Some(instance) {
                entry.holder = None;
            }
        }
        Ok(())
    }

    fn announced(&self) -> &Notify {
        &self.called
    }

    async fn change(&self, _: Query, _: Decide) -> Result<(), StoreError> {
        unreachable!()
    }
    async fn snapshot(&self, _: Query) -> Result<Snapshot, StoreError> {
        unreachable!()
    }
    async fn items(&self, _: NodeId, _: Wanted) -> Result<Paged<Item>, StoreError> {
        unreachable!()
    }
    async fn item_ids(&self, _: NodeId, _: Page) -> Result<Paged<String>, StoreError> {
        unreachable!()
    }
    async fn nodes(&self, _: Page) -> Result<Paged<Node>, StoreError> {
        unreachable!()
    }
    async fn subscriptions_of(
        &self,
        _: BareJid,
        _: Option<String>,
        _: Page,
    ) -> Result<Paged<(String, Subscription)>, StoreError> {
        unreachable!()
    }
    async fn affiliations_of(
        &self,
        _: BareJid,
        _: Option<String>,
        _: Page,
    ) -> Result<Paged<(String, Affiliation)>, StoreError> {
        unreachable!()
    }
    async fn subscribers(&self, _: NodeId, _: Page) -> Result<Paged<Subscription>, StoreError> {
        unreachable!()
    }
    async fn affiliates(
        &self,
        _: NodeId,
        _: Page,
    ) -> Result<Paged<(BareJid, Affiliation)>, StoreError> {
        unreachable!()
    }
    async fn nodes_with_pending(&self, _: BareJid, _: u32) -> Result<Vec<String>, StoreError> {
        unreachable!()
    }
    async fn unapplied(&self, _: u32) -> Result<Vec<String>, StoreError> {
        unreachable!()
    }
    async fn node_named(&self, _: NodeId) -> Result<Option<String>, StoreError> {
        unreachable!()
    }
    async fn expired(&self, _: Timestamp, _: u32) -> Result<Expired, StoreError> {
        unreachable!()
    }
    async fn statistics(&self) -> Result<Statistics, StoreError> {
        unreachable!()
    }
    async fn dump(&self, _: DumpPosition, _: u32) -> Result<Vec<Record>, StoreError> {
        unreachable!()
    }
    async fn restore(&self, _: Option<NodeId>, _: Vec<Record>) -> Result<Restored, StoreError> {
        unreachable!()
    }
    async fn close(&self) -> Result<(), StoreError> {
        unreachable!()
    }
}

async fn serving(store: &Arc<Announced>, settings: DeliverySettings) -> (Server, TestUser) {
    let store: Arc<dyn Store> = Arc::clone(store) as _;
    let fanout = Fanout::new(store, Arc::default(), settings, Metrics::of("pubsub.test"));
    let server = Server::start(|config| {
        Component::new(config).background_task(|handle, stopping| fanout.run(handle, stopping))
    })
    .await;
    let alice = server.user(ALICE);
    (server, alice)
}

/// Returns the next notification: which announcement, and to which subscription.
async fn hear(alice: &mut TestUser) -> (String, String) {
    let heard = alice.next().await;
    let (announcement, subscription) = heard.id().rsplit_once('-').unwrap();
    (announcement.to_owned(), subscription.to_owned())
}

#[tokio::test(start_paused = true)]
async fn several_subscriptions_of_one_address_share_one_message() {
    let store = Arc::new(Announced {
        subscriptions: 3,
        together: true,
        ..Announced::default()
    });
    let (_server, mut alice) = serving(&store, DeliverySettings::default()).await;
    store.announce(7, 0);
    store.announce(7, 1);
    for _ in 0..2 {
        let heard = alice.next().await;
        let headers = heard
            .root()
            .child("headers", "http://jabber.org/protocol/shim");
        let subids: Vec<_> = headers
            .unwrap()
            .children()
            .map(|header| header.text())
            .collect();
        assert_eq!(subids, ["0", "1", "2"]);
    }
    store.until_all_is_done().await;
}

#[tokio::test(start_paused = true)]
async fn every_subscriber_gets_every_item_in_node_order() {
    let store = Announced::with(1_200);
    let (_server, mut alice) = serving(&store, DeliverySettings::default()).await;
    for seq in 0..3 {
        store.announce(7, seq);
        store.announce(8, seq);
    }
    let mut of_each: HashMap<String, Vec<String>> = HashMap::new();
    for _ in 0..6 * 1_200 {
        let (announcement, subscription) = hear(&mut alice).await;
        of_each.entry(subscription).or_default().push(announcement);
    }
    assert_eq!(of_each.len(), 1_200);
    for told in of_each.values() {
        let (of_7, of_8): (Vec<_>, Vec<_>) = told.iter().partition(|told| told.starts_with('7'));
        assert_eq!(of_7, ["7-0", "7-1", "7-2"]);
        assert_eq!(of_8, ["8-0", "8-1", "8-2"]);
    }
    store.until_all_is_done().await;
}

#[tokio::test(start_paused = true)]
async fn a_large_node_does_not_hold_up_a_small_one() {
    let store = Announced::with(5_000);
    let (_server, mut alice) = serving(&store, DeliverySettings::default()).await;
    store.announce(7, 0);
    store.announce(8, 0);
    let mut before = 0;
    while hear(&mut alice).await.0 != "8-0" {
        before += 1;
    }
    assert!(before < 5_000, "{before}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_during_a_fan_out_loses_no_notification() {
    let store = Announced::with(5_000);
    let (mut server, mut alice) = serving(&store, DeliverySettings::default()).await;
    store.announce(7, 0);
    store.announce(7, 1);
    let mut told = BTreeSet::new();
    for _ in 0..7_000 {
        told.insert(hear(&mut alice).await);
    }
    server.kill();
    drop(alice);
    let mut alice = server.user(ALICE);
    server.restart();
    server.component().online().await;
    while told.len() < 10_000 {
        told.insert(hear(&mut alice).await);
    }
    store.until_all_is_done().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_server_took_just_before_it_died_goes_again() {
    let store = Announced::with(10);
    let (mut server, mut alice) = serving(&store, DeliverySettings::default()).await;
    store.announce(7, 0);
    for _ in 0..10 {
        hear(&mut alice).await;
    }
    alice.ping("echo.test").await;
    server.kill();
    server.restart();
    server.component().online().await;
    let mut again = BTreeSet::new();
    while again.len() < 10 {
        again.insert(hear(&mut alice).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_overtakes_a_fanout() {
    let store = Announced::with(20_000);
    let (_server, mut alice) = serving(&store, DeliverySettings::default()).await;
    store.announce(7, 0);
    hear(&mut alice).await;
    let id = alice
        .send_request("get", "echo.test", "<ping xmlns='urn:xmpp:ping'/>")
        .await;
    let mut before = 0;
    loop {
        let heard = alice.next().await;
        if heard.id() == id {
            break;
        }
        before += 1;
    }
    assert!(before < 10_000, "{before} notifications came first");
}

#[tokio::test(start_paused = true)]
async fn a_graceful_stop_finishes_sent_announcements_and_releases_the_rest() {
    let store = Announced::with(20_000);
    let (mut server, mut alice) = serving(&store, DeliverySettings::default()).await;
    for seq in 0..3 {
        store.announce(7, seq);
    }
    for _ in 0..20_000 + 500 {
        hear(&mut alice).await;
    }
    server.component().begin_to_stop();
    let mut heard = 0;
    while store.held() > 0 {
        tokio::select! {
            _more = hear(&mut alice) => heard += 1,
            () = time::sleep(Duration::from_millis(1)) => {}
        }
    }
    assert!(heard < 20_000, "it went on for {heard}");
    assert_eq!(store.unfinished(), 2);
    let upto = |entry: &Entry| entry.job.seq == 1 && entry.job.after.is_some();
    assert_eq!(store.entries(upto), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept() {
    let store = Announced::with(1_000);
    let settings = DeliverySettings {
        rate: NonZeroU32::new(100),
        ..DeliverySettings::default()
    };
    let (_server, mut alice) = serving(&store, settings).await;
    store.announce(7, 0);
    let began = Instant::now();
    for _ in 0..1_000 {
        hear(&mut alice).await;
    }
    let rate = 1_000.0 / began.elapsed().as_secs_f64();
    assert!((80.0..120.0).contains(&rate), "{rate}");
}

#[test]
fn an_id_is_three_numbers_in_hexadecimal_and_the_same_for_the_same_copy() {
    for (node, seq) in [(0, 0), (1, 15), (0x10, 0xABCD), (i64::MAX, u64::MAX)] {
        let id = message_id(NodeId(node), seq, "alice@example.org", "a");
        let (place, hash) = id.rsplit_once('-').unwrap();
        assert_eq!(place, format!("{node:x}-{seq:x}"));
        // The id in earlier versions: the copy may be repeated after an update.
        assert_eq!(hash, "2d31c9f75fe29d26");
    }
}
