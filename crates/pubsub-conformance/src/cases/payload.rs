//! Items that a node accepts, and how they are announced. (XEP-0060, 4.3 and 7.1)

use super::{Case, case};
use crate::error::{About, CaseResult, check};
use crate::request::{NS_ATOM, element, entry, item};
use crate::test_context::{O, P, S, TestContext, X};

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
        "a node without items and payloads announces events only",
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
        "the service sets the publisher of an item",
        publisher
    ),
];

async fn item_required(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.publishes_raw(O, &node, "")
        .await?
        .error("bad-request", "item-required")
}

async fn payload_required(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("deliver_payloads", "1")]).await?;
    let answer = cx.publishes_raw(O, &node, &item("one", "")).await?;
    answer.error("bad-request", "payload-required")
}

async fn invalid_payload(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("type", NS_ATOM)]).await?;
    let two = item("one", &(entry("a") + &entry("b")));
    let answer = cx.publishes_raw(O, &node, &two).await?;
    cx.line(
        answer
            .error("bad-request", "invalid-payload")
            .about("two payloads"),
    );
    // XEP-0060, 16.4.4: the type is semantic; XEP-0472, XEP-0501 and others set one that is not the
    // namespace of their payloads.
    let foreign = item("two", "<geoloc xmlns='http://jabber.org/protocol/geoloc'/>");
    let answer = cx.publishes_raw(O, &node, &foreign).await?;
    cx.line(answer.is_ok().about("another namespace"));
    cx.items(X, &node)
        .await?
        .items_are(&["two"])
        .about("one kept")
}

async fn too_big(cx: &mut TestContext) -> CaseResult {
    let (fields, size) = match cx.limits.payload_limit {
        Some(limit) => (&[][..], limit),
        None => (&[("max_payload_size", "1000")][..], 1_000),
    };
    let node = cx.node(fields).await?;
    cx.published(&node, &["small"]).await?;
    let big = item("big", &entry(&"x".repeat(size + 1)));
    let answer = cx.publishes_raw(O, &node, &big).await?;
    cx.line(answer.error("not-acceptable", "payload-too-big"));
    cx.items(X, &node)
        .await?
        .items_are(&["small"])
        .about("nothing else kept")
}

/// Creates a node without items and payloads, which announces only events. (XEP-0060, 4.3)
async fn bare(cx: &mut TestContext) -> CaseResult<String> {
    cx.node(&[("persist_items", "0"), ("deliver_payloads", "0")])
        .await
}

async fn bare_event(cx: &mut TestContext) -> CaseResult {
    let node = bare(cx).await?;
    cx.subscribed(S, &node).await?;
    cx.publishes_raw(O, &node, "").await?.is_ok()?;
    let event = cx.event(S).await?;
    let items = event.about("items", &node)?;
    let met = items.children().next().is_none();
    cx.line(check(met, "an event with empty <items/>", event.received()));
    cx.expect_no_event(S).await
}

async fn item_forbidden(cx: &mut TestContext) -> CaseResult {
    let node = bare(cx).await?;
    let answer = cx.publishes(O, &node, "one").await?;
    answer.error("bad-request", "item-forbidden")
}

async fn without_payload(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("deliver_payloads", "0")]).await?;
    cx.subscribed(S, &node).await?;
    cx.published(&node, &["one"]).await?;
    let event = cx.event(S).await?;
    let item = event.has_item(&node, "one")?;
    let met = item.children().next().is_none();
    cx.line(check(met, "an item without a payload", event.received()));
    let answer = cx.items(X, &node).await?;
    answer.items_are(&["one"])?;
    check(
        answer.received().contains(NS_ATOM),
        "the payload in the items",
        answer.received(),
    )
}

async fn publisher(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("itemreply", "publisher")]).await?;
    cx.affiliated(&node, P, "publisher").await?;
    cx.subscribed(S, &node).await?;
    let lie = cx.bare(X);
    let attributes = [("id", "one"), ("publisher", lie.as_str())];
    let lying = element("item", &attributes, &entry("one"));
    cx.publishes_raw(P, &node, &lying).await?.is_ok()?;
    // XEP-0060, 7.1.2.3: the bare address, or the full one that published.
    let true_ones = [cx.bare(P), cx.full(P).await?];
    let event = cx.event(S).await?;
    let said = event.item(&node)?.attr("publisher").unwrap_or_default();
    let met = true_ones.iter().any(|one| *one == said);
    let expected = format!("publisher='{}'", true_ones.join("' or '"));
    cx.line(check(
        met,
        format!("{expected} in the event"),
        event.received(),
    ));
    let answer = cx.items(X, &node).await?;
    let item = answer.with("items")?.children().next();
    let said = item
        .and_then(|item| item.attr("publisher"))
        .unwrap_or_default();
    let met = true_ones.iter().any(|one| *one == said);
    check(met, format!("{expected} in the items"), answer.received())
}
