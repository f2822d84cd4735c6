//! Unsubscribing. (XEP-0060, 6.2)

use super::{Case, case};
use crate::ask::{element, pubsub};
use crate::fault::{About, Checked, Fault, holds};
use crate::world::{S, World, X};

pub(super) const CASES: &[Case] = &[
    case!(
        35,
        "6.2",
        "who unsubscribes gets no more events",
        no_more_events
    ),
    case!(
        36,
        "6.2.3.2",
        "who is not subscribed cannot unsubscribe",
        not_subscribed
    ),
    case!(
        37,
        "6.2.3.3",
        "nobody unsubscribes somebody else",
        somebody_else
    ),
    case!(
        38,
        "6.2.3.4",
        "nobody unsubscribes from a node that is not there",
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
        "who has several subscriptions says which one ends",
        several
    ),
];

async fn no_more_events(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.subscribed(S, &node).await?;
    let answer = w.unsubscribes(S, &node).await?;
    answer.good()?;
    // XEP-0060, 6.2.2: the result MAY say it; what it says has to be true.
    if answer.with("subscription").is_ok() {
        w.line(answer.subscription("none").map(|_| ()));
    }
    let list = w.subscriptions(&node).await?;
    let left = list.iter().any(|(_, state)| state != "none");
    w.line(holds(!left, "no subscription", format!("{list:?}")));
    w.published(&node, &["one"]).await?;
    let told = w.quiet(S).await?;
    let more = told.iter().find(|event| event.is_about("items", &node));
    more.map_or(Ok(()), |event| {
        Err(Fault::unmet("no more events", event.came()))
    })
}

async fn not_subscribed(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.unsubscribes(S, &node)
        .await?
        .error("unexpected-request", "not-subscribed")
}

async fn somebody_else(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.subscribed(S, &node).await?;
    let jid = w.bare(S);
    let unsubscribe = pubsub(&element(
        "unsubscribe",
        &[("node", &node), ("jid", &jid)],
        "",
    ));
    let answer = w.set(X, &unsubscribe).await?;
    w.line(answer.error("forbidden", ""));
    w.published(&node, &["one"]).await?;
    w.gets_one(S, &node, "one").await.about("still subscribed")
}

async fn an_unknown_node(w: &mut World) -> Checked {
    let name = w.name();
    w.unsubscribes(S, &name).await?.error("item-not-found", "")
}

async fn a_wrong_subid(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.subscribed(S, &node).await?;
    let jid = w.bare(S);
    let attributes = [
        ("node", node.as_str()),
        ("jid", &jid),
        ("subid", "no-such-subid"),
    ];
    let answer = w
        .set(S, &pubsub(&element("unsubscribe", &attributes, "")))
        .await?;
    w.line(answer.error("not-acceptable", "invalid-subid"));
    w.published(&node, &["one"]).await?;
    w.gets_one(S, &node, "one").await.about("still subscribed")
}

async fn several(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    let (first, second) = two_subscriptions(w, &node).await?;
    let own = w.own_subscriptions(S, &[("node", &node)]).await?;
    let has = |subid: &String| own.iter().any(|[.., id]| id == subid);
    w.line(holds(
        has(&first) && has(&second),
        "both with their subids",
        format!("{own:?}"),
    ));
    let answer = w.unsubscribes(S, &node).await?;
    w.line(answer.error("bad-request", "subid-required"));
    w.published(&node, &["one"]).await?;
    // XEP-0060, 6.1.6, would rather have one event for both than one for each.
    let mut subids = Vec::new();
    while subids.len() < 2 {
        let event = w.event(S).await?;
        event.brings(&node, "one")?;
        let more = event.subids();
        w.line(holds(!more.is_empty(), "a header SubID", event.came()));
        if more.is_empty() {
            break;
        }
        subids.extend(more);
    }
    subids.sort();
    let mut both = vec![first.clone(), second];
    both.sort();
    let expected = format!("headers SubID {both:?}");
    w.line(holds(subids == both, expected, format!("{subids:?}")));
    w.silent(S).await?;
    let jid = w.bare(S);
    let attributes = [("node", node.as_str()), ("jid", &jid), ("subid", &first)];
    let answer = w
        .set(S, &pubsub(&element("unsubscribe", &attributes, "")))
        .await?;
    answer.good().about("with a subid")?;
    let own = w.own_subscriptions(S, &[("node", &node)]).await?;
    holds(own.len() == 1, "one subscription left", format!("{own:?}"))
}

/// Two subscriptions of one address, or the case ends as refused.
///
/// XEP-0060, 6.1.6, has them for different options: where asking again gives the same one, asking
/// with other options may give another.
async fn two_subscriptions(w: &mut World, node: &str) -> Checked<(String, String)> {
    let first = w.subscribed(S, node).await?.unwrap_or_default();
    let second = w.subscribed(S, node).await?.unwrap_or_default();
    if first != second {
        return Ok((first, second));
    }
    let answer = w.subscribes_with(S, node, &[("include_body", "1")]).await?;
    if let Ok(subscription) = answer.subscription("subscribed") {
        let second = subscription.attr("subid").unwrap_or_default().into_owned();
        if first != second {
            return Ok((first, second));
        }
    }
    if w.announces("multi-subscribe") {
        return Err(Fault::unmet(
            "two subscriptions of one address",
            answer.came(),
        ));
    }
    // XEP-0060, 6.1.6: without the feature the answer is the current state, which case 19 looks at.
    Err(Fault::Refused {
        feature: "multi-subscribe".to_owned(),
        came: answer.came(),
    })
}
