//! Publishing. (XEP-0060, 7.1)

use super::{Case, case};
use crate::ask::{NS_ATOM, element, entry, form, item, pubsub};
use crate::expect::Event;
use crate::fault::{About, Checked, Fault, holds};
use crate::world::{O, P, S, World, X};

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
        "who may publish is the node's choice",
        publish_models
    ),
    case!(
        69,
        "7.1.3.3",
        "publishing to an unknown node makes it, or is refused",
        unknown_node
    ),
    case!(
        75,
        "7.1.2.5",
        "a node keeps so many items and says which ones go",
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
        "who may only publish does that and nothing else",
        publish_only
    ),
];

async fn reaches_everybody(w: &mut World) -> Checked {
    let node = w.node(&[("notification_type", "headline")]).await?;
    w.affiliated(&node, P, "publisher").await?;
    for who in [S, X] {
        w.subscribed(who, &node).await?;
    }
    let answer = w.publishes(P, &node, "one").await?;
    answer.good()?;
    if let Ok(publish) = answer.with("publish") {
        // XEP-0060, 7.1.2: said at least where the id was generated; what is said has to be true.
        let said = publish.children().next().and_then(|item| item.attr("id"));
        w.line(holds(
            said.is_none_or(|id| id == "one"),
            "item one in the result",
            answer.came(),
        ));
    }
    let mut ids = Vec::new();
    for who in [S, X] {
        let event = w.event(who).await?;
        w.line(event.is_of("headline"));
        let item = event.brings(&node, "one")?;
        let title = item
            .child("entry", NS_ATOM)
            .and_then(|entry| entry.child("title", NS_ATOM));
        let met = title.is_some_and(|title| title.text() == "one");
        w.line(holds(met, "the payload", event.came()));
        let bare = w.bare(who);
        w.line(holds(
            event.to() == bare,
            format!("to='{bare}'"),
            event.came(),
        ));
        w.line(holds(!event.id().is_empty(), "an id", event.came()));
        ids.push(event.id());
        w.silent(who).await.about("exactly one message")?;
    }
    holds(
        ids.first() != ids.last(),
        "an id that is unique",
        format!("{ids:?}"),
    )
}

async fn gets_an_id(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.subscribed(S, &node).await?;
    let answer = w.publishes_raw(O, &node, &item("", &entry("one"))).await?;
    let publish = answer.with("publish")?;
    let item = publish.children().find(|child| child.name() == "item");
    let id = item
        .and_then(|item| item.attr("id"))
        .unwrap_or_default()
        .into_owned();
    holds(
        !id.is_empty(),
        "the generated id in the result",
        answer.came(),
    )?;
    w.event(S).await?.brings(&node, &id)?;
    w.items(X, &node).await?.items_are(&[&id])
}

async fn takes_the_place(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.subscribed(S, &node).await?;
    for title in ["old", "new"] {
        w.publishes_raw(O, &node, &item("one", &entry(title)))
            .await?
            .good()?;
        let event = w.event(S).await?;
        event.brings(&node, "one")?;
        w.line(holds(
            event.came().contains(title),
            format!("the {title} payload"),
            event.came(),
        ));
    }
    w.silent(S).await?;
    let answer = w.items(X, &node).await?;
    answer.items_are(&["one"])?;
    holds(
        answer.came().contains("new"),
        "the new payload",
        answer.came(),
    )
}

async fn another_publisher(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.affiliated(&node, P, "publisher").await?;
    w.publishes_raw(O, &node, &item("one", &entry("old")))
        .await?
        .good()?;
    w.publishes_raw(P, &node, &item("one", &entry("new")))
        .await?
        .good()?;
    let answer = w.items(X, &node).await?;
    answer.items_are(&["one"])?;
    holds(
        answer.came().contains("new"),
        "the new payload",
        answer.came(),
    )
}

/// The ids of the items in these events, in order.
fn brought(events: &[Event], node: &str) -> Vec<String> {
    let items = events
        .iter()
        .filter_map(|event| event.about("items", node).ok());
    items
        .flat_map(|items| items.children().filter(|child| child.name() == "item"))
        .map(|item| item.attr("id").unwrap_or_default().into_owned())
        .collect()
}

/// The ids retracted in these events, in order.
fn retracted(events: &[Event], node: &str) -> Vec<String> {
    let items = events
        .iter()
        .filter_map(|event| event.about("items", node).ok());
    items
        .flat_map(|items| items.children().filter(|child| child.name() == "retract"))
        .map(|item| item.attr("id").unwrap_or_default().into_owned())
        .collect()
}

async fn batch(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.subscribed(S, &node).await?;
    let two = item("one", &entry("one")) + &item("two", &entry("two"));
    let answer = w.publishes_raw(O, &node, &two).await?;
    let kept = w.items(X, &node).await?.item_ids()?;
    if !answer.is_result() {
        let told = brought(&w.quiet(S).await?, &node);
        w.line(answer.error("bad-request", ""));
        let none = kept.is_empty() && told.is_empty();
        return holds(
            none,
            "nothing published",
            format!("kept {kept:?}, told {told:?}"),
        );
    }
    let told = w
        .events(S, |events| brought(events, &node).len() >= 2)
        .await?;
    let told = brought(&told, &node);
    let both = kept == ["one", "two"] && told == ["one", "two"];
    w.line(holds(
        both,
        "both published",
        format!("kept {kept:?}, told {told:?}"),
    ));
    let bad = item("three", &entry("three")) + &item("four", &(entry("4") + &entry("four")));
    let answer = w.publishes_raw(O, &node, &bad).await?;
    w.line(holds(!answer.is_result(), "no half batch", answer.came()));
    let kept = w.items(X, &node).await?.item_ids()?;
    w.line(holds(
        kept == ["one", "two"],
        "nothing of a bad batch kept",
        format!("{kept:?}"),
    ));
    w.silent(S).await.about("a bad batch")
}

