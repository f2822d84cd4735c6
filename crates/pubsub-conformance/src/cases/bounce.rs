//! Bounced events. (XEP-0060, 12.4)

use super::{Case, case};
use crate::error::{About, CaseError, CaseResult, check};
use crate::expect::Event;
use crate::request::{NS_INFO, escaped};
use crate::test_context::{S, TestContext};

pub(super) const CASES: &[Case] = &[case!(
    97,
    "12.4",
    "bounces end a subscription, at once or after a number of them",
    bounces
)
.slow(3)];

/// Answers an event with an error, as the server of a deleted user does.
async fn bounce(cx: &mut TestContext, event: &Event, kind: &str, condition: &str) -> CaseResult {
    let id = escaped(&event.id());
    let error = format!(
        "<message type='error' to='{{to}}' id='{id}'><error type='{kind}'><{condition} \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    );
    cx.send(S, &error).await
}

/// Creates a node with a subscription of a full JID, which this resource can answer for.
async fn subscribed(cx: &mut TestContext) -> CaseResult<String> {
    let node = cx.node(&[]).await?;
    let full = cx.full(S).await?;
    cx.subscribes_as(S, &node, &full)
        .await?
        .subscription("subscribed")?;
    Ok(node)
}

async fn is_subscribed(cx: &mut TestContext, node: &str) -> CaseResult<bool> {
    // Earlier stanzas have been handled when this request is answered: same two ends, in order.
    cx.get(S, &format!("<query xmlns='{NS_INFO}'/>")).await?;
    let list = cx.subscriptions(node).await?;
    Ok(list.iter().any(|(_, state)| state == "subscribed"))
}

async fn bounces(cx: &mut TestContext) -> CaseResult {
    let node = subscribed(cx).await?;
    cx.published(&node, &["one"]).await?;
    let event = cx.event(S).await?;
    bounce(cx, &event, "cancel", "item-not-found").await?;
    let left = is_subscribed(cx, &node).await?;
    cx.line(check(
        !left,
        "no subscription after a cancel error",
        "still subscribed",
    ));
    let node = subscribed(cx).await?;
    let limit = cx.limits.bounce_limit.unwrap_or(1);
    for number in 1..=limit {
        cx.published(&node, &[&format!("wait-{number}")]).await?;
        let event = next_of(cx, &node).await?;
        bounce(cx, &event, "wait", "remote-server-timeout").await?;
        let left = is_subscribed(cx, &node).await?;
        let last = cx.limits.bounce_limit == Some(number);
        let expected = match last {
            true => format!("no subscription after {number} wait errors"),
            false => format!("a subscription after {number} wait errors"),
        };
        cx.line(check(left != last, expected, format!("subscribed: {left}")));
    }
    Ok(())
}

/// Returns the next event with an item of the node; other messages are not bounced.
async fn next_of(cx: &mut TestContext, node: &str) -> CaseResult<Event> {
    for _ in 0..10 {
        let event = cx.event(S).await?;
        if event.is_about("items", node) {
            return Ok(event);
        }
    }
    Err(CaseError::unmet(format!("an event of {node}"), "others")).about("the next item")
}
