//! Events that come back. (XEP-0060, 12.4)

use super::{Case, case};
use crate::ask::{NS_INFO, escaped};
use crate::expect::Event;
use crate::fault::{About, Checked, Fault, holds};
use crate::world::{S, World};

pub(super) const CASES: &[Case] = &[case!(
    97,
    "12.4",
    "who cannot be reached is unsubscribed, at once or after so many times",
    bounces
)
.slow(3)];

/// Answers an event with an error, as the server of a user who is gone would.
async fn bounce(w: &mut World, event: &Event, kind: &str, condition: &str) -> Checked {
    let id = escaped(&event.id());
    let error = format!(
        "<message type='error' to='{{to}}' id='{id}'><error type='{kind}'><{condition} \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    );
    w.send(S, &error).await
}

/// A node that this resource is subscribed to with its full address, which it can speak for.
async fn subscribed(w: &mut World) -> Checked<String> {
    let node = w.node(&[]).await?;
    let full = w.full(S).await?;
    w.subscribes_as(S, &node, &full)
        .await?
        .subscription("subscribed")?;
    Ok(node)
}

async fn is_subscribed(w: &mut World, node: &str) -> Checked<bool> {
    // Whatever was sent before this question has been worked on: same two ends, in order.
    w.get(S, &format!("<query xmlns='{NS_INFO}'/>")).await?;
    let list = w.subscriptions(node).await?;
    Ok(list.iter().any(|(_, state)| state == "subscribed"))
}

async fn bounces(w: &mut World) -> Checked {
    let node = subscribed(w).await?;
    w.published(&node, &["one"]).await?;
    let event = w.event(S).await?;
    bounce(w, &event, "cancel", "item-not-found").await?;
    let left = is_subscribed(w, &node).await?;
    w.line(holds(
        !left,
        "no subscription after a cancel error",
        "still subscribed",
    ));
    let node = subscribed(w).await?;
    let limit = w.facts.bounce_limit.unwrap_or(1);
    for number in 1..=limit {
        w.published(&node, &[&format!("wait-{number}")]).await?;
        let event = next_of(w, &node).await?;
        bounce(w, &event, "wait", "remote-server-timeout").await?;
        let left = is_subscribed(w, &node).await?;
        let last = w.facts.bounce_limit == Some(number);
        let expected = match last {
            true => format!("no subscription after {number} wait errors"),
            false => format!("a subscription after {number} wait errors"),
        };
        w.line(holds(left != last, expected, format!("subscribed: {left}")));
    }
    Ok(())
}

/// The next event with an item of the node; what else the service tells is not bounced.
async fn next_of(w: &mut World, node: &str) -> Checked<Event> {
    for _ in 0..10 {
        let event = w.event(S).await?;
        if event.is_about("items", node) {
            return Ok(event);
        }
    }
    Err(Fault::unmet(format!("an event of {node}"), "others")).about("the next item")
}
