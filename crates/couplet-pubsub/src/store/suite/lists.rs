//! Lists: ordered, in pages both ways.

use couplet::BareJid;

use crate::{
    change::Change,
    node::{Affiliation, NodeId},
    page::{Page, Paged, Start},
    request::Wanted,
    snapshot::Query,
    store::StoreError,
};

use super::{
    Shared, affiliate, after, announce_to_subscribers, at, bare, before, create, page, pend,
    publish, run, subscribe,
};

/// A page in short: the entries, the index of the first, and the count.
type Short = (Vec<String>, u64, u64);

fn short<T>(paged: Paged<T>, name: impl Fn(T) -> String) -> Short {
    let entries = paged.entries.into_iter().map(name).collect();
    (entries, paged.index.unwrap(), paged.count)
}

fn are(entries: &[&str], index: u64, count: u64) -> Short {
    let entries = entries.iter().map(|entry| (*entry).to_owned()).collect();
    (entries, index, count)
}

async fn items(store: &Shared, node: NodeId, wanted: Wanted) -> Short {
    let items = store.items(node, wanted).await.unwrap();
    short(items, |item| item.head.id)
}

async fn five_items(store: &Shared) -> NodeId {
    let node = create(store, "news").await.id;
    let changes = ["e", "d", "c", "b", "a"].map(publish).to_vec();
    run(store, "news", changes).await;
    node
}

pub(crate) async fn items_come_in_pages_in_both_directions(store: &Shared) {
    let node = five_items(store).await;
    for (wanted, expected) in [
        (Page::default(), are(&["e", "d", "c", "b", "a"], 0, 5)),
        (page(2, Start::First), are(&["e", "d"], 0, 5)),
        (page(2, after("d")), are(&["c", "b"], 2, 5)),
        (page(2, after("b")), are(&["a"], 4, 5)),
        (page(2, after("a")), are(&[], 5, 5)),
        (page(2, Start::Last), are(&["b", "a"], 3, 5)),
        (page(2, before("b")), are(&["d", "c"], 1, 5)),
        (page(9, before("c")), are(&["e", "d"], 0, 5)),
        (page(2, before("e")), are(&[], 0, 5)),
        (page(2, Start::Index(3)), are(&["b", "a"], 3, 5)),
    ] {
        let name = format!("{wanted:?}");
        let found = items(store, node, Wanted::Page(wanted)).await;
        assert_eq!(found, expected, "{name}");
    }
    run(store, "news", vec![publish("e")]).await;
    let found = items(store, node, Wanted::Page(page(2, after("b")))).await;
    assert_eq!(found, are(&["a", "e"], 3, 5));
}

pub(crate) async fn items_come_by_number_and_by_id(store: &Shared) {
    let node = five_items(store).await;
    let newest = items(store, node, Wanted::Newest(2)).await;
    assert_eq!(newest, are(&["b", "a"], 3, 5));
    let all = items(store, node, Wanted::Newest(9)).await;
    assert_eq!(all.0.len(), 5);
    let ids = ["a", "unknown", "d", "a"].map(str::to_owned).to_vec();
    let chosen = items(store, node, Wanted::Ids(ids)).await;
    assert_eq!(chosen, are(&["d", "a"], 0, 2));
    let nowhere = items(store, NodeId(99), Wanted::Page(Page::default())).await;
    assert_eq!(nowhere, are(&[], 0, 0));
}

pub(crate) async fn nodes_come_by_name_in_pages(store: &Shared) {
    for name in ["b", "B", "a", "\u{e9}", "z"] {
        create(store, name).await;
    }
    for (wanted, expected) in [
        (Page::default(), are(&["B", "a", "b", "z", "\u{e9}"], 0, 5)),
        (page(2, after("a")), are(&["b", "z"], 2, 5)),
        (page(2, before("b")), are(&["B", "a"], 0, 5)),
        (page(1, Start::Last), are(&["\u{e9}"], 4, 5)),
        (page(2, Start::Index(1)), are(&["a", "b"], 1, 5)),
    ] {
        let found = store.nodes(wanted).await.unwrap();
        assert_eq!(short(found, |node| node.name), expected);
    }
}

