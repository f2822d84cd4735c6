//! Retracts items. (XEP-0060, 7.2)

use super::{Case, case};
use crate::error::{About, CaseResult, check};
use crate::request::{element, item, pubsub};
use crate::test_context::{O, P, S, TestContext, X};

pub(super) const CASES: &[Case] = &[
    case!(
        79,
        "7.2.2.1",
        "subscribers are notified of a retracted item by notify or notify_retract",
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

async fn heard_of(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("notify_retract", "0")]).await?;
    cx.subscribed(S, &node).await?;
    cx.published(&node, &["a", "b", "c"]).await?;
    for id in ["a", "b", "c"] {
        cx.event(S).await?.has_item(&node, id)?;
    }
    for (id, notify) in [("a", "1"), ("b", "true")] {
        cx.retracts(O, &node, id, notify).await?.is_ok()?;
        let event = cx.event(S).await.about(&format!("notify={notify}"))?;
        cx.line(event.retracts(&node, id));
    }
    cx.retracts(O, &node, "c", "").await?.is_ok()?;
    cx.expect_no_event(S)
        .await
        .about("no notify, notify_retract=0")?;
    cx.items(X, &node).await?.items_are(&[])
}

async fn by_whom(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.affiliated(&node, P, "publisher").await?;
    cx.published(&node, &["owner's"]).await?;
    cx.publishes(P, &node, "publisher's").await?.is_ok()?;
    let answer = cx.retracts(X, &node, "owner's", "1").await?;
    cx.line(answer.error("forbidden", "").about("a stranger"));
    cx.items(X, &node)
        .await?
        .items_are(&["owner's", "publisher's"])?;
    let answer = cx.retracts(P, &node, "owner's", "1").await?;
    // XEP-0060, 7.2.3.1: the service's policy decides whether a publisher may retract another's
    // item.
    let left = if answer.is_result() {
        &["publisher's"][..]
    } else {
        cx.line(
            answer
                .error("forbidden", "")
                .about("a publisher, another's item"),
        );
        &["owner's", "publisher's"]
    };
    cx.items(X, &node).await?.items_are(left)?;
    cx.retracts(P, &node, "publisher's", "1")
        .await?
        .is_ok()
        .about("a publisher, the own item")
}

async fn incomplete(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.published(&node, &["one"]).await?;
    let answer = cx.retracts(O, &node, "missing", "").await?;
    cx.line(answer.error("item-not-found", "").about("an unknown item"));
    let without_item = pubsub(&element("retract", &[("node", &node)], ""));
    let answer = cx.set(O, &without_item).await?;
    cx.line(
        answer
            .error("bad-request", "item-required")
            .about("without item"),
    );
    let without_node = pubsub(&element("retract", &[], &item("one", "")));
    let answer = cx.set(O, &without_node).await?;
    cx.line(
        answer
            .error("bad-request", "nodeid-required")
            .about("without node"),
    );
    let kept = cx.items(X, &node).await?.item_ids()?;
    check(kept == ["one"], "nothing retracted", format!("{kept:?}"))
}

async fn nothing_kept(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("persist_items", "0")]).await?;
    let answer = cx.retracts(O, &node, "one", "").await?;
    answer.unsupported("persistent-items")
}
