//! Retrieves items. (XEP-0060, 6.5)

use super::{Case, case};
use crate::error::{About, CaseResult, check};
use crate::expect::Answer;
use crate::request::{element, item, pubsub};
use crate::test_context::{O, S, TestContext, X};

pub(super) const CASES: &[Case] = &[
    case!(
        49,
        "6.5.2",
        "all items come, the one published last is the last",
        all_items
    ),
    case!(
        50,
        "6.5.7",
        "the most recent item is the one published last, even if its id is old",
        most_recent
    ),
    case!(51, "6.5.8", "items are retrieved by their ids", by_id),
    case!(55, "6.5.9.11", "items of no node", no_node),
    case!(
        56,
        "6.5.9.8",
        "a stranger gets no items of a whitelist node",
        a_closed_node
    ),
    case!(
        57,
        "6.5.9.3",
        "a user without approval gets no items",
        not_approved
    ),
    case!(58, "6.5.9.10", "an outcast gets no items", an_outcast),
    case!(
        59,
        "6.5.9.4",
        "a node without persistent items returns unsupported",
        nothing_kept
    ),
];

async fn all_items(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.published(&node, &["a", "b", "c", "a"]).await?;
    let answer = cx.items(X, &node).await?;
    cx.line(answer.items_are(&["b", "c", "a"]));
    let items = answer.with("items")?;
    let met = items.attr("node").as_deref() == Some(&node);
    cx.line(check(
        met,
        format!("<items node='{node}'/>"),
        answer.received(),
    ));
    let full = items.children().all(|item| item.children().count() == 1);
    check(full, "each item with its payload", answer.received())
}

async fn most_recent(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.published(&node, &["a", "b", "c", "a"]).await?;
    for (number, ids) in [("1", &["a"][..]), ("2", &["c", "a"])] {
        let request = element("items", &[("node", &node), ("max_items", number)], "");
        let answer = cx.get(X, &pubsub(&request)).await?;
        cx.line(answer.items_are(ids).about(&format!("max_items={number}")));
    }
    Ok(())
}

async fn these(cx: &mut TestContext, node: &str, ids: &[&str]) -> CaseResult<Answer> {
    let items: String = ids.iter().map(|id| item(id, "")).collect();
    cx.get(X, &pubsub(&element("items", &[("node", node)], &items)))
        .await
}

async fn by_id(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.published(&node, &["a", "b", "c"]).await?;
    let answer = these(cx, &node, &["b"]).await?;
    cx.line(answer.items_are(&["b"]));
    for (asked, expected) in [(["a", "c"], &["a", "c"][..]), (["a", "missing"], &["a"])] {
        let answer = these(cx, &node, &asked).await?;
        let mut ids = answer.item_ids()?;
        ids.sort();
        cx.line(check(
            ids == expected,
            format!("items {expected:?}"),
            answer.received(),
        ));
    }
    these(cx, &node, &["missing"])
        .await?
        .items_are(&[])
        .about("none of them exists")
}

async fn no_node(cx: &mut TestContext) -> CaseResult {
    let name = cx.name();
    let answer = cx.items(X, &name).await?;
    cx.line(answer.error("item-not-found", "").about("an unknown node"));
    let answer = cx.get(X, &pubsub("<items/>")).await?;
    answer
        .error("bad-request", "nodeid-required")
        .about("without node")
}

async fn a_closed_node(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("access_model", "whitelist")]).await?;
    cx.published(&node, &["a"]).await?;
    let answer = cx.items(X, &node).await?;
    cx.line(answer.error("not-allowed", "closed-node"));
    cx.affiliated(&node, S, "member").await?;
    cx.items(S, &node)
        .await?
        .items_are(&["a"])
        .about("a member")?;
    cx.items(O, &node)
        .await?
        .items_are(&["a"])
        .about("the owner")
}

async fn not_approved(cx: &mut TestContext) -> CaseResult {
    let node = super::authorize::authorized(cx).await?;
    cx.published(&node, &["a"]).await?;
    let answer = cx.items(X, &node).await?;
    cx.line(
        answer
            .error("not-authorized", "not-subscribed")
            .about("a stranger"),
    );
    cx.subscribes(X, &node).await?.subscription("pending")?;
    let answer = cx.items(X, &node).await?;
    answer
        .error("not-authorized", "not-subscribed")
        .about("a pending subscription")
}

async fn an_outcast(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.published(&node, &["a"]).await?;

    cx.affiliated(&node, X, "outcast").await?;
    cx.items(X, &node).await?.error("forbidden", "")
}

async fn nothing_kept(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("persist_items", "0")]).await?;
    cx.items(O, &node).await?.unsupported("persistent-items")
}
