//! Publishing. (XEP-0060, 7.1)

use super::{Case, case};
use crate::error::{About, CaseError, CaseResult, check};
use crate::expect::Event;
use crate::request::{NS_ATOM, element, entry, form, item, pubsub};
use crate::test_context::{O, P, S, TestContext, X};

pub(super) const CASES: &[Case] = &[
    case!(
        60,
        "7.1.2",
        "an item reaches every subscriber once",
        reaches_everybody
    ),
    case!(61, "7.1.2", "an item without an id gets one", gets_an_id),
    case!(
        62,
        "7.1.3",
        "an item with the same id takes the place of the old one",
        takes_the_place
    ),
    case!(
        63,
        "7.1.3",
        "another publisher may publish the same id",
        another_publisher
    ),
    case!(
        67,
        "12.10",
        "several items at once are all published, or none",
        batch
    ),
    case!(
        68,
        "7.1.3.1",
        "the publish model decides who may publish",
        publish_models
    ),
    case!(
        69,
        "7.1.3.3",
        "publishing to an unknown node creates it, or is rejected",
        unknown_node
    ),
    case!(
        75,
        "7.1.2.5",
        "a node keeps max_items items and announces evicted ones",
        evicts
    ),
    case!(
        76,
        "7.1.3.4",
        "a node that is full may take no more",
        full_node
    ),
    case!(
        77,
        "7.1.5",
        "options that come with an item are conditions",
        publish_options
    ),
    case!(
        78,
        "4.1",
        "a publish-only user can publish and nothing else",
        publish_only
    ),
];

async fn reaches_everybody(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("notification_type", "headline")]).await?;
    cx.affiliated(&node, P, "publisher").await?;
    for user in [S, X] {
        cx.subscribed(user, &node).await?;
    }
    let answer = cx.publishes(P, &node, "one").await?;
    answer.is_ok()?;
    if let Ok(publish) = answer.with("publish") {
        // XEP-0060, 7.1.2: an id in the result is required if it was generated, and must be right.
        let said = publish.children().next().and_then(|item| item.attr("id"));
        cx.line(check(
            said.is_none_or(|id| id == "one"),
            "item one in the result",
            answer.received(),
        ));
    }
    let mut ids = Vec::new();
    for user in [S, X] {
        let event = cx.event(user).await?;
        cx.line(event.is_of("headline"));
        let item = event.has_item(&node, "one")?;
        let title = item
            .child("entry", NS_ATOM)
            .and_then(|entry| entry.child("title", NS_ATOM));
        let met = title.is_some_and(|title| title.text() == "one");
        cx.line(check(met, "the payload", event.received()));
        let bare = cx.bare(user);
        cx.line(check(
            event.to() == bare,
            format!("to='{bare}'"),
            event.received(),
        ));
        cx.line(check(!event.id().is_empty(), "an id", event.received()));
        ids.push(event.id());
        cx.expect_no_event(user)
            .await
            .about("exactly one message")?;
    }
    check(
        ids.first() != ids.last(),
        "an id that is unique",
        format!("{ids:?}"),
    )
}

async fn gets_an_id(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.subscribed(S, &node).await?;
    let answer = cx.publishes_raw(O, &node, &item("", &entry("one"))).await?;
    let publish = answer.with("publish")?;
    let item = publish.children().find(|child| child.name() == "item");
    let id = item
        .and_then(|item| item.attr("id"))
        .unwrap_or_default()
        .into_owned();
    check(
        !id.is_empty(),
        "the generated id in the result",
        answer.received(),
    )?;
    cx.event(S).await?.has_item(&node, &id)?;
    cx.items(X, &node).await?.items_are(&[&id])
}

async fn takes_the_place(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.subscribed(S, &node).await?;
    for title in ["old", "new"] {
        cx.publishes_raw(O, &node, &item("one", &entry(title)))
            .await?
            .is_ok()?;
        let event = cx.event(S).await?;
        event.has_item(&node, "one")?;
        cx.line(check(
            event.received().contains(title),
            format!("the {title} payload"),
            event.received(),
        ));
    }
    cx.expect_no_event(S).await?;
    let answer = cx.items(X, &node).await?;
    answer.items_are(&["one"])?;
    check(
        answer.received().contains("new"),
        "the new payload",
        answer.received(),
    )
}

