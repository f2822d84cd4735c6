//! Subscribing. (XEP-0060, 6.1)

use super::{Case, case};
use crate::error::{About, CaseError, CaseResult, check};
use crate::request::{element, pubsub};
use crate::test_context::{O, P, S, TestContext, X};

pub(super) const CASES: &[Case] = &[
    case!(17, "6.1", "a bare address is subscribed", a_bare_address),
    case!(
        18,
        "6.1",
        "two full addresses and the bare one are three subscriptions",
        three_addresses
    ),
    case!(
        19,
        "6.1.6",
        "subscribing again returns the subscription, and no event comes twice",
        once_more
    ),
    case!(
        20,
        "6.1.3.1",
        "a user cannot subscribe another one",
        somebody_else
    ),
    case!(
        21,
        "6.1.3.12",
        "a subscription to an unknown node is item-not-found",
        an_unknown_node
    ),
    case!(
        22,
        "6.1",
        "a request without a node or an address is no request",
        incomplete
    ),
    case!(23, "6.1.3.8", "an outcast is not subscribed", an_outcast),
    case!(24, "6.1.3.4", "a whitelist admits members", a_whitelist),
    case!(
        29,
        "6.1.3.2",
        "presence and roster access models admit contacts",
        presence_and_roster
    ),
    case!(
        30,
        "6.1.3.9",
        "an account has so many subscriptions and no more",
        too_many
    )
    .slow(6),
    case!(
        31,
        "6.1.3.10",
        "a node may take no subscriptions",
        no_subscriptions
    ),
    case!(
        34,
        "6.1.7",
        "a new subscriber gets the last item, with its age",
        the_last_item
    ),
];

async fn a_bare_address(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    let answer = cx.subscribes(S, &node).await?;
    let subscription = answer.subscription("subscribed")?;
    let bare = cx.bare(S);
    let met = subscription.attr("jid").as_deref() == Some(&bare);
    cx.line(check(met, format!("jid='{bare}'"), answer.received()));
    let named = subscription.attr("node");
    let met = named.is_none_or(|named| named == node);
    cx.line(check(met, "the node's name", answer.received()));
    cx.published(&node, &["one"]).await?;
    cx.gets_one(S, &node, "one").await
}

async fn three_addresses(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("notification_type", "headline")]).await?;
    let addresses = [cx.full(S).await?, cx.full(S.at(1)).await?, cx.bare(S)];
    for (user, address) in [S, S.at(1), S].into_iter().zip(&addresses) {
        let answer = cx.subscribes_as(user, &node, address).await?;
        answer.subscription("subscribed").about(address)?;
    }
    let list = cx.subscriptions(&node).await?;
    let all = |address: &String| {
        list.iter()
            .any(|(jid, state)| jid == address && state == "subscribed")
    };
    let met = list.len() == 3 && addresses.iter().all(all);
    cx.line(check(met, "three subscriptions", format!("{list:?}")));
    cx.published(&node, &["one"]).await?;
    let mut seen = Vec::new();
    for user in [S, S.at(1)] {
        let events = cx.drain_events(user).await?;
        for event in &events {
            event.has_item(&node, "one")?;
        }
        let mut to: Vec<String> = events.iter().map(crate::expect::Event::to).collect();
        to.sort();
        let mut once = to.clone();
        once.dedup();
        cx.line(check(
            to == once,
            "one event for each address",
            format!("{to:?}"),
        ));
        seen.extend(to);
    }
    let met = addresses.iter().all(|address| seen.contains(address));
    check(met, format!("events to {addresses:?}"), format!("{seen:?}"))
}

async fn once_more(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    let first = cx.subscribed(S, &node).await?;
    let second = cx.subscribed(S, &node).await?;
    // XEP-0060, 6.1.6: the same address may only be subscribed again with multi-subscribe.
    if first != second && !cx.announces("multi-subscribe") {
        cx.line(Err(CaseError::unmet(
            "the same subid",
            format!("{first:?}, then {second:?}"),
        )));
    }
    cx.published(&node, &["one"]).await?;
    cx.gets_one(S, &node, "one").await
}

