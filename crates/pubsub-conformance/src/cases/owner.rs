//! Deleting and purging nodes. (XEP-0060, 8.4 and 8.5)

use super::{Case, case};
use crate::error::{About, CaseResult, check};
use crate::request::{NS_EVENT, NS_STANZAS, element, owner};
use crate::test_context::{O, S, TestContext, X};

pub(super) const CASES: &[Case] = &[
    case!(
        89,
        "8.4",
        "an owner deletes a node, and all subscribers get the redirect",
        deleted
    ),
    case!(
        90,
        "6.1.3.11",
        "subscribing to a redirected node returns the redirect",
        moved
    ),
    case!(
        91,
        "8.5",
        "an owner purges a node, and subscribers get one event",
        purged
    ),
];

fn delete(node: &str, uri: &str) -> String {
    let redirect = element("redirect", &[("uri", uri)], "");
    owner(&element("delete", &[("node", node)], &redirect))
}

async fn deleted(cx: &mut TestContext) -> CaseResult {
    let uri = format!("xmpp:{}?;node=elsewhere", cx.service);
    let node = cx.node(&[("notify_delete", "1")]).await?;
    cx.subscribed(S, &node).await?;
    let answer = cx.deletes(X, &node).await?;
    cx.line(answer.error("forbidden", "").about("a stranger"));
    let mut gone = vec![(node, S)];
    let name = cx.name();
    let asks = [("access_model", "authorize"), ("notify_delete", "1")];
    if cx.create(&name, &asks).await.is_ok() {
        cx.subscribes(X, &name).await?.subscription("pending")?;
        gone.push((name, X));
    }
    for (node, user) in &gone {
        cx.set(O, &delete(node, &uri)).await?.is_ok()?;
        let event = cx.event(*user).await.about("subscribed or pending")?;
        let delete = event.about("delete", node)?;
        let redirect = delete.child("redirect", NS_EVENT);
        let said = redirect.and_then(|redirect| redirect.attr("uri"));
        let expected = format!("<redirect uri='{uri}'/> in the event");
        cx.line(check(
            said.as_deref() == Some(&uri),
            expected,
            event.received(),
        ));
        let answer = cx.info(O, node).await?;
        cx.line(
            answer
                .error_of(&["item-not-found", "gone"])
                .about("the node afterwards"),
        );
    }
    let name = cx.name();
    let answer = cx.deletes(O, &name).await?;
    cx.line(answer.error("item-not-found", "").about("an unknown node"));
    let answer = cx.set(O, &owner("<delete/>")).await?;
    answer
        .error("bad-request", "nodeid-required")
        .about("without node")
}

async fn moved(cx: &mut TestContext) -> CaseResult {
    let uri = format!("xmpp:{}?;node=elsewhere", cx.service);
    let node = cx.node(&[]).await?;
    cx.set(O, &delete(&node, &uri)).await?.is_ok()?;
    let answer = cx.subscribes(S, &node).await?;
    answer.error("gone", "")?;
    let gone = answer
        .error_element()
        .and_then(|error| error.child("gone", NS_STANZAS));
    let said = gone.map(|gone| gone.text().into_owned());
    check(
        said.as_deref() == Some(&uri),
        format!("<gone>{uri}</gone>"),
        answer.received(),
    )
}

async fn purged(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("notify_retract", "1")]).await?;
    let purge = owner(&element("purge", &[("node", &node)], ""));
    cx.subscribed(S, &node).await?;
    cx.published(&node, &["a", "b", "c"]).await?;
    for id in ["a", "b", "c"] {
        cx.event(S).await?.has_item(&node, id)?;
    }
    let answer = cx.set(X, &purge).await?;
    cx.unless_refused(&answer, "purge-nodes")?;
    cx.line(answer.error("forbidden", "").about("a stranger"));
    cx.set(O, &purge).await?.is_ok()?;
    cx.event(S).await?.about("purge", &node)?;
    cx.expect_no_event(S).await.about("one event")?;
    let answer = cx.items(O, &node).await?;
    cx.line(answer.items_are(&[]).about("afterwards"));
    let transient = cx.node(&[("persist_items", "0")]).await?;
    let purge = owner(&element("purge", &[("node", &transient)], ""));
    let answer = cx.set(O, &purge).await?;
    answer
        .unsupported("persistent-items")
        .about("a node that keeps no items")
}