async fn another_publisher(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.affiliated(&node, P, "publisher").await?;
    cx.publishes_raw(O, &node, &item("one", &entry("old")))
        .await?
        .is_ok()?;
    cx.publishes_raw(P, &node, &item("one", &entry("new")))
        .await?
        .is_ok()?;
    let answer = cx.items(X, &node).await?;
    answer.items_are(&["one"])?;
    check(
        answer.received().contains("new"),
        "the new payload",
        answer.received(),
    )
}

/// Returns the ids of the items in these events, in order.
fn brought(events: &[Event], node: &str) -> Vec<String> {
    let items = events
        .iter()
        .filter_map(|event| event.about("items", node).ok());
    items
        .flat_map(|items| items.children().filter(|child| child.name() == "item"))
        .map(|item| item.attr("id").unwrap_or_default().into_owned())
        .collect()
}

/// Returns the ids retracted in these events, in order.
fn retracted(events: &[Event], node: &str) -> Vec<String> {
    let items = events
        .iter()
        .filter_map(|event| event.about("items", node).ok());
    items
        .flat_map(|items| items.children().filter(|child| child.name() == "retract"))
        .map(|item| item.attr("id").unwrap_or_default().into_owned())
        .collect()
}

async fn batch(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.subscribed(S, &node).await?;
    let two = item("one", &entry("one")) + &item("two", &entry("two"));
    let answer = cx.publishes_raw(O, &node, &two).await?;
    let kept = cx.items(X, &node).await?.item_ids()?;
    if !answer.is_result() {
        let announced = brought(&cx.drain_events(S).await?, &node);
        cx.line(answer.error("bad-request", ""));
        let none = kept.is_empty() && announced.is_empty();
        return check(
            none,
            "nothing published",
            format!("stored {kept:?}, announced {announced:?}"),
        );
    }
    let announced = cx
        .events(S, |events| brought(events, &node).len() >= 2)
        .await?;
    let announced = brought(&announced, &node);
    let both = kept == ["one", "two"] && announced == ["one", "two"];
    cx.line(check(
        both,
        "both published",
        format!("stored {kept:?}, announced {announced:?}"),
    ));
    let bad = item("three", &entry("three")) + &item("four", &(entry("4") + &entry("four")));
    let answer = cx.publishes_raw(O, &node, &bad).await?;
    cx.line(check(
        !answer.is_result(),
        "no half batch",
        answer.received(),
    ));
    let kept = cx.items(X, &node).await?.item_ids()?;
    cx.line(check(
        kept == ["one", "two"],
        "nothing of a bad batch kept",
        format!("{kept:?}"),
    ));
    cx.expect_no_event(S).await.about("a bad batch")
}

async fn publish_models(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("publish_model", "publishers")]).await?;
    let answer = cx.publishes(X, &node, "one").await?;
    cx.line(answer.error("forbidden", "").about("publishers"));
    let node = cx.node(&[("publish_model", "subscribers")]).await?;
    let answer = cx.publishes(X, &node, "one").await?;
    cx.line(answer.error("forbidden", "").about("subscribers"));
    cx.subscribed(S, &node).await?;
    let answer = cx.publishes(S, &node, "one").await?;
    cx.line(answer.is_ok().about("a subscriber"));
    let node = cx.node(&[("publish_model", "open")]).await?;
    cx.publishes(X, &node, "one").await?.is_ok().about("open")
}

async fn unknown_node(cx: &mut TestContext) -> CaseResult {
    let name = cx.name();
    let publish = element("publish", &[("node", &name)], &item("one", &entry("one")));
    if !cx.announces("auto-create") {
        let answer = cx.set(O, &pubsub(&publish)).await?;
        return answer.error("item-not-found", "");
    }
    let mut request = publish;
    if cx.announces("publish-options") {
        let conditions = form("publish-options", &[("access_model", "whitelist")]);
        request += &element("publish-options", &[], &conditions);
    }
    cx.set(O, &pubsub(&request)).await?.is_ok()?;
    let owners = cx.affiliations(&name).await?;
    let owner = (cx.bare(O), "owner".to_owned());
    cx.line(check(
        owners.contains(&owner),
        "the publisher is owner",
        format!("{owners:?}"),
    ));
    if cx.announces("publish-options") {
        cx.configured(&name, &[("access_model", "whitelist")])
            .await?;
    }
    cx.items(O, &name).await?.items_are(&["one"])
}

