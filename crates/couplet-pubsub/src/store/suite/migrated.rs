//! Data of version 0.1.0, written by `fixture/make.sh`, in a store that was opened since.

use crate::{
    change::Change,
    node::{AccessModel, Affiliation},
    page::{Page, Start},
    request::Wanted,
    store::{Statistics, record::DumpPosition},
};

use super::{Shared, after, bare, claim, create, node, page, publish, run};

async fn ids(store: &Shared, name: &str, wanted: Page) -> Vec<String> {
    let id = node(store, name).await.id;
    let found = store.items(id, Wanted::Page(wanted)).await.unwrap();
    found.entries.into_iter().map(|item| item.head.id).collect()
}

pub(crate) async fn holds_everything(store: &Shared) {
    let all = store.nodes(Page::default()).await.unwrap();
    let names: Vec<&str> = all.entries.iter().map(|node| &*node.name).collect();
    assert_eq!((names, all.count), (vec!["closed", "news"], 2));
    assert_eq!(all.entries[0].config.access, AccessModel::Whitelist);
    assert_eq!(all.entries[1].config.title.as_deref(), Some("News"));
    let news = node(store, "news").await;
    assert_eq!((news.items, news.subscribers, news.unapplied), (3, 3, 0));
    let items = ids(store, "news", Page::default()).await;
    assert_eq!(items, ["1", "\u{e9} <2>", "3"]);
    let last = page(1, after("\u{e9} <2>"));
    assert_eq!(ids(store, "news", last).await, ["3"]);
    assert_eq!(ids(store, "closed", page(1, Start::Last)).await, ["only"]);
    let people = store.affiliates(news.id, Page::default()).await.unwrap();
    let owner = (bare("owner@example.org"), Affiliation::Owner);
    assert!(people.entries.contains(&owner), "{people:?}");
    let held = store.subscribers(news.id, Page::default()).await.unwrap();
    let held: Vec<&str> = held.entries.iter().map(|held| &*held.subid).collect();
    assert_eq!(held, ["s1", "s2", "s4"]);
    let expected = Statistics {
        nodes: 2,
        items: 4,
        subscriptions: 3,
        announcements: 3,
    };
    assert_eq!(store.statistics().await.unwrap(), expected);
    let redirects = store.dump(DumpPosition::Redirects(None), 9).await.unwrap();
    assert_eq!(redirects.len(), 1);
}

pub(crate) async fn goes_on(store: &Shared) {
    let jobs = claim(store, "a", 0).await;
    assert_eq!(jobs.len(), 3);
    assert_eq!(jobs[0].after.as_ref().unwrap().subid, "s1");
    for job in jobs {
        store.finish(job.id, "a").await.unwrap();
    }
    assert_eq!(store.statistics().await.unwrap().announcements, 0);
    run(store, "news", vec![publish("1"), publish("4")]).await;
    let items = ids(store, "news", Page::default()).await;
    assert_eq!(items, ["\u{e9} <2>", "3", "1", "4"]);
    let ids_of_two = ["3", "4"].map(str::to_owned).to_vec();
    run(store, "news", vec![Change::Retract { ids: ids_of_two }]).await;
    assert_eq!(node(store, "news").await.items, 2);
    run(store, "closed", vec![Change::Purge]).await;
    assert_eq!(node(store, "closed").await.items, 0);
    let later = create(store, "later").await.id;
    assert!(later.0 > 4, "keys are used once");
    assert_eq!(store.nodes(Page::default()).await.unwrap().count, 3);
    run(store, "later", vec![Change::Delete { redirect: None }]).await;
    run(store, "news", vec![Change::Purge, publish("5")]).await;
    assert_eq!(ids(store, "news", Page::default()).await, ["5"]);
    assert_eq!(store.nodes(Page::default()).await.unwrap().count, 2);
}
