//! Unsubscribing. (XEP-0060, 6.2)

use super::{Case, case};
use crate::error::{About, CaseError, CaseResult, check};
use crate::request::{element, pubsub};
use crate::test_context::{S, TestContext, X};

pub(super) const CASES: &[Case] = &[
    case!(
        35,
        "6.2",
        "after unsubscribing no more events come",
        no_more_events
    ),
    case!(
        36,
        "6.2.3.2",
        "unsubscribing without a subscription is not-subscribed",
        not_subscribed
    ),
    case!(
        37,
        "6.2.3.3",
        "a user cannot unsubscribe another one",
        somebody_else
    ),
    case!(
        38,
        "6.2.3.4",
        "unsubscribing from an unknown node is item-not-found",
        an_unknown_node
    ),
    case!(
        39,
        "6.2.3.5",
        "a wrong subscription id ends nothing",
        a_wrong_subid
    ),
    case!(
        40,
        "6.2.3.1",
        "a user with several subscriptions has to send a subid",
        several
    ),
];

async fn no_more_events(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.subscribed(S, &node).await?;
    let answer = cx.unsubscribes(S, &node).await?;
    answer.is_ok()?;
    // XEP-0060, 6.2.2: the result MAY contain the subscription; if it does, it must be right.
    if answer.with("subscription").is_ok() {
        cx.line(answer.subscription("none").map(|_| ()));
    }
    let list = cx.subscriptions(&node).await?;
    let left = list.iter().any(|(_, state)| state != "none");
    cx.line(check(!left, "no subscription", format!("{list:?}")));
    cx.published(&node, &["one"]).await?;
    let report_row = cx.drain_events(S).await?;
    let more = report_row
        .iter()
        .find(|event| event.is_about("items", &node));
    more.map_or(Ok(()), |event| {
        Err(CaseError::unmet("no more events", event.received()))
    })
}

async fn not_subscribed(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.unsubscribes(S, &node)
        .await?
        .error("unexpected-request", "not-subscribed")
}

async fn somebody_else(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.subscribed(S, &node).await?;
    let jid = cx.bare(S);
    let unsubscribe = pubsub(&element(
        "unsubscribe",
        &[("node", &node), ("jid", &jid)],
        "",
    ));
    let answer = cx.set(X, &unsubscribe).await?;
    cx.line(answer.error("forbidden", ""));
    cx.published(&node, &["one"]).await?;
    cx.gets_one(S, &node, "one").await.about("still subscribed")
}

async fn an_unknown_node(cx: &mut TestContext) -> CaseResult {
    let name = cx.name();
    cx.unsubscribes(S, &name).await?.error("item-not-found", "")
}

async fn a_wrong_subid(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.subscribed(S, &node).await?;
    let jid = cx.bare(S);
    let attributes = [
        ("node", node.as_str()),
        ("jid", &jid),
        ("subid", "no-such-subid"),
    ];
    let answer = cx
        .set(S, &pubsub(&element("unsubscribe", &attributes, "")))
        .await?;
    cx.line(answer.error("not-acceptable", "invalid-subid"));
    cx.published(&node, &["one"]).await?;
    cx.gets_one(S, &node, "one").await.about("still subscribed")
}

async fn several(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    let (first, second) = two_subscriptions(cx, &node).await?;
    let own = cx.own_subscriptions(S, &[("node", &node)]).await?;
    let has = |subid: &String| own.iter().any(|[.., id]| id == subid);
    cx.line(check(
        has(&first) && has(&second),
        "both with their subids",
        format!("{own:?}"),
    ));
    let answer = cx.unsubscribes(S, &node).await?;
    cx.line(answer.error("bad-request", "subid-required"));
    cx.published(&node, &["one"]).await?;
    // XEP-0060, 6.1.6, recommends one event for both instead of one for each.
    let mut subids = Vec::new();
    while subids.len() < 2 {
        let event = cx.event(S).await?;
        event.has_item(&node, "one")?;
        let more = event.subids();
        cx.line(check(!more.is_empty(), "a header SubID", event.received()));
        if more.is_empty() {
            break;
        }
        subids.extend(more);
    }
    subids.sort();
    let mut both = vec![first.clone(), second];
    both.sort();
    let expected = format!("headers SubID {both:?}");
    cx.line(check(subids == both, expected, format!("{subids:?}")));
    cx.expect_no_event(S).await?;
    let jid = cx.bare(S);
    let attributes = [("node", node.as_str()), ("jid", &jid), ("subid", &first)];
    let answer = cx
        .set(S, &pubsub(&element("unsubscribe", &attributes, "")))
        .await?;
    answer.is_ok().about("with a subid")?;
    let own = cx.own_subscriptions(S, &[("node", &node)]).await?;
    check(own.len() == 1, "one subscription left", format!("{own:?}"))
}

/// Creates two subscriptions of one address, or ends the case as refused.
///
/// XEP-0060, 6.1.6, describes them for different options: a service may return the same one for a
/// plain request, and a second one for other options.
async fn two_subscriptions(cx: &mut TestContext, node: &str) -> CaseResult<(String, String)> {
    let first = cx.subscribed(S, node).await?.unwrap_or_default();
    let second = cx.subscribed(S, node).await?.unwrap_or_default();
    if first != second {
        return Ok((first, second));
    }
    let answer = cx
        .subscribes_with(S, node, &[("include_body", "1")])
        .await?;
    if let Ok(subscription) = answer.subscription("subscribed") {
        let second = subscription.attr("subid").unwrap_or_default().into_owned();
        if first != second {
            return Ok((first, second));
        }
    }
    if cx.announces("multi-subscribe") {
        return Err(CaseError::unmet(
            "two subscriptions of one address",
            answer.received(),
        ));
    }
    // XEP-0060, 6.1.6: without the feature the answer is the current state, which case 19 checks.
    Err(CaseError::Refused {
        feature: "multi-subscribe".to_owned(),
        received: answer.received(),
    })
}
