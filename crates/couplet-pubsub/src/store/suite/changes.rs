//! Changes: applied in order, all or none.

use futures_util::future::join_all;

use crate::{
    change::Change,
    node::{AccessModel, Affiliation, NodeConfig},
    page::Page,
    request::Wanted,
    snapshot::Snapshot,
    store::StoreError,
};

use super::{
    Shared, affiliate, announce_to_subscribers, at, bare, claim, create, creation, node, publish,
    run, subscribe, unsubscribe,
};

async fn item_ids(store: &Shared, name: &str) -> Vec<String> {
    let id = node(store, name).await.id;
    let wanted = Wanted::Page(Page::default());
    let items = store.items(id, wanted).await.unwrap();
    items.entries.into_iter().map(|item| item.head.id).collect()
}

pub(crate) async fn a_node_is_found_by_the_name_it_was_made_with(store: &Shared) {
    let made = create(store, "news").await;
    assert_eq!(made.name, "news");
    assert_eq!(made.config, NodeConfig::default());
    assert_eq!(made.creator, bare("owner@example.org"));
    assert_eq!(
        (made.created.0, made.items, made.subscribers),
        (1_000, 0, 0)
    );
    assert_eq!(made, node(store, "news").await);
}

pub(crate) async fn names_are_kept_byte_for_byte(store: &Shared) {
    let long = "x".repeat(1_024);
    let names = [
        "news",
        "News",
        "NEWS",
        "n\u{e4}ws",
        "na\u{308}ws",
        "a b",
        " a b ",
        "/a/b",
        "'\"<&>",
        "\u{1f980}",
        "%",
        "_",
        "",
        &long,
    ];
    for name in names {
        create(store, name).await;
    }
    for name in names {
        assert_eq!(node(store, name).await.name, name);
    }
    let mut sorted = names.map(str::to_owned).to_vec();
    sorted.sort();
    let nodes = store.nodes(Page::default()).await.unwrap();
    let listed: Vec<String> = nodes.entries.into_iter().map(|node| node.name).collect();
    assert_eq!(listed, sorted);
    let items = ["i", "I", "\u{1f980}", " ", &long];
    run(store, "news", items.map(publish).to_vec()).await;
    assert_eq!(item_ids(store, "news").await, items);
}

pub(crate) async fn a_name_that_is_taken_is_refused_and_nothing_changes(store: &Shared) {
    create(store, "other").await;
    create(store, "news").await;
    let changes = vec![publish("1"), creation("news")];
    let result = store.change(at("other"), Box::new(|_| changes)).await;
    assert!(
        matches!(result, Err(StoreError::Contended(_))),
        "{result:?}"
    );
    assert_eq!(item_ids(store, "other").await, [] as [&str; 0]);
}

pub(crate) async fn a_change_to_no_node_is_refused(store: &Shared) {
    let decide = Box::new(|_: &Snapshot| vec![publish("1")]);
    let result = store.change(at("nowhere"), decide).await;
    assert!(matches!(result, Err(StoreError::Broken(_))), "{result:?}");
    create(store, "nowhere").await;
    assert_eq!(item_ids(store, "nowhere").await, [] as [&str; 0]);
    let changes = vec![Change::Delete { redirect: None }, publish("1")];
    let result = store.change(at("nowhere"), Box::new(|_| changes)).await;
    assert!(matches!(result, Err(StoreError::Broken(_))), "{result:?}");
    node(store, "nowhere").await;
}

pub(crate) async fn a_decision_that_panics_changes_nothing(store: &Shared) {
    create(store, "news").await;
    let before = node(store, "news").await;
    let decide = Box::new(|_: &Snapshot| panic!("a decision that panics, on purpose"));
    let result = store.change(at("news"), decide).await;
    assert!(matches!(result, Err(StoreError::Broken(_))), "{result:?}");
    assert_eq!(node(store, "news").await, before);
    run(store, "news", vec![publish("1")]).await;
    assert_eq!(item_ids(store, "news").await, ["1"]);
}

pub(crate) async fn a_decision_without_changes_changes_nothing(store: &Shared) {
    create(store, "news").await;
    let before = node(store, "news").await;
    run(store, "news", Vec::new()).await;
    run(store, "nowhere", Vec::new()).await;
    assert_eq!(node(store, "news").await, before);
}

