//! What an item has to be for its node, and how it is told. (XEP-0060, 4.3 and 7.1)

use super::{Case, case};
use crate::ask::{NS_ATOM, element, entry, item};
use crate::fault::{About, Checked, holds};
use crate::world::{O, P, S, World, X};

pub(super) const CASES: &[Case] = &[
    case!(
        64,
        "7.1.3.7",
        "a node that keeps items needs one",
        item_required
    ),
    case!(
        65,
        "7.1.3.7",
        "a node that delivers payloads needs one",
        payload_required
    ),
    case!(
        66,
        "7.1.3.6",
        "a payload is one element, and pubsub#type is not compared with it",
        invalid_payload
    ),
    case!(
        70,
        "7.1.3.5",
        "a payload is not larger than the limit",
        too_big
    ),
    case!(
        71,
        "4.3",
        "a node without items and payloads tells that something happened",
        bare_event
    ),
    case!(
        72,
        "7.1.3.7",
        "a node without items and payloads takes no item",
        item_forbidden
    ),
    case!(
        73,
        "7.1.2.2",
        "an event may come without the payload, which is kept",
        without_payload
    ),
    case!(
        74,
        "7.1.2.3",
        "who published is said by the service, not by the publisher",
        publisher
    ),
];

async fn item_required(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.publishes_raw(O, &node, "")
        .await?
        .error("bad-request", "item-required")
}

async fn payload_required(w: &mut World) -> Checked {
    let node = w.node(&[("deliver_payloads", "1")]).await?;
    let answer = w.publishes_raw(O, &node, &item("one", "")).await?;
    answer.error("bad-request", "payload-required")
}

async fn invalid_payload(w: &mut World) -> Checked {
    let node = w.node(&[("type", NS_ATOM)]).await?;
    let two = item("one", &(entry("a") + &entry("b")));
    let answer = w.publishes_raw(O, &node, &two).await?;
    w.line(
        answer
            .error("bad-request", "invalid-payload")
            .about("two payloads"),
    );
    // XEP-0060, 16.4.4: the type is semantic; XEP-0472, XEP-0501 and others set one that is not the
    // namespace of their payloads.
    let foreign = item("two", "<geoloc xmlns='http://jabber.org/protocol/geoloc'/>");
    let answer = w.publishes_raw(O, &node, &foreign).await?;
    w.line(answer.good().about("another namespace"));
    w.items(X, &node)
        .await?
        .items_are(&["two"])
        .about("one kept")
}

async fn too_big(w: &mut World) -> Checked {
    let (fields, size) = match w.facts.payload_limit {
        Some(limit) => (&[][..], limit),
        None => (&[("max_payload_size", "1000")][..], 1_000),
    };
    let node = w.node(fields).await?;
    w.published(&node, &["small"]).await?;
    let big = item("big", &entry(&"x".repeat(size + 1)));
    let answer = w.publishes_raw(O, &node, &big).await?;
    w.line(answer.error("not-acceptable", "payload-too-big"));
    w.items(X, &node)
        .await?
        .items_are(&["small"])
        .about("nothing else kept")
}

/// XEP-0060, 4.3: neither items nor payloads, only that something happened.
async fn bare(w: &mut World) -> Checked<String> {
    w.node(&[("persist_items", "0"), ("deliver_payloads", "0")])
        .await
}

async fn bare_event(w: &mut World) -> Checked {
    let node = bare(w).await?;
    w.subscribed(S, &node).await?;
    w.publishes_raw(O, &node, "").await?.good()?;
    let event = w.event(S).await?;
    let items = event.about("items", &node)?;
    let met = items.children().next().is_none();
    w.line(holds(met, "an event with empty <items/>", event.came()));
    w.silent(S).await
}

async fn item_forbidden(w: &mut World) -> Checked {
    let node = bare(w).await?;
    let answer = w.publishes(O, &node, "one").await?;
    answer.error("bad-request", "item-forbidden")
}

async fn without_payload(w: &mut World) -> Checked {
    let node = w.node(&[("deliver_payloads", "0")]).await?;
    w.subscribed(S, &node).await?;
    w.published(&node, &["one"]).await?;
    let event = w.event(S).await?;
    let item = event.brings(&node, "one")?;
    let met = item.children().next().is_none();
    w.line(holds(met, "an item without a payload", event.came()));
    let answer = w.items(X, &node).await?;
    answer.items_are(&["one"])?;
    holds(
        answer.came().contains(NS_ATOM),
        "the payload in the items",
        answer.came(),
    )
}

async fn publisher(w: &mut World) -> Checked {
    let node = w.node(&[("itemreply", "publisher")]).await?;
    w.affiliated(&node, P, "publisher").await?;
    w.subscribed(S, &node).await?;
    let lie = w.bare(X);
    let attributes = [("id", "one"), ("publisher", lie.as_str())];
    let lying = element("item", &attributes, &entry("one"));
    w.publishes_raw(P, &node, &lying).await?.good()?;
    // XEP-0060, 7.1.2.3: the bare address, or the full one that published.
    let true_ones = [w.bare(P), w.full(P).await?];
    let event = w.event(S).await?;
    let said = event.item(&node)?.attr("publisher").unwrap_or_default();
    let met = true_ones.iter().any(|one| *one == said);
    let expected = format!("publisher='{}'", true_ones.join("' or '"));
    w.line(holds(met, format!("{expected} in the event"), event.came()));
    let answer = w.items(X, &node).await?;
    let item = answer.with("items")?.children().next();
    let said = item
        .and_then(|item| item.attr("publisher"))
        .unwrap_or_default();
    let met = true_ones.iter().any(|one| *one == said);
    holds(met, format!("{expected} in the items"), answer.came())
}