async fn publish_models(w: &mut World) -> Checked {
    let node = w.node(&[("publish_model", "publishers")]).await?;
    let answer = w.publishes(X, &node, "one").await?;
    w.line(answer.error("forbidden", "").about("publishers"));
    let node = w.node(&[("publish_model", "subscribers")]).await?;
    let answer = w.publishes(X, &node, "one").await?;
    w.line(answer.error("forbidden", "").about("subscribers"));
    w.subscribed(S, &node).await?;
    let answer = w.publishes(S, &node, "one").await?;
    w.line(answer.good().about("a subscriber"));
    let node = w.node(&[("publish_model", "open")]).await?;
    w.publishes(X, &node, "one").await?.good().about("open")
}

async fn unknown_node(w: &mut World) -> Checked {
    let name = w.name();
    let publish = element("publish", &[("node", &name)], &item("one", &entry("one")));
    if !w.announces("auto-create") {
        let answer = w.set(O, &pubsub(&publish)).await?;
        return answer.error("item-not-found", "");
    }
    let mut request = publish;
    if w.announces("publish-options") {
        let conditions = form("publish-options", &[("access_model", "whitelist")]);
        request += &element("publish-options", &[], &conditions);
    }
    w.set(O, &pubsub(&request)).await?.good()?;
    let owners = w.affiliations(&name).await?;
    let owner = (w.bare(O), "owner".to_owned());
    w.line(holds(
        owners.contains(&owner),
        "the publisher is owner",
        format!("{owners:?}"),
    ));
    if w.announces("publish-options") {
        w.configured(&name, &[("access_model", "whitelist")])
            .await?;
    }
    w.items(O, &name).await?.items_are(&["one"])
}

async fn evicts(w: &mut World) -> Checked {
    let node = w
        .node(&[("max_items", "2"), ("notify_retract", "1")])
        .await?;
    w.subscribed(S, &node).await?;
    w.published(&node, &["a", "b", "c", "d"]).await?;
    let answer = w.items(X, &node).await?;
    w.line(answer.items_are(&["c", "d"]));
    let all =
        |events: &[Event]| brought(events, &node).len() >= 4 && retracted(events, &node).len() >= 2;
    let events = w.events(S, all).await?;
    let told = brought(&events, &node);
    w.line(holds(
        told == ["a", "b", "c", "d"],
        "four events",
        format!("{told:?}"),
    ));
    let gone = retracted(&events, &node);
    w.line(holds(
        gone == ["a", "b"],
        "a retract for a and one for b",
        format!("{gone:?}"),
    ));
    w.silent(S).await
}

async fn full_node(w: &mut World) -> Checked {
    let node = w.node(&[("max_items", "2")]).await?;
    let answer = w.configuration(O, &node).await?;
    let form = answer.form(answer.with("configure")?)?;
    if !form.has("publish_node_full") && !w.announces("publish-node-full") {
        let came = form.came();
        return Err(Fault::Refused {
            feature: "publish-node-full".to_owned(),
            came,
        });
    }
    w.configures(&node, &[("publish_node_full", "reject")])
        .await?
        .good()?;
    w.published(&node, &["a", "b"]).await?;
    let answer = w.publishes(O, &node, "c").await?;
    w.line(answer.error("conflict", "node-full"));
    w.publishes(O, &node, "a")
        .await?
        .good()
        .about("an item that is there")?;
    w.items(X, &node).await?.items_are(&["b", "a"])
}

async fn publish_options(w: &mut World) -> Checked {
    if !w.announces("publish-options") {
        let came = "not announced".to_owned();
        return Err(Fault::Refused {
            feature: "publish-options".to_owned(),
            came,
        });
    }
    let node = w.node(&[("persist_items", "1")]).await?;
    let with = |id: &str, fields: &[(&str, &str)]| {
        let publish = element("publish", &[("node", &node)], &item(id, &entry(id)));
        let conditions = element("publish-options", &[], &form("publish-options", fields));
        pubsub(&(publish + &conditions))
    };
    let met = [("access_model", "open"), ("persist_items", "1")];
    let answer = w.set(O, &with("met", &met)).await?;
    w.line(answer.good().about("met"));
    let answer = w
        .set(O, &with("unmet", &[("access_model", "whitelist")]))
        .await?;
    w.line(
        answer
            .error("conflict", "precondition-not-met")
            .about("not met"),
    );
    let answer = w
        .set(O, &with("unknown", &[("no_such_option", "1")]))
        .await?;
    w.line(holds(
        !answer.is_result(),
        "an unknown field: an error",
        answer.came(),
    ));
    w.items(X, &node)
        .await?
        .items_are(&["met"])
        .about("nothing else stored")
}

async fn publish_only(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    let jid = w.bare(P);
    let answer = w.affiliates(&node, &[(&jid, "publish-only")]).await?;
    w.unless_refused(&answer, "publish-only-affiliation")?;
    answer.good().about("making somebody publish-only")?;
    w.published(&node, &["theirs"]).await?;
    let answer = w.publishes(P, &node, "own").await?;
    w.line(answer.good().about("publishing"));
    let answer = w.subscribes(P, &node).await?;
    w.line(answer.error("forbidden", "").about("subscribing"));
    let answer = w.items(P, &node).await?;
    w.line(answer.error("forbidden", "").about("items"));
    let answer = w.retracts(P, &node, "own", "").await?;
    w.line(answer.good().about("retracting the own item"));
    let answer = w.retracts(P, &node, "theirs", "").await?;
    answer.error("forbidden", "").about("retracting another's")
}