async fn evicts(cx: &mut TestContext) -> CaseResult {
    let node = cx
        .node(&[("max_items", "2"), ("notify_retract", "1")])
        .await?;
    cx.subscribed(S, &node).await?;
    cx.published(&node, &["a", "b", "c", "d"]).await?;
    let answer = cx.items(X, &node).await?;
    cx.line(answer.items_are(&["c", "d"]));
    let all =
        |events: &[Event]| brought(events, &node).len() >= 4 && retracted(events, &node).len() >= 2;
    let events = cx.events(S, all).await?;
    let announced = brought(&events, &node);
    cx.line(check(
        announced == ["a", "b", "c", "d"],
        "four events",
        format!("{announced:?}"),
    ));
    let gone = retracted(&events, &node);
    cx.line(check(
        gone == ["a", "b"],
        "a retract for a and one for b",
        format!("{gone:?}"),
    ));
    cx.expect_no_event(S).await
}

async fn full_node(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("max_items", "2")]).await?;
    let answer = cx.configuration(O, &node).await?;
    let form = answer.form(answer.with("configure")?)?;
    if !form.has("publish_node_full") && !cx.announces("publish-node-full") {
        let received = form.received();
        return Err(CaseError::Refused {
            feature: "publish-node-full".to_owned(),
            received,
        });
    }
    cx.configures(&node, &[("publish_node_full", "reject")])
        .await?
        .is_ok()?;
    cx.published(&node, &["a", "b"]).await?;
    let answer = cx.publishes(O, &node, "c").await?;
    cx.line(answer.error("conflict", "node-full"));
    cx.publishes(O, &node, "a")
        .await?
        .is_ok()
        .about("an item that is there")?;
    cx.items(X, &node).await?.items_are(&["b", "a"])
}

async fn publish_options(cx: &mut TestContext) -> CaseResult {
    if !cx.announces("publish-options") {
        let received = "not announced".to_owned();
        return Err(CaseError::Refused {
            feature: "publish-options".to_owned(),
            received,
        });
    }
    let node = cx.node(&[("persist_items", "1")]).await?;
    let with = |id: &str, fields: &[(&str, &str)]| {
        let publish = element("publish", &[("node", &node)], &item(id, &entry(id)));
        let conditions = element("publish-options", &[], &form("publish-options", fields));
        pubsub(&(publish + &conditions))
    };
    let met = [("access_model", "open"), ("persist_items", "1")];
    let answer = cx.set(O, &with("met", &met)).await?;
    cx.line(answer.is_ok().about("met"));
    let answer = cx
        .set(O, &with("unmet", &[("access_model", "whitelist")]))
        .await?;
    cx.line(
        answer
            .error("conflict", "precondition-not-met")
            .about("not met"),
    );
    let answer = cx
        .set(O, &with("unknown", &[("no_such_option", "1")]))
        .await?;
    cx.line(check(
        !answer.is_result(),
        "an unknown field: an error",
        answer.received(),
    ));
    cx.items(X, &node)
        .await?
        .items_are(&["met"])
        .about("nothing else stored")
}

async fn publish_only(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    let jid = cx.bare(P);
    let answer = cx.affiliates(&node, &[(&jid, "publish-only")]).await?;
    cx.unless_refused(&answer, "publish-only-affiliation")?;
    answer.is_ok().about("setting publish-only")?;
    cx.published(&node, &["theirs"]).await?;
    let answer = cx.publishes(P, &node, "own").await?;
    cx.line(answer.is_ok().about("publishing"));
    let answer = cx.subscribes(P, &node).await?;
    cx.line(answer.error("forbidden", "").about("subscribing"));
    let answer = cx.items(P, &node).await?;
    cx.line(answer.error("forbidden", "").about("items"));
    let answer = cx.retracts(P, &node, "own", "").await?;
    cx.line(answer.is_ok().about("retracting the own item"));
    let answer = cx.retracts(P, &node, "theirs", "").await?;
    answer.error("forbidden", "").about("retracting another's")
}