pub(crate) async fn what_fails_late_undoes_what_went_before(store: &Shared) {
    create(store, "taken").await;
    create(store, "news").await;
    run(
        store,
        "news",
        vec![publish("1"), affiliate("a@x", Affiliation::Member)],
    )
    .await;
    let before = node(store, "news").await;
    let changes = vec![
        publish("2"),
        Change::Retract {
            ids: vec!["1".to_owned()],
        },
        affiliate("a@x", Affiliation::Outcast),
        subscribe("b@x", "s1"),
        announce_to_subscribers(),
        Change::Delete { redirect: None },
        creation("news"),
        creation("taken"),
    ];
    let result = store.change(at("news"), Box::new(|_| changes)).await;
    assert!(
        matches!(result, Err(StoreError::Contended(_))),
        "{result:?}"
    );
    assert_eq!(node(store, "news").await, before);
    assert_eq!(item_ids(store, "news").await, ["1"]);
    let affiliates = store.affiliates(before.id, Page::default()).await.unwrap();
    assert_eq!(affiliates.entries, [(bare("a@x"), Affiliation::Member)]);
    assert!(claim(store, "a", 0).await.is_empty());
    run(store, "news", vec![publish("3")]).await;
    assert_eq!(node(store, "news").await.next_seq, before.next_seq + 1);
}

pub(crate) async fn a_configuration_is_replaced_whole(store: &Shared) {
    create(store, "news").await;
    let config = NodeConfig {
        title: Some("\u{1f980} 'News'".to_owned()),
        contact: vec!["a@x".to_owned()],
        access: AccessModel::Whitelist,
        max_items: None,
        item_expire: Some(60),
        ..NodeConfig::default()
    };
    run(
        store,
        "news",
        vec![Change::Configure(Box::new(config.clone()))],
    )
    .await;
    assert_eq!(node(store, "news").await.config, config);
}

pub(crate) async fn the_revision_grows_with_configuration_affiliations_and_subscriptions(
    store: &Shared,
) {
    let mut last = create(store, "news").await.revision;
    for change in [
        Change::Configure(Box::default()),
        affiliate("a@x", Affiliation::Member),
        subscribe("a@x", "s1"),
        unsubscribe("a@x", "s1"),
    ] {
        run(store, "news", vec![change.clone()]).await;
        let revision = node(store, "news").await.revision;
        assert!(revision > last, "{change:?}");
        last = revision;
    }
    run(store, "news", vec![publish("1"), announce_to_subscribers()]).await;
    assert_eq!(node(store, "news").await.revision, last);
}

pub(crate) async fn items_and_announcements_share_one_order(store: &Shared) {
    let made = create(store, "news").await;
    let changes = vec![
        publish("1"),
        announce_to_subscribers(),
        publish("2"),
        announce_to_subscribers(),
    ];
    run(store, "news", changes).await;
    let wanted = Wanted::Newest(9);
    let items = store.items(made.id, wanted).await.unwrap().entries;
    let first = made.next_seq;
    let seqs: Vec<u64> = items.iter().map(|item| item.head.seq).collect();
    assert_eq!(seqs, [first, first + 2]);
    assert_eq!(claim(store, "a", 0).await[0].seq, first + 1);
    assert_eq!(node(store, "news").await.next_seq, first + 4);
}

pub(crate) async fn an_item_published_again_is_the_newest(store: &Shared) {
    create(store, "news").await;
    run(store, "news", vec![publish("1"), publish("2")]).await;
    run(store, "news", vec![publish("1")]).await;
    assert_eq!(item_ids(store, "news").await, ["2", "1"]);
    assert_eq!(node(store, "news").await.items, 2);
}

pub(crate) async fn counts_follow_the_changes(store: &Shared) {
    create(store, "news").await;
    let counts = async || {
        let node = node(store, "news").await;
        (node.items, node.subscribers)
    };
    let changes = vec![
        publish("1"),
        publish("2"),
        subscribe("a@x", "s1"),
        super::pend("b@x", "s2"),
    ];
    run(store, "news", changes).await;
    assert_eq!(counts().await, (2, 1));
    run(
        store,
        "news",
        vec![subscribe("b@x", "s2"), subscribe("a@x", "s1")],
    )
    .await;
    assert_eq!(counts().await, (2, 2));
    let changes = vec![unsubscribe("a@x", "s1"), unsubscribe("a@x", "unknown")];
    run(store, "news", changes).await;
    assert_eq!(counts().await, (2, 1));
    let ids = ["2", "2", "unknown"].map(str::to_owned).to_vec();
    run(store, "news", vec![Change::Retract { ids }]).await;
    assert_eq!(counts().await, (1, 1));
}

pub(crate) async fn purging_and_retracting_leave_the_rest(store: &Shared) {
    create(store, "news").await;
    create(store, "other").await;
    for name in ["news", "other"] {
        run(store, name, vec![publish("1"), publish("2")]).await;
    }
    run(
        store,
        "news",
        vec![Change::Retract {
            ids: vec!["1".to_owned()],
        }],
    )
    .await;
    assert_eq!(item_ids(store, "news").await, ["2"]);
    run(store, "news", vec![Change::Purge]).await;
    assert_eq!(item_ids(store, "news").await, [] as [&str; 0]);
    assert_eq!(item_ids(store, "other").await, ["1", "2"]);
    assert_eq!(node(store, "news").await.items, 0);
}

