//! Subscribing. (XEP-0060, 6.1)

use super::{Case, case};
use crate::ask::{element, pubsub};
use crate::fault::{About, Checked, Fault, holds};
use crate::world::{O, P, S, World, X};

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
        "who is subscribed and asks again is told so, and gets no event twice",
        once_more
    ),
    case!(
        20,
        "6.1.3.1",
        "nobody subscribes somebody else",
        somebody_else
    ),
    case!(
        21,
        "6.1.3.12",
        "nobody subscribes to a node that is not there",
        an_unknown_node
    ),
    case!(
        22,
        "6.1",
        "a request without a node or an address is no request",
        incomplete
    ),
    case!(23, "6.1.3.8", "an outcast is not subscribed", an_outcast),
    case!(
        24,
        "6.1.3.4",
        "a whitelist lets in who is on it",
        a_whitelist
    ),
    case!(
        29,
        "6.1.3.2",
        "presence and roster groups let in who has them",
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

async fn a_bare_address(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    let answer = w.subscribes(S, &node).await?;
    let subscription = answer.subscription("subscribed")?;
    let bare = w.bare(S);
    let met = subscription.attr("jid").as_deref() == Some(&bare);
    w.line(holds(met, format!("jid='{bare}'"), answer.came()));
    let named = subscription.attr("node");
    let met = named.is_none_or(|named| named == node);
    w.line(holds(met, "the node's name", answer.came()));
    w.published(&node, &["one"]).await?;
    w.gets_one(S, &node, "one").await
}

async fn three_addresses(w: &mut World) -> Checked {
    let node = w.node(&[("notification_type", "headline")]).await?;
    let addresses = [w.full(S).await?, w.full(S.at(1)).await?, w.bare(S)];
    for (who, address) in [S, S.at(1), S].into_iter().zip(&addresses) {
        let answer = w.subscribes_as(who, &node, address).await?;
        answer.subscription("subscribed").about(address)?;
    }
    let list = w.subscriptions(&node).await?;
    let all = |address: &String| {
        list.iter()
            .any(|(jid, state)| jid == address && state == "subscribed")
    };
    let met = list.len() == 3 && addresses.iter().all(all);
    w.line(holds(met, "three subscriptions", format!("{list:?}")));
    w.published(&node, &["one"]).await?;
    let mut seen = Vec::new();
    for who in [S, S.at(1)] {
        let events = w.quiet(who).await?;
        for event in &events {
            event.brings(&node, "one")?;
        }
        let mut to: Vec<String> = events.iter().map(crate::expect::Event::to).collect();
        to.sort();
        let mut once = to.clone();
        once.dedup();
        w.line(holds(
            to == once,
            "one event for each address",
            format!("{to:?}"),
        ));
        seen.extend(to);
    }
    let met = addresses.iter().all(|address| seen.contains(address));
    holds(met, format!("events to {addresses:?}"), format!("{seen:?}"))
}

async fn once_more(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    let first = w.subscribed(S, &node).await?;
    let second = w.subscribed(S, &node).await?;
    // XEP-0060, 6.1.6: only with multi-subscribe may the same address be subscribed once more.
    if first != second && !w.announces("multi-subscribe") {
        w.line(Err(Fault::unmet(
            "the same subid",
            format!("{first:?}, then {second:?}"),
        )));
    }
    w.published(&node, &["one"]).await?;
    w.gets_one(S, &node, "one").await
}

async fn somebody_else(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    let jid = w.bare(X);
    let answer = w.subscribes_as(S, &node, &jid).await?;
    w.line(answer.error("bad-request", "invalid-jid"));
    let list = w.subscriptions(&node).await?;
    holds(list.is_empty(), "no subscription", format!("{list:?}"))
}

async fn an_unknown_node(w: &mut World) -> Checked {
    let name = w.name();
    w.subscribes(S, &name).await?.error("item-not-found", "")
}

async fn incomplete(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    let jid = w.bare(S);
    let without_node = pubsub(&element("subscribe", &[("jid", &jid)], ""));
    let answer = w.set(S, &without_node).await?;
    w.line(
        answer
            .error("bad-request", "nodeid-required")
            .about("without node"),
    );
    let without_jid = pubsub(&element("subscribe", &[("node", &node)], ""));
    let answer = w.set(S, &without_jid).await?;
    w.line(
        answer
            .error("bad-request", "invalid-jid")
            .about("without jid"),
    );
    let answer = w.subscribes_as(S, &node, "carol@@not an address/").await?;
    w.line(
        answer
            .error("bad-request", "invalid-jid")
            .about("with a malformed jid"),
    );
    Ok(())
}

async fn an_outcast(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.affiliated(&node, S, "outcast").await?;
    w.subscribes(S, &node).await?.error("forbidden", "")
}

async fn a_whitelist(w: &mut World) -> Checked {
    let node = w.node(&[("access_model", "whitelist")]).await?;
    let answer = w.subscribes(X, &node).await?;
    w.line(answer.error("not-allowed", "closed-node"));
    w.affiliated(&node, X, "member").await?;
    w.subscribed(X, &node).await.about("once a member")?;
    w.published(&node, &["one"]).await?;
    w.gets_one(X, &node, "one").await
}

async fn presence_and_roster(w: &mut World) -> Checked {
    let mut refused = None;
    for (feature, model, condition) in [
        (
            "access-presence",
            "presence",
            "presence-subscription-required",
        ),
        ("access-roster", "roster", "not-in-roster-group"),
    ] {
        let name = w.name();
        let made = w.create(&name, &[("access_model", model)]).await;
        if made.is_ok() {
            let answer = w.subscribes(X, &name).await?;
            w.line(answer.error("not-authorized", condition).about(model));
            continue;
        }
        let create = element("create", &[("node", &name)], "");
        let config = crate::ask::config(&[("access_model", model)]);
        let answer = w
            .set(O, &pubsub(&(create + &element("configure", &[], &config))))
            .await?;
        // That a condition of pubsub's belongs to it is case 14's.
        w.line(answer.error("not-acceptable", "").about(model));
        w.line(holds(
            !w.announces(feature),
            format!("{feature} not announced"),
            answer.came(),
        ));
        refused = Some(Fault::Refused {
            feature: feature.to_owned(),
            came: answer.came(),
        });
    }
    refused.map_or(Ok(()), Err)
}

async fn too_many(w: &mut World) -> Checked {
    let Some(limit) = w.facts.subscription_limit else {
        return Err(Fault::NotRun(
            "--subscription-limit says no limit".to_owned(),
        ));
    };
    for number in 0..limit {
        let node = w.node(&[]).await?;
        w.subscribed(S, &node)
            .await
            .about(&format!("subscription {}", number + 1))?;
    }
    let node = w.node(&[]).await?;
    let answer = w.subscribes(S, &node).await?;
    w.line(answer.error("policy-violation", "too-many-subscriptions"));
    w.subscribed(P, &node).await.about("somebody else")?;
    Ok(())
}

async fn no_subscriptions(w: &mut World) -> Checked {
    let node = w.node(&[("subscribe", "0")]).await?;
    w.subscribes(S, &node).await?.unsupported("subscribe")
}

async fn the_last_item(w: &mut World) -> Checked {
    let node = w.node(&[("send_last_published_item", "on_sub")]).await?;
    w.published(&node, &["one", "two"]).await?;
    w.subscribed(S, &node).await?;
    let event = w.event(S).await?;
    event.brings(&node, "two")?;
    let delay = event.root().child("delay", crate::ask::NS_DELAY);
    let stamp = delay.and_then(|delay| delay.attr("stamp"));
    w.line(holds(
        stamp.is_some(),
        "<delay xmlns='urn:xmpp:delay' stamp='...'/>",
        event.came(),
    ));
    w.silent(S).await
}
