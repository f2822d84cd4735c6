//! Retracting items. (XEP-0060, 7.2)

use super::{Case, case};
use crate::ask::{element, item, pubsub};
use crate::fault::{About, Checked, holds};
use crate::world::{O, P, S, World, X};

pub(super) const CASES: &[Case] = &[
    case!(
        79,
        "7.2.2.1",
        "subscribers hear of a retracted item if they shall",
        heard_of
    ),
    case!(80, "7.2.3.1", "a stranger retracts nothing", by_whom),
    case!(
        81,
        "7.2.3.2",
        "what is retracted has to be named, and there",
        incomplete
    ),
    case!(
        82,
        "7.2.3.5",
        "where no items are kept, none is retracted",
        nothing_kept
    ),
];

async fn heard_of(w: &mut World) -> Checked {
    let node = w.node(&[("notify_retract", "0")]).await?;
    w.subscribed(S, &node).await?;
    w.published(&node, &["a", "b", "c"]).await?;
    for id in ["a", "b", "c"] {
        w.event(S).await?.brings(&node, id)?;
    }
    for (id, notify) in [("a", "1"), ("b", "true")] {
        w.retracts(O, &node, id, notify).await?.good()?;
        let event = w.event(S).await.about(&format!("notify={notify}"))?;
        w.line(event.retracts(&node, id));
    }
    w.retracts(O, &node, "c", "").await?.good()?;
    w.silent(S).await.about("no notify, notify_retract=0")?;
    w.items(X, &node).await?.items_are(&[])
}

async fn by_whom(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.affiliated(&node, P, "publisher").await?;
    w.published(&node, &["owner's"]).await?;
    w.publishes(P, &node, "publisher's").await?.good()?;
    let answer = w.retracts(X, &node, "owner's", "1").await?;
    w.line(answer.error("forbidden", "").about("a stranger"));
    w.items(X, &node)
        .await?
        .items_are(&["owner's", "publisher's"])?;
    let answer = w.retracts(P, &node, "owner's", "1").await?;
    // XEP-0060, 7.2.3.1: whether a publisher retracts another's item is the service's policy.
    let left = if answer.is_result() {
        &["publisher's"][..]
    } else {
        w.line(
            answer
                .error("forbidden", "")
                .about("a publisher, another's item"),
        );
        &["owner's", "publisher's"]
    };
    w.items(X, &node).await?.items_are(left)?;
    w.retracts(P, &node, "publisher's", "1")
        .await?
        .good()
        .about("a publisher, the own item")
}

async fn incomplete(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.published(&node, &["one"]).await?;
    let answer = w.retracts(O, &node, "missing", "").await?;
    w.line(answer.error("item-not-found", "").about("an unknown item"));
    let without_item = pubsub(&element("retract", &[("node", &node)], ""));
    let answer = w.set(O, &without_item).await?;
    w.line(
        answer
            .error("bad-request", "item-required")
            .about("without item"),
    );
    let without_node = pubsub(&element("retract", &[], &item("one", "")));
    let answer = w.set(O, &without_node).await?;
    w.line(
        answer
            .error("bad-request", "nodeid-required")
            .about("without node"),
    );
    let kept = w.items(X, &node).await?.item_ids()?;
    holds(kept == ["one"], "nothing retracted", format!("{kept:?}"))
}

async fn nothing_kept(w: &mut World) -> Checked {
    let node = w.node(&[("persist_items", "0")]).await?;
    let answer = w.retracts(O, &node, "one", "").await?;
    answer.unsupported("persistent-items")
}