pub(crate) async fn own_subscriptions_come_by_node_and_subid(store: &Shared) {
    for name in ["c", "a", "b", "gone"] {
        create(store, name).await;
    }
    run(store, "c", vec![subscribe("a@x", "s1")]).await;
    let held = vec![
        subscribe("a@x", "s5"),
        pend("a@x/r", "s2"),
        subscribe("b@x", "s3"),
    ];
    run(store, "a", held).await;
    run(store, "b", vec![subscribe("a@x/r", "s4")]).await;
    run(
        store,
        "gone",
        vec![subscribe("a@x", "s6"), announce_to_subscribers()],
    )
    .await;
    run(
        store,
        "gone",
        vec![crate::change::Change::Delete { redirect: None }],
    )
    .await;
    for (node, wanted, expected) in [
        (
            None,
            Page::default(),
            are(&["a s2", "a s5", "b s4", "c s1"], 0, 4),
        ),
        (None, page(2, after("s2")), are(&["a s5", "b s4"], 1, 4)),
        (None, page(2, before("s1")), are(&["a s5", "b s4"], 1, 4)),
        (Some("a"), Page::default(), are(&["a s2", "a s5"], 0, 2)),
        (Some("b"), page(1, Start::Last), are(&["b s4"], 0, 1)),
        (Some("nowhere"), Page::default(), are(&[], 0, 0)),
    ] {
        let node = node.map(str::to_owned);
        let found = store.subscriptions_of(bare("a@x"), node, wanted).await;
        let name = |(node, held): (String, crate::subscription::Subscription)| {
            format!("{node} {}", held.subid)
        };
        assert_eq!(short(found.unwrap(), name), expected);
    }
}

pub(crate) async fn own_affiliations_come_by_node(store: &Shared) {
    for name in ["c", "a", "b"] {
        create(store, name).await;
        run(store, name, vec![affiliate("a@x", Affiliation::Publisher)]).await;
    }
    run(store, "b", vec![affiliate("b@x", Affiliation::Owner)]).await;
    run(store, "c", vec![affiliate("a@x", Affiliation::Outcast)]).await;
    let name = |(node, held): (String, Affiliation)| format!("{node} {held:?}");
    for (node, wanted, expected) in [
        (
            None,
            Page::default(),
            are(&["a Publisher", "b Publisher", "c Outcast"], 0, 3),
        ),
        (None, page(1, after("a")), are(&["b Publisher"], 1, 3)),
        (None, page(9, before("b")), are(&["a Publisher"], 0, 3)),
        (Some("c"), Page::default(), are(&["c Outcast"], 0, 1)),
    ] {
        let node = node.map(str::to_owned);
        let found = store.affiliations_of(bare("a@x"), node, wanted).await;
        assert_eq!(short(found.unwrap(), name), expected);
    }
    run(store, "b", vec![affiliate("a@x", Affiliation::None)]).await;
    let found = store
        .affiliations_of(bare("a@x"), None, Page::default())
        .await;
    assert_eq!(found.unwrap().count, 2);
}

pub(crate) async fn subscribers_come_by_jid_and_subid(store: &Shared) {
    let node = create(store, "news").await.id;
    let changes = vec![
        subscribe("b@x", "s2"),
        subscribe("b@x", "s1"),
        subscribe("a@x/r", "s3"),
        pend("a@x/p", "waits"),
        subscribe("a@x", "s4"),
        subscribe("a@x-y", "s5"),
    ];
    run(store, "news", changes).await;
    for (wanted, expected) in [
        (Page::default(), are(&["s4", "s5", "s3", "s1", "s2"], 0, 5)),
        (page(2, after("s5 a@x-y")), are(&["s3", "s1"], 2, 5)),
        (page(2, before("s2 b@x")), are(&["s3", "s1"], 2, 5)),
        (page(2, Start::Index(4)), are(&["s2"], 4, 5)),
    ] {
        let found = store.subscribers(node, wanted).await.unwrap();
        assert_eq!(short(found, |held| held.subid), expected);
    }
}