pub(crate) async fn many_changes_at_once_all_happen(store: &Shared) {
    create(store, "news").await;
    let changes = (0..64).map(|number| {
        let id = number.to_string();
        let decide = Box::new(move |snapshot: &Snapshot| {
            let next = snapshot.node.as_ref().map(|node| node.next_seq);
            vec![publish(&id), publish(&format!("at {next:?}"))]
        });
        store.change(at("news"), decide)
    });
    for done in join_all(changes).await {
        done.unwrap();
    }
    let node = node(store, "news").await;
    // Each saw a state of its own: none decided on a state that another was about to change.
    assert_eq!(node.items, 128);
    assert_eq!(node.next_seq, 129);
}

pub(crate) async fn a_deleted_name_is_free_at_once_and_its_key_is_not(store: &Shared) {
    let first = create(store, "news").await;
    let changes = vec![
        publish("1"),
        subscribe("a@x", "s1"),
        affiliate("a@x", Affiliation::Owner),
    ];
    run(store, "news", changes).await;
    let delete = Change::Delete { redirect: None };
    run(
        store,
        "news",
        vec![announce_to_subscribers(), delete.clone()],
    )
    .await;
    assert_eq!(store.snapshot(at("news")).await.unwrap().node, None);
    let second = create(store, "news").await;
    assert_ne!(first.id, second.id);
    assert_eq!((second.items, second.subscribers), (0, 0));
    assert_eq!(item_ids(store, "news").await, [] as [&str; 0]);
    let affiliates = store.affiliates(first.id, Page::default()).await.unwrap();
    assert!(affiliates.entries.is_empty());
    let gone = store.subscribers(first.id, Page::default()).await.unwrap();
    assert_eq!(gone.count, 0);
    run(store, "news", vec![delete]).await;
    let third = create(store, "news").await;
    assert!(third.id != first.id && third.id != second.id);
}

pub(crate) async fn a_redirection_lasts_until_the_name_is_used_again(store: &Shared) {
    let there = Some("xmpp:pubsub.example.org?;node=there".to_owned());
    let redirect = async |name| store.snapshot(at(name)).await.unwrap().redirect;
    create(store, "news").await;
    assert_eq!(redirect("news").await, None);
    let redirect_there = Change::Delete {
        redirect: there.clone(),
    };
    run(store, "news", vec![redirect_there]).await;
    assert_eq!(redirect("news").await, there);
    assert_eq!(redirect("New").await, None);
    create(store, "news").await;
    assert_eq!(redirect("news").await, None);
    run(store, "news", vec![Change::Delete { redirect: None }]).await;
    assert_eq!(redirect("news").await, None);
}

pub(crate) async fn what_is_published_after_a_purge_is_not_purged(store: &Shared) {
    create(store, "news").await;
    let many = (0..1_500).map(|number| publish(&number.to_string()));
    run(store, "news", many.collect()).await;
    run(
        store,
        "news",
        vec![Change::Purge, publish("7"), publish("new")],
    )
    .await;
    assert_eq!(item_ids(store, "news").await, ["7", "new"]);
    assert_eq!(node(store, "news").await.items, 2);
    run(store, "news", vec![Change::Purge]).await;
    run(store, "news", vec![publish("8")]).await;
    // Leaves time to remove rows.
    for _ in 0..20 {
        create(store, "other").await;
        run(store, "other", vec![Change::Delete { redirect: None }]).await;
    }
    assert_eq!(item_ids(store, "news").await, ["8"]);
    assert_eq!(node(store, "news").await.items, 1);
}

pub(crate) async fn a_node_is_unapplied_until_the_change_that_marked_it_is_applied(store: &Shared) {
    create(store, "news").await;
    create(store, "other").await;
    let configure = || Change::Configure(Box::default());
    run(store, "news", vec![configure(), Change::MarkUnapplied]).await;
    let first = node(store, "news").await.unapplied;
    assert!(first > 0);
    assert_eq!(store.unapplied(9).await.unwrap(), ["news"]);
    run(store, "news", vec![configure(), Change::MarkUnapplied]).await;
    run(store, "news", vec![Change::MarkApplied(first)]).await;
    let second = node(store, "news").await.unapplied;
    assert!(second > first, "an older change settles nothing");
    run(store, "news", vec![Change::MarkApplied(second)]).await;
    assert_eq!(store.unapplied(9).await.unwrap(), [""; 0]);
}