async fn somebody_else(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    let jid = cx.bare(X);
    let answer = cx.subscribes_as(S, &node, &jid).await?;
    cx.line(answer.error("bad-request", "invalid-jid"));
    let list = cx.subscriptions(&node).await?;
    check(list.is_empty(), "no subscription", format!("{list:?}"))
}

async fn an_unknown_node(cx: &mut TestContext) -> CaseResult {
    let name = cx.name();
    cx.subscribes(S, &name).await?.error("item-not-found", "")
}

async fn incomplete(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    let jid = cx.bare(S);
    let without_node = pubsub(&element("subscribe", &[("jid", &jid)], ""));
    let answer = cx.set(S, &without_node).await?;
    cx.line(
        answer
            .error("bad-request", "nodeid-required")
            .about("without node"),
    );
    let without_jid = pubsub(&element("subscribe", &[("node", &node)], ""));
    let answer = cx.set(S, &without_jid).await?;
    cx.line(
        answer
            .error("bad-request", "invalid-jid")
            .about("without jid"),
    );
    let answer = cx.subscribes_as(S, &node, "carol@@not an address/").await?;
    cx.line(
        answer
            .error("bad-request", "invalid-jid")
            .about("with a malformed jid"),
    );
    Ok(())
}

async fn an_outcast(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.affiliated(&node, S, "outcast").await?;
    cx.subscribes(S, &node).await?.error("forbidden", "")
}

async fn a_whitelist(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("access_model", "whitelist")]).await?;
    let answer = cx.subscribes(X, &node).await?;
    cx.line(answer.error("not-allowed", "closed-node"));
    cx.affiliated(&node, X, "member").await?;
    cx.subscribed(X, &node).await.about("once a member")?;
    cx.published(&node, &["one"]).await?;
    cx.gets_one(X, &node, "one").await
}

async fn presence_and_roster(cx: &mut TestContext) -> CaseResult {
    let mut refused = None;
    for (feature, model, condition) in [
        (
            "access-presence",
            "presence",
            "presence-subscription-required",
        ),
        ("access-roster", "roster", "not-in-roster-group"),
    ] {
        let name = cx.name();
        let made = cx.create(&name, &[("access_model", model)]).await;
        if made.is_ok() {
            let answer = cx.subscribes(X, &name).await?;
            cx.line(answer.error("not-authorized", condition).about(model));
            continue;
        }
        let create = element("create", &[("node", &name)], "");
        let config = crate::request::config(&[("access_model", model)]);
        let answer = cx
            .set(O, &pubsub(&(create + &element("configure", &[], &config))))
            .await?;
        // Case 14 checks the pubsub condition.
        cx.line(answer.error("not-acceptable", "").about(model));
        cx.line(check(
            !cx.announces(feature),
            format!("{feature} not announced"),
            answer.received(),
        ));
        refused = Some(CaseError::Refused {
            feature: feature.to_owned(),
            received: answer.received(),
        });
    }
    refused.map_or(Ok(()), Err)
}

async fn too_many(cx: &mut TestContext) -> CaseResult {
    let Some(limit) = cx.limits.subscription_limit else {
        return Err(CaseError::NotRun(
            "--subscription-limit is not given".to_owned(),
        ));
    };
    for number in 0..limit {
        let node = cx.node(&[]).await?;
        cx.subscribed(S, &node)
            .await
            .about(&format!("subscription {}", number + 1))?;
    }
    let node = cx.node(&[]).await?;
    let answer = cx.subscribes(S, &node).await?;
    cx.line(answer.error("policy-violation", "too-many-subscriptions"));
    cx.subscribed(P, &node).await.about("another user")?;
    Ok(())
}

async fn no_subscriptions(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("subscribe", "0")]).await?;
    cx.subscribes(S, &node).await?.unsupported("subscribe")
}

async fn the_last_item(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("send_last_published_item", "on_sub")]).await?;
    cx.published(&node, &["one", "two"]).await?;
    cx.subscribed(S, &node).await?;
    let event = cx.event(S).await?;
    event.has_item(&node, "two")?;
    let delay = event.root().child("delay", crate::request::NS_DELAY);
    let stamp = delay.and_then(|delay| delay.attr("stamp"));
    cx.line(check(
        stamp.is_some(),
        "<delay xmlns='urn:xmpp:delay' stamp='...'/>",
        event.received(),
    ));
    cx.expect_no_event(S).await
}