pub(crate) async fn an_unknown_cursor_is_an_error(store: &Shared) {
    let node = five_items(store).await;
    run(
        store,
        "news",
        vec![subscribe("a@x", "s1"), subscribe("b@x", "s2")],
    )
    .await;
    for from in [after("unknown"), before("unknown"), Start::Index(9)] {
        let wanted = page(2, from);
        let found = store.items(node, Wanted::Page(wanted.clone())).await;
        assert!(matches!(found, Err(StoreError::UnknownCursor)), "{found:?}");
        let found = store.nodes(wanted.clone()).await;
        assert!(matches!(found, Err(StoreError::UnknownCursor)), "{found:?}");
        let found = store.subscribers(node, wanted.clone()).await;
        assert!(matches!(found, Err(StoreError::UnknownCursor)), "{found:?}");
        let found = store
            .affiliations_of(bare("a@x"), None, wanted.clone())
            .await;
        assert!(matches!(found, Err(StoreError::UnknownCursor)), "{found:?}");
        let found = store.subscriptions_of(bare("a@x"), None, wanted).await;
        assert!(matches!(found, Err(StoreError::UnknownCursor)), "{found:?}");
    }
    run(store, "news", vec![pend("a@x/p", "waits")]).await;
    let found = store.subscribers(node, page(2, after("waits a@x/p"))).await;
    assert!(matches!(found, Err(StoreError::UnknownCursor)), "{found:?}");
    // It belongs to another entity.
    let found = store
        .subscriptions_of(bare("a@x"), None, page(2, after("s2")))
        .await;
    assert!(matches!(found, Err(StoreError::UnknownCursor)), "{found:?}");
}

pub(crate) async fn a_page_of_nothing_still_counts(store: &Shared) {
    let node = five_items(store).await;
    let found = items(store, node, Wanted::Page(page(0, Start::First))).await;
    assert_eq!(found, are(&[], 0, 5));
    let found = store.nodes(page(0, Start::First)).await.unwrap();
    assert_eq!((found.entries.len(), found.count), (0, 1));
    let found = store
        .subscribers(node, page(3, Start::Index(0)))
        .await
        .unwrap();
    assert_eq!((found.entries.len(), found.count), (0, 0));
}

pub(crate) async fn affiliates_come_by_jid_without_those_who_are_none(store: &Shared) {
    let node = create(store, "news").await.id;
    let changes = vec![
        affiliate("c@x", Affiliation::Owner),
        affiliate("a@x", Affiliation::PublishOnly),
        affiliate("b@x", Affiliation::Member),
        affiliate("b@x", Affiliation::None),
        affiliate("unknown@x", Affiliation::None),
    ];
    run(store, "news", changes).await;
    for (wanted, expected) in [
        (
            Page::default(),
            are(&["a@x PublishOnly", "c@x Owner"], 0, 2),
        ),
        (page(1, Start::Last), are(&["c@x Owner"], 1, 2)),
        (page(1, after("a@x")), are(&["c@x Owner"], 1, 2)),
        (page(1, before("c@x")), are(&["a@x PublishOnly"], 0, 2)),
    ] {
        let found = store.affiliates(node, wanted).await.unwrap();
        let name = |(jid, affiliation)| format!("{jid} {affiliation:?}");
        assert_eq!(short(found, name), expected);
    }
    let found = store.affiliates(node, page(1, after("b@x"))).await;
    assert!(matches!(found, Err(StoreError::UnknownCursor)), "{found:?}");
}

pub(crate) async fn an_owner_sees_nodes_with_pending_subscriptions(store: &Shared) {
    for name in ["b", "a", "quiet", "foreign"] {
        create(store, name).await;
        let affiliation = match name {
            "foreign" => Affiliation::Member,
            _ => Affiliation::Owner,
        };
        run(
            store,
            name,
            vec![affiliate("o@x", affiliation), subscribe("s@x", "s0")],
        )
        .await;
    }
    for name in ["b", "a", "foreign"] {
        run(store, name, vec![pend("a@x", "s1"), pend("b@x", "s2")]).await;
    }
    assert_eq!(
        store.nodes_with_pending(bare("o@x"), 9).await.unwrap(),
        ["a", "b"]
    );
    run(
        store,
        "a",
        vec![subscribe("a@x", "s1"), subscribe("b@x", "s2")],
    )
    .await;
    assert_eq!(
        store.nodes_with_pending(bare("o@x"), 9).await.unwrap(),
        ["b"]
    );
}

pub(crate) async fn pages_deep_in_a_long_list_are_found_by_their_cursor(store: &Shared) {
    let node = create(store, "news").await.id;
    let items = (0..2_500).map(|number| publish(&number.to_string()));
    run(store, "news", items.collect()).await;
    let jid = |number| format!("u{number:04}@x");
    let people = (0..2_500).map(|number| subscribe(&jid(number), "s"));
    run(store, "news", people.collect()).await;
    for (from, first) in [
        (after("1249"), "1250"),
        (before("1252"), "1250"),
        (after("9"), "10"),
        (before("2499"), "2497"),
        (Start::Index(2_400), "2400"),
        (Start::Last, "2498"),
    ] {
        let wanted = Wanted::Page(page(2, from));
        let found = store.items(node, wanted).await.unwrap();
        assert_eq!(found.count, 2_500);
        assert_eq!(found.entries[0].head.id, first);
        // In the middle, counting to it may be left out.
        let index = found.index.map(|index| index.to_string());
        assert!(index.is_none_or(|index| index == first));
    }
    for (from, first) in [
        (after("s u1249@x"), 1_250),
        (before("s u1252@x"), 1_250),
        (Start::Index(2_400), 2_400),
        (Start::Last, 2_498),
    ] {
        let found = store.subscribers(node, page(2, from)).await.unwrap();
        assert_eq!(found.count, 2_500);
        assert_eq!(found.entries[0].jid.as_str(), jid(first));
    }
}

pub(crate) async fn ids_of_items_come_as_the_items_do(store: &Shared) {
    let id = create(store, "news").await.id;
    let items = (0..7).map(|number| publish(&number.to_string()));
    run(store, "news", items.collect()).await;
    run(store, "news", vec![Change::Purge]).await;
    let items = (3..9).map(|number| publish(&number.to_string()));
    run(store, "news", items.collect()).await;
    for wanted in [
        Page::default(),
        page(2, Start::Last),
        page(2, after("4")),
        page(2, before("6")),
        page(0, Start::First),
    ] {
        let items = store.items(id, Wanted::Page(wanted.clone())).await.unwrap();
        let ids = store.item_ids(id, wanted).await.unwrap();
        let of_items = items.entries.iter().map(|item| &item.head.id);
        assert!(ids.entries.iter().eq(of_items), "{ids:?}");
        assert_eq!((ids.index, ids.count), (items.index, items.count));
    }
    let unknown = store.item_ids(id, page(2, after("0"))).await;
    assert!(matches!(unknown, Err(StoreError::UnknownCursor)));
}

pub(crate) async fn affiliates_keep_their_a_labels_and_are_found_by_either_form(store: &Shared) {
    let node = create(store, "news").await;
    let people = ["a@xn--bdk.example", "b@x", "c@XN--bdk.example"];
    let changes = people.map(|jid| affiliate(jid, Affiliation::Owner));
    run(store, "news", changes.to_vec()).await;
    let names = |found: Paged<(BareJid, Affiliation)>| -> Vec<String> {
        let jids = found.entries.iter().map(|(jid, _)| jid.normalized());
        jids.map(|jid| jid.as_str().to_owned()).collect()
    };
    let all = store.affiliates(node.id, Page::default()).await.unwrap();
    assert_eq!(
        names(all),
        ["a@xn--bdk.example", "b@x", "c@xn--bdk.example"]
    );
    for first in ["a@xn--bdk.example", "a@\u{30c4}.example"] {
        let rest = store.affiliates(node.id, page(9, after(first))).await;
        assert_eq!(names(rest.unwrap()), ["b@x", "c@xn--bdk.example"]);
    }
    let query = Query {
        owners: true,
        ..at("news")
    };
    let owners = store.snapshot(query).await.unwrap().owners;
    assert_eq!(owners[0].normalized().as_str(), "a@xn--bdk.example");
}
